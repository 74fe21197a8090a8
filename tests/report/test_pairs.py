"""All pairs, a line each, in at most 80 columns."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace

from orchestrator.errors import ExitCode, HamrError, JournalDamaged, JournalUnavailable, PreparationError
from orchestrator.model import next_step
from orchestrator.model.journal import GENESIS, Head, Holder
from orchestrator.model.reading import Hampered, Present, Trouble, Unreachable
from orchestrator.model.run import Attempt
from orchestrator.model.situation import OpenDrill, OpenRun, Owed, PairStatus, Phase, PhaseName, Stranger
from orchestrator.model.status import Both, Status
from orchestrator.report.errors import error_json
from orchestrator.report.layout import cells, plain_text, within
from orchestrator.report.pairs import changes_page, pairs_code, pairs_json, pairs_page
from orchestrator.report.status import status_json

from .scenes import NOW, PAIR, RUN, YESTERDAY, P, S, lines, reading, record, standing

COMMANDS = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"

HOLDER = Holder("ab12", "search", RUN, "bob", "laptop2", 42, "", NOW, NOW)
ATTEMPT = Attempt(1, S, Status.FAILOVER, "stamp", "declare")
OPEN = OpenRun(RUN, Status.ACTIVE, Status.PASSIVE, "declare")


def called(name: str, look: PairStatus | None = None) -> PairStatus:
    """A look at a pair of another name; without one, both orgs are PASSIVE and nothing is open."""
    look = look or replace(standing(), next_steps=(next_step.plan("payments", Status.ACTIVE),))
    steps = tuple(replace(step, subject=name) for step in look.next_steps)
    return replace(look, pair=replace(PAIR, name=name), next_steps=steps)


def behind() -> PairStatus:
    """The primary is owed ACTIVE, which the secondary shows for two minutes."""
    shown = replace(record(S, 4), modified_at=NOW - timedelta(minutes=2))
    return replace(
        standing(),
        readings=Both(reading(P), reading(S, Present(shown, Status.ACTIVE))),
        phase=Phase(PhaseName.BEHIND, "The primary is owed.", (), status=Status.ACTIVE, role=P),
        owed=Owed(P, Status.ACTIVE, RUN, YESTERDAY),
        next_steps=(next_step.resume("payments"), next_step.status("payments")),
    )


def midway() -> PairStatus:
    """A run died in the middle of a transition, with a write of which nobody knows."""
    return replace(
        standing(),
        phase=Phase(PhaseName.MIDWAY, "Half done.", (), transition="declare"),
        open_run=OPEN,
        holder=HOLDER,
        holder_dead=True,
        unknown=((RUN, ATTEMPT),),
        next_steps=(next_step.resume(RUN),),
    )


def dark() -> PairStatus:
    silent = Unreachable("timed out")
    return replace(
        standing(),
        readings=Both(reading(P, silent), reading(S, silent)),
        phase=Phase(PhaseName.DARK, "Neither answers.", ()),
        next_steps=(next_step.watch("payments"),),
    )


DAMAGED = JournalDamaged(
    "The journal /var/lib/hamr/journal.db is damaged: record 7: its hash does not hold.",
    next_steps=(next_step.verify(),),
)

FOUND: dict[str, PairStatus | HamrError] = {
    "payments": called("payments"),
    "orders": called("orders", behind()),
    "billing-of-the-far-east-and-oceania": called("billing-of-the-far-east-and-oceania"),
    "search": called("search", midway()),
    "mail": DAMAGED,
    "maps": called("maps", dark()),
}


def test_all_pairs_are_a_line_each_and_those_that_need_a_person_come_first() -> None:
    assert lines(pairs_page(FOUND)) == [
        "6 pairs, 2026-05-28 16:40:00 UTC",
        "",
        "   pair             stands at        for      open or owed      next",
        "   orders           behind(primary)  2 min    primary owed      resume",
        "   search           midway(declare)  1 d 7 h  unknown, open,…   resume",
        "   mail             not read         -        -                 audit verify",
        "   maps             dark             -        -                 status --watch",
        "   payments         PASSIVE          1 d 7 h  -                 plan --to ACTIVE",
        "   billing-of-the…  PASSIVE          1 d 7 h  -                 plan --to ACTIVE",
        "",
        "2 PASSIVE, 1 behind(primary), 1 midway(declare), 1 not read, 1 dark",
        "4 of 6 come first: not agreed, or something is open, owed, locked or renamed.",
        "",
        "Not read",
        "  - mail: The journal /var/lib/hamr/journal.db is damaged: record 7: its hash",
        "    does not hold.",
    ]


def test_the_page_of_the_reference_is_a_real_one() -> None:
    shown = pairs_page({pair: look for pair, look in FOUND.items() if not pair.startswith("billing")})
    assert f"```text\n{plain_text(shown)}```\n" in COMMANDS.read_text("utf-8")


def test_keys_that_several_pairs_lack_are_said_once() -> None:
    def without(*variables: str) -> PairStatus:
        reason = f"environment variables {' and '.join(variables)} are not set"
        sight = Hampered(reason, "set what is missing", Trouble.KEYS)
        return replace(standing(), readings=Both(reading(P, sight), reading(S)))

    page = lines(pairs_page({"a": called("a", without("A", "B")), "b": called("b", without("B", "C"))}))
    assert page[-1] == "2 orgs not asked: environment variables A, B and C are not set."


def test_where_none_needs_a_person_nothing_is_said_of_that() -> None:
    assert lines(pairs_page({"a": called("a"), "b": called("b")}))[-3:] == [
        "   b     PASSIVE    1 d 7 h  -             plan --to ACTIVE",
        "",
        "2 PASSIVE",
    ]


@pytest.mark.parametrize(
    ("marks", "look"),
    [
        ("hooks owed, open", replace(standing(), open_run=replace(OPEN, hooks_owed=("activate/tell",)))),
        ("open", replace(standing(), open_run=OPEN, unknown=())),
        ("open, locked", replace(standing(), open_run=OPEN, holder=HOLDER, unknown=((RUN, ATTEMPT),))),
        (
            "drill",
            replace(standing(), open_drill=OpenDrill(RUN, NOW, "alice", Status.ACTIVE, Status.PASSIVE)),
        ),
        ("stranger", replace(standing(), strangers=(Stranger(P, RUN, "bob@laptop", 5.0),))),
        ("open", replace(standing(), elsewhere=(RUN,))),
        ("late write", replace(standing(), given_up=((RUN, ATTEMPT),))),
    ],
)
def test_what_keeps_an_agreed_pair_from_rest_is_named_and_puts_it_first(marks: str, look: PairStatus) -> None:
    shown = lines(pairs_page({"calm": called("calm"), "busy": called("busy", look)}))
    assert shown[3].split()[0] == "busy"
    assert f"  {marks} " in shown[3]


def test_law_20_where_there_is_no_journal_nothing_is_called_clean() -> None:
    look = replace(called("a"), head=Head(0, GENESIS), journal="j.db")
    shown = lines(pairs_page({"a": look, "b": called("b", look)}))
    assert shown[3] == "   a     PASSIVE    1 d 7 h  not known     plan --to ACTIVE"
    assert shown[7] == "  journal says  nothing: there is no journal of a run here yet (j.db): what is"
    assert not any("come first" in each for each in shown)


def test_a_look_that_says_something_else_marks_its_line_and_time_that_passes_does_not() -> None:
    later = {
        pair: replace(look, at=NOW + timedelta(minutes=1)) if isinstance(look, PairStatus) else look
        for pair, look in FOUND.items()
    }
    assert changes_page(later, FOUND) == ()
    later["payments"] = replace(behind(), at=NOW + timedelta(minutes=1))
    assert [each for each in lines(pairs_page(later, FOUND)) if each.startswith("*")] == [
        "*  payments         behind(primary)  3 min    primary owed      resume"
    ]
    assert lines(changes_page(later, FOUND)) == [
        "2026-05-28 16:41:00 UTC",
        "*  payments         behind(primary)  3 min    primary owed      resume",
    ]
    with within(40):
        assert lines(changes_page(later, FOUND)) == [
            "2026-05-28 16:41:00 UTC",
            "* payments",
            "  stands at     behind(primary)",
            "  for           3 min",
            "  open or owed  primary owed",
            "  next          resume",
        ]


UNKNOWN = replace(standing(), unknown=((RUN, ATTEMPT),))


@pytest.mark.parametrize(
    ("code", "looks"),
    [
        (ExitCode.DONE, [standing(), dark()]),
        (ExitCode.FAILED, [standing(), PreparationError("no proxy")]),
        (ExitCode.OWING, [PreparationError("no proxy"), behind(), standing()]),
        (ExitCode.UNKNOWN, [behind(), UNKNOWN, JournalUnavailable("busy")]),
        (ExitCode.JOURNAL_DAMAGED, [UNKNOWN, behind(), DAMAGED]),
    ],
)
def test_the_exit_code_is_the_worst_of_any_pair(code: ExitCode, looks: list[PairStatus | HamrError]) -> None:
    assert pairs_code({str(number): look for number, look in enumerate(looks)}) is code


def test_the_document_has_each_pairs_own_in_the_inventorys_order() -> None:
    document = pairs_json(FOUND)
    pairs = cast("list[object]", document.pop("pairs"))
    assert document == {
        "schema": "hamr/pairs/1",
        "exit_code": 9,
        "exit_meaning": "the journal is damaged",
        "counts": {"PASSIVE": 2, "behind(primary)": 1, "midway(declare)": 1, "not read": 1, "dark": 1},
        "need_person": ["orders", "search", "mail", "maps"],
        "next": [],
    }
    assert pairs == [
        {**error_json(look), "pair": pair} if isinstance(look, HamrError) else status_json(look)
        for pair, look in FOUND.items()
    ]


def test_hostile_and_endless_texts_stay_on_their_line_of_80_columns() -> None:
    hostile = "\x1b[2J" + "x" * 300 + "東" * 300 + "\n"
    phase = Phase(PhaseName.MIDWAY, hostile, (), transition=hostile)
    look = replace(midway(), phase=phase, next_steps=(next_step.unlock(hostile, hostile),))
    looks: dict[str, PairStatus | HamrError] = {hostile: called(hostile, look), "b": JournalDamaged(hostile)}
    shown = lines(pairs_page(looks))
    assert max(map(cells, shown)) <= 80
    assert all(each.isprintable() for each in shown)
    assert shown[5] == ""
