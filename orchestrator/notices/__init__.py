"""Telling people what a run does: events in the org that takes over, webhooks, and what Apprise reaches; never in its way.

`notice` follows the run and says what is told, and how it is worded for whom, `posting` has it sent beside the run, and
`channels` are the ways of the inventory's `tell`.
"""

from .notice import About, Notice, notice_of, trial_of
from .posting import Channel, Notices, Poster

__all__ = ["About", "Channel", "Notice", "Notices", "Poster", "notice_of", "trial_of"]
