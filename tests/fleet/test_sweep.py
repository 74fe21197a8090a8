"""What is mended when jobs and journal do not say the same."""

from __future__ import annotations

from orchestrator.fleet.sweep import Hint, QueuedJob, Sweep, sweep

A, B = Hint("f1", "a"), Hint("f1", "b")


def test_a_pair_without_a_job_is_told_of_again_and_one_with_a_job_is_not() -> None:
    assert sweep([A, B], [QueuedJob(7, A, doing=False)]) == Sweep(missing=(B,))


def test_a_job_that_is_being_done_is_a_job() -> None:
    assert sweep([A], [QueuedJob(7, A, doing=True, worker=1)]) == Sweep()


def test_the_job_of_a_worker_that_is_not_heard_of_goes_and_its_pair_is_told_of_again() -> None:
    silent = QueuedJob(7, A, doing=True, worker=1, heard=False)
    forgotten = QueuedJob(8, B, doing=True, worker=None)
    assert sweep([A, B], [silent, forgotten]) == Sweep((7, 8), (A, B))


def test_a_job_that_its_own_worker_is_not_at_goes() -> None:
    assert sweep([A], [QueuedJob(7, A, doing=True, worker=1)], {7}) == Sweep((7,), (A,))


def test_the_same_pair_of_another_fleet_run_is_another_job() -> None:
    assert sweep([A], [QueuedJob(7, Hint("f2", "a"), doing=False)]) == Sweep(missing=(A,))


def test_a_lost_duty_goes_and_is_not_told_of_again() -> None:
    assert sweep([], [QueuedJob(7, None, doing=True, worker=1, heard=False)]) == Sweep((7,))


def test_jobs_that_nobody_wants_any_more_are_left_to_find_nothing_to_do() -> None:
    assert sweep([], [QueuedJob(7, A, doing=False), QueuedJob(8, B, doing=True, worker=1)]) == Sweep()
