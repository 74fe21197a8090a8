"""What must be true of every story, held against the truth that the regions kept."""

from __future__ import annotations

import hashlib
import json

from tests.attack.hamr import Ended, Hamr
from tests.attack.region import ACTIVE, FAILOVER, ONBOARDING, PASSIVE, RECOVERY, Pair, Record

LEAVES_AFTER_READING = 5.0
SLACK = 0.25
STATUS = {
    "ONBOARDING": ONBOARDING,
    "PASSIVE": PASSIVE,
    "FAILOVER": FAILOVER,
    "ACTIVE": ACTIVE,
    "RECOVERY": RECOVERY,
}


def never_wrote_over_a_stranger(pair: Pair, *, accepted: tuple[Record, ...] = ()) -> None:
    """No write over a stranger's record that its sender had been shown, or read too long before to have missed it.

    `accepted` are those that a person has said yes to since.
    """
    fine = {record.version for record in accepted}
    for place, event in enumerate(pair.truth):
        if event.kind != "applied" or event.who == "stranger" or not event.over:
            continue
        over = event.over
        if over.writer != "stranger" or over.version in fine:
            continue
        before = [
            e for e in pair.truth[:place] if e.kind == "shown" and e.who == event.who and e.role == event.role
        ]
        shown = [
            e for e in before if e.record and e.record.version == over.version and e.moment <= event.began
        ]
        assert not shown, f"{event.stamp} was written over {over}, which it had been shown\n{pair.tell()}"
        last = max((e.began for e in before if e.moment <= event.began), default=0.0)
        written = next(e.moment for e in pair.truth if e.kind == "applied" and e.record == over)
        late = event.began - last
        assert written > event.began or late <= LEAVES_AFTER_READING + SLACK, (
            f"{event.stamp} left {late:.1f} s after its reading was asked for, over {over}\n{pair.tell()}"
        )


def nothing_left_on_an_old_reading(pair: Pair) -> None:
    """Each POST came in soon after a reading of its org had been asked for."""
    for place, event in enumerate(pair.truth):
        if event.kind == "posted":
            asked = [
                e.began
                for e in pair.truth[:place]
                if (e.kind, e.who, e.role) == ("shown", event.who, event.role) and e.moment <= event.began
            ]
            late = event.began - max(asked, default=0.0)
            assert late <= LEAVES_AFTER_READING + SLACK, (
                f"{event.stamp} left after {late:.1f} s\n{pair.tell()}"
            )


def done_means_there(pair: Pair, ended: Ended, goal: str) -> None:
    """Exit 0 of a run is said only where both orgs stand at the goal."""
    there = (STATUS[goal], STATUS[goal])
    assert ended.code != 0 or pair.stands == there, f"done, at {pair.stands}\n{ended}\n{pair.tell()}"


def every_write_was_intended(hamr: Hamr) -> None:
    """Every POST that came in has its intent, with its stamp, in the sender's journal, whose chain holds."""
    lines = hamr.exported()
    check_chain(lines)
    records = [json.loads(line) for line in lines]
    intended = {r["data"]["attempt"]["stamp"] for r in records if r["kind"] == "write.intended"}
    posted = [e.stamp for e in hamr.pair.truth if e.kind == "posted" and e.who == hamr.who]
    missing = set(posted) - intended
    assert not missing, f"sent without an intent in the journal: {missing}"


def check_chain(lines: list[str]) -> None:
    """The journal is a chain of hashes, as its documentation says; checked without the program."""
    previous = "0" * 64
    for count, line in enumerate(lines, 1):
        before, _, after = line.rpartition('"hash":"')
        actual = hashlib.sha256((before + after[66:]).encode()).hexdigest()
        record = json.loads(line)
        assert (record["seq"], record["prev"], record["hash"]) == (count, previous, actual), line
        previous = actual


def stamps_never_repeat(pair: Pair) -> None:
    """No two POSTs carry the same stamp."""
    stamps = [e.stamp.lower() for e in pair.truth if e.kind == "posted" and e.stamp]
    assert len(stamps) == len(set(stamps)), f"a stamp was used twice: {sorted(stamps)}"


def hold(hamr: Hamr, *, accepted: tuple[Record, ...] = ()) -> None:
    """All laws that hold at any time."""
    never_wrote_over_a_stranger(hamr.pair, accepted=accepted)
    stamps_never_repeat(hamr.pair)
    every_write_was_intended(hamr)
