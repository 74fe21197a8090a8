"""Whether a pair is ready, for a planned run and for an emergency: found out in peace, by reading alone.

`examine` asks (`asking`, `journals`) and has the answers judged: `keys`, `orgs`, `standing`, `guards`, `hooks`,
`journal` and `here` are pure, from answers to checks.
"""

from .examination import all_checks, examine

__all__ = ["all_checks", "examine"]
