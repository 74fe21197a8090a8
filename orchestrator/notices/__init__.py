"""Telling people: what a run does, as Datadog events in the org that takes over; and the journal's head with each.

`about` follows the run, `words` says what is told, `posting` sends it, `observer` does so beside the run.
"""

from .about import About
from .notice import Notice
from .observer import NoNotices, Notices
from .posting import Poster
from .words import notice_of

__all__ = ["About", "NoNotices", "Notice", "Notices", "Poster", "notice_of"]
