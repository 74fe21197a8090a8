"""What an org is told of a run, as Datadog events: what a notice needs to know, who is told, what it says. Pure.

Most events of a run are told to nobody.
"""

from __future__ import annotations

import enum
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.guard import Verdict
from orchestrator.model.journal import Head
from orchestrator.model.org import Pair
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Mode, Operator
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import END_WORDS, counted, move, span
from orchestrator.system.redaction import Redactor

LONGEST_TEXT = 4_000
"""Characters that an event's text may have [doc]."""

LONGEST_TITLE = 100
"""Characters; ours, so that a title fits a line."""

LONGEST_KEY = 100
"""Characters that an aggregation key may have [doc]."""

LONGEST_TAG = 200
"""Characters of a tag that Datadog keeps."""

LONGEST_JOURNAL = 200
"""Characters; ours, so that a deep folder does not push the anchor out."""


class Alert(enum.Enum):
    """How Datadog marks an event."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SUCCESS = "success"


class Notice(Struct, frozen=True):
    """What one org is told. The journal's head is added when it is posted."""

    role: Role
    """The org that is told."""
    title: str
    text: str
    tags: tuple[str, ...]
    alert: Alert
    run: str
    journal: str
    """Which journal the head is of: where it is, and on which machine."""


_END_ALERTS = {
    End.DONE: Alert.SUCCESS,
    End.OWING: Alert.WARNING,
    End.REFUSED: Alert.WARNING,
    End.INTERRUPTED: Alert.WARNING,
}
"""Of the ends that are no error."""


class About(Struct, frozen=True):
    """A run as its notices know it. `after` is what it becomes with one more event."""

    run: str
    pair: Pair
    playbook: Playbook
    operator: Operator
    """Who is at the keyboard now: whoever resumed it, where it was resumed."""
    journal: str
    """Where its journal is, in a person's words."""
    goal: Status | None = None
    mode: Mode = Mode.PLANNED
    reason: str = ""
    ref: str = ""
    drill: str = ""
    resumed: bool = False
    looks: int = 0
    """How often both orgs were read since it began, or was taken up again."""
    stands: Status | None = None
    """The status that the pair stands at, as far as one is agreed on."""
    verdicts: tuple[Verdict, ...] = ()
    """What the guards of the latest transition said."""
    org: Role | None = None
    """The org that is told; None before that is known."""

    def after(self, event: Event) -> About:
        """The same, with what an event teaches."""
        match event:
            case events.RunStarted(goal=goal, mode=mode, reason=reason, ref=ref, drill=drill):
                begun = replace(self, goal=goal, mode=mode, reason=reason, ref=ref, drill=drill)
                return _addressed(replace(begun, stands=None, looks=0))
            case events.RunResumed(mode=mode, reason=reason):
                resumed = replace(self, mode=mode, reason=reason or self.reason, resumed=True)
                return _addressed(replace(resumed, stands=None, looks=0))
            case events.SituationRead() if self.looks or self.goal is None:
                return replace(self, looks=self.looks + 1)
            case events.SituationRead(readings=readings):
                stands = _agreed(readings, alone=self.mode is Mode.EMERGENCY)
                return _addressed(replace(self, looks=1, stands=stands))
            case events.OrgGivenUp(role=role) if self.mode is Mode.EMERGENCY:
                return replace(self, org=role.other)
            case events.PairAdopted(truth=truth, status=status, reason=reason):
                return replace(self, org=truth, stands=status, reason=reason)
            case events.GuardsJudged(verdicts=verdicts):
                return replace(self, verdicts=verdicts)
            case events.TransitionMade(target=target):
                return replace(self, stands=target, verdicts=())
            case _:
                return self


def _agreed(readings: Both[Reading | None], *, alone: bool) -> Status | None:
    """The one status that is shown: by both orgs, or in an emergency by whichever answers."""
    shown = {None if reading is None else reading.status for reading in readings}
    known = shown - {None}
    return known.pop() if len(known) == 1 and (alone or None not in shown) else None


def _addressed(about: About) -> About:
    """With the org that is told: in an emergency the survivor; else the org that the last transition on the way to the goal writes first."""
    if about.goal is None:
        return replace(about, org=None)
    way = () if about.stands is None else about.playbook.route(about.stands, about.goal) or ()
    if about.mode is Mode.EMERGENCY:
        named = [transition.survivor for transition in reversed(way) if transition.survivor is not None]
        # Every survivor of some way, where the way is not known yet: seldom more than one.
        towards = about.playbook.survivors_towards(about.goal)
        return replace(about, org=next(iter(named or (towards if len(towards) == 1 else ())), None))
    arriving = way[-1:] or [each for each in about.playbook.transitions if each.target is about.goal]
    return replace(about, org=arriving[0].writes[0] if arriving else None)


def notice_of(event: Event, about: About) -> Notice | None:
    """What an org is told of an event, or None where nobody is; `about` is the run after that event.

    A beginning is told with the first look at both orgs: only then it is known where the pair stands.
    """
    pair = about.pair
    match event:
        case events.SituationRead() if about.goal is not None and about.looks == 1:
            title = f"{_way(about)} {'is taken up again' if about.resumed else 'begins'}"
            words, alert = "", Alert.WARNING if about.mode is Mode.EMERGENCY else Alert.INFO
        case events.PairAdopted(truth=truth, status=status):
            title, alert = f"is made to agree on {status}", Alert.WARNING
            words = f"{pair[truth]} is right: {pair[truth.other]} is told {status} as well."
        case events.TransitionMade(transition=name, source=source, target=target):
            title, alert = f"stands at {target}", Alert.SUCCESS
            done = f"{counted(event.writes, 'write')} in {span(event.seconds)}"
            words = f"Transition {name}, {source} → {target}: {done}."
        case events.TransitionRefused(transition=name, guards=guards):
            title, alert = f"was refused at transition {name}", Alert.WARNING
            said = {verdict.guard: verdict for verdict in about.verdicts}
            reasons = [f"- {_reason(guard, said.get(guard))}" for guard in guards]
            words = "\n".join([f"Nothing of transition {name} was written. What stopped it:", *reasons])
        case events.WaitBegan(transition=name, guards=guards, seconds=seconds, verdicts=verdicts):
            title, alert = f"waits before transition {name}", Alert.WARNING
            said = {verdict.guard: verdict for verdict in verdicts}
            reasons = [f"- {_reason(guard, said.get(guard))}" for guard in guards]
            words = "\n".join([f"It waits for this, for up to {span(seconds)} from now:", *reasons])
        case events.WriteOwed(role=role, status=status, reason=reason):
            title, alert = f"owes its {role} {status}", Alert.WARNING
            words = f"{pair[role]} was not told {status}: {reason}\nTell it later: hamr resume {pair.name}"
        case events.WriteUnknown(attempt=attempt, reason=reason):
            title = f"does not know whether its {attempt.role} took {attempt.status}"
            words = f"Nobody knows yet whether {attempt.status} took effect in {pair[attempt.role]}: {reason}"
            alert = Alert.ERROR
        case events.RunFinished(ending=ending):
            alert = _END_ALERTS.get(ending.end, Alert.ERROR)
            unknown = ending.end is End.UNKNOWN
            short = "a write's outcome is unknown" if unknown else END_WORDS[ending.end]
            title = f"{'' if about.goal is None else f'to {about.goal} '}ended: {short}"
            words = _end_words(event)
        case _:
            return None
    if about.org is None:
        return None
    return Notice(
        about.org,
        f"{'hamr (drill)' if about.drill else 'hamr'}: {pair.name} {title}",
        "\n\n".join(filter(None, (words, _who(about)))),
        _tags(about),
        alert,
        about.run,
        f"{about.journal} on {about.operator.host}",
    )


def _end_words(event: events.RunFinished) -> str:
    ending = event.ending
    lines = [
        ending.message,
        ending.sent,
        f"Where the pair stands: {event.phase}." if event.phase else "",
        f"Exit code {event.exit_code}, after {span(event.seconds)}.",
        *(f"Next: {step}" for step in ending.next_steps),
    ]
    return "\n".join(filter(None, lines))


def _reason(guard: str, verdict: Verdict | None) -> str:
    if verdict is None:
        return guard
    why = f" ({verdict.why})" if verdict.why else ""
    return f"{guard}, {verdict.outcome.value}: {verdict.reason}{why}"


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
    return "adoption" if about.goal is None else move(about.stands, about.goal)


def _mode(about: About) -> str:
    if about.mode is Mode.EMERGENCY and about.org is not None:
        return f"emergency, with {about.pair[about.org]} alone where the other org does not answer"
    return about.mode.value


def _tags(about: About) -> tuple[str, ...]:
    tags = ["hamr", f"pair:{about.pair.name}", f"run:{about.run}", f"mode:{about.mode.value}"]
    if about.stands not in (None, Status.ABSENT):
        tags.append(f"status:{str(about.stands).lower()}")
    if about.drill:
        tags.append("drill:true")
    return tuple(tags)


def body_of(notice: Notice, at: datetime, head: Head | None, redactor: Redactor) -> dict[str, JSON]:
    """The event as it goes over the wire, within Datadog's bounds and without keys.

    `at` is when it happened: Datadog shows events in that order, whichever arrives first. `head` is the journal's now,
    or None where it could not be read.
    """
    foot = f"\n\n{_foot(notice, head, redactor)}"
    return {
        "title": _within(redactor.clean(notice.title), LONGEST_TITLE),
        "text": _within(redactor.clean(notice.text), LONGEST_TEXT - len(foot)) + foot,
        "tags": [_within(redactor.clean(tag), LONGEST_TAG) for tag in notice.tags],
        "alert_type": notice.alert.value,
        "aggregation_key": notice.run[:LONGEST_KEY],
        "date_happened": int(at.timestamp()),
    }


def _foot(notice: Notice, head: Head | None, redactor: Redactor) -> str:
    """Where to see more, and the anchor: it stands at the end, and is never cut off."""
    journal = _within(redactor.clean(notice.journal), LONGEST_JOURNAL)
    more = f"See more, with the journal {journal}: hamr show {notice.run}"
    if head is None:
        return f"{more}\nThe journal's head could not be read, so this event is no anchor."
    return (
        f"{more}\n"
        f"Journal head: {head}\n"
        f"Check that the journal still holds it: hamr audit verify --anchor {head}"
    )


def _within(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
