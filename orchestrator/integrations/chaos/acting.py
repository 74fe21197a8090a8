"""Running something for an experiment: told to the toolkit's log, stopped gently when the toolkit is, failing in words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from orchestrator.api.listening import Listener
from orchestrator.api.pair import OpenPair
from orchestrator.errors import HamrError
from orchestrator.model.events import Event
from orchestrator.report.layout import plain_text
from orchestrator.report.run import progress_line

T = TypeVar("T")

logger = logging.getLogger("chaostoolkit")
"""The toolkit's own."""


def listener_for(pair: OpenPair) -> Listener:
    """Tells the toolkit's log what happens, in the words of `hamr run`."""

    def listener(event: Event) -> None:
        line = progress_line(event, pair.pair, 0.0)
        if line is not None:
            # Without the time: the toolkit's log has its own.
            logger.info("hamr: %s", plain_text((line[1:],)).strip())

    return listener


def supervised(pair: OpenPair, act: Callable[[], T]) -> T:
    """Act in a thread of its own, so that no signal strikes in the middle of a write.

    The toolkit turns signals into exceptions in the main thread, wherever that is. Here it only waits: the run is asked
    to stop before its next write, and waited for; `resume` takes it up.

    Raises:
        HamrError: what the act raised, with all that a person wants to know in its text.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="hamr") as pool:
        future = pool.submit(act)
        try:
            with in_words():
                return future.result()
        finally:
            if not future.done():
                logger.warning("hamr: stopping before the next write; `resume` takes the run up")
                pair.stop()


@contextmanager
def in_words() -> Iterator[None]:
    """Put what was sent, and what to do next, into the text of an error: the toolkit keeps nothing else of it.

    Raises:
        HamrError: of the same kind.
    """
    try:
        yield
    except HamrError as error:
        steps = "".join(f" Next: {step}" for step in error.next_steps[:1])
        org = f" Org: {error.org}." if error.org else ""
        error.args = (f"{_sentence(error.message)}{org} {error.sent}{steps}",)
        raise


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
