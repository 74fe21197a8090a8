"""Actions of an experiment: plan, run, resume, and fail back, which is made for rollbacks.

None asks. Those that write want a pair that is simulated, or `drill: true` in the inventory, or `live: true` here.
"""

from typing import Any

from orchestrator.errors import Refused
from orchestrator.model.plain import JSON
from orchestrator.report.plan import plan_json

from .activity import in_words, logger, opened, opened_to_act, supervised

__all__ = ["fail_back", "plan", "resume", "run"]

# No `from __future__ import annotations` here: the toolkit's discovery reads the annotations, and wants types.


def plan(  # noqa: PLR0917 - the toolkit discovers positional parameters only
    goal: str,
    pair: str = "",
    emergency: bool = False,
    reason: str = "",
    overrides: dict[str, str] | None = None,
    must_pass: bool = True,
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
) -> dict[str, JSON]:
    """What a run would send, as the document hamr/plan/1. Reads both orgs, and writes nothing anywhere.

    Args:
        goal: where to, such as ACTIVE.
        pair: what the inventory calls the pair; else hamr_pair of the configuration.
        emergency: plan to finish with the surviving org alone.
        reason: why; an emergency wants one.
        overrides: guards that may fail, each with a reason.
        must_pass: fail the action where a run would be refused.
        pairs: the inventory's file; else hamr_pairs of the configuration, else HAMR_PAIRS.
        playbook: a playbook's file or name; else hamr_playbook, else HAMR_PLAYBOOK.
        journal: the journal's file; else hamr_journal, else HAMR_JOURNAL.
        operator: NAME@HOST; else hamr_operator, else HAMR_OPERATOR.
        configuration: the experiment's.
        secrets: environment variables that the inventory names.
    """
    with in_words():
        hamr = opened(
            pair, configuration, secrets, pairs=pairs, playbook=playbook, journal=journal, operator=operator
        )
        made = hamr.sync.plan(goal, emergency=emergency, reason=reason, overrides=overrides)
        if must_pass and made.refused:
            why = f"by {', '.join(made.stops)}" if made.stops else f"since {made.ending}"
            raise Refused(
                f"a run of pair {hamr.name} to {goal} would be refused {why}", next_steps=made.next_steps
            )
        return plan_json(made)


def run(  # noqa: PLR0917 - as above
    goal: str,
    pair: str = "",
    live: bool = False,
    emergency: bool = False,
    reason: str = "",
    overrides: dict[str, str] | None = None,
    ref: str = "",
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
) -> dict[str, JSON]:
    """Move a pair to a status: the document hamr/result/1. Fails where the pair does not stand there at the end.

    Arguments as for `plan`; `live` lets it act on a pair that is neither simulated nor marked `drill: true`, and `ref` is
    a ticket or incident number, for the journal.
    """
    named = {"pairs": pairs, "playbook": playbook, "journal": journal, "operator": operator}
    hamr = opened_to_act(pair, configuration, secrets, live=live, **named)
    asked: dict[str, Any] = {"emergency": emergency, "reason": reason, "overrides": overrides, "ref": ref}
    return supervised(hamr, lambda listener: hamr.sync.run(goal, **asked, listener=listener))


def resume(  # noqa: PLR0917 - as above
    pair: str = "",
    live: bool = False,
    emergency: bool = False,
    reason: str = "",
    overrides: dict[str, str] | None = None,
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
) -> dict[str, JSON]:
    """Take up the pair's open run, or deliver what is owed: the document hamr/result/1. Arguments as for `run`."""
    named = {"pairs": pairs, "playbook": playbook, "journal": journal, "operator": operator}
    hamr = opened_to_act(pair, configuration, secrets, live=live, **named)
    asked: dict[str, Any] = {"emergency": emergency, "reason": reason, "overrides": overrides}
    return supervised(hamr, lambda listener: hamr.sync.resume(**asked, listener=listener))


def fail_back(  # noqa: PLR0917 - as above
    home: str = "PASSIVE",
    pair: str = "",
    live: bool = False,
    reason: str = "rollback of an experiment",
    overrides: dict[str, str] | None = None,
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
) -> dict[str, JSON]:
    """Bring a pair home from wherever an experiment left it: the document hamr/result/1.

    What an emergency left owed is delivered first. A pair that is at home already is left as it is. Arguments as for
    `run`; the override `unknown` accepts a write whose outcome nobody knows.
    """
    named = {"pairs": pairs, "playbook": playbook, "journal": journal, "operator": operator}
    hamr = opened_to_act(pair, configuration, secrets, live=live, **named)
    with in_words():
        owed = hamr.sync.status().owed
    if owed is not None:
        logger.info(
            "hamr: the %s of pair %s is owed %s, which is delivered first", owed.role, hamr.name, owed.status
        )
        supervised(hamr, lambda listener: hamr.sync.resume(listener=listener))
    asked: dict[str, Any] = {"reason": reason, "overrides": overrides}
    return supervised(hamr, lambda listener: hamr.sync.run(home, **asked, listener=listener))
