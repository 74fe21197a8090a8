"""Many pairs: which are meant, in which waves they are moved, one of them brought to its goal, and what became of all."""

from __future__ import annotations
