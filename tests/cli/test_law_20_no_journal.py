"""Law 20: no journal is not a clean journal, and a stamp that nobody knows is somebody at work."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.model.reading import Exchange, Present, Reading
from orchestrator.model.situation import Stranger
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.guards import strangers
from orchestrator.situation.next_steps import after_asking
from tests.report.scenes import NOW, reading, record
from tests.steps import step, typed

from .lab import Lab
from .terminal import Person, shown_by

P, S = Role.PRIMARY, Role.SECONDARY
WORDS = "what is owed or unknown, and who holds the lock, is not known on this machine"


def said(text: str) -> str:
    """A page without its line breaks."""
    return " ".join(text.split())


def elsewhere(lab: Lab) -> dict[str, str]:
    """Another laptop: no journal, another operator."""
    return {"HAMR_JOURNAL": str(lab.folder / "bobs" / "journal.db"), "HAMR_OPERATOR": "bob@desk"}


@pytest.mark.parametrize(
    "words",
    [("status", "sim"), ("plan", "sim", "--to", "ACTIVE"), ("runs",), ("doctor", "sim", "--verbose")],
)
def test_law_20_where_there_is_no_journal_it_is_said(lab: Lab, words: tuple[str, ...]) -> None:
    page = said(lab.run(*words).stdout)
    assert "here is no journal of a run here yet" in page
    assert WORDS in page
    for false in (
        "nothing is owed",
        "obody holds",
        "no earlier write",
        "holds no runs",
        "Neither org is owed",
    ):
        assert false not in page
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("readiness", "sim"),
        ("resume", "--yes"),
        ("resume", "sim", "--yes"),
        ("unlock", "sim", "--lock-id", "x", "--reason", "x", "--yes"),
        *((verb, "last") for verb in ("show", "report", "ack", "approve", "cancel")),
        *(("fleet", verb) for verb in ("report", "stop", "resume")),
        ("fleet", "plan", "sim", "--to", "ACTIVE"),
    ],
    ids=" ".join,
)
def test_law_20_verbs_that_find_nothing_in_no_journal_say_that_there_is_none(
    lab: Lab, words: tuple[str, ...]
) -> None:
    found = lab.run(*words)
    assert said(found.stdout + found.stderr).count("here is no journal of a run here yet") == 1
    assert WORDS in said(found.stdout + found.stderr)
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("run", "sim", "--to", "ACTIVE"),
        ("run", "sim", "--to", "ACTIVE", "--emergency", "--reason", "x"),
        ("adopt", "sim", "--truth", "primary", "--reason", "x"),
        ("fleet", "run", "sim", "--to", "ACTIVE"),
        ("drill", "run", "sim"),
        ("fleet", "drill", "sim", "--live"),
    ],
    ids=" ".join,
)
def test_law_20_what_nobody_is_asked_about_says_once_that_there_is_no_journal(
    lab: Lab, words: tuple[str, ...]
) -> None:
    lab.edit("pairs.yaml", "    mirrors: false", "    mirrors: false\n    drill: true")
    assert said(lab.run(*words, "--yes", code=0).stderr).count(WORDS) == 1
    assert WORDS not in said(lab.run(*words, "--yes").stderr)


def test_law_20_doctor_says_it_in_short_as_well(lab: Lab) -> None:
    assert "are not known on this machine" in said(lab.run("doctor", "sim", code=0).stdout)


def test_law_20_a_journal_that_nothing_was_written_to_knows_as_little(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", "--operator", "not an operator")
    with Person(lab, ("run", "sim", "--to", "ACTIVE")) as person:
        person.wait_for("Type the pair's name")
        assert WORDS in said(" ".join(shown_by(person.seen)))
        person.type("no\n")
        assert person.end() == 3
    assert lab.journal.exists()
    assert WORDS in said(lab.run("status", "sim").stdout)


def test_law_20_documents_say_null_for_what_is_not_known(lab: Lab) -> None:
    document = lab.json("status", "sim")
    assert document["journal_exists"] is False
    assert [document[key] for key in ("owed", "unknown", "lock", "open_run")] == [None] * 4
    assert lab.json("runs")["journal_exists"] is False
    assert lab.json("plan", "sim", "--to", "ACTIVE")["journal_exists"] is False
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    document = lab.json("status", "sim")
    assert (document["journal_exists"], document["unknown"], document["strangers"]) == (True, [], [])


@pytest.mark.parametrize("has_a_journal", [False, True])
def test_law_20_a_young_stamp_that_this_journal_does_not_know_is_somebody_at_work(
    lab: Lab, has_a_journal: bool
) -> None:
    other = elsewhere(lab)
    if has_a_journal:
        (lab.folder / "bobs").mkdir()
        Path(other["HAMR_JOURNAL"]).write_bytes(b"")
        lab.run("run", "sim", "--to", "PASSIVE", "--yes", env=other, code=0)
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    page = lab.run("status", "sim", env=other, code=0).stdout
    assert f"carries the stamp of run {run} by alice@laptop of" in said(page)
    assert "which this journal does not know as this pair's: somebody is moving it; ask them" in said(page)
    first, *more = next_of(page)
    assert first == "hamr status sim --watch"
    assert all("--override alone=REASON" in step for step in more if step.startswith("hamr run"))
    plan = lab.run("plan", "sim", "--to", "PASSIVE", env=other).stdout
    assert next_of(plan)[0] == "hamr status sim --watch"
    assert f"carries the stamp of run {run}" in said(plan)
    documents = [
        lab.run(*words, "--json", env=other).stdout
        for words in (("status", "sim"), ("plan", "sim", "--to", "PASSIVE"))
    ]
    assert all(f'"run": "{run}"' in document and '"by": "alice@laptop"' in document for document in documents)
    assert '"hamr status sim --watch"' in documents[0]


def next_of(page: str) -> list[str]:
    """The commands under *Next*."""
    return [line.strip() for line in page.partition("\nNext\n")[2].splitlines() if line.strip()]


def seen(role: Role, by: str, ago: timedelta, server: timedelta = timedelta(0)) -> Reading:
    """A record that was changed so long ago, from a server whose clock is off."""
    changed = record(role, by=by)
    changed = type(changed)(
        changed.org_uuid, changed.status, changed.is_primary, by, NOW + server - ago,
        changed.target_uuid, changed.target_name, changed.target_datacenter,
    )  # fmt: skip
    return Reading(role, Present(changed, Status.PASSIVE), NOW, 0.0, Exchange(0.1, 200, NOW + server, "r"))


STAMP = "alice+hamr-20260528-163000-k3f9-2@laptop"


@pytest.mark.parametrize(
    ("by", "ago", "server", "expected"),
    [
        (STAMP, timedelta(seconds=40), timedelta(0), 40.0),
        (STAMP, timedelta(seconds=40), timedelta(days=3), 40.0),
        (STAMP, timedelta(minutes=9, seconds=59), timedelta(0), 599.0),
        (STAMP, timedelta(minutes=10), timedelta(0), None),
        (STAMP, timedelta(minutes=-5), timedelta(0), 0.0),
        ("alice@example.com", timedelta(seconds=1), timedelta(0), None),
    ],
)
def test_law_20_a_stamp_is_young_by_the_servers_clock(
    by: str, ago: timedelta, server: timedelta, expected: float | None
) -> None:
    found = strangers(Both(reading(P), seen(S, by, ago, server)), (), NOW)
    assert [one.seconds for one in found] == ([] if expected is None else [expected])
    assert strangers(Both(reading(P), seen(S, by, ago, server)), {"20260528-163000-k3f9"}, NOW) == ()


def test_law_20_whoever_goes_over_a_stranger_does_it_by_name() -> None:
    found = (Stranger(S, "r", "alice@laptop", None),)
    steps = (step("hamr run 'a pair' --to ACTIVE"), step("hamr plan 'a pair' --to ACTIVE"))
    assert typed(after_asking(steps, "a pair", found)) == (
        "hamr status 'a pair' --watch",
        "hamr run 'a pair' --to ACTIVE --override alone=REASON",
        "hamr plan 'a pair' --to ACTIVE",
    )
    assert after_asking(steps, "a pair", ()) == steps
