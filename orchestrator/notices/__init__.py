"""Telling people: what a run does, as Datadog events in the org that takes over; and the journal's head with each.

`notice` follows the run and says what is told, `posting` sends it, beside the run.
"""

from .notice import About, Notice, notice_of
from .posting import NoNotices, Notices, Poster

__all__ = ["About", "NoNotices", "Notice", "Notices", "Poster", "notice_of"]
