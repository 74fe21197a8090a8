"""The nouns: frozen Structs, outcomes as unions, and the protocols that are the seams.

No I/O, and no library but msgspec. Everything above this package speaks in these words.
Import from the modules themselves: `from orchestrator.model.status import Status`.
"""
