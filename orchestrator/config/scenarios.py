"""Scenarios: YAML → Scenario, checked as a whole, and the scenarios that ship with hamr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from orchestrator.errors import UsageError
from orchestrator.model.scenario import Scenario

from .compose import compose
from .fit import fit
from .nodes import Document, bounded
from .scenario_checks import scenario_findings
from .scenario_shape import ScenarioShape
from .source import read_text
from .wording import did_you_mean, shown


def load_scenario(name_or_path: str, *, folder: Path = Path()) -> Scenario:
    """Read a scenario from a file, or by name.

    Args:
        name_or_path: a path; or a bare name, which is scenarios/NAME.yaml or NAME.yaml in `folder`, else the scenario
            of that name that ships with hamr.
        folder: where bare names and relative paths are looked for: the working directory.

    Raises:
        UsageError: there is no scenario of that name.
        DocumentError: it cannot be read, or is no scenario; with all its problems at once.
    """
    path = find_scenario(name_or_path, folder)
    return parse_scenario(read_text(path), str(path))


def find_scenario(name_or_path: str, folder: Path = Path()) -> Path:
    """The file that a name or path means; see `load_scenario`.

    Raises:
        UsageError: there is no scenario of that name.
    """
    if "/" in name_or_path or "\\" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return folder / name_or_path
    shipped = shipped_scenarios()
    for path in (folder / "scenarios" / f"{name_or_path}.yaml", folder / f"{name_or_path}.yaml"):
        if name_or_path and "\0" not in name_or_path and path.is_file():
            return path
    if name_or_path in shipped:
        return shipped[name_or_path]
    raise UsageError(
        f"There is no scenario {shown(name_or_path)}: no {shown(name_or_path + '.yaml')} in this folder or its folder "
        f"scenarios, and none of that name ships with hamr{did_you_mean(name_or_path, shipped) or '.'} "
        f"Shipped: {', '.join(shipped)}.",
        next_steps=("hamr drill run --help",),
    )


def shipped_scenarios() -> Mapping[str, Path]:
    """The scenarios that come with hamr, by name: from the installed package, else from the checkout."""
    package = Path(__file__).resolve().parent.parent
    folder = package / "shipped" / "scenarios"
    if not folder.is_dir():
        folder = package.parent / "playbooks" / "scenarios"
    return MappingProxyType({path.stem: path for path in sorted(folder.glob("*.yaml"))})


def parse_scenario(text: str, file: str) -> Scenario:
    """Read a scenario from its text; `file` is its path, for messages.

    Raises:
        DocumentError: it is no scenario; with all its problems at once.
    """
    return read_scenario(compose(text, file), text)


def read_scenario(document: Document, text: str) -> Scenario:
    """Read a scenario from a composed document and the text that it was composed from; see `parse_scenario`."""
    scenario: Scenario = fit(ScenarioShape, document).noun(bounded(scenario_findings(document)))
    return replace(scenario, text=text, path=document.file)
