"""The pair's lock is not held while a person is asked (law 12), and whoever took the pair meanwhile is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import Conflict, ExitCode, HamrError, JournalUnavailable
from orchestrator.model.guard import Command, Compared, Guard, IfUnknown, Probe, Window
from orchestrator.model.org import Secret
from orchestrator.model.playbook import Hook, Manual, Playbook, Program, Question, Reply
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.run import resume, start
from tests.playbooks import changed
from tests.steps import typed

from .pairs import exits, quick_playbook, simulated

pytestmark = pytest.mark.anyio

BUTTON = Hook("button", Manual("Press the button."))


def with_button(transition: str = "declare") -> Playbook:
    return changed(quick_playbook(), transition, before=(BUTTON,))


def asking(playbook: Playbook) -> Playbook:
    """With a guard on transition declare that nobody but a person can tell the outcome of."""
    unsure = Guard("sure", Compared("dice"), if_unknown=IfUnknown.ASK)
    probe = Probe("dice", Command(("sh", "-c", "exit 2")))
    return replace(
        changed(playbook, "declare", guards=("sure",)),
        guards={**playbook.guards, "sure": unsure},
        probes={**playbook.probes, "dice": probe},
    )


def asked(answer: Callable[[Question], Awaitable[Reply | None]]) -> RunControl:
    return RunControl(asker=answer)


REQUEST = RunRequest("sim", Status.ACTIVE)


async def test_law_12_the_lock_is_let_go_while_a_person_is_asked(tmp_path: Path) -> None:
    async with simulated(tmp_path, playbook=with_button()) as bench:
        seen: list[object] = []

        async def answer(question: Question) -> Reply:
            seen.append(bench.session.store.holder("sim"))
            seen.append(question.text)
            open_run = bench.session.history().open_run
            seen.append(None if open_run is None else open_run.asking)
            return Reply(yes=True)

        result = exits(await start(bench.session, REQUEST, controls=asked(answer)), ExitCode.DONE)
        asked_for = "Before transition declare (PASSIVE → FAILOVER), by hand: Press the button."
        assert seen == [None, asked_for, asked_for]
        assert bench.session.history().runs[result.run].asking == ""
        kinds = [record.kind for record in bench.session.store.records(run=result.run)]
        first = kinds.index("person.asked")
        kinds = [kind for kind in kinds[first:] if not kind.startswith("notice.")]
        assert kinds[:4] == ["person.asked", "lock.released", "lock.taken", "person.answered"]
        assert kinds[-1] == "lock.released"
        assert bench.session.store.holder("sim") is None


async def test_law_12_another_run_that_took_the_pair_meanwhile_stops_this_one(tmp_path: Path) -> None:
    async with simulated(tmp_path, playbook=with_button("activate")) as bench:
        other = bench.other_session()
        other.playbook = quick_playbook()

        async def answer(_question: Question) -> Reply:
            exits(await start(other, RunRequest("sim", Status.PASSIVE)), ExitCode.DONE)
            return Reply(yes=True)

        result = exits(await start(bench.session, REQUEST, controls=asked(answer)), ExitCode.INCOMPLETE)
        assert "took the place of this run while it waited for an answer" in result.ending.message
        assert not result.resumable
        assert not [step for step in typed(result.ending.next_steps) if "hamr resume" in step]
        assert [post.split()[1] for post in bench.posts()] == ["3", "3", "2", "2"]


async def test_a_resumed_run_takes_the_place_of_other_open_ones_as_a_new_one_does(tmp_path: Path) -> None:
    """Else the older one would stay open, and resuming it would call this run's writes somebody else's."""
    async with simulated(tmp_path, playbook=with_button()) as bench:

        async def no(_question: Question) -> Reply:
            return Reply(yes=False, words="not now")

        async def yes(_question: Question) -> Reply:
            return Reply(yes=True)

        async def gone(_question: Question) -> Reply:
            raise HamrError("the terminal is gone")

        older = await start(bench.session, REQUEST, controls=asked(no))
        assert (older.exit_code, older.resumable) == (ExitCode.INCOMPLETE, True)
        bench.session.playbook = asking(quick_playbook())
        with pytest.raises(HamrError, match="the terminal is gone"):
            await start(bench.session, REQUEST, controls=asked(gone))
        newer = bench.open_run
        assert newer.run != older.run
        assert bench.session.history().runs[older.run].open
        exits(await resume(bench.session, newer, controls=asked(yes)), ExitCode.DONE)
        assert bench.session.history().runs[older.run].superseded_by == newer.run
        assert bench.session.history().open_run is None


async def test_law_12_whoever_is_answered_first_takes_the_place_of_a_run_that_began_while_both_were_asked(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path, playbook=with_button("activate")) as bench:
        other = bench.other_session()
        other.playbook = bench.session.playbook
        stands, both, first_is_done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def first(_question: Question) -> Reply:
            stands.set()
            await both.wait()
            return Reply(yes=True)

        async def second(_question: Question) -> Reply:
            both.set()
            await first_is_done.wait()
            return Reply(yes=True)

        bench.session.playbook = other.playbook = asking(bench.session.playbook)
        going = asyncio.create_task(start(bench.session, REQUEST, controls=asked(first)))
        await stands.wait()
        late = asyncio.create_task(start(other, REQUEST, controls=asked(second)))
        result = await going
        assert result.exit_code is ExitCode.DONE, result.ending
        first_is_done.set()
        with pytest.raises(Conflict, match=f"run {result.run} took the place of this run"):
            await late
        assert bench.session.history().open_run is None


async def test_law_17_a_key_in_an_answer_is_neither_journalled_nor_shown(tmp_path: Path) -> None:
    async with simulated(tmp_path, playbook=with_button()) as bench:
        bench.session.redactor.add(Secret("a-key-that-was-pasted-by-mistake"))

        async def answer(_question: Question) -> Reply:
            return Reply(yes=False, words="no: a-key-that-was-pasted-by-mistake")

        result = await start(bench.session, REQUEST, controls=asked(answer))
        assert (
            "ended as not done: no: [redacted]; nothing of this transition was written"
            in result.ending.message
        )


async def test_hooks_that_are_owed_are_run_by_resume(tmp_path: Path) -> None:
    """Real programs: the first time it fails, the second time it finds the file that the test has put there."""
    there = tmp_path / "there"
    hook = Hook("flip", Program(("test", "-e", str(there))))
    async with simulated(tmp_path, playbook=changed(quick_playbook(), "activate", after=(hook,))) as bench:
        result = await start(bench.session, REQUEST)
        assert (result.exit_code, result.resumable) == (ExitCode.OWING, True)
        assert result.hooks_owed == ("activate/flip",)
        assert typed(result.ending.next_steps) == (f"hamr resume {result.run}", f"hamr show {result.run}")
        history = bench.session.history()
        assert history.open_run is not None
        open_run = history.open_run.as_open_run()
        assert open_run is not None
        assert open_run.hooks_owed == ("activate/flip",)
        there.touch()
        posts = bench.posts()

        async def again(question: Question) -> Reply:
            assert (
                question.text
                == "Hook flip (after transition activate (FAILOVER → ACTIVE)) ended as failed. May it be run again?"
            )
            return Reply(yes=True)

        resumed = await resume(bench.session, history.open_run, controls=asked(again))
        assert (resumed.exit_code, resumed.hooks_owed) == (ExitCode.DONE, ())
        assert bench.posts() == posts
        assert bench.session.history().open_run is None


async def test_law_12_nobody_is_asked_where_the_lock_cannot_be_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: whoever came back from a long question would only find that out, with the pair held all the time."""
    async with simulated(tmp_path, playbook=with_button()) as bench:

        def full(*_: object) -> bool:
            raise JournalUnavailable("the journal cannot be written: no space left on device", sent="")

        async def answer(question: Question) -> Reply:
            raise AssertionError(f"asked all the same: {question.text}")

        monkeypatch.setattr(bench.session.store, "release", full)
        result = exits(await start(bench.session, REQUEST, controls=asked(answer)), ExitCode.INCOMPLETE)
        assert "no space left on device" in result.ending.message
        assert bench.posts() == []


async def test_a_run_that_finds_nothing_to_do_does_not_void_the_hooks_that_are_owed(tmp_path: Path) -> None:
    """The pair still stands where they belong: "done" here would have lost them without a word."""
    hook = Hook("flip", Program(("false",)))
    async with simulated(tmp_path, playbook=changed(quick_playbook(), "activate", after=(hook,))) as bench:
        first = exits(await start(bench.session, REQUEST), ExitCode.OWING)
        again = exits(await start(bench.session, REQUEST), ExitCode.OWING)
        assert f"hooks are still owed: activate/flip of run {first.run}" in again.ending.message
        assert again.hooks_owed == ("activate/flip",)
        assert typed(again.ending.next_steps) == (f"hamr resume {first.run}", f"hamr show {again.run}")
        assert not again.resumable
        open_run = bench.open_run
        assert (open_run.run, list(open_run.hooks_owed)) == (first.run, [("activate", "flip")])
        exits(await start(bench.session, RunRequest("sim", Status.PASSIVE)), ExitCode.DONE)
        assert bench.session.history().open_run is None


async def test_an_override_of_one_resumption_holds_for_the_rest_of_the_run(tmp_path: Path) -> None:
    """`settled` refuses the second transition; somebody resumes past it, is interrupted, and somebody else goes on."""
    playbook = changed(changed(quick_playbook(), guards=()), "activate", guards=("settled",))
    guards = {"settled": Guard("settled", Window("UTC", (), time(0), time(0)))}
    async with simulated(tmp_path, playbook=replace(playbook, guards=guards, probes={})) as bench:
        result = await start(bench.session, REQUEST)
        assert (result.exit_code, [each.guard for each in result.refused_by]) == (
            ExitCode.INCOMPLETE,
            ["settled"],
        )
        open_run = bench.open_run
        stopping = RunControl()
        stopping.interrupt(ExitCode.INTERRUPTED)
        stopped = await resume(bench.session, open_run, overrides={"settled": "CHG-1"}, controls=stopping)
        assert stopped.exit_code is ExitCode.INTERRUPTED
        open_run = bench.open_run
        again = exits(await resume(bench.session, open_run), ExitCode.DONE)
        assert [reason for _, reason in again.overridden] == ["CHG-1"]
