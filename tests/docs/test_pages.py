"""README and docs/: links lead somewhere, command lines are real ones, the laws have the tests that are named, what is named is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.config import load_playbook, parse_playbook
from orchestrator.config.faults import Fault, tags_of
from orchestrator.config.scenarios import parse_fault_script
from orchestrator.config.schema import keys_in, keys_of
from orchestrator.model.status import Status
from orchestrator.report.graph import mermaid
from tests.incidents.invariants import INVARIANTS

from . import rooms
from .command_lines import CommandLine, command_lines, complaint
from .laws import files_that_hold, filled, laws

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
COMMANDS = [line for page, text in PAGES.items() for line in command_lines(page, text)]


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links() -> list[tuple[str, str]]:
    return [
        (page, target)
        for page, text in PAGES.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text))
        if not target.startswith("https://")
    ]


def test_every_link_leads_to_a_file_and_a_heading_that_exist() -> None:
    headings = {(ROOT / page).resolve(): anchors(text) for page, text in PAGES.items()}
    nowhere = []
    for page, target in links():
        name, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / name if name else ROOT / page).resolve()
        if not file.exists() or (anchor and anchor not in headings[file]):
            nowhere.append(f"{page} links to {target}")
    assert nowhere == []


def test_the_index_leads_to_every_page() -> None:
    linked = {
        str(((ROOT / page).parent / target.partition("#")[0]).resolve().relative_to(ROOT))
        for page, target in links()
        if page == "docs/README.md"
    }
    assert {page for page in PAGES if page.startswith("docs/")} - linked == {"docs/README.md"}


def test_every_command_line_is_one_that_hamr_takes() -> None:
    assert len(COMMANDS) > 500
    assert [f"{line}: {why}" for line in COMMANDS if (why := complaint(line)) is not None] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hamr runn payments --to ACTIVE", "no command runn"),
        ("hamr run payments --too ACTIVE", "--too"),
        ("hamr run payments", "to is missing"),
        ("hamr status payments passive", "more arguments"),
        ("hamr adopt payments --truth third --reason x", "third"),
        ("hamr audit verfy", "no command verfy"),
    ],
)
def test_a_command_line_that_hamr_does_not_take_is_found(text: str, why: str) -> None:
    assert why in (complaint(CommandLine("page", 1, text, whole=True)) or "")


def test_command_lines_are_found_in_blocks_and_in_sentences() -> None:
    text = "Type `hamr runs`, or:\n\n    hamr show RUN\n\n```text\n$ hamr status sim\nPair sim\n```\nNot `hamrs`.\n"
    found = [(line.line, line.text, line.whole) for line in command_lines("page", text)]
    assert found == [(1, "hamr runs", False), (3, "hamr show RUN", True), (6, "hamr status sim", True)]


def test_every_goal_that_is_named_is_a_status() -> None:
    named = [word for line in COMMANDS for word in re.findall(r"--(?:to|assume|status)[ =](\w+)", line.text)]
    assert len(named) > 50
    assert set(named) - {"STATUS"} <= set(Status.__members__)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for text in PAGES.values()
        for targets_named in re.findall(r"(?:`|^    )make ([a-z -]+?)(?:`|\s*#|$)", text, re.MULTILINE)
        for target in targets_named.split()
    }
    assert {"demo", "test", "bench"} <= named
    assert named <= targets


def test_the_picture_of_the_playbook_is_the_shipped_ones() -> None:
    drawn = re.findall(
        r"^```mermaid\n(.*?)^```", PAGES["docs/reference/playbook.md"], re.DOTALL | re.MULTILINE
    )
    assert drawn == [mermaid(load_playbook(str(ROOT / "playbooks" / "regional-failover.yaml")))]


def test_what_the_how_tos_promise_to_be_seen_is_what_the_program_says() -> None:
    program = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "orchestrator").rglob("*.py")))
    promised = {
        (page, phrase.partition("(")[0])
        for page, text in PAGES.items()
        for sentence in re.findall(r"should see ([^.]*?`[^.]*)", text)
        for phrase in re.findall(r"`([^`]+)`", sentence)
    }
    assert len(promised) >= 8
    assert {(page, phrase) for page, phrase in promised if phrase.strip(".") not in program} == set()


def test_the_design_names_files_that_exist() -> None:
    code = re.findall(r"`([\w/]+(?:\.py|/))`", PAGES["docs/explanation/design.md"])
    assert len(code) > 40
    assert [
        name for name in code if not (ROOT / name).exists() and not (ROOT / "orchestrator" / name).exists()
    ] == []


DESIGN = PAGES["docs/explanation/design.md"]


def test_the_files_that_the_design_page_names_for_a_law_hold_it() -> None:
    """Where this fails, `python -m tests.docs.laws` writes what is true into the page."""
    assert list(laws(DESIGN).items()) == [(law, files_that_hold(law)) for law in range(1, 22)]
    assert filled(DESIGN) == DESIGN


def test_the_picture_of_the_rooms_is_drawn_from_their_imports() -> None:
    """`python -m tests.docs.rooms` draws it."""
    assert rooms.drawn(rooms.rooms()) in DESIGN
    assert rooms.drawn({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == (
        "```mermaid\nflowchart TD\n    a --> b\n    b --> c\n```\n"
    )


# The page about what a failover needs beyond the status


BEYOND = (ROOT / "docs" / "explanation" / "beyond-the-status.md").read_text("utf-8")
SHIPPED = (ROOT / "playbooks" / "regional-failover.yaml").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", BEYOND, re.DOTALL)


def test_every_part_that_a_playbook_covers_has_an_example() -> None:
    parts = re.split(r"^## ", BEYOND, flags=re.MULTILINE)[1:]
    with_example = [part.partition("\n")[0] for part in parts if "```yaml" in part]
    assert with_example == [
        "Is the secondary well?",
        "Not by Datadog alone",
        "The sync of resources",
        "Traffic: Agents, DNS, integrations",
        "Has it arrived?",
        "Who would be paged?",
    ]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_right_in_a_playbook(text: str) -> None:
    assert parse_playbook(f"schema: 1\nname: x\n{text}", "f").transitions


def test_the_checklists_name_guards_and_hooks_that_the_shipped_playbook_has() -> None:
    lists = BEYOND.partition("## Checklist: out")[2]
    named = {
        name
        for kind, names in re.findall(r"\((guards?|hooks?) ([^)]*)\)", lists)
        for name in re.findall(r"`([a-z_-]+)`", names)
        if kind
    }
    assert len(named) > 10
    # Guards by their key, hooks by their `name:`, commented ones too.
    missing = {name for name in named if f"  {name}:\n" not in SHIPPED and f"name: {name}," not in SHIPPED}
    assert missing == set()


# The pages about faults and about what was proven


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
