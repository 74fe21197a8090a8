"""What becomes of a POST: lost, late, refused and applied all the same, cut off by a kill, or overtaken by a stranger."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Hamr
from tests.attack.region import ACTIVE, FAILOVER, PASSIVE, RECOVERY, Answer, Pair, context

STILL_COMES = re.compile(
    r"(may|might|could) (still |yet )?(turn up|arrive|take effect|be applied|land|come|show)"
)
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
@pytest.mark.parametrize("at_get", [4, 9])
def test_a_run_killed_at_any_get_leads_on_by_what_status_says_to_type(
    pair: Pair, anna: Hamr, at_get: int
) -> None:
    anna.killed_run("ACTIVE", at_get=at_get)
    anna.follow(anna.status(), [AWAY, HOME])


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


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [2, 3])
def test_a_stranger_at_the_other_org_between_a_get_and_its_post_stops_the_run(
    pair: Pair, anna: Hamr, n: int
) -> None:
    other = "primary" if n % 2 else "secondary"
    pair.on("POST", Answer(before=lambda: pair.stranger(other, RECOVERY)), n=n)
    anna.run("ACTIVE", code=4)
    assert pair.count("posted") == n


@pytest.mark.nightly
def test_a_post_whose_new_connection_takes_six_seconds_is_not_applied_over_a_stranger(
    tmp_path: Path, certificate: Path
) -> None:
    with Pair(tls=context(certificate)) as pair:
        for region in pair.regions.values():
            region.close_each = True
        patient = PLAIN.replace("{connect: 2s, read: 3s, total: 6s}", "{connect: 15s, read: 15s, total: 20s}")
        anna = Hamr(pair, tmp_path, playbook=patient)
        anna.env["SSL_CERT_FILE"] = str(certificate)
        slow: list[int] = []

        def greet(_number: int, _role: str) -> float:
            """The first connection to the secondary after both orgs were read is slow, and a stranger uses the time."""
            if pair.count("shown") < 2 or slow:
                return 0.0
            slow.append(1)
            pair.stranger("secondary", RECOVERY)
            return 6.5

        pair.secondary.greet = greet
        ended = anna.run("ACTIVE")
        assert slow
        laws.never_wrote_over_a_stranger(pair)
        assert ended.code in {1, 3, 4, 6}, f"{ended}\n{pair.tell()}"
        assert pair.secondary.record is not None
        assert pair.secondary.record.writer == "stranger", pair.tell()


@pytest.mark.nightly
@pytest.mark.parametrize("code", [504], ids=str)
def test_an_attempt_given_up_may_still_turn_up_and_the_end_of_the_run_and_status_say_so(
    pair: Pair, anna: Hamr, code: int
) -> None:
    pair.on("POST", Answer(code, apply=False), n=1)
    ended = anna.run("ACTIVE", code=0, stands=AWAY)
    assert STILL_COMES.search(ended.words), str(ended)
    status = anna.status()
    assert STILL_COMES.search(status.words), str(status)


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


@pytest.mark.nightly
def test_an_attempt_that_comes_late_in_the_middle_of_the_run_is_put_right_once(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("POST", Answer(504, apply=False), n=1)
    pair.on("POST", Answer(after=lambda: pair.late(1)), n=4)
    ended = anna.run("ACTIVE")
    assert "somebody else" not in ended.words, f"{ended}\n{pair.tell()}"
    anna.follow(ended, [AWAY])


@pytest.mark.parametrize("comes", [False, True])
def test_an_unknown_write_that_a_new_run_accepts_by_name_is_told_at_its_end_or_put_right(
    pair: Pair, anna: Hamr, comes: bool
) -> None:
    pair.on("POST", Answer(504, apply=False), n=1, times=2)
    anna.run("ACTIVE", code=7, posted=2)
    pair.on("POST", Answer(after=lambda: pair.late(1) if comes else None), n=6)
    ended = anna.run("ACTIVE", "--override", "unknown=attack", code=0, posted=6 + comes, stands=AWAY)
    assert STILL_COMES.search(ended.words), str(ended)


@pytest.mark.nightly
def test_an_attempt_that_comes_late_twice_ends_in_a_word_that_leads_on(pair: Pair, anna: Hamr) -> None:
    pair.on("POST", Answer(504, apply=False), n=1)
    pair.on("POST", Answer(after=lambda: pair.late(1)), n=4, times=2)
    ended = anna.run("ACTIVE")
    assert ended.code in {0, 4, 6, 7}, f"{ended}\n{pair.tell()}"
    anna.follow(ended, [AWAY, HOME])


@pytest.mark.sample(2)
@pytest.mark.parametrize(("code", "n"), [(302, 1), (403, 1), (403, 2), (409, 2), (429, 1), (429, 2)])
def test_a_write_that_was_applied_though_it_was_refused_is_recognised_as_ours(
    pair: Pair, anna: Hamr, code: int, n: int
) -> None:
    headers = {302: (("Location", "https://login.example/"),), 429: (("X-RateLimit-Reset", "1"),)}
    pair.on("POST", Answer(code, headers=headers.get(code, ())), n=n)
    ended = anna.run("ACTIVE")
    assert "somebody else" not in ended.words, f"{ended}\n{pair.tell()}"
    typed = anna.follow(ended, [AWAY])
    assert "somebody else" not in typed[-1].words, str(typed[-1])


@pytest.mark.sample(1)
@pytest.mark.parametrize(("n", "drop"), [(1, "close"), (2, "reset"), (4, "early")])
def test_an_answer_that_is_lost_after_applying_is_found_by_reading_and_not_sent_again(
    pair: Pair, anna: Hamr, n: int, drop: str
) -> None:
    pair.on("POST", Answer(drop=drop), n=n)  # type: ignore[arg-type]
    anna.run("ACTIVE", code=0, stands=AWAY, posted=4)


def test_a_write_that_is_applied_a_while_after_its_connection_broke_is_waited_for(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("POST", Answer(apply=0.8, drop="reset"), n=2)
    anna.run("ACTIVE", code=0, stands=AWAY, posted=4)


SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t c, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int r = real(c, t);
  if (c == CLOCK_REALTIME) t->tv_sec += 3600;
  return r;
}
time_t time(time_t *p) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (p) *p = t.tv_sec;
  return t.tv_sec;
}
"""


def test_a_resume_on_a_machine_whose_clock_is_ahead_waits_for_the_write_in_flight(
    pair: Pair, anna: Hamr, tmp_path: Path
) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler to make a clock that is ahead with")
    source, shim = tmp_path / "ahead.c", tmp_path / "ahead.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"], check=True)
    anna.playbook.write_text(PLAIN.replace("within: 1500ms", "within: 8s"))
    anna.killed_run("ACTIVE", at_post=1, applied=False)
    arrives = threading.Timer(0.4, pair.late, [1])
    pair.next_gets(Answer(after=arrives.start), role="secondary")
    anna.env["LD_PRELOAD"] = str(shim)
    ended = anna.resume()
    del anna.env["LD_PRELOAD"]
    assert (ended.code, pair.stands, pair.count("posted")) == (0, AWAY, 4), f"{ended}\n{pair.tell()}"


@pytest.mark.sample(1)
@pytest.mark.parametrize("code", [204, 206], ids=str)
def test_an_odd_success_of_a_post_is_settled_by_reading(pair: Pair, anna: Hamr, code: int) -> None:
    pair.on("POST", Answer(code), n=1)
    anna.run("ACTIVE", code=0, stands=AWAY)


def test_a_success_whose_body_says_errors_is_no_more_than_an_answer(pair: Pair, anna: Hamr) -> None:
    pair.on("POST", Answer(200, '{"errors": ["not really"]}', apply=False), n=1)
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY, HOME])


def test_a_write_answered_with_a_hundred_and_three_first_is_no_trouble(pair: Pair, anna: Hamr) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    final = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    pair.on("POST", Answer(raw=early + final), n=1)
    anna.run("ACTIVE", code=0, stands=AWAY, posted=4)


def test_a_write_that_the_server_says_yes_to_and_drops_ends_as_unknown_and_is_never_done(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("POST", Answer(200, "{}", apply=False), n=4, times=9)
    ended = anna.run("ACTIVE")
    assert ended.code in {6, 7}, f"{ended}\n{pair.tell()}"
    assert anna("status", PAIR).code == 7


def test_two_resumes_at_once_send_each_write_once(pair: Pair, anna: Hamr) -> None:
    anna.killed_run("ACTIVE", at_post=2, applied=True)
    both = [anna.start("resume", PAIR, "--yes") for _ in range(2)]
    codes = sorted(each.wait().code for each in both)
    # The second one waits for the lock, or finds the run ended: done, unknown by that name, or not open any more.
    assert codes in ([0, 5], [0, 0], [0, 2], [0, 4]), f"{codes}\n{pair.tell()}"
    assert (pair.stands, pair.count("applied")) == (AWAY, 4), pair.tell()
