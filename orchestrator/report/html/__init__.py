"""A report as one self-contained page: no script, no network, light and dark, on paper and on a phone.

`page` is the whole of a run's or a drill's, `fleet_html` that of many pairs', `readiness_html` that of how ready pairs are. The
only importer of jinja2; everything that came from outside is escaped as its templates, which lie beside it, are filled.
"""

from __future__ import annotations

from .page import fleet_html, page, readiness_html

__all__ = ["fleet_html", "page", "readiness_html"]
