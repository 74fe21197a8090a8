"""A report as one self-contained page: no script, no network, light and dark, on paper and on a phone.

`page` is the whole of it. The only importer of jinja2; everything that came from outside is escaped as its templates, which
lie beside it, are filled.
"""

from __future__ import annotations

from .page import page

__all__ = ["page"]
