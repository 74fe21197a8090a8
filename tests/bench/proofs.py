"""Proofs: how many interleavings and states one process explores in a second."""

from __future__ import annotations

from orchestrator.config import load_playbook
from orchestrator.proof import chosen_routes, prove

from .figures import figure

MILLISECONDS = 1.0
"""What an interleaving, a whole command in memory, is compared with."""


def proof_speed() -> None:
    """The shipped playbook to one fault, in one process."""
    playbook = load_playbook("regional-failover")
    proof = prove(playbook, chosen_routes(playbook), faults=1, seconds=600, workers=1)
    assert proof.holds, proof.counterexamples
    explored = proof.explored
    each = 1000 * proof.seconds / explored.interleavings
    figure("one interleaving of a proof / one millisecond", f"{each:.2f} ms / 1 ms", each / MILLISECONDS)
    words = f"{explored.interleavings / proof.seconds:.0f} and {explored.states / proof.seconds:.0f} a second"
    figure("interleavings, and distinct states of a proof", words, explored.interleavings / explored.states)
