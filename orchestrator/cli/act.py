"""`hamr run | apply | resume | adopt | unlock | ack | cancel`: what is written is shown first, and asked for by the pair's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestrator.errors import ExitCode
from orchestrator.model import next_step

from . import completion, options
from .invocation import Invocation


@click.command()
@options.pair
@options.run_flags
@options.at
@options.expect
@options.yes
@options.takes(*options.LOOKING)
def run(invocation: Invocation, pair: str, at: str | None, expect: str | None, **flags: Any) -> ExitCode:
    """Move a pair to a status.

    Shows the plan and wants the pair's name typed; then takes the pair's lock, reads everything again, and goes transition
    by transition: guards, then a write to each org, each seen by a read before the next. Every step is in the journal
    before it is taken. Ctrl-C stops before the next write; hamr resume takes it up again. Where an org was changed while
    the question stood there, nothing is sent (exit 4); an emergency goes by what it finds.

    With --at it waits after the question; Ctrl-C, or hamr cancel from elsewhere, ends that. What was shown as the pair's
    status has to be so still, as with --expect.
    """
    from datetime import UTC, datetime

    from msgspec.structs import replace

    from orchestrator.model.run import Mode
    from orchestrator.model.words import utc
    from orchestrator.operations.preflight import check_request, require_reasons
    from orchestrator.operations.run import start

    from .requests import RunFlags, at_named, expected
    from .run_command import RunCommand

    now = datetime.now(UTC)
    wanted = expected(expect, emergency=flags["emergency"], at=at)
    begin = None if at is None else at_named(at, now)
    request = RunFlags(**flags).request(pair, now, wanted)
    playbook, shown = invocation.load_playbook(), ""
    check_request(request, playbook)
    require_reasons(request.reason, request.overrides)
    emergency = request.mode is Mode.EMERGENCY
    with invocation.session(pair, writes=True, playbook=playbook, emergency=emergency) as session:
        command = RunCommand(invocation, session.pair, asks=invocation.asks)
        if invocation.asks:
            from .preview import agree_to_run

            plan = agree_to_run(invocation, session, request, later=begin is not None)
            if plan is None:
                return ExitCode.DONE
            request, shown = plan.request, plan.run
            if begin is None:
                command.controls.shown = None if emergency else plan.readings
            elif request.expect is None:
                request = replace(request, expect=plan.stood_at)
        else:
            invocation.note_no_journal(session.store)
        drill = session.history().open_drill if emergency else None
        if drill is not None:
            words = f"Pair {pair} is in drill {drill.drill}: this emergency does not wait for it."
            close = f"hamr drill close {drill.drill} --notes TEXT leaves the pair where it stands."
            invocation.console.note(f"{words} Afterwards, {close}", "warn")
        if begin is None:
            return command.run(start(session, request, controls=command.controls, run=shown))
        from orchestrator.operations.scheduled import start_at

        shown = shown or session.new_run()
        waits = f"Run {shown} waits until {utc(begin)}, without the pair's lock."
        invocation.console.note(f"{waits} Ctrl-C here, or {next_step.cancel(shown)}, gives it up.")
        return command.run(start_at(session, request, begin, controls=command.controls, run=shown))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.yes
@options.takes(*options.LOOKING)
def apply(invocation: Invocation, file: Path) -> ExitCode:
    """Run a saved plan, exactly.

    FILE is what hamr plan --out wrote. It is refused where it was applied before, is older than 15 minutes, was
    edited, or where the playbook, the inventory's orgs or the orgs' records have changed since.
    """
    from orchestrator.config import load_playbook
    from orchestrator.model.run import Mode
    from orchestrator.operations.run import apply as apply_plan
    from orchestrator.operations.run import check_plan

    from .plan_files import read_plan
    from .run_command import RunCommand

    saved = read_plan(file)
    plan, source = saved.plan, invocation.playbook or saved.playbook
    playbook = invocation.name_playbook(load_playbook(source), source)
    emergency = plan.request.mode is Mode.EMERGENCY
    with invocation.session(
        plan.request.pair, writes=True, playbook=playbook, emergency=emergency
    ) as session:
        check_plan(session, plan)
        if invocation.asks:
            from .preview import agree_to_apply

            plan = agree_to_apply(invocation, session, plan)
        else:
            invocation.note_no_journal(session.store)
        command = RunCommand(invocation, session.pair, asks=invocation.asks)
        return command.run(apply_plan(session, plan, controls=command.controls))


@click.command()
@click.argument("what", metavar="PLAN_FILE|RUN|FLEET")
@options.reason
@click.option("--afterwards", is_flag=True, help="To an emergency that did not wait for it.")
@options.yes
@options.takes(*options.LOOKING)
def approve(invocation: Invocation, what: str, reason: str, afterwards: bool) -> None:
    """Agree to what somebody else's run or plan does.

    For playbooks with a guard of kind approved. WHAT is the file of a plan, a run that waits for it, or a fleet: then it is of
    each pair's plan as the fleet was begun with. The approval is
    bound to exactly that: pair, orgs, start, goal, mode, transitions, playbook and overrides; it is void when any of it
    changes. Whoever asked for it cannot give it. The orgs are not touched.
    """
    from datetime import UTC, datetime

    from orchestrator.fleet.crew import begun_fleet
    from orchestrator.operations.approval import approve as agree
    from orchestrator.operations.approval import asked_by_plan, asked_by_run, refuse_own
    from orchestrator.operations.finding import run_named
    from orchestrator.operations.preflight import require_reasons
    from orchestrator.report.layout import line
    from orchestrator.report.plan import approvable_page, approval_json

    require_reasons(reason, {})
    if Path(what).is_file():
        from .plan_files import read_plan

        plan = read_plan(Path(what)).plan
        asked = asked_by_plan(plan, datetime.now(UTC))
    else:
        with invocation.store(writes=False) as store:
            fleet = begun_fleet(store, what)
            if fleet is None:
                nor = " and no fleet of that id, and there is no such file"
                run = run_named(store, what, next_step.approve, nor).run
                asked = asked_by_run(store, run, afterwards=afterwards)
        if fleet is not None:
            from .fleet_run import approve_fleet

            approve_fleet(invocation, fleet, reason)
            return
    page = approvable_page(asked.what, asked_by=f"{asked.by}@{asked.host}", reason=asked.reason)
    with invocation.session(asked.what.pair, writes=True) as session:
        if invocation.asks:
            refuse_own(session.operator, asked.by)
            invocation.console.aside.page(page)
            invocation.console.confirm(asked.what.pair, "This says that you agree to exactly that.")
        record = agree(session, asked, reason)
    said = f"Run {asked.run} is approved by {record.by}@{record.host}: exactly as it stands above, and nothing else."
    given = approval_json(asked.what, run=asked.run, by=record.by, reason=reason, afterwards=asked.afterwards)
    invocation.console.facts((*page, line(), line(said, "good")), given)


@click.command()
@click.argument("what", metavar="[RUN|PAIR]", required=False, shell_complete=completion.pairs_and_runs)
@options.emergency
@options.reason
@options.override
@options.yes
@options.takes(*(name for name in options.LOOKING if name != "playbook"))
def resume(
    invocation: Invocation,
    what: str | None,
    emergency: bool,
    reason: str,
    overrides: tuple[str, ...],
) -> ExitCode:
    """Take up an open run again, or deliver what is owed.

    Without an argument it is the only open run of the journal; where there are several, they are listed. RUN is an
    id, the beginning of one, or last, the newest run. Anybody can resume any run. It goes on with the playbook that the run began with, after reading both orgs: what they
    show counts, and the journal says what was sent. Shows where the pair stands, and wants its name typed.
    """
    from orchestrator.model.run import Mode
    from orchestrator.operations.finding import to_resume
    from orchestrator.operations.preflight import check_overrides, require_emergency_reason, require_reasons
    from orchestrator.operations.run import resume as resume_run

    from .requests import overrides_from
    from .run_command import RunCommand

    mode = Mode.EMERGENCY if emergency else None
    require_emergency_reason(mode, reason, next_step.resume(what or "").as_emergency())
    named = overrides_from(overrides)
    require_reasons(reason, named)
    inventory = invocation.sources.inventory()
    # What an emergency left open on this machine is found there; anything else is then refused where it would begin.
    with invocation.store(writes=False, emergency=True) as store:
        found, began_with = to_resume(store, what, inventory.pairs)
    hastens = emergency or (found.run is not None and found.run.resumes_as is Mode.EMERGENCY)
    playbook = began_with or invocation.load_playbook()
    check_overrides(named, playbook)
    with invocation.session(found.pair, writes=True, playbook=playbook, emergency=hastens) as session:
        if invocation.asks:
            from .preview import show_status

            started = None if found.run is None else found.run.started
            promise = (
                f"This delivers what is owed: {found.words}. One write, after both orgs were read again."
            )
            if found.run is not None and started is not None:
                goal, alone = started.goal, " with the survivor alone" if emergency else ""
                takes_up = f"This takes up run {found.run.run} of {found.run.by}@{found.run.host} again, to {goal}{alone}"
                promise = f"{takes_up}: both orgs are read, and the transitions that are left are made."
            show_status(invocation, session, emergency_to=started.goal if emergency and started else None)
            invocation.console.confirm(found.pair, promise)
        before = () if found.run is None else session.store.records(run=found.run.run)
        command = RunCommand(invocation, session.pair, before, asks=invocation.asks)
        controls = command.controls
        return command.run(
            resume_run(session, found.run, mode=mode, reason=reason, overrides=named, controls=controls)
        )


@click.command()
@options.pair
@click.option(
    "--truth",
    type=click.Choice(["primary", "secondary"]),
    required=True,
    metavar="ORG",
    help="primary or secondary: the org that is right: the other one is told what it shows.",
)
@options.required_reason
@options.override
@options.yes
@options.takes(*options.LOOKING)
def adopt(invocation: Invocation, pair: str, truth: str, reason: str, overrides: tuple[str, ...]) -> ExitCode:
    """Make a diverged pair agree, by the org that is right.

    Shows where the pair stands, wants its name typed, and writes the other org once: checked, journalled and read
    back like any other write. It asks no guard of a playbook. --override reverted=REASON goes on from an org that was
    put back to an older record than the journal has seen of it; alone=REASON, beside a run that this journal does not
    know. Where an org was changed while the question stood there, nothing is written (exit 4).
    """
    from orchestrator.model.status import Role
    from orchestrator.operations.preflight import check_adoption
    from orchestrator.operations.run import adopt as adopt_truth

    from .requests import overrides_from, require_text
    from .run_command import RunCommand

    right = Role(truth)
    require_text("--reason", reason)
    named = overrides_from(overrides)
    check_adoption(named)
    with invocation.session(pair, writes=True) as session:
        command = RunCommand(invocation, session.pair)
        if invocation.asks:
            from .preview import show_status

            command.controls.shown = readings = show_status(invocation, session).readings
            shows = readings[right].status
            said = f"what {session.pair[right]} shows" + ("" if shows is None else f", {shows}")
            promise = f"This tells {session.pair[right.other]} {said}, in one write."
            if shows is not None and shows == readings[right.other].status:
                promise = f"Both orgs show {shows} already: where they still do when they are read again, nothing is written."
            invocation.console.confirm(pair, promise)
        else:
            invocation.note_no_journal(session.store)
        return command.run(adopt_truth(session, right, reason, overrides=named, controls=command.controls))


@click.command()
@options.pair
@click.option("--lock-id", metavar="ID", required=True, help="The lock's id, as hamr status shows it.")
@options.required_reason
@options.yes
@options.takes(*options.LOOKING)
def unlock(invocation: Invocation, pair: str, lock_id: str, reason: str) -> None:
    """Break a pair's lock, by its id.

    For a lock whose holder is gone, and that hamr resume does not take over by itself: from another machine, for
    one. Make sure that nobody works behind it. It is refused while the holder runs on this machine. The orgs are not touched.
    """
    from orchestrator.operations.locking import break_lock, check_unlock
    from orchestrator.report.documents import document, fields_fact
    from orchestrator.report.layout import command, line

    from .requests import require_text

    require_text("--reason", reason)
    with invocation.session(pair, writes=False) as session:
        holder = check_unlock(session, lock_id)
        if invocation.asks:
            invocation.require_somebody()
            breaks = f"This breaks the lock {holder.lock} of {holder}"
            invocation.console.confirm(pair, f"{breaks}, whose run {holder.run} may then be resumed.")
    with invocation.session(pair, writes=True) as session:
        holder = break_lock(session, lock_id, reason)
    said = f"The lock {holder.lock} of {holder}, run {holder.run}, is broken. The journal has it."
    broken = fields_fact(holder, "lock", "run", "operator", "host", "process=pid")
    page = (line(said), line(), command(next_step.status(pair).command))
    invocation.console.facts(page, document("hamr/unlock/1", {"pair": pair, **broken}))


@click.command()
@click.argument("run", shell_complete=completion.runs)
@options.reason
@options.takes(*options.LOOKING)
def ack(invocation: Invocation, run: str, reason: str) -> None:
    """Take note of a finished run, which ends its cooling down.

    Only a playbook with cool_down has any. What the run left to be done by hand is taken off hamr status, too. RUN is
    an id, the beginning of one, or last, the newest run. The orgs are not touched.
    """
    from orchestrator.operations.finding import run_named
    from orchestrator.operations.run import acknowledge

    with invocation.store(writes=False) as store:
        found = run_named(store, run, next_step.acknowledge)
    with invocation.session(found.pair, writes=True) as session:
        acknowledge(session, found, reason)
    said = f"Run {found.run} of pair {found.pair} is acknowledged: it makes the pair cool down no longer."
    invocation.console.say(said, "hamr/ack/1", run=found.run, pair=found.pair, reason=reason)


@click.command()
@click.argument("run")
@options.reason
@options.takes(*options.LOOKING)
def cancel(invocation: Invocation, run: str, reason: str) -> None:
    """Let a run that waits for its time not begin.

    RUN is one of hamr run --at; hamr status names it. One that has begun is not cancelled (exit 4). The orgs are not
    touched.
    """
    from orchestrator.journal.checkpoint import read_histories
    from orchestrator.operations.finding import id_of
    from orchestrator.operations.scheduled import cancel as cancel_run
    from orchestrator.operations.scheduled import scheduled_named

    with invocation.store(writes=False) as store:
        known = id_of(store, run, next_step.cancel) or run
        history, found = scheduled_named([*read_histories(store).values()], known)
    with invocation.session(history.pair, writes=True) as session:
        cancel_run(session, found.run, reason)
    said = f"Run {found.run} of pair {history.pair}, by {found.by}, is cancelled: it does not begin."
    invocation.console.say(said, "hamr/cancel/1", run=found.run, pair=history.pair, reason=reason)
