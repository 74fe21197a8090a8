"""One pair of a large inventory is checked alone, and is the same pair; where that can't be told, the whole is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import load_inventory, load_pair, pair_names
from orchestrator.config.inventory import LARGE
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


@pytest.mark.parametrize("name", ["pair-0", "pair-7", "pair-499"])
def test_a_pair_alone_is_the_pair_that_the_whole_inventory_has(tmp_path: Path, name: str) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(inventory(500))
    assert len(path.read_text()) > LARGE
    (same,) = (pair for pair in load_inventory(path).pairs if pair.name == name)
    assert load_pair(path, name) == same
    assert {"P3_A", "P3_B"} <= same.all_keys
    assert "COMMENTED" not in same.all_keys
    assert pair_names(path) == tuple(pair.name for pair in load_inventory(path).pairs)


def test_the_names_are_told_without_looking_at_what_stands_under_them(tmp_path: Path) -> None:
    path = tmp_path / "pairs.yaml"
    for pairs in (2, 500):
        path.write_text(inventory(pairs).replace("uuid:", "uid:", 1) + '  "; x":\n')
        assert pair_names(path) == tuple(f"pair-{number}" for number in range(pairs))


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
    ("once", "twice", "told"),
    [
        ("  pair-9:\n", "  pair-7:\n", 'the key "pair-7" stands twice'),
        ("uuid: 00000009-", "uid: 00000007-", r"stands in pairs\.pair-7\.secondary already"),
        (
            "uuid: 00000009-0000-4000-8000-000000000002",
            "uuid: *a",
            r"stands in pairs\.pair-7\.secondary already",
        ),
    ],
)
def test_what_stands_twice_is_told_however_it_is_written(
    tmp_path: Path, once: str, twice: str, told: str
) -> None:
    path = tmp_path / "pairs.yaml"
    text = inventory(500).replace("uuid: 00000007", "uuid: &a 00000007")
    assert once in text
    path.write_text(text.replace(once, twice))
    with pytest.raises(DocumentError, match=told):
        load_pair(path, "pair-7")
