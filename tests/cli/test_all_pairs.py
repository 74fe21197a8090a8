"""`hamr status` without a pair: every pair of the inventory over real sockets, and nothing that one of them lacks ends it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator

import pytest

from tests.many_pairs import SIDES, ManyPairs, served

from .lab import Lab


@pytest.fixture
def many(lab: Lab) -> Iterator[ManyPairs]:
    """Forty pairs, in the place of the lab's own one."""
    context = served(ManyPairs(40, latency=0.02))
    found = asyncio.run_coroutine_threadsafe(context.__aenter__(), lab.loop).result(5)
    found.write_inventory(lab.folder / "many.yaml")
    lab.env["HAMR_PAIRS"] = str(lab.folder / "many.yaml")
    yield found
    asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), lab.loop).result(5)


def rows(stdout: str) -> dict[str, list[str]]:
    """The words of each pair's line, by the pair."""
    found = [each[1:].split() for each in stdout.splitlines() if each[:3] in ("   ", "*  ")]
    return {words[0]: words[1:] for words in found if words[0].startswith(("pair-", "sim", "far"))}


def test_every_pair_is_asked_with_its_own_keys_so_many_at_once_and_over_few_connections(
    lab: Lab, many: ManyPairs
) -> None:
    many.statuses[7] = 4
    shown = lab.run("status", code=0).stdout
    found = rows(shown)
    assert list(found) == [f"pair-{number}" for number in range(40)]
    assert [pair for pair, words in found.items() if words[0] != "PASSIVE"] == ["pair-7"]
    assert found["pair-7"] == ["ACTIVE", "3", "h", "7", "min", "not", "known", "plan", "--to", "PASSIVE"]
    assert "\n39 PASSIVE, 1 ACTIVE\n" in shown
    assert sorted(many.asked) == sorted(
        ("GET", path, number, role)
        for number in range(40)
        for role in SIDES
        for path in ("/api/v2/hamr", "/api/v2/validate")
    )
    assert 8 < many.most_at_once <= 16
    assert many.connections <= 4 * 16
    assert max(map(len, shown.splitlines())) <= 80


def test_law_02_it_writes_nothing_anywhere(lab: Lab, many: ManyPairs) -> None:
    before = sorted(lab.folder.rglob("*"))
    lab.run("status", code=0)
    assert {method for method, *_ in many.asked} == {"GET"}
    assert sorted(lab.folder.rglob("*")) == before


def test_what_one_pair_lacks_is_that_pairs_line(lab: Lab, many: ManyPairs) -> None:
    (lab.folder / "many.keys" / "3-primary-app").unlink()
    many.answers[4] = 500
    many.answers[5] = 403
    many.statuses[6] = 9
    shown = lab.run("status", code=0).stdout
    found = rows(shown)
    assert {pair: words[0] for pair, words in found.items() if words[0] != "PASSIVE"} == {
        "pair-3": "hampered",
        "pair-4": "dark",
        "pair-5": "denied",
        "pair-6": "unrecognised",
    }
    assert list(found)[:5] == ["pair-3", "pair-4", "pair-5", "pair-6", "pair-0"]
    assert "4 of 40 come first: not agreed, or something is open, owed, locked or renamed." in shown


def test_the_document_has_each_pairs_own_as_when_it_is_asked_alone(lab: Lab, many: ManyPairs) -> None:
    many.statuses[1] = 3
    document = lab.json("status", "--journal", "j.db")
    alone = lab.json("status", "pair-1", "--journal", "j.db")
    assert (document["schema"], document["exit_code"], document["counts"]) == (
        "hamr/pairs/1",
        0,
        {"PASSIVE": 39, "FAILOVER": 1},
    )
    assert [each["pair"] for each in document["pairs"]] == [f"pair-{number}" for number in range(40)]
    among = document["pairs"][1]
    assert among.keys() == alone.keys()
    same = ("schema", "pair", "phase", "sentence", "next", "mirrors", "journal", "head")
    assert {key: among[key] for key in same} == {key: alone[key] for key in same}
    assert all("--journal j.db" in step["command"] for step in among["next"])


def both(lab: Lab, many: ManyPairs) -> None:
    """The lab's pair and three of the many in one inventory."""
    many.pairs = 3
    more = lab.folder / "three.yaml"
    many.write_inventory(more)
    own = (lab.folder / "pairs.yaml").read_text()
    (lab.folder / "all.yaml").write_text(own + more.read_text().split("pairs:\n", 1)[1])
    lab.env["HAMR_PAIRS"] = str(lab.folder / "all.yaml")


def test_it_exits_by_the_worst_and_says_of_each_what_is_owed_and_next(lab: Lab, many: ManyPairs) -> None:
    both(lab, many)
    lab.run("status", code=0)
    lab.left_owing()
    shown = lab.run("status", code=8).stdout
    found = rows(shown)
    assert list(found) == ["sim", "pair-0", "pair-1", "pair-2"]
    assert found["sim"][0] == "behind(primary)"
    assert found["sim"][-3:] == ["primary", "owed", "resume"]
    assert found["pair-0"][-4:] == ["-", "plan", "--to", "ACTIVE"]
    assert lab.json("status", code=8)["need_person"] == ["sim"]


FAR = """\
  far:
    primary:
      {name: A, uuid: 3d5e1a70-9b1c-4f7e-8a34-51c2d0e7aa01, site: us1, api_key: {env: A}, app_key: {env: B}}
    secondary:
      {name: B, uuid: 3d5e1a70-9b1c-4f7e-8a34-51c2d0e7aa02, site: eu1, api_key: {env: C}, app_key: {env: D}}
"""


def test_an_error_of_one_pair_is_its_line_and_counts_for_the_exit_code(lab: Lab, many: ManyPairs) -> None:
    both(lab, many)
    with (lab.folder / "all.yaml").open("a") as file:
        file.write(FAR)
    env = {"HTTPS_PROXY": "ftp://proxy.example:21"}
    shown = lab.run("status", code=1, env=env).stdout
    found = rows(shown)
    assert list(found) == ["far", "sim", "pair-0", "pair-1", "pair-2"]
    assert found["far"] == ["not", "read", "-", "-", "unset", "HTTPS_PROXY"]
    assert "\nNot read\n  - far: The proxy for https://api.datadoghq.com (HTTPS_PROXY)" in shown
    document = json.loads(lab.run("status", "--json", code=1, env=env).stdout)
    failed = document["pairs"][-1]
    assert (failed["schema"], failed["pair"], failed["exit_code"]) == ("hamr/error/1", "far", 1)


def test_a_journal_that_was_changed_is_believed_for_no_pair(lab: Lab, many: ManyPairs) -> None:
    both(lab, many)
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    with lab.journal.open("r+b") as file:
        content = file.read()
        place = (
            content.index(b"agreed(PASSIVE)") if b"agreed(PASSIVE)" in content else content.index(b"declare")
        )
        file.seek(place)
        file.write(b"X")
    assert "The journal is damaged." in lab.run("status", code=9).stderr


def test_of_an_inventory_with_one_pair_it_is_that_pair(lab: Lab) -> None:
    assert lab.json("status")["pair"] == "sim"
    assert lab.run("status", code=0).stdout.startswith("Pair sim, ")
    assert "hamr status --watch 5" in lab.run("status", "--watch", "0", code=2).stderr


def test_watching_in_a_pipe_prints_the_lines_that_changed(lab: Lab, many: ManyPairs) -> None:
    watching = lab.start("status", "--watch", "0.5", stdout=-1)
    assert watching.stdout is not None
    first = list(iter(watching.stdout.readline, "Again in 0.5 s; Ctrl-C ends it.\n"))
    assert first[0].startswith("40 pairs, ")
    assert watching.stdout.readline() == "\n"
    many.statuses[11] = 3
    at, changed = watching.stdout.readline(), watching.stdout.readline()
    assert at.strip().endswith(" UTC")
    assert changed.split()[:2] == ["*", "pair-11"]
    while " FAILOVER " not in changed:  # a look that came between had one org as it was before
        at, changed = watching.stdout.readline(), watching.stdout.readline()
        assert changed.split()[:2] == ["*", "pair-11"]
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == 130
    assert watching.stdout.read() == ""
    watching.stdout.close()


def test_watching_as_json_is_a_document_on_each_line(lab: Lab, many: ManyPairs) -> None:
    watching = lab.start("status", "--watch=0.5", "--json", stdout=-1)
    assert watching.stdout is not None
    looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
    assert [look["counts"] for look in looks] == [{"PASSIVE": 40}] * 2
    watching.stdout.close()
    assert watching.wait(10) == 0
