"""The pages about faults and about what was proven name what is there, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.config.faults import Fault, tags_of
from orchestrator.config.scenarios import parse_fault_script
from orchestrator.config.schema import keys_in, keys_of
from tests.incidents.invariants import INVARIANTS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_fault_and_key_is_documented_and_the_example_is_read() -> None:
    text = (DOCS / "reference" / "fault-scripts.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)) == {*keys_in(keys_of(Fault))}
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert list(tags_of(*(type(each.kind) for each in parse_fault_script(example[1], "example.yaml")))) == [
        "answer_lost",
        "region_dark",
        "throttle",
        "metric",
        "metric",
    ]


def test_every_invariant_is_documented() -> None:
    text = (DOCS / "explanation" / "what-was-proven.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == list(INVARIANTS)
