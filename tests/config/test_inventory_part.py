"""One pair of a large inventory is read alone, and is the same pair; where that can't be told, the whole is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import load_inventory, load_pair, pair_names
from orchestrator.config.inventory import LARGE
from orchestrator.config.inventory_part import part_of
from orchestrator.errors import DocumentError, UsageError

PAIR = """\
  {name}:
    # env: COMMENTED
    mirrors: false   # as we know
    pages: {{shop: "https://shop.example/{name}"}}
    primary: {{name: "{name} EU", uuid: {number:08x}-0000-4000-8000-000000000001, site: eu1, api_key: {{file: 'k'}}, app_key: {{"env":{up}_A}}}}
    secondary:
      name: {name} US
      uuid: {number:08x}-0000-4000-8000-000000000002
      url: https://us.example:8443
      datacenter: us1
      api_key:
        command:
          - op
          - "read"
      app_key: {{ env : '{up}_B' }}

"""


def inventory(pairs: int) -> str:
    return "---\nschema: 1\npairs:\n\n" + "".join(
        PAIR.format(name=f"pair-{number}", number=number, up=f"P{number}") for number in range(pairs)
    )


def test_a_pair_alone_is_the_pair_that_the_whole_inventory_has(tmp_path: Path) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(inventory(500))
    assert len(path.read_text()) > LARGE
    whole = {pair.name: pair for pair in load_inventory(path).pairs}
    for name in ("pair-0", "pair-7", "pair-499"):
        assert part_of(path.read_text(), name) is not None
        assert load_pair(path, name) == whole[name]
        assert {"P3_A", "P3_B"} <= whole[name].all_keys
        assert "COMMENTED" not in whole[name].all_keys
    assert pair_names(path) == tuple(whole)


def test_the_names_of_a_large_inventory_are_told_without_reading_what_stands_under_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(inventory(500).replace("uuid:", "uid:", 1))
    assert pair_names(path)[:2] == ("pair-0", "pair-1")
    path.write_text(inventory(500).replace("'", "&x '", 1))
    assert len(pair_names(path)) == 500
    path.write_text(inventory(1).replace("uuid:", "uid:", 1))
    with pytest.raises(DocumentError):
        pair_names(path)


def test_its_problems_stand_where_they_stand_in_the_file_and_no_other_pair_s_are_in_the_way(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(inventory(500).replace("P7_B", "P7 B").replace("P9_B", "P9 B"))
    assert load_pair(path, "pair-8").name == "pair-8"
    with pytest.raises(DocumentError) as caught:
        load_pair(path, "pair-9")
    with pytest.raises(DocumentError) as whole:
        load_inventory(path)
    (problem,) = caught.value.problems
    assert problem == whole.value.problems[1]


def test_an_org_that_stands_in_another_pair_too_is_told_and_a_pair_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(inventory(500).replace("00000009-0000", "00000007-0000"))
    with pytest.raises(DocumentError, match=r"stands in pairs\.pair-7\.primary already"):
        load_pair(path, "pair-7")
    path.write_text(inventory(500))
    with pytest.raises(UsageError, match="There is no pair"):
        load_pair(path, "pair-x")


@pytest.mark.parametrize(
    ("ordinary", "odd"),
    [
        ("name: pair-1 US", 'name: "pair-1\n  US"'),
        ("name: pair-1 US", "name: >\n        pair-1"),
        ("name: pair-1 US", "name: pair-1\n        US"),
        ("name: pair-1 US", "name: &a pair-1 US"),
        ("name: pair-1 US", "name: *a"),
        ("name: pair-1 US", "name: !!str pair-1"),
        ("name: pair-1 US", r'name: "\u0070"'),
        ("name: pair-1 US", "name: 'it''s\n  pair-2:'"),
        ("name: pair-1 US", "name: a\u2028b"),
        ("name: pair-1 US", "name: [a,\n b]"),
        ("name: pair-1 US", "? name\n      : a"),
        ("  pair-1:\n", '  "pair-1":\n'),
        ("  pair-1:\n", "  pair-2:\n"),
        ("  pair-1:\n", " pair-1:\n"),
        ("    mirrors", "\tmirrors"),
        ("schema: 1\n", "schema: 1\npairs:\n"),
        ("  pair-1:\n", "  pair-1: # first\n...\n---\n"),
    ],
)
def test_a_text_that_is_not_of_ordinary_lines_is_read_whole(ordinary: str, odd: str) -> None:
    text = inventory(3)
    assert ordinary in text
    assert part_of(text, "pair-2") is not None
    assert part_of(text.replace(ordinary, odd, 1), "pair-2") is None


@pytest.mark.parametrize(
    ("line", "odd"),
    [
        ("    primary: {name: 'b, c', site: us1}", False),
        ("    primary: {app_key: {env: B}, api_key: {command: [x'], timeout: 10s}, name: 'b]}}", True),
    ],
)
def test_a_quote_within_an_item_is_left_to_the_whole(line: str, odd: bool) -> None:
    text = inventory(3).replace("    mirrors: false   # as we know", line, 1)
    assert (part_of(text, "pair-1") is None) is odd


def test_an_org_in_flow_style_that_stands_in_two_pairs_is_left_to_the_whole() -> None:
    text = inventory(3).replace(
        "00000001-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000001"
    )
    assert [part_of(text, f"pair-{number}") is None for number in range(3)] == [True, True, False]
