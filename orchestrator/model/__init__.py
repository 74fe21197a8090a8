"""The nouns: frozen Structs, outcomes as unions, and the protocols that are the seams.

No I/O, and no library but msgspec. Everything above this package speaks in these words.
Import from the modules themselves: `from orchestrator.model.status import Status`.

Modules of nouns that are read back from the journal or from a file do without `from __future__ import annotations`: it
would leave the type of each field as a text, to be compiled anew by every command that reads one.
"""
