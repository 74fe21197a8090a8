"""What the world does of its own accord while an attacked incident goes on, and the witness of who wrote what."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.journal import JournalStore
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Fault, simulated_orgs

from .attacks import Attacks, Follower
from .killable import world_context
from .scene import Machine, pair_of
from .tape import Appended, Asked, Note

if TYPE_CHECKING:
    from .incident import Played

OTHER_ORGS = 7
"""The seed of the orgs that a repointed inventory names."""


def patient(playbook: Playbook, attacks: Attacks) -> Playbook:
    """A playbook that gives connections the time that the attack takes for them."""
    if attacks.slow is None:
        return playbook
    timeouts = replace(
        playbook.timeouts,
        connect=timedelta(seconds=15),
        total=timedelta(seconds=20),
    )
    return replace(playbook, timeouts=timeouts)


class World(Struct):
    """Follows the tape of one incident."""

    played: Played
    copy: Path | None = None

    def take_part(self) -> None:
        """From now on."""
        scene = self.played.scene
        self._witness()
        scene.tape.listeners.append(self._follow)
        scene.between_lives = self._between_lives
        scene.stranger = self._stranger
        if self.played.incident.attacks.restored is not None:
            self._copy(self.played.machines[0], 0)

    # -- who wrote what ------------------------------------------------------------------------------------------

    def _witness(self) -> None:
        """Note every record that is replaced, and by whom."""
        state, tape = self.played.regions._state, self.played.tape
        write, foreign_write = state.write, state.foreign_write

        def written(role: Role, posted: object, now: object) -> HamrRecord:
            record = write(role, posted, now)  # type: ignore[arg-type]
            tape.wrote(role, record, posted.modified_by, ours=True)  # type: ignore[attr-defined]
            return record

        def strangely(role: Role, status: Status, modified_by: str, now: object) -> HamrRecord | None:
            record = foreign_write(role, status, modified_by, now)  # type: ignore[arg-type]
            if record is not None:
                tape.wrote(role, record, modified_by, ours=False)
            return record

        state.write, state.foreign_write = written, strangely  # type: ignore[method-assign]

    def _stranger(self, role: Role, status: Status, name: str = "terraform") -> None:
        self.played.regions.foreign_write(role, status, name)
        self.played.tape.happened("foreign", f"{name} writes {status} to the {role}")

    # -- after something was done ------------------------------------------------------------------------------

    def _follow(self, note: Note) -> None:
        scene, attacks = self.played.scene, self.played.incident.attacks
        if scene.beside.over:
            return
        if isinstance(note, Asked) and note.posts:
            scene.posts += 1
            for follower in attacks.followers:
                if follower.after_post == scene.posts:
                    self._later(follower.delay, self._write_after, follower, note)
        elif isinstance(note, Appended) and note.record.kind == "wait.began":
            for blip in attacks.blips:
                self._later(blip.after, self._blink, blip.role, True)
                self._later(blip.after + blip.seconds, self._blink, blip.role, False)

    def _later(self, seconds: float, act: object, *arguments: object) -> None:
        self.played.scene.loop.call_later(seconds, act, *arguments, context=world_context())  # type: ignore[arg-type]

    def _write_after(self, follower: Follower, write: Asked) -> None:
        if self.played.scene.beside.over:
            return
        role = write.role if follower.same_org else write.role.other
        status = follower.status or write.status
        if status is not None:
            self._stranger(role, status, follower.name)

    def _blink(self, role: Role, dark: bool) -> None:
        if self.played.scene.beside.over and dark:
            return
        self.played.regions.set_dark(role, dark)
        self.played.tape.happened("dark" if dark else "light", str(role))

    # -- between two lives -------------------------------------------------------------------------------------

    def _between_lives(self, number: int, machine: Machine) -> None:
        attacks, regions, tape = self.played.incident.attacks, self.played.regions, self.played.tape
        first = self.played.machines[0]
        if attacks.restored is not None and machine is first and not machine.living:
            if number - 1 == attacks.restored.copied_after:
                self._copy(machine, number - 1)
            if number == attacks.restored.before:
                self._restore(machine)
        if number == attacks.repointed_before:
            self._repoint()
        for lagging in attacks.lagging:
            if lagging.life == number:
                regions.fall_behind(lagging.role, versions=lagging.versions, seconds=lagging.seconds)
                tape.happened("behind", f"the {lagging.role}, for {lagging.seconds} s")
        for stumble in attacks.stumbles:
            if stumble.life == number:
                regions.faults.add(Fault(stumble.kind, role=stumble.role, method="GET", times=stumble.times))

    def _copy(self, machine: Machine, number: int) -> None:
        place = Path(machine.store.place)
        self.copy = place.with_suffix(f".{number}")
        with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(self.copy)) as target:
            source.backup(target)
        self.played.tape.happened("copied", "the journal, as it is")

    def _restore(self, machine: Machine) -> None:
        """The file is put back as it was, by somebody who knows of no reason not to."""
        if self.copy is None:
            return
        place = Path(machine.store.place)
        machine.store.close()
        for beside in ("-wal", "-shm", "-journal"):
            Path(f"{place}{beside}").unlink(missing_ok=True)
        shutil.copy(self.copy, place)
        machine.store = JournalStore.open(place, durable=False, now=machine.dated.now)
        self.played.tape.happened("restored", "the journal is put back as it was")

    def _repoint(self) -> None:
        """The inventory names other orgs, with other keys; the same hosts answer for them."""
        regions, scene = self.played.regions, self.played.scene
        regions.record(Role.PRIMARY)  # what has fallen due happens to the old orgs
        state = regions._state
        config = replace(regions.config, orgs=simulated_orgs(OTHER_ORGS))
        regions.config = state.config = config
        state._behind = Both(None, None)
        state._queue.clear()
        state._held.clear()
        for role in Role:
            if regions.darkness(role) is not None:
                regions.set_dark(role, False)
            status = config.status[role]
            first = None if status is Status.ABSENT else state._first(role, status, regions._now())
            state._history[role][:] = [(float("-inf"), first)]  # no replica of theirs shows an old org's
        scene.pair = pair_of(config, self.played.incident.mirrors)
        self.played.tape.happened("repointed", "the inventory names other orgs from now on")
