"""Scenarios: YAML → Scenario, checked as a whole, and the scenarios that ship with hamr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from orchestrator.errors import DocumentError, UsageError
from orchestrator.model.scenario import (
    At,
    ComesBack,
    Deed,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    Regions,
    Scenario,
    ScenarioStep,
    SomebodyWrites,
    Waits,
)
from orchestrator.model.status import Status

from .compose import compose
from .fault_scripts import faults_from
from .fit import fit
from .nodes import Document, bounded
from .scenario_checks import scenario_findings
from .scenario_shape import (
    DeedShape,
    ExpectShape,
    MeanwhileShape,
    RegionsShape,
    ScenarioShape,
    StepShape,
    WaitsShape,
)
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
    fitted = fit(ScenarioShape, document)
    problems = document.problems_with([*fitted.findings, *bounded(scenario_findings(document))])
    if problems or fitted.shape is None:
        raise DocumentError(problems)
    return _scenario(fitted.shape, text, document.file)


def _scenario(shape: ScenarioShape, text: str, path: str) -> Scenario:
    home = shape.simulator.status
    names: set[str] = {step.name for step in shape.steps if step.name is not None}
    steps = []
    for step in shape.steps:
        name = step.name or _free(_usual_name(_deed(step), home), names)
        names.add(name)
        steps.append(_step(step, name, home))
    return Scenario(
        name=shape.name,
        summary=shape.summary or "",
        playbook=shape.playbook or "",
        goal=shape.goal,
        regions=_regions(shape.simulator),
        waits=_waits(shape.waits),
        faults=faults_from(shape.faults),
        probes=MappingProxyType(dict(shape.probes)),
        steps=tuple(steps),
        expect=_expect(shape.expect),
        text=text,
        path=path,
    )


def _regions(shape: RegionsShape) -> Regions:
    return Regions(
        status=shape.status,
        mirror=shape.mirror,
        mirrors=shape.mirrors,
        returning=shape.returning,
        latency=shape.latency,
        read_lag=shape.read_lag,
        strict=shape.strict,
        advances=shape.advances,
        renames_author=shape.renames_author,
    )


def _waits(shape: WaitsShape) -> Waits:
    return Waits(
        confirm_within=shape.confirm.within,
        confirm_every=shape.confirm.every,
        emergency=shape.emergency,
        mirror=shape.mirror,
        guards=shape.guards,
        read=shape.read,
    )


def _step(shape: StepShape, name: str, home: Status) -> ScenarioStep:
    return ScenarioStep(
        name=name,
        deed=_deed(shape),
        by=shape.by or "",
        faults=faults_from(shape.faults),
        probes=MappingProxyType(dict(shape.probes)),
        meanwhile=None if shape.meanwhile is None else _meanwhile(shape.meanwhile, name, home),
        dies=None if shape.dies is None else At(shape.dies.after, shape.dies.number),
        expect=_expect(shape.expect),
    )


def _meanwhile(shape: MeanwhileShape, during: str, home: Status) -> Meanwhile:
    deed = _deed(shape)
    return Meanwhile(
        at=At(shape.after, shape.number),
        name=shape.name or f"{_usual_name(deed, home)}, during {during}",
        deed=deed,
        by=shape.by or "",
        expect=_expect(shape.expect),
    )


def _deed(shape: DeedShape) -> Deed:
    """The one kind that the checks have made sure of."""
    if shape.run is not None:
        run = shape.run
        return DoRun(run.to, run.emergency, run.reason or "", MappingProxyType(dict(run.override)))
    if shape.resume is not None:
        return DoResume(shape.resume.emergency, shape.resume.reason or "")
    if shape.adopt is not None:
        return DoAdopt(shape.adopt.truth, shape.adopt.reason)
    if shape.dark is not None:
        return GoesDark(shape.dark.org, shape.dark.silent)
    if shape.back is not None:
        return ComesBack(shape.back.org)
    assert shape.somebody_writes is not None  # noqa: S101 - the checks have made sure
    somebody = shape.somebody_writes
    return SomebodyWrites(somebody.org, somebody.status, somebody.by)


def _usual_name(deed: Deed, home: Status) -> str:
    match deed:
        case DoRun(to=to):
            return "home" if to is home else "out"
        case DoResume():
            return "resume"
        case DoAdopt(truth=truth):
            return f"adopt the {truth}"
        case GoesDark(org=org):
            return f"the {org}'s region goes dark"
        case ComesBack(org=org):
            return f"the {org}'s region is back"
        case SomebodyWrites(org=org, status=status):
            return f"somebody sets the {org} to {status}"


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(found for number in range(2, len(taken) + 3) if (found := f"{name} {number}") not in taken)


def _expect(shape: ExpectShape) -> Expect:
    return Expect(
        exit=shape.exit,
        phase=shape.phase,
        refused=None if shape.refused is None else tuple(shape.refused),
        says=shape.says,
        writes=None if shape.writes is None else tuple(shape.writes),
        no_writes_to=tuple(shape.no_writes_to),
        owed=shape.owed,
        owes_nothing="owed" in shape.model_fields_set and shape.owed is None,
        changed_by=MappingProxyType(dict(shape.changed_by)),
        records=MappingProxyType(dict(shape.records)),
        at_least=shape.at_least,
        within=shape.within,
    )
