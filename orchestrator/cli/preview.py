"""What a person is shown, and agrees to, before anything is written; with --yes none of this is loaded."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.errors import Refused
from orchestrator.model.plan import Plan
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Status
from orchestrator.operations.locking import refuse_held
from orchestrator.operations.plan import make_plan
from orchestrator.operations.preflight import cooling_question, over_cool_down, refuse_in_drill
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_in_emergency, read_status
from orchestrator.report.layout import line
from orchestrator.report.plan import plan_json, plan_page, preview_page
from orchestrator.report.status import standing_page

from .invocation import Invocation
from .signals import showing_silence


def agree_to_run(
    invocation: Invocation, session: Session, request: RunRequest, *, later: bool = False
) -> Plan | None:
    """Show what a run would do, and ask whether it is to; one that is `later` may be refused by guards as things are now.

    Gives the plan, whose request goes over a cooling down that was agreed to; None where there is nothing to do, nor an
    open run whose place is to be taken. Locked where somebody holds the pair; Refused by a drill that nobody has closed,
    by guards, where it stands, or the person.
    """
    refuse_held(session, take_over=request.mode is Mode.EMERGENCY)
    history = session.history()
    refuse_in_drill(history, request, "")
    cooling = cooling_question(history, session.playbook, session.clock, request)
    if cooling is not None:
        request = over_cool_down(request)
    console = invocation.console
    plan = showing_silence(console, session, make_plan(session, request))
    if not plan.transitions and plan.reachable and not plan.refused and history.open_run is None:
        console.facts(plan_page(plan), plan_json(plan))
        return None
    if plan.refused and later and plan.reachable:
        words = f"As things are now, {', '.join(plan.stops)} would stop this run."
        console.note(f"{words} All of it is judged anew then.", "warn")
    elif plan.refused:
        console.aside.page(plan_page(replace(plan, next_steps=())))
        no_way = f"there is no way to {request.goal} now"
        why = f"{', '.join(plan.stops)} would stop it" if plan.stops else no_way
        words = f"This run would be refused, so nobody is asked: {why}. The plan above says why."
        raise Refused(words, next_steps=plan.next_steps)
    _ask(invocation, plan, cooling)
    return plan


def agree_to_apply(invocation: Invocation, session: Session, plan: Plan) -> Plan:
    """Show a saved plan, and ask whether it is to be run: Locked where somebody holds the pair, Refused by the person.

    Gives the plan, whose request goes over a cooling down that was agreed to.
    """
    request = plan.request
    refuse_held(session, take_over=request.mode is Mode.EMERGENCY)
    cooling = cooling_question(session.history(), session.playbook, session.clock, request)
    _ask(invocation, plan, cooling)
    return plan if cooling is None else replace(plan, request=over_cool_down(request))


def _ask(invocation: Invocation, plan: Plan, cooling: str | None) -> None:
    invocation.console.aside.page(preview_page(plan))
    if cooling is not None:
        invocation.console.note(cooling, "warn")
    invocation.console.confirm(plan.request.pair)


def show_status(
    invocation: Invocation, session: Session, *, emergency_to: Status | None = None
) -> PairStatus:
    """Show where the pair stands, beside the question that is to be asked of it; Locked where somebody holds it.

    Of what goes on as an emergency only the survivor is waited for.
    """
    refuse_held(session, take_over=True)
    looking = read_status(session) if emergency_to is None else read_in_emergency(session, emergency_to)
    standing = showing_silence(invocation.console, session, looking)
    invocation.console.aside.page((*standing_page(standing, session.playbook), line()))
    return standing
