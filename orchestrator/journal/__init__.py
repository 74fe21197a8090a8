"""The journal: an append-only audit log with a hash chain, and the locks beside it, in one SQLite file.

`SqliteStore` keeps it, `export` and `verify_export` carry it out and check it, `processes` tells who is alive.
"""

from .calls import InlineCalls, ThreadCalls
from .chain import canonical, check_anchor, export, parse_anchor, verify_export
from .opening import default_place
from .processes import ThisHost, host_name, provably_dead, this_process, whereabouts
from .sqlite_store import VERIFY_NEWEST, SqliteStore

__all__ = [
    "VERIFY_NEWEST",
    "InlineCalls",
    "SqliteStore",
    "ThisHost",
    "ThreadCalls",
    "canonical",
    "check_anchor",
    "default_place",
    "export",
    "host_name",
    "parse_anchor",
    "provably_dead",
    "this_process",
    "verify_export",
    "whereabouts",
]
