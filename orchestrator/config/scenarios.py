"""Scenarios and fault scripts: YAML → Scenario and faults, checked as a whole, and the scenarios that ship with hamr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, get_args

import yaml
from msgspec import field
from msgspec.structs import replace

from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON
from orchestrator.model.status import Status
from orchestrator.model.words import listed

from .compose import compose
from .document import Document, Finding, Steps, items, list_in, mapping_in, parts
from .faults import ABSENT, FROM_THE_START, KINDS, NO_VALUE, Fault, WorldFault, tags_of
from .fields import SCHEMA, SchemaVersion
from .messages import one_of, shown, written
from .scenario import (
    Action,
    ComesBack,
    Command,
    DoAdopt,
    DoResume,
    DoRun,
    GoesDark,
    Meanwhile,
    OrgStatus,
    Scenario,
    ScenarioStep,
    SomebodyWrites,
    Unknown,
)
from .schema import Form, Noun, in_words, keys_in, keys_of
from .source import named_file, read_text, shipped_files
from .validate import read_as


def load_scenario(name_or_path: str) -> Scenario:
    """Read a scenario from a file, or by a bare name.

    That is scenarios/NAME.yaml or NAME.yaml in this folder, else the scenario of that name that ships with hamr. Raises a
    UsageError where there is none of that name, and a DocumentError with all its problems at once.
    """
    places, shipped = (f"scenarios/{name_or_path}.yaml", f"{name_or_path}.yaml"), shipped_scenarios()
    where, instead = (
        "this folder or its folder scenarios",
        NextStep("drill list", why="see which scenarios there are"),
    )
    path = named_file("scenario", name_or_path, places, shipped, where=where, instead=instead)
    return parse_scenario(read_text(path), str(path))


def shipped_scenarios() -> Mapping[str, Path]:
    """The scenarios that come with hamr, by name: from the installed package, else from the checkout."""
    return shipped_files("scenarios/*.yaml")


def named_scenarios() -> Mapping[str, Path]:
    """The scenarios that have a name here: those that come with hamr, and those of the folder scenarios here."""
    own = {path.stem: path for path in sorted(Path("scenarios").glob("*.yaml"))}
    return dict(sorted({**shipped_scenarios(), **own}.items()))


def parse_scenario(text: str, file: str) -> Scenario:
    """Read a scenario from its text; a DocumentError where it is none, with all its problems at once."""
    return read_scenario(compose(text, file), text)


def read_scenario(document: Document, text: str) -> Scenario:
    """Read a scenario from a composed document and the text that it was composed from; see `parse_scenario`."""
    scenario: Scenario = read_as(ScenarioFile, document, scenario_findings)
    return replace(scenario, text=text, path=document.file)


# -- the names of steps --------------------------------------------------------------------------------------


def _named(*, _schema: int, steps: tuple[ScenarioStep, ...] = (), **settings: Any) -> Scenario:
    """A scenario, each of its steps with a name of its own."""
    scenario = Scenario(**settings)
    home = scenario.regions.status
    names = {step.name for step in steps if step.name}
    named = []
    for step in steps:
        name = step.name or _free(_usual_name(step.action, home), names)
        names.add(name)
        meanwhile = tuple(
            each if each.name else replace(each, name=f"{_usual_name(each.action, home)}, during {name}")
            for each in step.meanwhile
        )
        named.append(replace(step, name=name, meanwhile=meanwhile))
    return replace(scenario, steps=tuple(named))


def _usual_name(action: Action | None, home: Status) -> str:
    match action:
        case None:
            return "things change"
        case DoRun(to=to):
            return "home" if to is home else "out"
        case DoResume():
            return "resume"
        case DoAdopt(truth=truth):
            return f"adopt the {truth}"
        case GoesDark(org=org):
            return f"the {org}'s region goes dark"
        case ComesBack(org=org):
            return f"the {org}'s region is back"
        case SomebodyWrites(org=org, status=status):
            return f"somebody sets the {org} to {status}"


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(found for number in range(2, len(taken) + 3) if (found := f"{name} {number}") not in taken)


class ScenarioFile(Scenario, frozen=True, kw_only=True):
    """A scenario."""

    makes: ClassVar[Callable[..., object] | None] = _named

    _schema: SchemaVersion = field(name="schema")
    """The version of this file's format: 1."""


# -- a scenario as the text of a file -------------------------------------------------------------------------

_WIDTH = 100

_NONE = {"times": "forever", "path": "any", "state": ABSENT, "value": NO_VALUE}
"""What a file says where a field that is not left out is None."""


def scenario_text(scenario: Scenario, remarks: Iterable[str] = ()) -> str:
    """A file of that scenario, with remarks as comments at its head."""
    head = "".join(f"# {line}\n" for line in remarks)
    plain = {"schema": SCHEMA, **_mapping(scenario)}
    body: str = yaml.safe_dump(
        plain, sort_keys=False, default_flow_style=None, width=_WIDTH, allow_unicode=True
    )
    return head + body


def _mapping(noun: Noun) -> dict[str, Any]:
    """A noun's keys, without those that say what holds where they are left out."""
    found = dict(_keys(noun))
    return {"name": found.pop("name"), **found} if "name" in found else found


def _keys(noun: Noun) -> Iterator[tuple[str, Any]]:
    for each in {key.field.name: key.field for key in keys_in(keys_of(type(noun))).values()}.values():
        value = getattr(noun, each.name)
        if value == (each.default_factory() if callable(each.default_factory) else each.default):
            continue
        if isinstance(value, Noun) and (tag := value.__struct_config__.tag) is not None:
            yield str(tag), _mapping(value)
        elif each.name == "seconds":
            yield each.encode_name, written(timedelta(seconds=value))
        else:
            yield each.encode_name, _NONE.get(each.name) if value is None else _plain(value)
    if isinstance(noun, Fault) and noun.after is not None:
        # What has a time of its own says it where others have the number of a request.
        yield "at", written(timedelta(seconds=noun.after))


def _plain(value: Any) -> Any:
    match value:
        case Noun():
            return _mapping(value)
        case OrgStatus():
            return str(value)
        case Unknown(reason=reason):
            return {"unknown": reason}
        case Mapping():
            return {_plain(key): _plain(item) for key, item in value.items()}
        case tuple():
            return [NO_VALUE if item is None else _plain(item) for item in value]
        case float():
            return int(value) if value.is_integer() else value
        case _:
            return in_words(value)


# -- what has to fit together --------------------------------------------------------------------------------

_COMMANDS = tags_of(*get_args(Command))
_ACTIONS = tags_of(*get_args(Action))


def scenario_findings(document: Document, scenario: dict[str, Any]) -> Iterator[Finding]:
    """What does not fit together in what could be read of a document."""
    yield from fault_findings(document, scenario)
    if scenario.get("steps") == []:
        yield Finding(
            ("steps",), "there are no steps: leave steps out, and the drill goes out and home", at_key=True
        )
    yield from _repeated(parts(scenario, "steps"))
    for place, step in parts(scenario, "steps"):
        yield from fault_findings(document, step, place)
        yield from _done(document, place, ScenarioStep, step)
        yield from _process(place, step)
        several = isinstance(document.value((*place, "meanwhile")), list)
        for number, meanwhile in enumerate(list_in(step.get("meanwhile"))):
            if isinstance(meanwhile, dict):
                way = (*place, "meanwhile", number) if several else (*place, "meanwhile")
                yield from _in_the_middle(document, way, meanwhile)
    expect = mapping_in(scenario.get("expect"))
    yield from _contradictions(("expect",), expect)
    for key in ("exit", "refused", "says"):  # the end of a drill is no command: it has none of these
        if key in expect:
            yield Finding(("expect", key), f'"{key}" is about one step: put it into that step', at_key=True)


def _done(document: Document, place: Steps, noun: type[Noun], step: dict[str, Any]) -> Iterator[Finding]:
    """What is done in a step or in the middle of one, and what is expected of it."""
    yield from one_kind(document, place, noun, "step", "what is done")
    yield from _reasons(place, step)
    yield from _contradictions((*place, "expect"), mapping_in(step.get("expect")))


def _in_the_middle(document: Document, place: Steps, meanwhile: dict[str, Any]) -> Iterator[Finding]:
    """What happens in the middle of a step, which may be nothing but that things change."""
    if any(key in meanwhile for key in ("faults", "probes", "hooks")) and not any(
        kind in meanwhile for kind in _ACTIONS
    ):
        if meanwhile.get("expect"):
            yield Finding(
                (*place, "expect"),
                "nothing is done here that could be judged: put it into the step",
                at_key=True,
            )
    else:
        yield from _done(document, place, Meanwhile, meanwhile)
    yield from fault_findings(document, meanwhile, place)


def _process(place: Steps, step: dict[str, Any]) -> Iterator[Finding]:
    """Only what somebody types has a process that can die, and in the middle of which something can happen."""
    typed = any(kind in step for kind in _COMMANDS)
    world = [kind for kind in _ACTIONS if kind in step and kind not in _COMMANDS]
    for key in ("dies", "stops", "meanwhile"):
        if key in step and world and not typed:
            yield Finding(
                (*place, key),
                f'"{key}" belongs to a step that somebody types ({one_of(_COMMANDS)}), and this one is {world[0]}',
                at_key=True,
            )
    if "dies" in step and "exit" in mapping_in(step.get("expect")):
        yield Finding(
            (*place, "expect", "exit"),
            "a process that dies has no exit code of its own: leave exit out (that it dies there is expected already)",
            at_key=True,
        )


def _reasons(place: Steps, action: dict[str, Any]) -> Iterator[Finding]:
    for kind in ("run", "resume"):
        asked = mapping_in(action.get(kind))
        if asked.get("emergency") is True and "reason" not in asked:
            yield Finding(
                (*place, kind), '"reason" is missing: an emergency wants one, for the journal', at_key=True
            )


def _contradictions(place: Steps, expect: dict[str, Any]) -> Iterator[Finding]:
    """Two expectations of which one has to be missed, whatever happens."""
    if list_in(expect.get("refused")) and expect.get("exit") == 0:
        yield Finding(
            (*place, "refused"),
            "a step that guards refused does not end with exit code 0: one of the two cannot hold",
        )
    takers = {write.role for _, write in items(expect, "writes")}
    for way, org in items(expect, "no_writes_to"):
        if org in takers:
            yield Finding(
                (*place, *way),
                f"the {org} is among those that take no write, and writes says what it takes: one of the two cannot hold",
            )


def _repeated(steps: Iterable[tuple[Steps, dict[str, Any]]]) -> Iterator[Finding]:
    """A step's name says in the report which one it was: two of the same name can't be told apart."""
    first: dict[str, Steps] = {}
    for place, step in steps:
        name = step.get("name")
        if name is not None and (other := first.setdefault(name, place)) is not place:
            number = int(other[-1]) + 1
            yield Finding((*place, "name"), f"step {number} has this name too: give each its own")


# -- fault scripts -------------------------------------------------------------------------------------------

_TIMED = tags_of(*get_args(WorldFault))


class _FaultScript(Form, frozen=True):
    _schema: SchemaVersion = field(name="schema")
    faults: tuple[Fault, ...]


def load_fault_script(path: Path) -> tuple[Fault, ...]:
    """Read a fault script from a file; a DocumentError with all its problems at once where it is none."""
    return parse_fault_script(read_text(path), str(path))


def parse_fault_script(text: str, file: str) -> tuple[Fault, ...]:
    """Read a fault script from its text, as `load_fault_script`; `file` is its path, for messages."""
    script: _FaultScript = read_as(_FaultScript, compose(text, file), fault_findings)
    return script.faults


def fault_findings(document: Document, holder: dict[str, Any], place: Steps = ()) -> Iterator[Finding]:
    """Each fault of what has faults at that place has exactly one kind, and a time only where it needs no request."""
    for way, fault in parts(holder, "faults"):
        here = (*place, *way)
        yield from one_kind(document, here, Fault, "fault", "what goes wrong")
        named = [key for key in fault if key in KINDS]
        if len(named) == 1:
            yield from _times(named[0], fault, here, document.value((*here, "at")))


def one_kind(
    document: Document, place: Steps, noun: type[Noun], what: str, lacking: str
) -> Iterator[Finding]:
    """What is wrong with a mapping that has to have exactly one of its noun's kinds, as its author has spelled it.

    `what` it is, and what nobody knows of one without a kind (`lacking`), are for messages.
    """
    given = mapping_in(document.value(place))
    keys = keys_in(keys_of(noun))
    kinds = [name for name, key in keys.items() if key.kind]
    named = [key for key in given if key in kinds]
    if not named and given.keys() <= keys.keys():
        yield Finding(place, f"this {what} says not {lacking}: give it one kind ({one_of(kinds)})")
    elif len(named) > 1:
        yield Finding(
            (*place, named[1]),
            f"this {what} has {len(named)} kinds ({listed(named)}), and one is allowed: make a {what} of each",
            at_key=True,
        )


def _times(kind: str, fault: dict[str, Any], place: Steps, at: JSON) -> Iterator[Finding]:
    """A fault that happens at a time needs no request, and has to say which org it is about."""
    if not (isinstance(at, str) or (at is None and kind in tags_of(*FROM_THE_START))):
        return
    when = f"at {shown(at)}" if isinstance(at, str) else "from the beginning"
    if kind not in _TIMED:
        yield Finding(
            (*place, "at"),
            f"{kind} happens to a request: give the number of one, such as 1 (a time is for {listed(_TIMED)})",
        )
        return
    for key in ("times", "method", "path"):
        if key in fault:
            yield Finding(
                (*place, key),
                f"{key} chooses requests, and this fault happens {when}, whatever is asked: leave it out, "
                "or let at be the number of a request",
                at_key=True,
            )
    if "org" not in fault and "org" not in mapping_in(fault[kind]):
        yield Finding(
            place,
            f"this {kind} happens {when}, so no request says whose it is: add org: primary or org: secondary",
        )
