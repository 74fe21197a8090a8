"""What is told of a run: what a notice needs to know, who is told, what it says; and its forms, bounded and without keys. Pure.

Most events of a run are told to nobody. An org is told as Datadog events; people are told by the pair's channels, in a
message or as the JSON of a webhook.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import events, next_step
from orchestrator.model.events import Event
from orchestrator.model.guard import Verdict
from orchestrator.model.journal import Head
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Occasion, Pair
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Mode, Operator
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import END_WORDS, counted, move, span, utc
from orchestrator.report.describe import describe_event
from orchestrator.report.documents import document, fields_fact
from orchestrator.report.layout import line_text
from orchestrator.system.redaction import Redactor


class Alert(enum.Enum):
    """How Datadog marks an event."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SUCCESS = "success"


_END_ALERTS = {
    End.DONE: Alert.SUCCESS,
    End.OWING: Alert.WARNING,
    End.REFUSED: Alert.WARNING,
    End.INTERRUPTED: Alert.WARNING,
}
"""Of the ends that are no error."""

_END_OCCASIONS = {End.DONE: Occasion.DONE, End.OWING: Occasion.OWING, End.UNKNOWN: Occasion.UNKNOWN}
"""Of the ends that are no stop on the way."""


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
            case events.RunScheduled(goal=goal, reason=reason, ref=ref):
                return replace(self, goal=goal, reason=reason, ref=ref)
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


class Notice(Struct, frozen=True):
    """Something that is told of a run. The journal's head is added when it is sent."""

    about: About
    """The run, when it happened."""
    title: str
    words: str
    """What happened; "" where the title says it all."""
    alert: Alert
    occasion: Occasion | None = None
    """What people who are told of it have asked for; None where it is for the org alone."""
    posted: bool = True
    """Whether the org is told, too."""
    next_steps: tuple[NextStep, ...] = ()
    test: bool = False
    """Whether nothing happened, and it is sent to see whether it arrives."""

    @property
    def role(self) -> Role | None:
        """The org that is told; None where none is."""
        return self.about.org if self.posted else None

    @property
    def run(self) -> str:
        """The run that it is of."""
        return self.about.run

    @property
    def journal(self) -> str:
        """Which journal the head is of: where it is, and on which machine."""
        return f"{self.about.journal} on {self.about.operator.host}"

    @property
    def tags(self) -> tuple[str, ...]:
        """As Datadog's events have them."""
        about = self.about
        tags = ["hamr", f"pair:{about.pair.name}", f"run:{about.run}", f"mode:{about.mode.value}"]
        if about.stands not in (None, Status.ABSENT):
            tags.append(f"status:{str(about.stands).lower()}")
        return (*tags, "drill:true") if about.drill else tuple(tags)

    @property
    def text(self) -> str:
        """What an org is told, below the title."""
        steps = (f"Next: {step}" for step in self.next_steps)
        return _paragraphs("\n".join(filter(None, (self.words, *steps))), _who(self.about))


def _paragraphs(*texts: str) -> str:
    """Texts apart from each other, those that say something."""
    return "\n\n".join(filter(None, texts))


def notice_of(event: Event, about: About) -> Notice | None:  # noqa: C901, PLR0912 - one case per event
    """What is told of an event, or None where nothing is; `about` is the run after that event.

    A beginning is told with the first look at both orgs: only then it is known where the pair stands.
    """
    pair, occasion, posted = about.pair, None, about.org is not None
    steps: tuple[NextStep, ...] = ()
    match event:
        case events.SituationRead() if about.goal is not None and about.looks == 1:
            title = f"{_way(about)} {'is taken up again' if about.resumed else 'begins'}"
            words, alert = "", Alert.WARNING if about.mode is Mode.EMERGENCY else Alert.INFO
            occasion = Occasion.BEGUN
        case events.PairAdopted(truth=truth, status=status):
            title, alert, occasion = f"is made to agree on {status}", Alert.WARNING, Occasion.BEGUN
            words = f"{pair[truth]} is right: {pair[truth.other]} is told {status} as well."
        case events.RunScheduled(start_at=at):
            title, alert, occasion = f"waits until {utc(at)}", Alert.INFO, Occasion.WAITING
            words, steps = f"{_described(event, pair)}.", (next_step.cancel(about.run),)
        case events.RunCancelled():
            title, alert, occasion = "does not begin", Alert.WARNING, Occasion.STOPPED
            words = f"{_described(event, pair)}\nNothing was sent."
        case events.ApprovalAsked():
            title, alert, occasion = "wants somebody else's agreement", Alert.WARNING, Occasion.APPROVAL
            words, posted = f"{_described(event, pair)}.", False
            steps = (next_step.approve(about.run),)
        case events.PersonAsked():
            title, alert, occasion = f"waits for an answer at {about.operator}", Alert.WARNING, Occasion.ASKED
            words, posted = f"{_described(event, pair)}\nIt is asked at its own terminal.", False
        case events.TransitionMade(transition=name, source=source, target=target):
            title, alert = f"stands at {target}", Alert.SUCCESS
            done = f"{counted(event.writes, 'write')} in {span(event.seconds)}"
            words = f"Transition {name}, {source} → {target}: {done}."
        case events.TransitionRefused(transition=name, guards=guards):
            title, alert = f"was refused at transition {name}", Alert.WARNING
            nothing = f"Nothing of transition {name} was written. What stopped it:"
            words = _with_reasons(nothing, guards, about.verdicts)
        case events.WaitBegan(transition=name, guards=guards, seconds=seconds, verdicts=verdicts):
            title, alert, occasion = f"waits before transition {name}", Alert.WARNING, Occasion.WAITING
            words = _with_reasons(f"It waits for this, for up to {span(seconds)} from now:", guards, verdicts)
        case events.WriteOwed(role=role, status=status, reason=reason):
            title, alert = f"owes its {role} {status}", Alert.WARNING
            words = f"{pair[role]} was not told {status}: {reason}\nTell it later: hamr resume {pair.name}"
        case events.WriteUnknown(attempt=attempt, reason=reason):
            title = f"does not know whether its {attempt.role} took {attempt.status}"
            words = f"Nobody knows yet whether {attempt.status} took effect in {pair[attempt.role]}: {reason}"
            alert = Alert.ERROR
        case events.RunFinished():
            return _ended(event, about)
        case _:
            return None
    if occasion is None and not posted:
        return None
    return Notice(about, f"{_whose(about)} {title}", words, alert, occasion, posted, steps)


def _ended(event: events.RunFinished, about: About) -> Notice:
    ending, end = event.ending, event.ending.end
    said = (
        ending.message,
        ending.sent,
        f"Where the pair stands: {event.phase}." if event.phase else "",
        f"Exit code {event.exit_code}, after {span(event.seconds)}.",
    )
    short = "a write's outcome is unknown" if end is End.UNKNOWN else END_WORDS[end]
    return Notice(
        about,
        f"{_whose(about)} {'' if about.goal is None else f'to {about.goal} '}ended: {short}",
        "\n".join(filter(None, said)),
        _END_ALERTS.get(end, Alert.ERROR),
        _END_OCCASIONS.get(end, Occasion.STOPPED),
        about.org is not None,
        ending.next_steps,
    )


def _whose(about: About) -> str:
    return f"{'hamr (drill)' if about.drill else 'hamr'}: {about.pair.name}"


def trial_of(about: About) -> Notice:
    """What is sent to see whether it arrives."""
    words = "This is a test: somebody asked hamr doctor whether you would be told. Nothing has happened."
    title = f"hamr (test): would tell you of {about.pair.name}"
    return Notice(about, title, words, Alert.INFO, posted=False, test=True)


def _described(event: Event, pair: Pair) -> str:
    return line_text(describe_event(event, lambda role: str(pair[role])))


def _with_reasons(text: str, guards: Iterable[str], verdicts: Iterable[Verdict]) -> str:
    said = {
        each.guard: f", {each.outcome.value}: {each.reason}" + (f" ({each.why})" if each.why else "")
        for each in verdicts
    }
    return "\n".join([text, *(f"- {guard}{said.get(guard, '')}" for guard in guards)])


def _who(about: About) -> str:
    """Who moves which pair, from where to where, how and why."""
    orgs, way = about.pair.orgs, f"{_way(about)}, {_mode(about)}, playbook {about.playbook.name}"
    lines = [
        "This is a drill." if about.drill else "",
        f"Pair {about.pair.name}: {orgs.primary} and {orgs.secondary}.",
        f"Run {about.run} of {about.operator}: {way}." if about.run else f"Asked by {about.operator}.",
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


# -- forms ------------------------------------------------------------------------------------------------------

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

LONGEST_FOOT = 1_500
"""Characters; ours, so that a deep folder or a long reason leaves room for what happened."""


def event_body(notice: Notice, at: datetime, head: Head | None, redactor: Redactor) -> dict[str, JSON]:
    """The event as it goes over the wire, within Datadog's bounds and without keys.

    `at` is when it happened: Datadog shows events in that order, whichever arrives first. `head` is the journal's now,
    or None where it could not be read.
    """
    foot = f"\n\n{_foot(notice, head, redactor)}"
    return {
        "title": message_title(notice, redactor),
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


def _next(notice: Notice) -> NextStep | None:
    """The one thing to type; None for a test, after which there is none."""
    if notice.test:
        return None
    return notice.next_steps[0] if notice.next_steps else next_step.watch(notice.about.pair.name)


def _look(notice: Notice) -> tuple[NextStep, ...]:
    shown = (next_step.show(notice.run),) if notice.run else ()
    return (*shown, next_step.status(notice.about.pair.name))


def message_text(notice: Notice, head: Head | None, redactor: Redactor) -> str:
    """What people read below the title: what happened, of which run, what to type next, and where to look."""
    step = _next(notice)
    told = [] if step is None else [f"Next: {step}", *([f"  {step.why}"] if step.why else [])]
    foot = [*told, *(f"Look: {each}" for each in _look(notice)), f"Journal: {notice.journal}"]
    foot += [] if head is None else [f"Journal head: {head}"]
    end = redactor.clean("\n".join(foot))[:LONGEST_FOOT]
    text = redactor.clean(_paragraphs(notice.words, _who(notice.about)))
    return _paragraphs(_within(text, LONGEST_TEXT - len(end)), end)


def message_title(notice: Notice, redactor: Redactor) -> str:
    """The line above it."""
    return _within(redactor.clean(notice.title), LONGEST_TITLE)


def notice_json(
    notice: Notice, delivery: str, at: datetime, head: Head | None, redactor: Redactor
) -> dict[str, JSON]:
    """The same as a document: hamr/notice/1.

    `delivery` is the same where it is sent a second time, and where it comes to another channel.
    """
    about = ("drill", "goal", "status=stands", "mode", "operator", "reason", "ref")
    fields = {
        "id": delivery,
        "at": at,
        **fields_fact(notice, "on=occasion", "test", "pair=about.pair.name", "run"),
        **fields_fact(notice.about, *about),
        "operator": str(notice.about.operator),
        "severity": notice.alert,
        "title": message_title(notice, redactor),
        "text": message_text(notice, head, redactor),
        "next": _next(notice),
        "look": _look(notice),
        "journal": notice.journal,
        "head": None if head is None else str(head),
    }
    cleaned = redactor.clean_value(document("hamr/notice/1", fields))
    assert isinstance(cleaned, dict)  # noqa: S101 - the same shape
    return cleaned
