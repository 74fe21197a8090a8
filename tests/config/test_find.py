"""Where the inventory is looked for, and a pair by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import find_inventory, pair_named, parse_inventory
from orchestrator.errors import UsageError

from .texts import INVENTORY


def test_the_option_goes_before_the_variable_and_that_before_the_folder(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml", "pairs.yaml"):
        (tmp_path / name).write_text(INVENTORY)
    environ = {"HAMR_PAIRS": str(tmp_path / "b.yaml")}
    assert find_inventory("a.yaml", environ, tmp_path) == tmp_path / "a.yaml"
    assert find_inventory(None, environ, tmp_path) == tmp_path / "b.yaml"
    assert find_inventory(None, {}, tmp_path) == tmp_path / "pairs.yaml"
    assert find_inventory(None, {"HAMR_PAIRS": ""}, tmp_path) == tmp_path / "pairs.yaml"


def test_without_any_inventory_the_way_to_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_inventory(None, {}, tmp_path)
    assert "`hamr init` writes one to start from" in caught.value.message
    assert caught.value.next_steps[0] == "hamr init"


@pytest.mark.parametrize(
    ("option", "variable", "by"), [("x.yaml", "", "--pairs"), (None, "x.yaml", "HAMR_PAIRS")]
)
def test_a_named_inventory_that_is_not_there_is_not_replaced_by_another(
    tmp_path: Path, option: str | None, variable: str, by: str
) -> None:
    (tmp_path / "pairs.yaml").write_text(INVENTORY)
    with pytest.raises(UsageError) as caught:
        find_inventory(option, {"HAMR_PAIRS": variable}, tmp_path)
    assert caught.value.message == f"There is no inventory at {tmp_path / 'x.yaml'} (named by {by})."


def test_a_pair_is_found_by_its_name() -> None:
    assert pair_named(parse_inventory(INVENTORY, "f"), "payments").name == "payments"


def test_an_unknown_pair_is_answered_with_the_near_one_and_the_list() -> None:
    second = INVENTORY.partition("pairs:\n")[2].replace("payments:", "orders:").replace("0e8400", "1e8400")
    inventory = parse_inventory(INVENTORY + second, "ops/pairs.yaml")
    with pytest.raises(UsageError) as caught:
        pair_named(inventory, "payment")
    assert caught.value.message == (
        'There is no pair "payment" in ops/pairs.yaml; did you mean "payments"? Its pairs: payments, orders.'
    )
    with pytest.raises(UsageError) as caught:
        pair_named(inventory, "zzz")
    assert caught.value.message == 'There is no pair "zzz" in ops/pairs.yaml. Its pairs: payments, orders.'
