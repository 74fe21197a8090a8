"""Command lines that say a request again, flag by flag, as a person would have to type it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from .journal import Holder
from .plain import timestamp
from .run import Mode, RunRequest
from .standing import Stranger

DEFAULT_PLAYBOOK = "regional-failover"
"""The playbook that a command takes when none is named."""

ANY_REASON = "REASON"
"""Stands where the person has to write a reason."""


def override_flag(guard: str, reason: str = ANY_REASON) -> str:
    """The flag that overrides a guard: --override settled=REASON."""
    return f"--override {shlex.quote(f'{guard}={reason}')}"


def request_command(
    verb: str, request: RunRequest, playbook: str = DEFAULT_PLAYBOOK, more: Sequence[str] = ()
) -> str:
    """The command line that asks for the same again.

    Args:
        verb: run or plan.
        request: what was asked for.
        playbook: its name; said only where it is not the default.
        more: flags to add.
    """
    words = [f"hamr {verb} {shlex.quote(request.pair)} --to {request.goal}"]
    if playbook != DEFAULT_PLAYBOOK:
        words.append(f"--playbook {shlex.quote(playbook)}")
    if request.mode is Mode.EMERGENCY:
        words.append("--emergency")
    if request.reason or request.mode is Mode.EMERGENCY:
        words.append(f"--reason {shlex.quote(request.reason or ANY_REASON)}")
    words += [override_flag(guard, reason) for guard, reason in request.overrides.items()]
    if request.ref:
        words.append(f"--ref {shlex.quote(request.ref)}")
    if request.since is not None:
        words.append(f"--since {timestamp(request.since)}")
    return " ".join([*words, *more])


def unlock_command(pair: str, holder: Holder) -> str:
    """Break a lock, by its id and with a reason."""
    return f"hamr unlock {shlex.quote(pair)} --lock-id {holder.lock} --reason TEXT"


def after_unlocking(steps: Sequence[str], pair: str, holder: Holder) -> tuple[str, ...]:
    """What to type next where a holder died in the middle of its run: no new run has the lock before it is broken.

    What takes the lock over by itself (resume, adopt, an emergency) stays as it is.
    """
    new = next((at for at, step in enumerate(steps) if _begins_anew(step)), len(steps))
    unlock = (unlock_command(pair, holder),) if new < len(steps) else ()
    return (*steps[:new], *unlock, *steps[new:])


def _begins_anew(step: str) -> bool:
    """Whether a command line begins a new run that is no emergency."""
    return step.startswith("hamr run ") and " --emergency" not in step


def after_asking(steps: Sequence[str], pair: str, found: Sequence[Stranger]) -> tuple[str, ...]:
    """What to type next while somebody else may be at work: watch first, and go over them by name alone.

    Args:
        steps: what would be typed otherwise, most useful first.
        pair: the pair's name.
        found: who is at work; where nobody is, the steps are left as they are.
    """
    if not found:
        return tuple(steps)
    others = _by_name("alone", steps, "hamr run ", "hamr resume ")
    return tuple(dict.fromkeys((f"hamr status {shlex.quote(pair)} --watch", *others)))


def after_unknown(steps: Sequence[str]) -> tuple[str, ...]:
    """What to type next while nobody knows what became of a write: a new run has to accept that by name."""
    return _by_name("unknown", steps, "hamr run ")


def _by_name(guard: str, steps: Sequence[str], *verbs: str) -> tuple[str, ...]:
    """The steps, those of these verbs with the flag that overrides a guard."""
    return tuple(
        f"{step} {override_flag(guard)}"
        if step.startswith(verbs) and f"--override {guard}=" not in step
        else step
        for step in steps
    )
