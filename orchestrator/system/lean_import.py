"""Keeping a library's optional extras from being loaded along with it, or from being looked for again and again.

httpx loads its own command line, and structlog loads rich, wherever those happen to be installed: 80 to 100 ms
at the start of every command, for code that is never called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import cast


@contextmanager
def left_out(library: str, extra: str) -> Iterator[bool]:
    """Import `library` in the body of this context as if `extra` were not installed.

    Yields whether `extra` is being left out: not where it is loaded already (nothing is saved) or where `library`
    is (it has made its choice). Afterwards `extra` can be imported by anybody, as before.
    """
    leaving_out = library not in sys.modules and extra not in sys.modules
    if not leaving_out:
        yield False
        return
    # None is Python's own mark for "importing this raises ImportError", which both libraries are prepared for.
    modules = cast("dict[str, object]", sys.modules)
    modules[extra] = None
    try:
        yield True
    finally:
        del modules[extra]


def looked_for_once(extra: str) -> None:
    """Where `extra` is not installed, let every later attempt to import it fail at once.

    Python keeps no note of what it did not find. httpcore looks for sniffio at each lock and event, four times a
    request, and 60 us each time.
    """
    if extra not in sys.modules and find_spec(extra) is None:
        cast("dict[str, object]", sys.modules)[extra] = None
