"""pytest fixtures: two simulated regions, a pair on them, and scenarios that are played and asserted.

A plugin that pytest finds by itself where hamr is installed. Until a test asks for a fixture it loads nothing but
pytest, which is there already. docs/howto/embed.md shows how to use it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # loaded by the fixtures: most test runs use none of them
    from orchestrator.api.pair import OpenPair
    from orchestrator.api.simulated import SimulatedRegions
    from orchestrator.model.result import DrillResult
    from orchestrator.simulator import SimulatorConfig

Play = Callable[..., "DrillResult"]
"""What `hamr_scenario` is: see `play` there."""


@pytest.fixture
def hamr_simulator_config() -> SimulatorConfig:
    """What the two regions of `hamr_simulator` are like; override it for mirrors, delays, another casing."""
    from orchestrator.simulator import SimulatorConfig  # noqa: PLC0415 - as above

    return SimulatorConfig()


@pytest.fixture
def hamr_playbook() -> str | os.PathLike[str]:
    """The playbook of `hamr_pair`: a file or a name; override it to test your own."""
    from orchestrator.model.next_step import DEFAULT_PLAYBOOK  # noqa: PLC0415 - as above

    return DEFAULT_PLAYBOOK


@pytest.fixture
def hamr_simulator(hamr_simulator_config: SimulatorConfig, tmp_path: Path) -> Iterator[SimulatedRegions]:
    """Two simulated regions on loopback ports, for this test alone."""
    from orchestrator.api.simulated import simulated_regions  # noqa: PLC0415 - as above

    with simulated_regions(tmp_path / "hamr", hamr_simulator_config) as regions:
        yield regions


@pytest.fixture
def hamr_pair(
    hamr_simulator: SimulatedRegions, hamr_playbook: str | os.PathLike[str], tmp_path: Path
) -> OpenPair:
    """The pair on `hamr_simulator`, with a journal in tmp_path. No hook's program is started."""
    return hamr_simulator.open_pair(hamr_playbook, journal=tmp_path / "hamr" / "journal.db")


@pytest.fixture
def hamr_scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Plays a scenario on the simulator, and fails the test where an expectation is missed: `hamr_scenario("two-people")`."""

    def play(
        scenario: str | os.PathLike[str],
        *,
        playbook: str | os.PathLike[str] | None = None,
        seed: int | None = None,
    ) -> DrillResult:
        """What came of it, with its score; what was missed fails the test, each with the journal lines that show it.

        Args:
            scenario: its file, or the name of one that ships with hamr. Relative to the test's own folder, where
                there is such a file, else to the working directory.
            playbook: in the place of the one that the scenario names.
            seed: draws what goes wrong besides.
        """
        from orchestrator.api.reading import open_journal  # noqa: PLC0415 - as above
        from orchestrator.api.simulated import rehearse  # noqa: PLC0415 - as above
        from orchestrator.report.drill import drill_page  # noqa: PLC0415 - as above
        from orchestrator.report.layout import plain_text  # noqa: PLC0415 - as above

        __tracebackhide__ = True
        beside = request.path.parent / os.fspath(scenario)
        journal = tmp_path / "hamr" / "scenario.db"
        work = rehearse(
            beside if beside.is_file() else scenario,
            playbook=playbook,
            seed=seed,
            journal=journal,
            operator="tester@localhost",
        )
        with ThreadPoolExecutor(1) as own:  # a test that is a coroutine has a loop of its own in this thread
            result = own.submit(asyncio.run, work).result()
        if not result.score.passed:
            told = plain_text(drill_page(result, open_journal(journal).records()))
            pytest.fail(f"{told}\njournal: {journal}", pytrace=False)
        return result

    return play
