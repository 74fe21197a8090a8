"""Hooks around a transition: intent first, outcome after; a failing `before` stops the transition, and `after` ones are owed until they end well."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable

from msgspec import Struct, field

from orchestrator.model.events import Event, HookEnded, HookIntended, Waiting
from orchestrator.model.hook import (
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
    When,
)
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.protocols import Clock, Programs
from orchestrator.model.run import End, Mode

from .asking import Asking
from .memory import Memory
from .stop import stopped


class Hooks(Struct):
    """Runs what the playbook says around its transitions."""

    pair: Pair
    playbook: Playbook
    programs: Programs
    asking: Asking
    memory: Memory
    clock: Clock
    tell: Callable[[Event], None]
    intend: Callable[[Event], Awaitable[None]]
    may_go_on: Callable[[], None]
    aside: asyncio.Task[None] | None = None
    """In an emergency: the hooks that go on beside the writes, one after the other."""
    put_off: list[tuple[Transition, Hook, Program]] = field(default_factory=list)
    """In an emergency: `after` hooks that only a person can let be repeated. They are asked about in the end."""
    at_leisure: bool = False
    """Nothing is left to write."""

    async def before(self, transition: Transition, *, half_done: bool) -> bool:
        """What comes before a transition's first write; whether anything was done, so that everything is read again.

        Raises:
            Stopped: one did not end well; nothing of the transition was written.
        """
        if half_done:
            for hook in transition.before:
                if not self._is_settled(transition, When.BEFORE, hook):
                    self._end(
                        transition,
                        When.BEFORE,
                        hook,
                        HookOutcome.SKIPPED,
                        "a write of this transition is in effect already",
                    )
            return False
        if self._emergency:
            self._beside(lambda: self._all(transition, When.BEFORE))
            return False
        acted = False
        for hook in transition.before:
            if self._is_settled(transition, When.BEFORE, hook):
                continue
            acted = True
            outcome, reason = await self._one(transition, When.BEFORE, hook)
            if outcome not in SETTLED:
                raise stopped(
                    End.INCOMPLETE,
                    f"hook {hook.name} before transition {transition} ended as {outcome.value}: {reason}; nothing of this transition was written",
                )
        return acted

    async def after(self, transition: Transition) -> bool:
        """What comes after a transition; what does not end well stays owed, and the run goes on.

        Returns:
            Whether anything was done that the run has waited for, so that everything is read again.
        """
        if not self._emergency:
            return await self._all(transition, When.AFTER)
        self._beside(lambda: self._all(transition, When.AFTER))
        return False

    async def catch_up(self) -> bool:
        """The `after` hooks that transitions of this run still owe; as `after`."""
        acted = False
        for name in dict.fromkeys(transition for transition, _ in self.memory.hooks_owed()):
            transition = self.playbook.transition(name)
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
            self.tell(Waiting("the hooks that were started beside the writes", 0.0))
        await self.aside
        self.aside = None

    async def ask_at_last(self) -> None:
        """Nothing is left to write: now a person may be asked about what an emergency has put off.

        Else such a hook would stay owed for ever, since a resumed emergency is one again.

        Raises:
            Stopped: a person wants the run to stop.
        """
        self.at_leisure = True
        while self.put_off:
            transition, hook, program = self.put_off.pop(0)
            # A transition that had to be made a second time has put it off twice.
            if not self._is_settled(transition, When.AFTER, hook):
                await self._by_program(transition, When.AFTER, hook, program)

    async def close(self) -> None:
        """Break off what goes on beside; each hook says so in the journal."""
        if self.aside is not None:
            self.aside.cancel()
            await asyncio.gather(self.aside, return_exceptions=True)
            self.aside = None

    @property
    def _emergency(self) -> bool:
        return self.memory.mode is Mode.EMERGENCY

    def _beside(self, act: Callable[[], Awaitable[object]]) -> None:
        """Law 9: nothing of an emergency waits for a hook; they keep their order among themselves."""
        earlier = self.aside

        async def go_on() -> None:
            if earlier is not None:
                await earlier
            await act()

        self.aside = asyncio.create_task(go_on())

    async def _all(self, transition: Transition, when: When) -> bool:
        unsettled = [hook for hook in transition.hooks(when) if not self._is_settled(transition, when, hook)]
        for hook in unsettled:
            await self._one(transition, when, hook)
        return bool(unsettled)

    def _is_settled(self, transition: Transition, when: When, hook: Hook) -> bool:
        return self.memory.hooks.get((transition.name, when, hook.name)) in SETTLED

    async def _one(self, transition: Transition, when: When, hook: Hook) -> tuple[HookOutcome, str]:
        if self._emergency and hook.emergency is InEmergency.SKIP:
            return self._end(
                transition, when, hook, HookOutcome.SKIPPED, "the playbook skips it in an emergency"
            )
        match hook.what:
            case Manual():
                return await self._by_hand(transition, when, hook, hook.what)
            case Program():
                return await self._by_program(transition, when, hook, hook.what)

    async def _by_hand(
        self, transition: Transition, when: When, hook: Hook, manual: Manual
    ) -> tuple[HookOutcome, str]:
        if self._emergency:
            return self._end(transition, when, hook, HookOutcome.LEFT_TO_PERSON, manual.text)
        self.may_go_on()
        before = self.memory.hooks.get((transition.name, when, hook.name))
        await self.intend(HookIntended(transition.name, when, hook.name, manual.text))
        text = f"{when.value.capitalize()} transition {transition}, by hand: {manual.text}"
        reply = await self.asking.ask(Question(Asks.MANUAL, hook.name, transition.name, text))
        if reply is None:
            self.may_go_on()
            if before is HookOutcome.NOT_DONE:
                # A person's no stands until a person says otherwise: that nobody was asked this time settles nothing.
                return self._end(
                    transition, when, hook, HookOutcome.NOT_DONE, "a person said before that it was not done"
                )
            return self._end(transition, when, hook, HookOutcome.LEFT_TO_PERSON, manual.text)
        if not reply.yes:
            return self._end(
                transition,
                when,
                hook,
                HookOutcome.NOT_DONE,
                reply.words or "a person said that it was not done",
            )
        return self._end(transition, when, hook, HookOutcome.DONE, reply.words)

    async def _by_program(
        self, transition: Transition, when: When, hook: Hook, program: Program
    ) -> tuple[HookOutcome, str]:
        refusal = await self._may_not_repeat(transition, when, hook)
        if refusal:
            if self._emergency and not self.at_leisure and when is When.AFTER:
                self.put_off.append((transition, hook, program))
                return HookOutcome.NOT_DONE, refusal
            return self._end(transition, when, hook, HookOutcome.NOT_DONE, refusal)
        self.may_go_on()
        try:
            await self.intend(HookIntended(transition.name, when, hook.name, shlex.join(program.run)))
        except asyncio.CancelledError:
            self._end(
                transition, when, hook, HookOutcome.NOT_DONE, "the run was given up before it was started"
            )
            raise
        if not self._emergency:
            self.tell(Waiting(f"hook {hook.name} to end", program.timeout.total_seconds()))
        began = self.clock.monotonic()
        try:
            ended = await self.programs.run(program, self._about(transition, when, hook))
        except asyncio.CancelledError:
            took = self.clock.monotonic() - began
            self._end(
                transition,
                when,
                hook,
                HookOutcome.CUT_OFF,
                "the run was given up while it was under way",
                seconds=took,
            )
            raise
        if ended.code == 0:
            return self._end(transition, when, hook, HookOutcome.DONE, "", ended)
        reason = ended.failure or f"exit code {ended.code}"
        return self._end(transition, when, hook, HookOutcome.FAILED, reason, ended)

    async def _may_not_repeat(self, transition: Transition, when: When, hook: Hook) -> str:
        """Why a hook that was begun before and did not end well may not be repeated; "" where it may."""
        if (transition.name, when, hook.name) not in self.memory.hooks or hook.again is Again.SAFE:
            return ""
        if self._emergency and not self.at_leisure:
            return "it was begun before, and an emergency asks nobody before its last write whether it may be repeated"
        before = self.memory.hooks[transition.name, when, hook.name]
        how = "was begun, and nobody knows how it ended" if before is None else f"ended as {before.value}"
        text = f"Hook {hook.name} ({when.value} transition {transition}) {how}. May it be run again?"
        reply = await self.asking.ask(Question(Asks.AGAIN, hook.name, transition.name, text))
        if reply is None:
            self.may_go_on()
            return "it was begun before, and there was nobody to ask whether it may be repeated"
        return "" if reply.yes else "a person said that it must not be repeated"

    def _about(self, transition: Transition, when: When, hook: Hook) -> dict[str, str]:
        return {
            "HAMR_RUN": self.memory.run,
            "HAMR_PAIR": self.pair.name,
            "HAMR_TRANSITION": transition.name,
            "HAMR_FROM": transition.source.name,
            "HAMR_TO": transition.target.name,
            "HAMR_HOOK": hook.name,
            "HAMR_WHEN": when.value,
            "HAMR_MODE": self.memory.mode.value,
        }

    def _end(  # noqa: PLR0917 - what the journal holds of it
        self,
        transition: Transition,
        when: When,
        hook: Hook,
        outcome: HookOutcome,
        reason: str,
        ended: ProgramEnded | None = None,
        *,
        seconds: float = 0.0,
    ) -> tuple[HookOutcome, str]:
        code, output = (None, "") if ended is None else (ended.code, ended.output)
        seconds = seconds if ended is None else ended.seconds
        self.tell(HookEnded(transition.name, when, hook.name, outcome, reason, code, output, seconds))
        return outcome, reason
