"""What whoever typed a command types next, by what it said, or by what they see when they look."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.proof import BrokenLaw, Event, Law, Moment, What
from orchestrator.model.situation import Standing
from orchestrator.operations.status import BOTH_NEEDED, read_pair, standing_of

from .ends import Ended
from .keyboard import LOOKS, Died, Returned, closed, verb_of
from .living import Lives, LivingWorld, session_of
from .scene import Chooser, Scene
from .virtual_time import BEGINNING, run_to_the_end

COMMANDS = 8
"""How many commands may be needed at most after the last fault."""

READING_SECONDS = 5.0
"""How long somebody reads what a command said before they type the next one."""

WAITING_SECONDS = 20.0
"""How long somebody waits who was told to look again."""

LOOKS_IN_A_ROW = 6

LOOKS_IN_THE_DARK = 3
"""How often somebody looks at a region that is dark until it is back."""


def follow(lives: Lives, ended: Ended) -> Scene | BrokenLaw | None:
    """The same scene with what is typed next; None where there is nothing left to do; or the law that broke."""
    return _Following(lives, ended, ended.scene).decide()


def heard(ended: Ended) -> None:
    """Add to a story how its last command says that it ended."""
    scene = ended.scene
    if ended.words:
        scene.story = (*scene.story, Moment(scene.time - BEGINNING, What.ENDED, ended.words))


class _Following(Struct):
    lives: Lives
    ended: Ended
    scene: Scene

    def decide(self) -> Scene | BrokenLaw | None:  # noqa: C901 - what a person does next, told whole
        """The scene with the next step; None where there is nothing left to do; or the law that broke."""
        scene = self.scene
        if isinstance(self.ended.outcome, Died):  # what became of that command was never seen
            scene.tried = scene.tried[:-1]
        line, label = "", ""
        heard(self.ended)
        steps = told = self.ended.says
        looks = 0
        standing: Standing | None = None
        while not line:
            if steps and verb_of(steps[0].command) not in LOOKS:
                line = self._pick(steps, label)
                break
            if looks == LOOKS_IN_A_ROW:
                return BrokenLaw(Law.LEADS_ON, f"hamr status says to look again, {looks} times in a row")
            scene.time += WAITING_SECONDS if looks else READING_SECONDS
            if looks == LOOKS_IN_THE_DARK:  # a region comes back to those who wait
                scene.orgs.dark.clear()
            standing = self._look()
            looks += 1
            if self._is_over(standing):
                return None
            label = standing.phase.label
            steps = tuple(step for step in standing.next_steps if step.verb)
            if looks > 1:  # somebody who has looked, and is told to look, takes the next one
                steps = tuple(step for step in steps if step.verb not in LOOKS) or steps
            steps = each_once((*steps, *(step for step in told if step.verb not in LOOKS)))
            if all(step.verb in (*LOOKS, "plan") for step in steps) and not (
                steps and steps[0].verb in LOOKS
            ):
                line = next_step.run(scene.orgs.pair.name, scene.goal).command
        if scene.since_fault >= COMMANDS:
            where = "" if standing is None else f"; it stands at {standing.phase.label}"
            if isinstance(self.ended.outcome, Returned):
                where = f"; the pair stands at {self.ended.outcome.result.phase}"
            return BrokenLaw(
                Law.LEADS_ON, f"{COMMANDS} commands after the last fault, there is more to type{where}"
            )
        scene.time += READING_SECONDS
        self._type(line, label)
        return scene

    def _pick(self, steps: tuple[NextStep, ...], label: str) -> str:
        """The first that was not typed yet where things stand as they do; else the one that was typed longest ago."""
        acting = [step.command for step in steps if step.verb not in (*LOOKS, "plan")]
        typed = {line: number for number, (line, at) in enumerate(self.scene.tried) if at == label}
        return min(acting, key=lambda line: typed.get(line, -1))

    def _type(self, line: str, label: str) -> None:
        """Type it; or do something else, which somebody might."""
        scene, pair = self.scene, self.scene.orgs.pair.name
        if isinstance(self.ended.outcome, Died) or scene.number == 1:
            again, back = next_step.run(pair, scene.route.goal), next_step.run(pair, scene.route.start)
            options = [(Event.RAN_AGAIN, again)]
            if scene.route.start in self.lives.playbook.stops:
                options.append((Event.WENT_BACK, back))
            found = self.ended.chooser.choose([each for each in options if each[1].command != line])
            if found is not None:
                scene.faults, scene.since_fault = (*scene.faults, found[0]), 0
                scene.story = (*scene.story, Moment(scene.time - BEGINNING, What.LEFT, line, event=found[0]))
                scene.step = found[1]
                scene.goal = scene.route.start if found[0] is Event.WENT_BACK else scene.route.goal
                return
        if (
            line,
            label,
        ) in scene.tried:  # all was tried: what is left is to wait for what only time can change
            scene.time += self.lives.patience
        scene.tried = (*scene.tried, (line, label))
        scene.step = next_step.shell(line)

    def _look(self) -> Standing:
        """Hamr status, by somebody whom nothing happens to."""
        scene = self.scene
        life = self.lives.begin(scene, Chooser(open=False))
        session = session_of(life)

        async def look() -> Standing:
            history = session.history()
            readings, identities = await read_pair(session, LivingWorld(life), BOTH_NEEDED, history.floors)
            return standing_of(session, history, readings, identities)

        standing = run_to_the_end(life.loop, look())
        scene.time = life.loop.time()
        scene.story = (*scene.story, *life.moments)
        return standing

    def _is_over(self, standing: Standing) -> bool:
        """Whether the pair is at peace where somebody wanted it, at home, or wherever somebody else has put it."""
        scene = self.scene
        places = {scene.goal, scene.route.goal, scene.route.start}
        stops = self.lives.playbook.stops
        if (
            scene.meddled or scene.route.start not in stops
        ):  # where nothing leads back, any stop is a place to rest
            places |= set(stops)
        return any(closed(standing, place) for place in places)
