"""Hooks around a transition: intent first, outcome after; a failing `before` stops the transition, and `after` ones are owed until they end well."""

from __future__ import annotations

import asyncio
import shlex

from msgspec import Struct, field

from orchestrator.model.events import HookEnded, HookIntended, Waiting
from orchestrator.model.playbook import (
    SETTLED,
    Again,
    Asks,
    Hook,
    HookOutcome,
    InEmergency,
    Manual,
    Program,
    ProgramEnded,
    Question,
    Transition,
    When,
)
from orchestrator.model.run import End, Mode

from .context import RunContext, stopped
from .probing import Asking


class _Due(Struct, frozen=True):
    """One hook at its place."""

    transition: Transition
    when: When
    hook: Hook

    @property
    def key(self) -> tuple[str, When, str]:
        return self.transition.name, self.when, self.hook.name

    def asks(self, kind: Asks, text: str) -> Question:
        return Question(kind, self.hook.name, self.transition.name, text)


class Hooks(Struct):
    """Runs what the playbook says around its transitions."""

    run: RunContext
    asking: Asking
    aside: asyncio.Task[None] | None = None
    """In an emergency: the hooks that go on beside the writes, one after the other."""
    put_off: list[tuple[_Due, Program]] = field(default_factory=list)
    """In an emergency: `after` hooks that only a person can let be repeated. They are asked about in the end."""
    at_leisure: bool = False
    """Nothing is left to write."""

    async def before(self, transition: Transition, *, half_done: bool) -> bool:
        """What comes before a transition's first write; whether anything was done, so that everything is read again. One that fails stops the run."""
        unsettled = self._unsettled(transition, When.BEFORE)
        if half_done:
            for due in unsettled:
                self._end(due, HookOutcome.SKIPPED, "a write of this transition is in effect already")
            return False
        if self._emergency:
            self._beside(transition, When.BEFORE)
            return False
        for due in unsettled:
            outcome, reason = await self._one(due)
            if outcome not in SETTLED:
                raise stopped(
                    End.INCOMPLETE,
                    f"hook {due.hook.name} before transition {transition} ended as {outcome.value}: {reason}; nothing of this transition was written",
                )
        return bool(unsettled)

    async def after(self, transition: Transition) -> bool:
        """What comes after a transition; what fails stays owed. Whether the run has waited for any, so that everything is read again."""
        if not self._emergency:
            return await self._all(transition, When.AFTER)
        self._beside(transition, When.AFTER)
        return False

    async def catch_up(self) -> bool:
        """The `after` hooks that transitions of this run still owe; as `after`."""
        acted = False
        for name in dict.fromkeys(transition for transition, _ in self.run.state.hooks_owed()):
            transition = self.run.playbook.transition(name)
            if transition is not None:
                acted |= await self.after(transition)
        return acted

    def due_after(self, transition: Transition) -> tuple[str, ...]:
        """The `after` hooks that a transition owes from the moment it is made."""
        return tuple(
            hook.name
            for hook in transition.after
            if not (self._emergency and hook.emergency is InEmergency.SKIP)
        )

    async def finish(self) -> None:
        """Wait for what goes on beside an emergency: its transition is made, its end is not known yet."""
        if self.aside is None:
            return
        if not self.aside.done():
            self.run.tell(Waiting("the hooks that were started beside the writes", 0.0))
        await self.aside
        self.aside = None

    async def ask_at_last(self) -> None:
        """Nothing is left to write: now a person may be asked about what an emergency has put off.

        Else such a hook would stay owed for ever, since a resumed emergency is one again.
        """
        self.at_leisure = True
        while self.put_off:
            due, program = self.put_off.pop(0)
            # A transition that had to be made a second time has put it off twice.
            if not self._is_settled(due):
                await self._by_program(due, program)

    async def close(self) -> None:
        """Break off what goes on beside; each hook says so in the journal."""
        if self.aside is not None:
            self.aside.cancel()
            await asyncio.gather(self.aside, return_exceptions=True)
            self.aside = None

    @property
    def _emergency(self) -> bool:
        return self.run.state.mode is Mode.EMERGENCY

    def _beside(self, transition: Transition, when: When) -> None:
        """Law 9: nothing of an emergency waits for a hook; they keep their order among themselves."""
        if not transition.hooks(when):
            return
        earlier = self.aside

        async def go_on() -> None:
            if earlier is not None:
                await earlier
            await self._all(transition, when)

        self.aside = asyncio.create_task(go_on())

    async def _all(self, transition: Transition, when: When) -> bool:
        unsettled = self._unsettled(transition, when)
        for due in unsettled:
            await self._one(due)
        return bool(unsettled)

    def _unsettled(self, transition: Transition, when: When) -> list[_Due]:
        due = (_Due(transition, when, hook) for hook in transition.hooks(when))
        return [each for each in due if not self._is_settled(each)]

    def _is_settled(self, due: _Due) -> bool:
        return self.run.state.hooks.get(due.key) in SETTLED

    async def _one(self, due: _Due) -> tuple[HookOutcome, str]:
        if self._emergency and due.hook.emergency is InEmergency.SKIP:
            return self._end(due, HookOutcome.SKIPPED, "the playbook skips it in an emergency")
        match due.hook.what:
            case Manual():
                return await self._by_hand(due, due.hook.what)
            case Program():
                return await self._by_program(due, due.hook.what)

    async def _by_hand(self, due: _Due, manual: Manual) -> tuple[HookOutcome, str]:
        if self._emergency:
            return self._end(due, HookOutcome.LEFT_TO_PERSON, manual.text)
        self.run.may_go_on()
        before = self.run.state.hooks.get(due.key)
        await self.run.intend(HookIntended(*due.key, manual.text))
        text = f"{due.when.value.capitalize()} transition {due.transition}, by hand: {manual.text}"
        reply = await self.asking.ask(due.asks(Asks.MANUAL, text))
        if reply is None:
            self.run.may_go_on()
            if before is HookOutcome.NOT_DONE:
                # A person's no stands until a person says otherwise: that nobody was asked this time settles nothing.
                return self._end(due, HookOutcome.NOT_DONE, "a person said before that it was not done")
            return self._end(due, HookOutcome.LEFT_TO_PERSON, manual.text)
        if not reply.yes:
            return self._end(due, HookOutcome.NOT_DONE, reply.words or "a person said that it was not done")
        return self._end(due, HookOutcome.DONE, reply.words)

    async def _by_program(self, due: _Due, program: Program) -> tuple[HookOutcome, str]:
        run = self.run
        refusal = await self._may_not_repeat(due)
        before = run.state.hooks.get(due.key)
        if before is not None and self._is_settled(due):  # another process ended it while a person was asked
            return before, ""
        if refusal:
            if self._emergency and not self.at_leisure and due.when is When.AFTER:
                self.put_off.append((due, program))
                return HookOutcome.NOT_DONE, refusal
            return self._end(due, HookOutcome.NOT_DONE, refusal)
        run.may_go_on()
        try:
            await run.intend(HookIntended(*due.key, shlex.join(program.run)))
        except asyncio.CancelledError:
            self._end(due, HookOutcome.NOT_DONE, "the run was given up before it was started")
            raise
        if not self._emergency:
            run.tell(Waiting(f"hook {due.hook.name} to end", program.timeout.total_seconds()))
        began = run.clock.monotonic()
        try:
            ended = await run.services.programs.run(program, self._about(due))
        except asyncio.CancelledError:
            cut_off = ProgramEnded(None, "", run.clock.monotonic() - began)
            self._end(due, HookOutcome.CUT_OFF, "the run was given up while it was under way", cut_off)
            raise
        if ended.code == 0:
            return self._end(due, HookOutcome.DONE, "", ended)
        return self._end(due, HookOutcome.FAILED, ended.failure or f"exit code {ended.code}", ended)

    async def _may_not_repeat(self, due: _Due) -> str:
        """Why a hook that was begun before and did not end well may not be repeated; "" where it may."""
        if due.key not in self.run.state.hooks or due.hook.again is Again.SAFE:
            return ""
        if self._emergency and not self.at_leisure:
            return "it was begun before, and an emergency asks nobody before its last write whether it may be repeated"
        before = self.run.state.hooks[due.key]
        how = "was begun, and nobody knows how it ended" if before is None else f"ended as {before.value}"
        text = (
            f"Hook {due.hook.name} ({due.when.value} transition {due.transition}) {how}. May it be run again?"
        )
        reply = await self.asking.ask(due.asks(Asks.AGAIN, text))
        if reply is None:
            self.run.may_go_on()
            return "it was begun before, and there was nobody to ask whether it may be repeated"
        return "" if reply.yes else "a person said that it must not be repeated"

    def _about(self, due: _Due) -> dict[str, str]:
        return {
            "HAMR_RUN": self.run.state.run,
            "HAMR_PAIR": self.run.pair.name,
            "HAMR_TRANSITION": due.transition.name,
            "HAMR_FROM": due.transition.source.name,
            "HAMR_TO": due.transition.target.name,
            "HAMR_HOOK": due.hook.name,
            "HAMR_WHEN": due.when.value,
            "HAMR_MODE": self.run.state.mode.value,
        }

    def _end(
        self, due: _Due, outcome: HookOutcome, reason: str, ended: ProgramEnded | None = None
    ) -> tuple[HookOutcome, str]:
        told = ended or ProgramEnded(None, "", 0.0)
        self.run.tell(HookEnded(*due.key, outcome, reason, told.code, told.output, told.seconds))
        return outcome, reason
