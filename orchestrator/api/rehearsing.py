"""A drill on the simulator, from Python."""

from __future__ import annotations

import os

from orchestrator.config.scenario import Scenario
from orchestrator.config.scenarios import load_scenario
from orchestrator.drill import DrillContext
from orchestrator.drill import rehearse as play
from orchestrator.model.result import DrillResult
from orchestrator.system.log import embed

from .listening import Listener, watchers
from .loading import as_text
from .sources import Sources
from .texts import require_texts


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
        journal: the journal's file; None looks at HAMR_JOURNAL, then in ~/.local/state/hamr/journal.db.
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
    with sources.store(writes=True) as store:
        return await play(
            DrillContext(store, by, sources.environ, redactor),
            played,
            rehearsed,
            seed=seed,
            notes=notes,
            watching=lambda _: watchers(listener),
        )
