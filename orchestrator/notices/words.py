"""What is told of an event: pure. Most events are told to nobody."""

from __future__ import annotations

from orchestrator.model.events import (
    Event,
    PairAdopted,
    RunFinished,
    SituationRead,
    TransitionMade,
    TransitionRefused,
    WriteOwed,
    WriteUnknown,
)
from orchestrator.model.guard import Verdict
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status
from orchestrator.model.words import counted, span

from .about import About
from .notice import Alert, Notice

_ENDS: dict[End, tuple[str, Alert]] = {
    End.DONE: ("done", Alert.SUCCESS),
    End.OWING: ("done, but owing", Alert.WARNING),
    End.REFUSED: ("refused", Alert.WARNING),
    End.INTERRUPTED: ("interrupted", Alert.WARNING),
    End.MOVED: ("stopped: somebody else wrote", Alert.ERROR),
    End.INCOMPLETE: ("incomplete", Alert.ERROR),
    End.UNKNOWN: ("a write's outcome is unknown", Alert.ERROR),
    End.FAILED: ("failed", Alert.ERROR),
}


def notice_of(event: Event, about: About) -> Notice | None:
    """What an org is told of an event, or None where nobody is.

    A beginning is told with the first look at both orgs: only then it is known where the pair stands.

    Args:
        event: what happened.
        about: the run, after that event.
    """
    match event:
        case SituationRead() if about.goal is not None and about.looks == 1:
            return _begun(about)
        case PairAdopted(truth=truth, status=status):
            words = f"{about.pair[truth]} is right: {about.pair[truth.other]} is told {status} as well."
            return _notice(about, f"is made to agree on {status}", words, Alert.WARNING)
        case TransitionMade(
            transition=transition, source=source, target=target, seconds=seconds, writes=writes
        ):
            how = f"Transition {transition}, {source} → {target}: {counted(writes, 'write')} in {span(seconds)}."
            return _notice(about, f"stands at {target}", how, Alert.SUCCESS)
        case TransitionRefused(transition=transition, guards=guards):
            words = "\n".join(
                [
                    f"Nothing of transition {transition} was written. What stopped it:",
                    *_reasons(about, guards),
                ]
            )
            return _notice(about, f"was refused at transition {transition}", words, Alert.WARNING)
        case WriteOwed(role=role, status=status, reason=reason):
            words = f"{about.pair[role]} was not told {status}: {reason}\nTell it later: hamr resume {about.pair.name}"
            return _notice(about, f"owes its {role} {status}", words, Alert.WARNING)
        case WriteUnknown(attempt=attempt, reason=reason):
            org = about.pair[attempt.role]
            words = f"Nobody knows yet whether {attempt.status} took effect in {org}: {reason}"
            return _notice(
                about, f"does not know whether its {attempt.role} took {attempt.status}", words, Alert.ERROR
            )
        case RunFinished():
            return _finished(event, about)
        case _:
            return None


def _begun(about: About) -> Notice | None:
    verb = "is taken up again" if about.resumed else "begins"
    alert = Alert.WARNING if about.mode is Mode.EMERGENCY else Alert.INFO
    return _notice(about, f"{_way(about)} {verb}", "", alert)


def _finished(event: RunFinished, about: About) -> Notice | None:
    ending = event.ending
    short, alert = _ENDS[ending.end]
    lines = [ending.message, ending.sent, f"Where the pair stands: {event.phase}." if event.phase else ""]
    lines += [f"Exit code {event.exit_code}, after {span(event.seconds)}."]
    lines += [f"Next: {step}" for step in ending.next_steps]
    goal = "" if about.goal is None else f"to {about.goal} "
    return _notice(about, f"{goal}ended: {short}", "\n".join(filter(None, lines)), alert)


def _notice(about: About, title: str, words: str, alert: Alert) -> Notice | None:
    if about.org is None:
        return None
    who = "hamr (drill)" if about.drill else "hamr"
    return Notice(
        about.org,
        f"{who}: {about.pair.name} {title}",
        "\n\n".join(filter(None, (words, _who(about)))),
        _tags(about),
        alert,
        about.run,
        f"{about.journal} on {about.operator.host}",
    )


def _who(about: About) -> str:
    """Who moves which pair, from where to where, how and why."""
    orgs = about.pair.orgs
    lines = [
        "This is a drill." if about.drill else "",
        f"Pair {about.pair.name}: {orgs.primary} and {orgs.secondary}.",
        f"Run {about.run} of {about.operator}: {_way(about)}, {_mode(about)}, playbook {about.playbook.name}.",
        f"Reason: {about.reason}" if about.reason else "",
        f"Reference: {about.ref}" if about.ref else "",
    ]
    return "\n".join(filter(None, lines))


def _way(about: About) -> str:
    if about.goal is None:
        return "adoption"
    if about.stands is None or about.stands is about.goal:
        return f"to {about.goal}"
    return f"{about.stands} → {about.goal}"


def _mode(about: About) -> str:
    if about.mode is Mode.EMERGENCY and about.org is not None:
        return f"emergency, with {about.pair[about.org]} alone where the other org does not answer"
    return about.mode.value


def _reasons(about: About, guards: tuple[str, ...]) -> list[str]:
    said = {verdict.guard: verdict for verdict in about.verdicts}
    return [f"- {_reason(guard, said.get(guard))}" for guard in guards]


def _reason(guard: str, verdict: Verdict | None) -> str:
    if verdict is None:
        return guard
    why = f" ({verdict.why})" if verdict.why else ""
    return f"{guard}, {verdict.outcome.value}: {verdict.reason}{why}"


def _tags(about: About) -> tuple[str, ...]:
    tags = ["hamr", f"pair:{about.pair.name}", f"run:{about.run}", f"mode:{about.mode.value}"]
    if about.stands not in (None, Status.ABSENT):
        tags.append(f"status:{str(about.stands).lower()}")
    if about.drill:
        tags.append("drill:true")
    return tuple(tags)
