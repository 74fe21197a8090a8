"""What to type next, made in one place from all that is known (law 15): the first is the one to type, none is known to be refused."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.guard import ALWAYS_ON, BEFORE_A_RUN, Verdict
from orchestrator.model.journal import Holder, Whereabouts
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.org import Pair
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import SETTLED, Again, Playbook, Program, Transition, When
from orchestrator.model.reading import Change, Reading, Unreachable
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.situation import Owed, PairStatus, Phase, PhaseName, Stranger, UnderWay
from orchestrator.model.status import Both, Role, Status

from .commands import can_go
from .state import RunState

UNMERGED = "first of all: bring in what an emergency wrote on this machine alone"


def after_a_look(standing: PairStatus) -> tuple[NextStep, ...]:
    """Where somebody looked at a pair."""
    pair, holder = standing.pair.name, standing.holder
    if standing.under_way is not None:
        return _beside(standing.under_way, pair)
    steps, run = standing.phase.next_steps, standing.open_run
    steps = (*steps, *(next_step.approve(each, afterwards=True) for each in standing.approvals_owed))
    steps = (*steps, *(next_step.cancel(each.run) for each in standing.scheduled))
    if run is not None and run.asking:
        steps = (next_step.watch(pair).so_that("it waits for an answer at its own terminal"), *steps)
    if standing.unknown:
        steps = _by_name("unknown", _as_begun(steps, standing.unknown), "run")
    steps = after_asking(steps, pair, standing.strangers)
    if standing.known_as is not None:
        steps = (standing.known_as.last, *_by_name("renamed", steps, "run", "adopt"))
    if standing.left_a_run and holder is not None:
        steps = _after_unlocking(steps, pair, holder)
    if standing.unmerged:
        steps = (next_step.merge(standing.unmerged).so_that(UNMERGED), *steps)
    if standing.journal_left is not None:
        steps = _without_a_journal(steps, standing)
    steps, drill = each_once(steps), standing.open_drill
    return steps if drill is None else after_asking(in_drill(drill.drill, steps), pair, standing.strangers)


def _without_a_journal(steps: Iterable[NextStep], standing: PairStatus) -> tuple[NextStep, ...]:
    """While a team's journal can't be reached nothing goes on but an emergency, and what this machine's own journal has to resume."""
    here = standing.open_run is not None or standing.owed is not None
    refused = ("plan", "run", "adopt") if here else ("plan", "run", "adopt", "resume")
    look = next_step.status(standing.pair.name).so_that("look again, once the journal can be reached")
    return (*(step for step in steps if step.is_emergency or step.verb not in refused), look)


def _as_begun(steps: Iterable[NextStep], unknown: Iterable[tuple[str, Attempt]]) -> tuple[NextStep, ...]:
    """The steps, of those that adopt first what an adoption said to be true of which nobody knows what became of it."""
    steps = tuple(steps)
    begun = {attempt.role.other.value for _, attempt in unknown if attempt.purpose == "adopt"}
    adopting = (step for step in steps if step.verb == "adopt")
    ordered = iter(sorted(adopting, key=lambda step: begun.isdisjoint(step.options)))
    return tuple(next(ordered) if step.verb == "adopt" else step for step in steps)


def in_drill(drill: str, steps: Iterable[NextStep]) -> tuple[NextStep, ...]:
    """While a drill is open no other run is begun: what the first of these would go over is gone over by closing it.

    It is closed last where nothing moves the pair, and not before a person has said which org is right, where they have to.
    """
    steps = tuple(steps)
    moving = [step for step in steps if step.verb in ("run", "resume", "adopt") and not step.is_emergency]
    left = [step for step in steps if step.verb != "plan" and not step.begins_anew]
    close, at = next_step.close_drill(drill), 0
    if moving and moving[0].verb == "adopt":
        at = left.index(moving[0]) + 1
    elif moving:
        for guard, reason in moving[0].goes_over.items():
            close = close.overriding(guard, reason=reason)
    elif not any(step.verb == "plan" for step in steps):
        at = len(left)
    return (*left[:at], close, *left[at:])


def _beside(run: UnderWay, pair: str) -> tuple[NextStep, ...]:
    steps = at_work(pair, run.holder, run.where)
    return (next_step.approve(run.holder.run), *steps) if run.wants_approval else steps


def at_work(pair: str, holder: Holder, where: Whereabouts) -> tuple[NextStep, ...]:
    """Where somebody holds the pair's lock: leave them to it, unless they are gone."""
    if where is Whereabouts.GONE:
        return (next_step.resume(holder.run).so_that("its process is gone: go on with its run"),)
    who = f"{holder.operator} is at work on it: leave it, and watch"
    steps = (next_step.watch(pair).so_that(who),)
    # Nobody can ask from here whether a process of another machine lives; a person can.
    return steps if where is Whereabouts.RUNS else (*steps, next_step.unlock(pair, holder.lock))


def after_asking(steps: Iterable[NextStep], pair: str, found: tuple[Stranger, ...]) -> tuple[NextStep, ...]:
    """While somebody else may be at work: ask them and watch first, and go over them by name alone.

    Where nobody is, the steps are left as they are.
    """
    if not found:
        return tuple(steps)
    watch = next_step.watch(pair).so_that(f"ask {found[0].who} first; this shows what they do")
    return each_once((watch, *_by_name("alone", steps, "run", "resume", "adopt", "drill close")))


def _after_unlocking(steps: tuple[NextStep, ...], pair: str, holder: Holder) -> tuple[NextStep, ...]:
    """Where a holder died in the middle of its run, no new run has the lock before it is broken.

    What takes the lock over by itself (resume, adopt, an emergency) stays as it is; where resume does, no new run is needed.
    """
    if any(step.verb == "resume" for step in steps):
        return tuple(step for step in steps if not step.begins_anew)
    new = next((at for at, step in enumerate(steps) if step.begins_anew), len(steps))
    unlock = (next_step.unlock(pair, holder.lock),) if new < len(steps) else ()
    return (*steps[:new], *unlock, *steps[new:])


def _by_name(guard: str, steps: Iterable[NextStep], *verbs: str) -> tuple[NextStep, ...]:
    """The steps, those of these verbs going over a guard."""
    return tuple(step.overriding(guard) if step.verb in verbs else step for step in steps)


# -- a plan ----------------------------------------------------------------------------------------------------


def after_a_plan(plan: Plan) -> tuple[NextStep, ...]:
    """Where somebody saw what a run would do: what the engine said of its end is in the plan already."""
    if plan.under_way is not None:
        return _beside(plan.under_way, plan.request.pair)
    steps, pair = _after_a_plan(plan), plan.request.pair
    if plan.left_by is not None and any(step.begins_anew for step in steps):
        steps = each_once((next_step.status(pair), *_after_unlocking(steps, pair, plan.left_by)))
    return after_asking(steps, pair, plan.strangers)


def look_at_guards(pair: str, refused_by: Iterable[Verdict], look: NextStep) -> NextStep:
    """Whether they pass by now: a look at the records does not show what a playbook's own guards go by."""
    if all(verdict.guard in (*ALWAYS_ON, *BEFORE_A_RUN) for verdict in refused_by):
        return look
    return next_step.doctor(pair).so_that("see what its guards say by now; sends nothing")


def _after_a_plan(plan: Plan) -> tuple[NextStep, ...]:
    request, pair = plan.request, plan.request.pair
    look = next_step.status(pair)
    if not plan.reachable:
        left = plan.refused_before
        onward = (step.overriding(*left) if step.verb == "run" else step for step in plan.next_steps)
        return each_once((*onward, look))
    if plan.assumed is not None:
        return (look, request.as_step("plan", plan.playbook))
    if plan.open_drill and plan.mode is Mode.PLANNED:
        return (next_step.close_drill(plan.open_drill), look)
    if plan.stopping_hooks:  # no flag goes over a program that is not there
        return (next_step.doctor(pair), look)
    refusing = plan.refusing
    if refusing:
        if not all(verdict.overridable for verdict in refusing):
            return (look,)
        over = request.as_step("run", plan.playbook).overriding(*(verdict.guard for verdict in refusing))
        return (look_at_guards(pair, refusing, look), over.so_that("go over what refuses, by name"))
    if not plan.transitions:
        return each_once((*plan.next_steps, look))
    saved = request.as_step("plan", plan.playbook, "--out", "FILE")
    return (
        request.as_step("run", plan.playbook),
        saved.so_that("keep it: hamr apply FILE then does exactly this, or nothing"),
    )


# -- the end of a run ------------------------------------------------------------------------------------------


class Ended(Struct, frozen=True):
    """All that decides what to type after a run."""

    ending: RunOutcome
    pair: Pair
    playbook: Playbook
    state: RunState
    goal: Status | None
    again: NextStep
    """What goes on with it."""
    readings: Both[Reading] | None
    """The last look; None where there was none."""
    silent: frozenset[Role]
    """Orgs that did not answer it, nor the look before (law 21)."""
    phase: Phase | None
    """Where the pair stands by it; None where that can't be told."""
    owed: Owed | None
    """What is owed now, by this run or by an earlier one."""
    refused_by: tuple[Verdict, ...]
    """The guards that refused it last."""
    strangers: tuple[Stranger, ...]
    left_to_others: bool
    may_come_late: bool
    """Whether an attempt of this run or an earlier one was given up, and may still take effect."""
    takes_up: bool
    """Whether it stays open, and can be taken up again."""

    @property
    def here(self) -> Transition | None:
        """The transition that is under way; between two transitions, the one that was made last."""
        state = self.state
        if state.transition is not None:
            return self.playbook.transition(state.transition.transition)
        return self.playbook.transition(state.steps[-1].transition) if state.steps else None

    @property
    def survivor(self) -> Role | None:
        """The org that alone is enough for that transition."""
        return None if self.here is None else self.here.survivor

    @property
    def both_answered(self) -> bool:
        """Whether the last look showed both orgs: what was refused then is not for a look that failed."""
        return self.readings is not None and all(reading.answered for reading in self.readings)

    @property
    def refused_alone(self) -> bool:
        """Whether somebody else's work refused it."""
        return any(verdict.guard == "alone" for verdict in self.refused_by)


def after_a_run(ended: Ended) -> tuple[NextStep, ...]:  # noqa: C901, PLR0912 - one case per kind of end
    """Resuming, going back, switching to emergency (law 14), or what the end itself calls for."""
    ending, state, pair = ended.ending, ended.state, ended.pair.name
    steps, look = ending.next_steps, next_step.status(pair)
    # Where the engine itself says to resume, it says when.
    again = next((step for step in steps if step.command == ended.again.command), ended.again)
    stopped = ending.end in (End.INCOMPLETE, End.UNKNOWN, End.MOVED, End.INTERRUPTED, End.REFUSED)
    if ending.change in (Change.STALE, Change.REVERTED) and (adopting := _adoption_below(ended)):
        steps = after_asking((next_step.watch(pair), *adopting), pair, ended.strangers)
    elif state.intended and not ended.left_to_others and stopped:
        match Change.FOREIGN if _met_somebody(ended) else ending.change:
            case _ if _out_of_reach(ended):
                steps = (look, *steps)
            case Change.STALE:
                # One that has outwaited it says so first: resumed, it would stop for the same.
                steps = (next_step.watch(pair), *steps, again, again.overriding("reverted"))
            case Change.REVERTED:
                steps = (again.overriding("reverted"), look, *steps)
            case Change.MISLINKED:
                steps = (next_step.check(), look, *steps)
            case Change.FOREIGN | Change.LATE:
                steps = (*steps, *_from_what_is_there(ended), look, *_ways_back(ended))
                steps = after_asking(steps, pair, ended.strangers)
            case _ if steps and (
                ending.end is End.REFUSED or (ending.end is End.UNKNOWN and ended.both_answered)
            ):
                # For where the pair stands: resumed, it would be refused again until that is settled.
                steps = (*steps, look, again, *_ways_back(ended))
            case _ if ended.refused_alone:
                # Somebody else is at work: until then, resuming would be refused again.
                steps = (*steps, again, *_ways_back(ended))
            case _:
                over = _over_what_refuses(ended) if ending.end is End.INTERRUPTED else ()
                onward = (again, *over, *_ways_back(ended)), _to_emergency(ended)
                first, then = reversed(onward) if _fails_again(ended) or _is_dead(ended) else onward
                steps = (*first, *then, look, *steps)
                if ending.org in ended.silent and not _to_emergency(ended):
                    steps = (_until_it_answers(ended), *steps)
    elif ending.end is End.OWING and _is_unseen(ended):
        steps = (_until_it_answers(ended), *steps)
    elif (ending.end is End.OWING and not state.attempts) or (ending.end is End.REFUSED and steps):
        steps = after_asking(steps, pair, ended.strangers)
    elif ending.end is End.DONE and not ended.strangers:
        late = (next_step.look_again(pair),) if ended.may_come_late else ()
        steps = (*late, *steps, *_onward(ended))
    elif ending.end is End.INTERRUPTED and ended.takes_up:
        steps = (again, *_over_what_refuses(ended), look)
    elif ending.end in (End.MOVED, End.REFUSED, End.INTERRUPTED) and not steps:
        steps = (again, look) if ended.takes_up else (look,)
    if ended.strangers and any(step.verb == "status" for step in steps[:1]):
        steps = (*after_asking((), pair, ended.strangers), *steps)
    if again in steps:  # the same run, by the name of its pair
        steps = tuple(
            step for step in steps if (step.verb, step.subject, step.options) != ("resume", pair, ())
        )
    if asked := _asked_first(ended):
        words = f"without --yes: it asks whether hook {asked} may be run again"
        steps = tuple(step.so_that(words) if step.command == again.command else step for step in steps)
    owed = (next_step.approve(state.run, afterwards=True),) if state.approval_owed else ()
    return each_once((*steps, *owed, next_step.show(state.run)))


def _adoption_below(ended: Ended) -> tuple[NextStep, ...]:
    """As a look says it: where what the orgs show, said to be true, has to be adopted, taken up or begun anew it would be refused."""
    phase = ended.phase
    if phase is None or phase.name is not PhaseName.LAGGING:
        return ()
    return tuple(step for step in phase.next_steps if step.verb == "adopt")


def _asked_first(ended: Ended) -> str:
    """The hook that was begun, did not end well, and is not repeated before a person was asked: by its name; "" where none is."""
    for (name, when, begun), outcome in ended.state.hooks.items():
        transition = ended.playbook.transition(name)
        holds_up = when is When.AFTER or (transition is ended.here and ended.state.mode is Mode.PLANNED)
        for hook in transition.hooks(when) if transition is not None and holds_up else ():
            asks = hook.again is Again.ASK and isinstance(hook.what, Program)
            if hook.name == begun and asks and outcome not in SETTLED:
                return begun
    return ""


def _until_it_answers(ended: Ended) -> NextStep:
    """As a look says it, too: until an org that is needed answers, resuming does nothing."""
    return next_step.watch(ended.pair.name).so_that(f"look until the {ended.ending.org} answers")


def _onward(ended: Ended) -> tuple[NextStep, ...]:
    """Where the pair can go from where it stands now, as a look at it says; not within a drill, which has a way of its own."""
    phase, started = ended.phase, ended.state.started
    if phase is None or phase.name is not PhaseName.AGREED or (started is not None and started.drill):
        return ()
    return tuple(step for step in phase.next_steps if step.verb == "plan")[:1]


def _over_what_refuses(ended: Ended) -> tuple[NextStep, ...]:
    """Going over the guards that were waited for, by name; nothing where one of them can't be overridden."""
    refused = ended.refused_by
    if not refused or not all(verdict.overridable for verdict in refused):
        return ()
    guards = tuple(verdict.guard for verdict in refused)
    return (ended.again.overriding(*guards).so_that(f"go over {' and '.join(guards)}, by name"),)


def _met_somebody(ended: Ended) -> bool:
    """Whether the last look showed a stamp that nobody went over by name, though the run ended for something else: resumed, it would stop for that."""
    stopped_short = ended.ending.end in (End.INCOMPLETE, End.UNKNOWN, End.INTERRUPTED)
    met = bool(ended.strangers) and "alone" not in ended.state.overrides
    return stopped_short and ended.ending.change is None and met and not ended.refused_alone


def _out_of_reach(ended: Ended) -> bool:
    """Whether both orgs, or the survivor that the other is owed after, show a status from which the run has no way to its goal: resumed, it would be refused."""
    started = ended.state.started
    goal = started.goal if ended.goal is None and started is not None else ended.goal
    if ended.readings is None or goal is None or (ended.owed is not None and not ended.takes_up):
        return False
    primary, secondary = (reading.status for reading in ended.readings)
    start = primary if primary is secondary else None
    if ended.owed is not None:
        start = ended.readings[ended.owed.role.other].status
    mode = ended.state.written_as or ended.state.mode
    return start is not None and not can_go(ended.playbook, start, goal, mode)


def _from_what_is_there(ended: Ended) -> tuple[NextStep, ...]:
    """After somebody else's write: resuming would stop for it again, and a new run starts from what is there now."""
    pair, goal, phase, state = ended.pair.name, ended.goal, ended.phase, ended.state
    if ended.readings is None or phase is None or goal is None:
        return ()
    if any(isinstance(reading.sight, Unreachable) for reading in ended.readings):
        return ()  # the last look was one of many: what it did not see says nothing yet
    onward = tuple(step for step in phase.next_steps if step.verb not in ("resume", "show"))
    if ended.owed is not None and ended.both_answered:
        adopt = next_step.adopt(pair, ended.owed.role.other)
        onward = (adopt.overriding("reverted") if phase.name is PhaseName.LAGGING else adopt,)
    elif (
        phase.name is PhaseName.AGREED
        and phase.status
        and ended.playbook.route(phase.status, goal) is not None
    ):
        # At its goal, a run has nothing to do but close this one.
        onward = _anew(state, next_step.run(pair, goal))
    elif phase.name is PhaseName.MIDWAY:
        onward = tuple(
            each
            for step in onward
            for each in (
                _anew(state, step) if step.verb == "run" and "--override" not in step.options else (step,)
            )
        )
    return onward


def _anew(state: RunState, step: NextStep) -> tuple[NextStep, ...]:
    """A new run in the place of this one, accepting what it left unknown, where the last look showed both orgs.

    As an emergency second only: what answers now is not dead (law 21), though this run had given it up.
    """
    alone = (step.as_emergency(why="do without the org that this run gave up"),) if state.dead else ()
    return tuple(_accepting(state, each) for each in (step, *alone))


def _accepting(state: RunState, step: NextStep) -> NextStep:
    left = state.unknown or state.outstanding() is not None or state.may_come_late()
    return step.overriding("unknown") if left else step


def _ways_back(ended: Ended) -> tuple[NextStep, ...]:
    """Going back, where the playbook has a transition for it (law 14)."""
    playbook, here, steps = ended.playbook, ended.here, ended.state.steps
    shown = {reading.status for reading in ended.readings or ()}
    if here is not None and here.source not in playbook.stops and shown == {here.source} and steps:
        # Nothing of it is in effect: back over the one before.
        here = playbook.transition(steps[-1].transition)
    # A planned run is refused on a pair that owes, and where an org is dead.
    if here is None or here.source not in playbook.stops or ended.owed is not None or ended.state.dead:
        return ()
    back = _accepting(ended.state, next_step.run(ended.pair.name, here.source))
    if shown == {here.source} and ended.ending.org is None:
        return (back.so_that(f"leave it at {here.source}, which ends that run"),)
    # It may stand within this transition, neither before it nor beyond it.
    within = shown != {here.source} and shown <= {here.source, here.target, None}
    if not within or playbook.between(here.target, here.source) is None:
        return ()
    return (back.so_that(f"go back to {here.source}"),)


def _to_emergency(ended: Ended) -> tuple[NextStep, ...]:
    """Switching to emergency, where the transition that comes next names a survivor (law 14)."""
    state, playbook, goal = ended.state, ended.playbook, ended.goal
    coming = ended.here
    if state.transition is None and coming is not None and goal is not None:
        coming = next(iter(playbook.route(coming.target, goal) or ()), None)
    if state.mode is not Mode.PLANNED or coming is None or coming.survivor is None:
        return ()
    if ended.ending.org is coming.survivor and ended.both_answered:
        return ()  # it is the survivor that fails: alone it would fail as well
    if ended.readings is not None and ended.readings[coming.survivor].status is None:
        return ()  # it is the survivor that was not seen: nothing is done with it alone
    if ended.both_answered and (ended.ending.end is End.INTERRUPTED or ended.ending.org is None):
        return ()  # a person stopped it, or a hook or the journal did, and neither org is dead
    why = f"go on with the {coming.survivor} alone, where the other one stays dead"
    return (next_step.resume(state.run).as_emergency(why=why),)


def _fails_again(ended: Ended) -> bool:
    """Whether an org that an emergency does without answers reads and fails write after write, resumed or not."""
    state, org = ended.state, ended.ending.org
    if ended.survivor is None or org is not ended.survivor.other or not state.recalled:
        return False
    newest = [sent for sent in state.sent if sent.attempt.role is org][-2:]
    return len(newest) > 1 and all(sent.lost and not sent.confirmed for sent in newest)


def _is_unseen(ended: Ended) -> bool:
    """Whether the org that it is about did not answer the last look."""
    org = ended.ending.org
    return org is not None and ended.readings is not None and ended.readings[org].status is None


def _is_dead(ended: Ended) -> bool:
    """Whether the org that an emergency does without was read, before or after a write, until the time was up, and nobody answered there."""
    survivor = ended.survivor
    if survivor is None or ended.readings is None or ended.ending.end not in (End.UNKNOWN, End.INCOMPLETE):
        return False
    dead = survivor.other
    silent = dead in ended.silent and ended.ending.org is dead
    return silent and ended.readings[survivor].status is not None
