"""Types of the fields of scenarios: times, exit codes, phases, and who was told what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any

from orchestrator.errors import ExitCode
from orchestrator.model.events import JOURNALLED
from orchestrator.model.org import Mirrors
from orchestrator.model.scenario import Owing, Returns, Unknown, Wrote
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Role, Status

from .durations import duration, written
from .fields import STATUSES, choice, choice_of, span_of, text_of, words
from .shapes import leaf
from .wording import did_you_mean, found, one_of

_ORGS = tuple(role.value for role in Role)
_PHASE = re.compile(r"[a-z][a-z-]*(\([A-Za-z][A-Za-z0-9._-]*\))?")
_PHASES = tuple(phase.value for phase in PhaseName)
_ABOUT: Mapping[str, tuple[str, ...] | None] = MappingProxyType(
    {
        PhaseName.MIDWAY.value: None,
        PhaseName.BEHIND.value: _ORGS,
        PhaseName.LAGGING.value: _ORGS,
        PhaseName.ABSENT.value: ("",),
    }
)
"""What stands in the brackets, where that is no status: an org, nothing, or (None) a transition, which is the playbook's affair."""
_ALWAYS_ABOUT = frozenset({PhaseName.AGREED.value, PhaseName.BEHIND.value, PhaseName.LAGGING.value})
_LONGEST_DELAY = timedelta(minutes=5)
_CODES = tuple(int(code) for code in ExitCode)


def _mirror(value: Any) -> timedelta | None:
    """Seconds until a write shows on the other org; None where it never does.

    Raises:
        ValueError: it is none of off, on and a duration; said in plain words, as by every function here.
    """
    if value is False or value == "off":
        return None
    if value is True or value == "on":
        return timedelta(0)
    if not isinstance(value, str):
        raise ValueError(f"expected on, off or a duration such as 200ms, found {found(value)}")  # noqa: TRY004 - a field's problem is a ValueError
    span = duration(value)
    if span > _LONGEST_DELAY:
        raise ValueError(f"{value} is out of bounds: {written(_LONGEST_DELAY)} at most")
    return span


def _exit_code(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected an exit code, found {found(value)}")  # noqa: TRY004 - a field's problem is a ValueError
    if value not in _CODES:
        raise ValueError(f"hamr has no exit code {value} (there are {', '.join(map(str, _CODES))})")
    return value


def _phase(value: Any) -> str:
    if not isinstance(value, str) or not _PHASE.fullmatch(value):
        raise ValueError(
            f"expected a phase as hamr status names it, such as agreed(ACTIVE), found {found(value)}"
        )
    name, _, about = value.removesuffix(")").partition("(")
    if name not in _PHASES:
        raise ValueError(
            f"{found(value)} is no phase{did_you_mean(name, _PHASES)} (there are {', '.join(_PHASES)})"
        )
    known = _ABOUT.get(name, STATUSES)
    if known is not None and about not in known and (about or name in _ALWAYS_ABOUT):
        wanted = one_of([f"{name}({each})" if each else name for each in known])
        raise ValueError(f"{found(value)} is no phase{did_you_mean(about, known)} (expected {wanted})")
    return value


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in JOURNALLED:
        near = did_you_mean(value, JOURNALLED) if isinstance(value, str) else ""
        raise ValueError(f"{found(value)} is no kind of journal record{near}")
    return value


def _org_and_status(value: Any) -> tuple[Role, Status]:
    org, _, status = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if org not in _ORGS or status not in STATUSES:
        near = did_you_mean(status, STATUSES) if org in _ORGS and status else ""
        raise ValueError(
            f'expected an org and a status, such as "primary ACTIVE", found {found(value)}{near}'
        )
    return Role(org), Status[status]


def _wrote(value: Any) -> Wrote:
    return Wrote(*_org_and_status(value))


def _owed(value: Any) -> Owing | None:
    return None if value == "nothing" else Owing(*_org_and_status(value))


def _mirrors(value: Any) -> Mirrors:
    if isinstance(value, bool):
        return Mirrors.YES if value else Mirrors.NO
    return Mirrors(choice_of(value, ("auto",), "true, false or a word"))


def _said(value: Any) -> float | str | bool | Unknown:
    if isinstance(value, dict) and set(value) == {"unknown"}:
        return Unknown(text_of(value["unknown"]))
    if not isinstance(value, bool | int | float | str):
        raise ValueError(  # noqa: TRY004 - a field's problem is a ValueError
            f"expected what the probe says (a number, a text, true or false), or {{unknown: REASON}}, found {found(value)}"
        )
    return value if isinstance(value, bool | str) else float(value)


_RETURNS = {"keep": Returns.KEEP, "catch_up": Returns.CATCH_UP, "revert": Returns.REVERT}

Span = Annotated[timedelta, span_of(timedelta(milliseconds=1), timedelta(hours=1))]
Delay = Annotated[timedelta, span_of(timedelta(0), _LONGEST_DELAY)]
Mirror = Annotated[
    timedelta | None,
    leaf(
        _mirror,
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "string", "enum": ["on", "off"]},
                {"type": "string", "pattern": "^[0-9]"},
            ]
        },
    ),
]
MirrorsName = Annotated[
    Mirrors,
    leaf(_mirrors, {"anyOf": [{"type": "boolean"}, {"const": "auto"}]}),
]
ReturnsName = Annotated[Returns, choice(_RETURNS, "what a region returns with")]
ExitNumber = Annotated[int, leaf(_exit_code, {"type": "integer", "enum": list(_CODES)})]
PhaseLabel = Annotated[
    str,
    leaf(_phase, {"type": "string", "pattern": f"^{_PHASE.pattern}$"}),
]
Kind = Annotated[str, leaf(_kind, words(JOURNALLED))]
Written = Annotated[
    Wrote,
    leaf(
        _wrote, {"type": "string", "pattern": "^(primary|secondary) [A-Z]+$", "examples": ["primary ACTIVE"]}
    ),
]
Owed = Annotated[
    Owing | None,
    leaf(_owed, {"type": "string", "pattern": "^(nothing|(primary|secondary) [A-Z]+)$"}),
]
Said = Annotated[
    float | str | bool | Unknown,
    leaf(
        _said,
        {
            "anyOf": [
                {"type": ["number", "string", "boolean"]},
                {
                    "type": "object",
                    "properties": {"unknown": {"type": "string", "minLength": 1}},
                    "required": ["unknown"],
                    "additionalProperties": False,
                },
            ]
        },
    ),
]
