"""The nouns: frozen, slotted dataclasses, outcomes as unions, and the protocols that are the seams.

No I/O, no library outside the standard one. Everything above this package speaks in these words.
Import from the modules themselves: `from orchestrator.model.status import Status`.
"""
