"""Completion in a shell: what may stand at a place of a command line, and the script that lets a shell ask.

A person who presses Tab is in the middle of something else. So nothing here writes, asks, fetches a key or uses the
network, and whatever goes wrong completes to nothing: the command itself says what is wrong, once it is typed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:  # a verb's flags are made without any of these
    from orchestrator.model.playbook import Playbook
    from orchestrator.operations.sources import Sources

    Found = Iterable[CompletionItem[str] | str]

SHELLS = ("bash", "zsh", "fish")

_NEWEST = 20
"""How many runs are offered, of those that begin as what was typed."""

_PATIENCE = 0.2
"""Seconds to wait for others who write to the journal: whoever presses Tab waits no longer."""

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _quietly(*finds: Callable[[click.Context, str], Found]) -> Completer:
    """What fits to what was typed so far of what is found; what fails to be found is left out."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found: list[CompletionItem] = []
        for find in finds:
            with suppress(Exception):  # see above
                found += [
                    each if isinstance(each, CompletionItem) else CompletionItem(each)
                    for each in find(ctx, incomplete)
                ]
        fitting = (each for each in found if each.type != "plain" or each.value.startswith(incomplete))
        return [*{each.value: each for each in fitting}.values()]  # both journals have a newest run

    return complete


@_quietly
def files(_: click.Context, incomplete: str) -> Found:
    """Any file, which the shell knows best."""
    return (CompletionItem(incomplete, type="file"),)


def _pairs(ctx: click.Context, _: str) -> Found:
    from orchestrator.config import find_inventory, pair_names

    path = find_inventory(ctx.params.get("pairs"), os.environ, Path())
    return pair_names(path) if path.is_file() else ()  # a pipe can be read once, and not by us


pairs = _quietly(_pairs)
"""The pairs of the inventory."""


@_quietly
def stops(ctx: click.Context, _: str) -> Found:
    """Where a run can go to: the stops of the playbook."""
    playbook = _playbook(ctx)
    return () if playbook is None else map(str, playbook.stops)


@_quietly
def statuses(_: click.Context, __: str) -> Found:
    """Every status that an org can show."""
    from orchestrator.model.status import Status

    return (str(status) for status in Status if status is not Status.UNSPECIFIED)


@_quietly
def overrides(ctx: click.Context, _: str) -> Found:
    """The guards that can be overridden, each ready for its reason."""
    from orchestrator.model.guard import ALWAYS_ON, BEFORE_A_RUN, BEFORE_AN_ADOPTION, NEVER_OVERRIDDEN

    if ctx.command.name == "adopt":
        return (f"{question}=" for question in BEFORE_AN_ADOPTION)
    playbook = _playbook(ctx)
    guards = () if playbook is None else (*playbook.guards, *ALWAYS_ON, *BEFORE_A_RUN)
    return (f"{guard}=" for guard in guards if guard not in NEVER_OVERRIDDEN)


@_quietly
def playbooks(_: click.Context, incomplete: str) -> Found:
    """The playbooks that ship with hamr; with a path, files."""
    from orchestrator.config import shipped_playbooks

    return _files_here(incomplete) or (*shipped_playbooks(), *_named_here())


@_quietly
def scenarios(_: click.Context, incomplete: str) -> Found:
    """The scenarios that have a name here, and all of them; with a path, files."""
    from orchestrator.config.scenarios import named_scenarios

    return _files_here(incomplete) or (*named_scenarios(), "all", *_named_here())


def _runs(ctx: click.Context, incomplete: str) -> Found:
    return _newest(_sources(ctx), incomplete)


def _drills(ctx: click.Context, incomplete: str) -> Found:
    return _newest(_sources(ctx).beside, incomplete)


runs = _quietly(_runs)
"""The newest runs of the journal."""

runs_and_drills = _quietly(_runs, _drills)
"""The newest runs of the journal, and of drills on the simulator."""

pairs_and_runs = _quietly(_pairs, _runs)
"""The pairs of the inventory, and the newest runs."""

pairs_and_drills = _quietly(_pairs, _runs, _drills)
"""The pairs of the inventory, the newest runs, and drills on the simulator."""


def script(shell: str, group: click.Group, variable: str) -> str:
    """What a shell has to read once, so that it asks from then on."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of SHELLS, and click knows them all
    text = kind(group, {}, "hamr", variable).source()
    # Behind GUARD= comes its reason, and not a space.
    reason = "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
    return text.replace("    return 0\n", f"{reason}    return 0\n") if shell == "bash" else text


def _sources(ctx: click.Context) -> Sources:
    from orchestrator.operations.sources import Sources

    given = ctx.params
    return Sources(given.get("pairs"), given.get("playbook"), given.get("journal"))


def _playbook(ctx: click.Context) -> Playbook | None:
    from orchestrator.config import find_playbook

    sources = _sources(ctx)
    return sources.load_playbook() if find_playbook(sources.playbook_name()).is_file() else None


def _newest(sources: Sources, incomplete: str) -> Found:
    from orchestrator.operations.finding import LAST, beginning_of

    place = sources.place()
    # What a killed process left is undone by whoever opens the journal next; that is a write, so it is not us.
    if isinstance(place, Path) and place.with_name(f"{place.name}-journal").exists():
        return ()
    with sources.store(writes=False, patience=_PATIENCE) as store:
        ids = store.ids(incomplete, _NEWEST)
        found = [CompletionItem(run, help=beginning_of(store, run)) for run in ids]
        newest = [CompletionItem(LAST, help="the newest run")] if store.ids("", 1) else []
    return (*found, *newest)


def _files_here(incomplete: str) -> Found:
    return (CompletionItem(incomplete, type="file"),) if "/" in incomplete else ()


def _named_here() -> Iterable[str]:
    return sorted(path.name for path in Path().glob("*.yaml"))
