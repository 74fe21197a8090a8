"""One transition, exactly: its guards, its coordinated writes, and waiting until both orgs show its target."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import Struct, field

from orchestrator.model.events import Event, OwedSettled, TransitionIntended, TransitionMade, WriteOwed
from orchestrator.model.guard import Probe
from orchestrator.model.playbook import Advances, Transition
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.invariants import prefix_trouble
from orchestrator.situation.link import Linked, judge_link

from .admission import Admission
from .arrival import Arrival
from .hooks import Hooks
from .look import Eyes
from .memory import Memory
from .stop import Stopped, stopped
from .writer import Writer


class Transitions(Struct):
    """Makes transitions; the machine says which."""

    writer: Writer
    arrival: Arrival
    eyes: Eyes
    memory: Memory
    admission: Admission
    hooks: Hooks
    tell: Callable[[Event], None]
    intend_durably: Callable[[Event], Awaitable[None]]
    taken_as_is: set[Role] = field(default_factory=set)
    """Orgs that stood at the half-done transition's target when the run began."""
    next_probes: tuple[Probe, ...] = ()
    """What the guards of the transition after this one will want to know."""
    began: float = 0.0
    written: int = 0

    async def admit(self, transition: Transition) -> bool:
        """The machine's one condition."""
        return await self.admission.admit(transition)

    async def intend(self, transition: Transition) -> None:
        """Before the state changes: the intent. It is durable with the first hook or write; where none comes, at once."""
        self.began, self.written = self.writer.clock.monotonic(), self.memory.attempts
        self.writer.may_go_on()
        intended = TransitionIntended(transition.name, transition.source, transition.target)
        if transition.advances is Advances.SERVER:
            await self.intend_durably(intended)
        else:
            self.tell(intended)

    async def make(self, transition: Transition) -> None:
        """The `before` hooks, the coordinated writes, and waiting until the transition is done."""
        if await self.hooks.before(transition, half_done=transition.name == self.admission.half_done):
            self.eyes.distrust()
            self.admission.probing.distrust()
        if self.memory.mode is Mode.EMERGENCY and transition.survivor is not None:
            await self._with_survivor(transition, transition.survivor)
        elif transition.advances is Advances.SERVER:
            await self.arrival.until(transition.target, hint=self._hint(transition))
        else:
            await self._with_both(transition)

    def arrive(self, transition: Transition) -> None:
        """After the state changed: the arrival."""
        seconds = self.writer.clock.monotonic() - self.began
        writes = self.memory.attempts - self.written
        due = self.hooks.due_after(transition)
        self.tell(TransitionMade(transition.name, transition.source, transition.target, seconds, writes, due))
        self.admission.half_done, self.taken_as_is = "", set()

    def find_made(self, transition: Transition) -> None:
        """A transition that turns out to be made: its process died after its last write, and before it could say so."""
        self.tell(
            TransitionMade(
                transition.name,
                transition.source,
                transition.target,
                0.0,
                0,
                self.hooks.due_after(transition),
            )
        )

    async def _with_both(self, transition: Transition) -> None:
        there = [role for role in Role if self._is_there(role, transition.target)]
        if len(there) == 1:
            # Half made by a process that died before it knew whether the pair mirrors.
            await self.arrival.find_mirror(there[0])
        for role in transition.writes:
            if self._is_there(role, transition.target) or await self._comes_by_mirror(transition):
                continue
            self._read_ahead(last=role is transition.writes[-1] or bool(self.memory.mirrors))
            await self.writer.write(
                role,
                transition.target,
                transition=transition.name,
                safe=partial(self._check_prefix, transition, role),
            )
            await self.arrival.find_mirror(role)
            if self.memory.mirrors:
                break
        await self.arrival.until(transition.target, hint=self._hint(transition))

    def _read_ahead(self, *, last: bool) -> None:
        """The next transition's probes are read beside the reading back of this transition's last write."""
        probes = self.next_probes if last else ()
        self.writer.beside = partial(self.admission.probing.start, probes)

    async def _comes_by_mirror(self, transition: Transition) -> bool:
        """Whether the other org gets it by itself: on a pair that mirrors one write is enough.

        Writing the other side too can set the first one back, so that is left to the mirror. But a run that finds
        the transition half made gives the mirror its time once, and then writes: a copy that got lost while a region was
        dark never comes.
        """
        if not self.memory.mirrors or not any(self._is_there(role, transition.target) for role in Role):
            return False
        if transition.name != self.admission.half_done:
            return True
        try:
            await self.arrival.until(transition.target)
        except Stopped as stop:
            if stop.ending.end is not End.INCOMPLETE:
                raise
            return False
        return True

    async def _with_survivor(self, transition: Transition, survivor: Role) -> None:
        if transition.advances is Advances.SERVER:
            await self.arrival.until(transition.target, roles=(survivor,), hint=self._hint(transition))
        elif not self._is_there(survivor, transition.target):
            safe = partial(self._check_prefix, transition, survivor)
            self._read_ahead(last=True)
            await self.writer.write(survivor, transition.target, transition=transition.name, safe=safe)
            if survivor.other not in self.memory.dead:
                # It lives, and telling it too may set the survivor back where the pair mirrors.
                await self.arrival.find_mirror(survivor, within=self.eyes.emergency_deadline.total_seconds())
        await self.tell_other(survivor, transition.target, transition=transition)

    async def tell_other(
        self, survivor: Role, target: Status, *, transition: Transition | None = None
    ) -> None:
        """What the other org of an emergency gets: the survivor's status while it lives, else a debt.

        Args:
            survivor: the org that stands at the target.
            target: its status.
            transition: the transition that it belongs to; None where the emergency was there already.
        """
        other = survivor.other
        await self.arrival.until(target, roles=(survivor,))
        self._require_link(survivor)
        if other not in self.memory.dead:
            await self._try_other(other, target, transition)
            await self.arrival.until(target, roles=(survivor,))
        if other in self.memory.dead:
            if self.memory.told_owed.get(other) is not target:
                reason = f"not seen in this emergency; it is owed {target}"
                self.tell(WriteOwed(other, target, reason))
        elif other in self.memory.owed:
            self.tell(OwedSettled(other, target, "void"))

    def _require_link(self, survivor: Role) -> None:
        """An emergency that was at its goal already made no transition, so no guard has judged the survivor's half of the link."""
        situation = self.eyes.situation()
        link = judge_link(
            situation.pair, situation.readings, situation.identities, judge=frozenset({survivor})
        )
        if not isinstance(link, Linked):
            end = End.INCOMPLETE if self.memory.intended else End.REFUSED
            raise stopped(end, link.reason, org=link.role)

    async def _try_other(self, other: Role, target: Status, transition: Transition | None) -> None:
        """The other org, while it lives: one try under its short deadline, never stopping the run."""
        deadline = self.eyes.emergency_deadline.total_seconds()
        ours = transition is None or transition.advances is Advances.CLIENT
        writes = ours and not self.memory.mirrors and not self._is_there(other, target)
        if writes and transition is None:
            self.admission.require_alone(other)  # of a transition, its guards have judged that
        try:
            if writes:
                name, purpose = (transition.name, "transition") if transition is not None else ("", "deliver")
                await self.writer.write(other, target, transition=name, purpose=purpose)
            await self.arrival.until(target, roles=(other,), within=deadline)
        except Stopped as stop:
            if stop.ending.end not in (End.INCOMPLETE, End.REFUSED, End.UNKNOWN):
                raise
            self.eyes.give_up(stop.ending.message)

    def _check_prefix(self, transition: Transition, role: Role) -> None:
        """Law 11, at every write."""
        readings = self.eyes.last_look()
        unseen = role.other if self.memory.mode is Mode.EMERGENCY else None
        statuses = Both(readings.primary.status, readings.secondary.status)
        trouble = prefix_trouble(
            self.writer.pair, self.writer.playbook, transition, statuses, role, unseen=unseen
        )
        if trouble is not None:
            raise stopped(End.INCOMPLETE if self.memory.intended else End.REFUSED, trouble, org=role)

    def _is_there(self, role: Role, status: Status) -> bool:
        """Whether an org shows a status, by a write of ours, an echo, or from before a half-done transition was entered.

        A server that moves on by itself has been there, too.
        """
        reading = self.eyes.last_look()[role]
        if reading.status not in self.writer.playbook.server_moves(status):
            return False
        return role in self.taken_as_is or self.memory.wrote(role, reading.record)

    def _hint(self, transition: Transition) -> str:
        if transition.advances is Advances.SERVER:
            return f"transition {transition.name} waits for the server to make this move"
        if self.memory.mirrors:
            return (
                "the inventory or this run found that this pair mirrors, so it was not written itself; "
                "if it does not, say mirrors: false in the inventory"
            )
        return (
            f"transition {transition.name} writes {', '.join(str(role) for role in transition.writes)} alone"
        )
