"""The journal: an append-only audit log with a hash chain, and the locks beside it, in a file or on a team's server.

`JournalStore` keeps it, `export` carries it out, `processes` tells who is alive.
"""

from .address import Address, default_place, is_address, state_folder, without_password
from .calls import InlineCalls, ThreadCalls
from .chain import canonical, check_anchor, export, parse_anchor
from .processes import ThisHost, host_name, this_process, whereabouts
from .store import VERIFY_NEWEST, JournalStore

__all__ = [
    "VERIFY_NEWEST",
    "Address",
    "InlineCalls",
    "JournalStore",
    "ThisHost",
    "ThreadCalls",
    "canonical",
    "check_anchor",
    "default_place",
    "export",
    "host_name",
    "is_address",
    "parse_anchor",
    "state_folder",
    "this_process",
    "whereabouts",
    "without_password",
]
