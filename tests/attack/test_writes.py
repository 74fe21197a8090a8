"""What becomes of a POST: lost, late, refused and applied all the same, cut off by a kill, or overtaken by a stranger."""

from __future__ import annotations

import pytest

from tests.attack.hamr import PAIR, Hamr
from tests.attack.region import ACTIVE, FAILOVER, PASSIVE, RECOVERY, Answer, Pair

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)


@pytest.mark.sample(2)
@pytest.mark.parametrize(("at_post", "applied"), [(1, True), (2, True), (3, True), (1, False), (4, False)])
def test_a_run_killed_at_any_post_is_resumed_to_its_goal(
    pair: Pair, anna: Hamr, at_post: int, applied: bool
) -> None:
    anna.killed_run("ACTIVE", at_post=at_post, applied=applied)
    anna.resume(code=0, stands=AWAY)
    assert pair.count("applied") == 4, pair.tell()


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [1, 2])
def test_a_stranger_who_writes_the_org_just_written_stops_the_run_and_is_not_written_over(
    pair: Pair, anna: Hamr, n: int
) -> None:
    def write() -> None:
        pair.stranger(pair.posts[n - 1].role, RECOVERY)

    pair.on("POST", Answer(after=write), n=n)
    ended = anna.run("ACTIVE", code=4)
    assert "stranger" in ended.words
    assert pair.count("posted") == n
    again = anna.resume()
    assert again.code in {3, 4}, f"{again}\n{pair.tell()}"


def test_an_attempt_that_comes_late_after_the_end_is_called_ours_and_what_is_next_puts_it_right(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("POST", Answer(504, apply=False), n=1)
    assert anna.run("ACTIVE").code == 0
    pair.late(1)
    assert pair.stands == (ACTIVE, FAILOVER)
    status = anna.status()
    assert "foreign" not in status.words, str(status)
    assert "late" in status.words, str(status)
    anna.follow(status, [AWAY])


def test_a_write_answered_with_a_hundred_and_three_first_is_no_trouble(pair: Pair, anna: Hamr) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    final = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    pair.on("POST", Answer(raw=early + final), n=1)
    anna.run("ACTIVE", code=0, stands=AWAY, posted=4)


def test_two_resumes_at_once_send_each_write_once(pair: Pair, anna: Hamr) -> None:
    anna.killed_run("ACTIVE", at_post=2, applied=True)
    both = [anna.start("resume", PAIR, "--yes") for _ in range(2)]
    codes = sorted(each.wait().code for each in both)
    # The second one waits for the lock, or finds the run ended: done, unknown by that name, or not open any more.
    assert codes in ([0, 5], [0, 0], [0, 2], [0, 4]), f"{codes}\n{pair.tell()}"
    assert (pair.stands, pair.count("applied")) == (AWAY, 4), pair.tell()
