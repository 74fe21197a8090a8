"""The verbs, in the order and the sections in which `hamr --help` lists them, and where each one's code is.

The summaries stand here, so that help need not load a single verb; a test holds that each begins its verb's own help.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SECTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Start": {
            "demo": "The whole cycle on the built-in simulator, one lost answer included.",
            "init": "Write a commented inventory and playbooks to start from.",
            "check": "Show everything that is wrong with inventory and playbooks, at once.",
            "graph": "Draw a playbook's state machine, as Mermaid.",
            "schema": "Print the JSON Schema of an inventory, a playbook or a scenario, for editors.",
        },
        "Look": {
            "status": "Show both orgs, where the pair stands, and what to type next.",
            "plan": "Show what a run would send, to whom, and what if it goes wrong.",
            "doctor": "Find out whether a pair is ready, for a planned run and for an emergency.",
        },
        "Act": {
            "run": "Move a pair to a status.",
            "apply": "Run a saved plan, exactly.",
            "resume": "Take up an open run again, or deliver what is owed.",
            "adopt": "Make a diverged pair agree, by the org that is right.",
            "unlock": "Break a pair's lock, by its id.",
            "ack": "Take note of a finished run, which ends its cooling down.",
        },
        "Journal": {
            "runs": "List the runs in the journal.",
            "show": "Show one run, step by step.",
            "report": "Show what a run or a drill did, and what is left to do.",
            "audit": "Verify the journal, export it, or print its head.",
        },
        "Practice": {
            "drill": "Rehearse a failover, out and home again, with a score.",
            "simulate": "Serve two simulated regions on loopback ports.",
        },
    }
)


def module_of(verb: str) -> str:
    """The module that holds a verb, as an attribute of the same name."""
    return f"orchestrator.cli.{verb}"


def summary_of(verb: str) -> str:
    """A verb's one line."""
    return next(verbs[verb] for verbs in SECTIONS.values() if verb in verbs)


NAMES: tuple[str, ...] = tuple(verb for verbs in SECTIONS.values() for verb in verbs)
"""All verbs, in order."""
