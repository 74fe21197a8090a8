"""Whether a pair is ready, for a planned run and for an emergency: found out in peace, by reading alone.

`examine` asks, and has the answers judged by `org_checks`, `guard_checks` and `journal_checks`, which are pure; a
`keeper` adds what was found to the journal.
"""

from .examination import all_checks, examine, keeper

__all__ = ["all_checks", "examine", "keeper"]
