"""The command `hamr`: a verb is its flags and what it calls, loaded when it is used; deciding happens in other rooms.

`group` dispatches and ends every command, `options` and `invocation` turn flags into a Session, `console` alone prints
and asks, `preview` shows what is about to happen, `run_command` follows a run, `signals` alone listens to Ctrl-C,
`failures` turns what went wrong into words and an exit code, `outlets` lets no trouble of stdout and stderr come up.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


_YOUNG_OBJECTS = 100_000
"""How many new objects Python makes before it looks for cycles among them (its own default is 700).

A verb and its libraries are about 50,000: looking through them once takes 10 ms, and finds nothing."""


def main() -> NoReturn:
    """Run the command line of this process, and exit with its code, whatever becomes of its output (law 19).

    Loading makes some hundred thousand objects that live as long as the process: looking through them for cycles
    while they are made, and taking each apart at the end, is a seventh of what a short command costs.
    """
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    usual = (signal.default_int_handler, signal.SIG_DFL)  # nohup, and a shell's background, say otherwise
    heard = [number for number in _ENDING if signal.getsignal(number) in usual]
    for number in heard:
        signal.signal(number, _end_early)
    from .group import hamr
    from .outlets import hold_standard_streams

    for number in heard:
        signal.signal(number, _interrupt)
    hold_standard_streams()
    try:
        hamr.main(prog_name="hamr")
    except SystemExit as end:
        _end(end.code)


def _end_early(number: int, _: object) -> NoReturn:
    """A signal before anything was asked or sent: while this program is loaded, an exception would end up anywhere."""
    os._exit(_SIGNALLED + number)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Ctrl-C or SIGTERM while no run listens to it, each with its exit code."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            _end(
                _SIGNALLED + number
            )  # an exception would leave half a module, which the next import stumbles over
        frame = frame.f_back
    raise KeyboardInterrupt(_SIGNALLED + number)


_ENDING = (signal.SIGINT, signal.SIGTERM)

_IMPORTING = "<frozen importlib._bootstrap>"

_SIGNALLED = 128
"""Where a shell's exit codes of what a signal has ended begin: 130 is Ctrl-C, 143 SIGTERM."""


def _end(code: object) -> NoReturn:
    """End at once: what was to be kept is on the disk, and no thread that is still at something holds the exit."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what os._exit leaves out, as multiprocessing does it
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its trouble changes no code
            stream.flush()
    os._exit(code if isinstance(code, int) else 0)
