"""Closing a drill that stayed open: the pair is brought home where it is not, and the journal says that it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.errors import Incomplete, Moved, UsageError
from orchestrator.journal.history import DrillHistory, History
from orchestrator.model.events import DrillClosed, encode
from orchestrator.model.journal import Entry
from orchestrator.model.protocols import Store, Watcher
from orchestrator.model.run import Operator
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.locking import refuse_held
from orchestrator.operations.preflight import check_overrides
from orchestrator.operations.session import Session

from .home import Homecoming, bring_home


def drill_named(histories: Mapping[str, History], name: str) -> DrillHistory:
    """The open drill of that id, or the one that a run of that id belongs to, or the open one of that pair.

    Raises:
        UsageError: there is none, or it is closed.
    """
    drills = {drill.drill: drill for history in histories.values() for drill in history.drills.values()}
    by_leg = {leg: drill for drill in drills.values() for leg in drill.legs}
    found = drills.get(name) or by_leg.get(name)
    if found is None and name in histories:
        found = histories[name].open_drill
        if found is None:
            raise UsageError(f"pair {name} has no open drill", next_steps=("hamr runs",))
    if found is None:
        still = [drill.drill for drill in drills.values() if drill.open]
        words = f" Open: {', '.join(still)}." if still else " None is open."
        raise UsageError(f"the journal knows no drill {name[:60]!r}.{words}", next_steps=("hamr runs",))
    if found.closed_at is not None:
        raise UsageError(
            f"drill {found.drill} was closed at {found.closed_at:%Y-%m-%d %H:%M:%S} UTC already",
            next_steps=(f"hamr show {found.drill}",),
        )
    return found


def close_rehearsed(store: Store, operator: Operator, drill: DrillHistory, notes: str) -> None:
    """Close a drill on simulated regions, which are gone: there is nothing to bring home.

    Args:
        store: the journal.
        operator: who closes it.
        drill: the drill, which is open.
        notes: what the journal keeps; without keys.

    Raises:
        JournalUnavailable: it cannot be written.
    """
    closed = DrillClosed(notes)
    entry = Entry(drill.drill, drill.pair, closed.kind, operator.name, operator.host, encode(closed))
    store.append(entry)


async def close(
    session: Session,
    drill: DrillHistory,
    notes: str,
    *,
    overrides: Mapping[str, str] | None = None,
    watchers: Sequence[Watcher] = (),
    controls: RunControl | None = None,
) -> Homecoming:
    """Bring a live pair home, and close its drill.

    A pair that a run of somebody else's has moved since (an emergency) is left where it stands, and the drill is closed.

    Args:
        session: the pair.
        drill: the drill, which is open.
        notes: what the journal keeps.
        overrides: guards that need not pass on the way home, each with the operator's reason.
        watchers: are told each event as it happens; an intent a moment before it is durable.
        controls: how a person stops it.

    Raises:
        Locked: somebody is at work on the pair.
        Moved: the inventory names other orgs for the pair than those that were drilled.
        Refused: it would have to be written, and its inventory does not say that it may be drilled.
        UsageError: an override cannot be right.
        Incomplete: it can't be brought home; the drill stays open.
        HamrError: the journal or the orgs could not be used at all.
    """
    check_overrides(overrides or {}, session.playbook)
    _refuse_other_orgs(session, drill)
    _refuse_held(session, drill)
    homecoming = await bring_home(session, drill, overrides=overrides, watchers=watchers, controls=controls)
    if not homecoming.at_home and not homecoming.left_alone:
        raise Incomplete(
            f"pair {session.pair.name} is not at home ({drill.started.home}): it stands at {homecoming.phase}. "
            f"{homecoming.why[:1].upper()}{homecoming.why[1:]}. Drill {drill.drill} stays open",
            sent=homecoming.results[-1].ending.sent if homecoming.results else "Nothing was sent.",
            next_steps=homecoming.next_steps,
        )
    session.append(drill.drill, DrillClosed(notes))
    return homecoming


def _refuse_other_orgs(session: Session, drill: DrillHistory) -> None:
    """A name is not an org: another inventory may call other orgs the same.

    Raises:
        Moved: they are not those that the drill began on.
    """
    began_on = drill.started.orgs
    if began_on is None or session.pair.is_of(began_on):
        return
    raise Moved(
        f"drill {drill.drill} began on other orgs than the inventory now names for pair {session.pair.name}",
        next_steps=(f"hamr show {drill.drill}", "hamr check"),
    )


def _refuse_held(session: Session, drill: DrillHistory) -> None:
    """Somebody at work on the pair goes first; a process that died in a run of this drill is in nobody's way.

    Raises:
        Locked: somebody holds it, or somebody died who left another run to resume.
    """
    holder = session.store.holder(session.pair.name)
    if holder is not None and holder.run in drill.legs and session.host.provably_dead(holder):
        return  # what it left is taken up on the way home
    refuse_held(session)
