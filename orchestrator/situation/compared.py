"""Probes as guards see them: which ones a transition needs, which org each depends on, and how an answer compares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never
from urllib.parse import urlsplit

from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Command,
    Compared,
    Http,
    Measured,
    Metric,
    Monitor,
    Not,
    Probe,
    Unmeasured,
    Value,
)
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.situation import Situation
from orchestrator.model.status import Role
from orchestrator.model.words import value_words

from .finding import Finding, fails, passes, unknown
from .seen import is_seen


def probes_of(guards: Iterable[str], playbook: Playbook) -> tuple[str, ...]:
    """The probes that guards need, those inside all, any and not included; each once, in order."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    left = list(guards)
    while left:
        name = left.pop(0)
        guard = playbook.guards.get(name)
        if guard is None or name in seen:
            continue
        seen.add(name)
        match guard.kind:
            case Compared(probe=probe):
                found[probe] = None
            case AllOf(guards=parts) | AnyOf(guards=parts):
                left += parts
            case Not(guard=part):
                left.append(part)
            case _:
                pass
    return tuple(found)


def transition_probes(transition: Transition, playbook: Playbook) -> tuple[Probe, ...]:
    """The probes that a transition's guards need."""
    return tuple(
        playbook.probes[name] for name in probes_of(transition.guards, playbook) if name in playbook.probes
    )


def depends_on(probe: Probe, pair: Pair) -> Role | None:
    """The org whose region answers a probe: derived from what is asked, never declared; None for none of both."""
    match probe.kind:
        case Metric(org=role) | Monitor(org=role):
            return role
        case Http():
            host = urlsplit(probe.kind.at(pair.pages) or "").netloc
            return next(
                (role for role, org in pair.orgs.items() if urlsplit(org.base_url).netloc == host), None
            )
        case Command():
            return None
        case _ as never:
            assert_never(never)


def compared(kind: Compared, playbook: Playbook, situation: Situation) -> Finding:
    """Is what the probe answered as the guard wants it?

    An answer that is missing is unknown; blind where the probe asks an org that is not seen. A probe that itself says
    "bad" (another status than wanted, exit 1) fails, whatever its value.
    """
    probe, reading = playbook.probes.get(kind.probe), situation.probes.get(kind.probe)
    if probe is None:
        return unknown(f"the playbook {playbook.name} has no probe {kind.probe}")
    if reading is None:
        return unknown(f"{kind.probe} was not read")
    sight = reading.sight
    if isinstance(sight, Unmeasured):
        org = depends_on(probe, situation.pair)
        blind = org if org is not None and not is_seen(situation, org) else None
        return unknown(f"{kind.probe} could not be read: {sight.reason}", blind=blind)
    shown = f"{kind.probe} is {_shown(sight)}"
    if not sight.good:
        return fails(shown)
    wants = [*_wants(kind)]
    if not wants:
        return passes(shown)
    if sight.value is None:
        return unknown(f"{kind.probe} answered without a value, and this guard compares one")
    results = [(words, _holds(kind, which, sight.value)) for which, words in wants]
    if any(holds is None for _, holds in results):
        return unknown(
            f"{shown}, which is no number; this guard wants {' and '.join(words for words, _ in results)}"
        )
    missed = [words for words, holds in results if not holds]
    if missed:
        return fails(f"{shown}; wanted {' and '.join(missed)}")
    return passes(f"{shown}, {' and '.join(words for words, _ in results)}")


def _wants(kind: Compared) -> list[tuple[str, str]]:
    """(which comparison, in words) for every one that is given."""
    wants: list[tuple[str, str]] = []
    if kind.above is not None:
        wants.append(("above", f"above {value_words(kind.above)}"))
    if kind.below is not None:
        wants.append(("below", f"below {value_words(kind.below)}"))
    if kind.equals is not None:
        wants.append(("equals", value_words(kind.equals)))
    if kind.one_of is not None:
        wants.append(("one_of", "one of " + ", ".join(value_words(value) for value in kind.one_of)))
    return wants


def _holds(kind: Compared, which: str, value: Value) -> bool | None:
    """Whether a comparison holds; None where the value is of a kind that can't be compared so."""
    match which:
        case "equals":
            return _same(kind.equals, value)
        case "one_of":
            return any(_same(each, value) for each in kind.one_of or ())
    if isinstance(value, bool) or not isinstance(value, float | int):
        return None
    if which == "above":
        return kind.above is not None and value > kind.above
    return kind.below is not None and value < kind.below


def _same(wanted: Value | None, value: Value) -> bool:
    """Equal, and of the same kind: true is not 1."""
    return isinstance(wanted, bool) == isinstance(value, bool) and wanted == value


def _shown(sight: Measured) -> str:
    said = ("good" if sight.good else "bad") if sight.value is None else value_words(sight.value)
    return f"{said} ({sight.detail})" if sight.detail else said
