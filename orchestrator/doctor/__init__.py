"""Whether a pair is ready, for a planned run and for an emergency: found out in peace, by reading alone.

`examine` asks, and has the answers judged by `org_checks`, `guard_checks` and `journal_checks`, which are pure.
"""

from .examination import all_checks, examine

__all__ = ["all_checks", "examine"]
