"""Without Datadog: two simulated regions behind an inventory, for tests and examples, and a drill on such regions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal

from orchestrator.config.scenario import Scenario, Unknown
from orchestrator.config.scenarios import load_scenario
from orchestrator.drill import DrillContext
from orchestrator.drill import rehearse as play
from orchestrator.drill.stand_ins import ProbeStubs
from orchestrator.model.guard import Value
from orchestrator.model.playbook import Playbook
from orchestrator.model.result import DrillResult
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.sources import Sources
from orchestrator.simulator import (
    Fault,
    LoggedRequest,
    MetricValue,
    Simulation,
    SimulatorConfig,
    write_inventory,
)
from orchestrator.situation.guard_kinds import assumed_values
from orchestrator.system.log import embed

from .calls import Listener, as_text, require_texts, watchers
from .pair import OpenPair


@contextmanager
def simulated_regions(
    folder: Path | str, config: SimulatorConfig | None = None
) -> Iterator[SimulatedRegions]:
    """Two regions on loopback ports, until the block ends, and an inventory of them. Nothing of it reaches Datadog.

    The pair may be drilled, and is declared as mirroring or not as it really is, so that no run has to find out. No
    run on it posts events.

    Args:
        folder: where pairs.yaml and the made-up keys are written; made where it is missing.
        config: what the regions are like; two separate, linked, PASSIVE orgs where None.

    Raises:
        HamrError: a port cannot be had, or the folder not be written.
    """
    simulation = Simulation(config)
    with start_blocking_portal() as thread, thread.wrap_async_context_manager(simulation):
        yield SimulatedRegions(simulation, thread, _inventory(simulation, Path(folder)))


def _inventory(simulation: Simulation, folder: Path) -> Path:
    """The inventory, which says of the pair what is known of a simulated one."""
    pairs = folder / "pairs.yaml"
    write_inventory(simulation, pairs)
    mirrors = "false" if simulation.config.mirror is None else "true"
    known = f"mirrors: {mirrors}\n    drill: true\n    events: false"
    pairs.write_text(pairs.read_text("utf-8").replace("mirrors: auto", known), "utf-8")
    return pairs


class SimulatedRegions:
    """Two regions that serve. Every method may be called from any thread, event loops included."""

    def __init__(self, simulation: Simulation, thread: BlockingPortal, pairs: Path) -> None:
        self._simulation = simulation
        self._do = thread.call
        """Does something in the regions' own thread."""
        self.pairs = pairs
        """The inventory."""
        self.pair = simulation.config.pair
        """What the inventory calls the pair."""
        self._agreed: dict[str, Value | Unknown] = {}

    def __repr__(self) -> str:
        return f"SimulatedRegions({str(self.pairs)!r})"

    def open_pair(
        self,
        playbook: str | os.PathLike[str] | None = None,
        *,
        journal: str | os.PathLike[str] | None = None,
        operator: str = "tester@localhost",
    ) -> OpenPair:
        """The pair on these regions, around which nothing is real, whatever the playbook says.

        No hook's program is started. Probes of metrics and monitors read the regions; those of web pages and commands
        say what lets the guards pass. `agree` has any of them say something else.

        Args:
            playbook: a file or a name; None looks at HAMR_PLAYBOOK, then takes the default.
            journal: its file; None for journal.db beside the inventory.
            operator: NAME@HOST.

        Raises:
            HamrError: the playbook cannot be read, or the operator not be right.
        """
        kept = self.pairs.with_name("journal.db") if journal is None else journal
        sources = Sources(str(self.pairs), as_text(playbook), as_text(kept), operator)
        return OpenPair(sources, sources.prepare(self.pair), embed(), self._stand_ins)

    def agree(self, probe: str, value: Value | Unknown) -> None:
        """What a probe, by its name in the playbook, says from now on to a pair that `open_pair` gave.

        A number or a text; True or False for what has no value but passes or fails; `Unknown(reason)`.
        """
        self._agreed[probe] = value

    def set_metric(self, role: Role, query: str, value: MetricValue) -> None:
        """What an org's query shows from now on."""
        self._do(self._simulation.set_metric, role, query, value)

    def set_monitor(self, role: Role, number: int, state: str | None) -> None:
        """The state of an org's monitor from now on; None takes the monitor away."""
        self._do(self._simulation.set_monitor, role, number, state)

    def _stand_ins(self, playbook: Playbook) -> ProbeStubs:
        return ProbeStubs(self._agreed, assumed_values(playbook), self._simulation.regions.is_dark)

    @property
    def statuses(self) -> Both[Status | None]:
        """What each org really shows; None for one without a record, or with a status that nobody knows."""
        return self._do(lambda: Both(self._status(Role.PRIMARY), self._status(Role.SECONDARY)))

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every request that has reached a region, in order."""
        return self._do(lambda: self._simulation.requests)

    @property
    def writes(self) -> tuple[LoggedRequest, ...]:
        """Those that wanted to write a record."""
        return tuple(request for request in self.requests if request.is_write)

    def add_fault(self, *faults: Fault) -> None:
        """Let something go wrong from now on."""
        self._do(self._simulation.faults.add, *faults)

    def set_dark(self, role: Role, dark: bool = True) -> None:
        """Take a region off the network, or bring it back."""
        self._do(self._simulation.set_dark, role, dark)

    def write_as_somebody_else(
        self, role: Role, status: Status, who: str = "someone.else@example.com"
    ) -> None:
        """Somebody else changes an org's status, behind hamr's back."""
        self._do(self._simulation.foreign_write, role, status, who)

    def _status(self, role: Role) -> Status | None:
        record = self._simulation.record(role)
        return None if record is None else Status.of(record.status)


async def rehearse(
    scenario: str | os.PathLike[str] | None = None,
    *,
    playbook: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    journal: str | os.PathLike[str] | None = None,
    operator: str | None = None,
    notes: str = "",
    listener: Listener | None = None,
) -> DrillResult:
    """Play a scenario on two simulated regions, out and home again, and score it. Nothing of it reaches Datadog.

    No hook's program is started, and probes say what the scenario has them say. Whether every expectation held is in
    the result: `result.score.passed`.

    Args:
        scenario: its file, or the name of one that ships with hamr; None: nothing goes wrong.
        playbook: what is rehearsed: a file or a name; None takes the scenario's own, then HAMR_PLAYBOOK, then the default.
        seed: draws what goes wrong; the same for the same number.
        journal: the journal's file; None takes one beside the usual journal, ~/.local/state/hamr/journal-drills.db or
            beside what HAMR_JOURNAL names.
        operator: NAME@HOST; None looks at HAMR_OPERATOR, then at who is logged in.
        notes: what the journal keeps at the end.
        listener: is told what happens, step by step.

    Raises:
        UsageError: there is no such scenario or playbook, or the playbook has no way out, or none home.
        DocumentError: a file has problems; with all of them at once.
        HamrError: the journal, a port or a folder could not be used.
    """
    require_texts(notes=notes)
    played = Scenario("") if scenario is None else load_scenario(os.fspath(scenario))
    own = played.playbook if playbook is None and played.playbook else as_text(playbook)
    sources = Sources(playbook=own, journal=as_text(journal), operator=operator)
    rehearsed, by = sources.load_playbook(), sources.named_operator()
    redactor = embed()
    with sources.for_rehearsals.store(writes=True) as store:
        return await play(
            DrillContext(store, by, sources.environ, redactor),
            played,
            rehearsed,
            seed=seed,
            notes=notes,
            watching=lambda _: watchers(listener),
        )
