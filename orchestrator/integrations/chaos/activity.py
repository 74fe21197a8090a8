"""What every activity does: open its pair from arguments, configuration and HAMR_*, refuse a live one, run, fail in words."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from orchestrator.api.calls import Listener, require_flags
from orchestrator.api.pair import OpenPair, open_from
from orchestrator.errors import HamrError, Refused, UsageError
from orchestrator.model.events import Event
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair, is_loopback
from orchestrator.model.plain import JSON
from orchestrator.model.result import RunResult
from orchestrator.operations.sources import Sources
from orchestrator.report.layout import plain_text
from orchestrator.report.run import progress_line, result_json
from orchestrator.simulator import simulated_orgs

Values = Mapping[str, Any] | None
"""The toolkit's configuration or secrets, as it hands them to an activity."""

_SEED = re.compile(r"0{8}(\d{4})$")


def sources_of(
    configuration: Values,
    secrets: Values = None,
    *,
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
) -> Sources:
    """Where everything comes from: arguments, else hamr_pairs, hamr_playbook, … of the experiment's configuration.

    Each of the activity's secrets is an environment variable to whatever names it, such as {env: NAME} in the inventory.
    """
    given = {"pairs": pairs, "playbook": playbook, "journal": journal, "operator": operator}
    named = {name: text or _configured(configuration, f"hamr_{name}") for name, text in given.items()}
    hidden = {name: text for name, text in (secrets or {}).items() if isinstance(text, str)}
    return Sources(**named, environ={**os.environ, **hidden})


def opened(pair: str, configuration: Values, secrets: Values, **named: str) -> OpenPair:
    """The pair that an activity is about; a HamrError where none is named, or something of what `sources_of` takes cannot be right."""
    name = pair or _configured(configuration, "hamr_pair")
    if not name:
        raise UsageError(
            "no pair is named: give the argument `pair`, or `hamr_pair` in the experiment's configuration"
        )
    return open_from(sources_of(configuration, secrets, **named), name)


def opened_to_act(pair: str, configuration: Values, secrets: Values, *, live: bool, **named: str) -> OpenPair:
    """The same for an activity that writes: in words, and refused for a live pair unless `live` is said."""
    with in_words():
        found = opened(pair, configuration, secrets, **named)
        refuse_live(found.pair, live=live)
        return found


def refuse_live(pair: Pair, *, live: bool) -> None:
    """Refused where an experiment would act on a real pair and does not say so: neither simulated, nor for drills, nor meant in so many words.

    A UsageError where `live` is neither true nor false: a text such as "no" would count as true.
    """
    require_flags(live=live)
    if live or pair.drill or is_simulated(pair):
        return
    raise Refused(
        f"pair {pair.name} is a live one: its inventory does not say `drill: true`. An experiment acts without asking, "
        "so on a live pair the action has to say `live: true`",
        next_steps=(NextStep("plan", pair.name, ("--to", "STATUS"), "see what it would send"),),
    )


def is_simulated(pair: Pair) -> bool:
    """Whether both orgs are the simulator's own, on this machine: no real org has their uuids."""
    return all(
        is_loopback(urlsplit(org.base_url).hostname or "")
        and (found := _SEED.search(org.uuid)) is not None
        and simulated_orgs(int(found[1]))[role].uuid == org.uuid
        for role, org in pair.orgs.items()
    )


def _configured(configuration: Values, name: str) -> str | None:
    """A text of the configuration; None where it has none of that name."""
    value = (configuration or {}).get(name)
    return value if isinstance(value, str) and value else None


logger = logging.getLogger("chaostoolkit")
"""The toolkit's own."""


def supervised(pair: OpenPair, act: Callable[[Listener], RunResult]) -> dict[str, JSON]:
    """Act in a thread of its own, so that no signal strikes in the middle of a write: the document hamr/result/1.

    What happens is told to the toolkit's log, in the words of `hamr run`. The toolkit turns signals into exceptions in the
    main thread, wherever that is. Here it only waits: the run is asked to stop before its next write, and waited for;
    `resume` takes it up. A HamrError has all that a person wants to know in its text.
    """

    def listener(event: Event) -> None:
        line = progress_line(event, pair.pair, 0.0)
        if line is not None:
            # Without the time: the toolkit's log has its own.
            logger.info("hamr: %s", plain_text((line[1:],)).strip())

    with ThreadPoolExecutor(1, thread_name_prefix="hamr") as pool:
        future = pool.submit(act, listener)
        try:
            with in_words():
                return result_json(future.result())
        finally:
            if not future.done():
                logger.warning("hamr: stopping before the next write; `resume` takes the run up")
                pair.stop()


@contextmanager
def in_words() -> Iterator[None]:
    """Put what was sent, and what to do next, into the text of an error: the toolkit keeps nothing else of it."""
    try:
        yield
    except HamrError as error:
        steps = "".join(f" Next: {step}" for step in error.next_steps[:1])
        org = f" Org: {error.org}." if error.org else ""
        error.args = (f"{_sentence(error.message)}{org} {error.sent}{steps}",)
        raise


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
