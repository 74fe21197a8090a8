"""The command in a process of its own, forked from one that has loaded it: what a start costs is paid once for all tests.

It has its own number, group, environment, streams and end, and is killed as any other; only its imports were made before,
and what is made at first use, and it asks an org that does not answer again for as long as the test does (`tests/conftest.py`).
What the start itself does (closed streams, the installed script, what is imported) is tested with `python -m orchestrator`.
"""

from __future__ import annotations

import atexit
import fcntl
import io
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.engine import reader

STREAMS: Mapping[str, str] = MappingProxyType({"stdin": "r", "stdout": "w", "stderr": "w"})


def python(*words: str, code: int = 0, **options: Any) -> str:
    """What an interpreter of its own prints that ends with this exit code; options are those of `subprocess.run`."""
    command = [sys.executable, *words]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def hamr(words: Sequence[str], *, machine: str = "", **options: Any) -> subprocess.Popen[Any]:
    """Start a command line; the options are those of Popen that have to do with streams, place and environment.

    With `machine`, it takes itself for a process of a machine of that name. With `start_new_session`, a terminal that is its stdin becomes the one that controls it.
    """
    if hasattr(os, "pidfd_open"):
        return _Forked(list(words), machine, **options)
    assert not machine, "only a process that is forked here can take itself for another machine's"
    return subprocess.Popen([sys.executable, "-m", "orchestrator", *words], **options)


class _Forked(subprocess.Popen[Any]):
    """A process that is a child of the one that forks; that one reports how it ended."""

    def __init__(self, words: list[str], machine: str, **options: Any) -> None:
        self._machine = machine
        super().__init__(words, **options)

    def _execute_child(self, *given: Any) -> None:
        # In Popen's own order: args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
        # creationflags, shell, the six ends of three pipes, restore_signals, gid, gids, uid, umask, start_new_session.
        words, cwd, env, pipes, new_session = given[0], given[5], given[6], given[10:16], given[21]
        self._report, told = os.pipe()
        streams = [theirs if theirs >= 0 else n for n, theirs in enumerate((pipes[0], pipes[3], pipes[5]))]
        request = {"words": words, "cwd": str(cwd or Path.cwd()), "session": bool(new_session)}
        request["env"] = dict(os.environ if env is None else env)
        request["machine"] = self._machine
        request["asked_again"] = (reader.ASK_AGAIN_FOR, reader.ASK_AGAIN_AFTER)
        try:
            self.pid = _server()(json.dumps(request).encode(), [*streams, told])
        finally:
            os.close(told)
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self._child_created = True
        self._asking = threading.Lock()

    def _internal_poll(self, _deadstate: object = None, **_: object) -> int | None:
        return self._ended(0)

    def _wait(self, timeout: float | None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        until = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            with self._asking, selectors.DefaultSelector() as ready:
                if self.returncode is None:
                    ready.register(self._report, selectors.EVENT_READ)
                    if ready.select(0.0):
                        self.returncode = int(os.read(self._report, 32))
                        os.close(self._report)
                        break
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(0.005)
        return self.returncode


@cache
def _server() -> Callable[[bytes, list[int]], int]:
    """The process that forks, one for all processes that run these tests, whoever is first; it ends with the last of them."""
    address = f"\0hamr-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as theirs:
        try:
            theirs.bind(address)
        except OSError:  # another one was first
            until = time.monotonic() + 10
            while ours.connect_ex(address):  # which does not listen yet
                assert time.monotonic() < until
                time.sleep(0.01)
        else:
            theirs.listen(64)
            ours.connect(address)
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.processes", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )
            atexit.register(process.wait)
    one_at_a_time = threading.Lock()
    atexit.register(ours.close)

    def ask(request: bytes, descriptors: list[int]) -> int:
        with one_at_a_time:
            socket.send_fds(ours, [request], descriptors)
            return int(ours.recv(32))

    return ask


def _serve(listening: socket.socket) -> list[str]:
    """Fork a process for each request, and report each end; returns in each of them, with its words."""
    running = selectors.DefaultSelector()
    running.register(listening, selectors.EVENT_READ)
    asking: set[socket.socket] = set()
    reports: dict[int, int] = {}
    while True:
        for key, _ in running.select():
            asked = key.fileobj
            if not isinstance(asked, socket.socket):
                running.unregister(key.fd)
                _report_end(key.data, reports.pop(key.fd))
                os.close(key.fd)
                continue
            if asked is listening:
                other, _ = listening.accept()
                running.register(other, selectors.EVENT_READ)
                asking.add(other)
                continue
            request, descriptors, _, _ = socket.recv_fds(asked, 1_000_000, 4)
            if not request:
                running.unregister(asked)
                asking.remove(asked)
                asked.close()
                if not asking:
                    os._exit(0)
                continue
            *streams, report = descriptors
            child = os.fork()
            if not child:
                running.close()
                sockets = map(socket.socket.detach, (listening, *asking))
                for number in (*reports, *reports.values(), report, *sockets):
                    os.close(number)
                return _become(json.loads(request), streams)
            asked.send(str(child).encode())
            for number in streams:
                os.close(number)
            pidfd = os.pidfd_open(child)
            reports[pidfd] = report
            running.register(pidfd, selectors.EVENT_READ, child)


def _report_end(child: int, report: int) -> None:
    _, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(report)


def _become(request: dict[str, Any], streams: list[int]) -> list[str]:
    """Take the place, the streams and the environment that were asked for, as a process that was just started has them."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if request["session"]:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    reader.ASK_AGAIN_FOR, reader.ASK_AGAIN_AFTER = request["asked_again"]
    if request["machine"]:
        _stand_on(request["machine"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, (name, mode) in enumerate(STREAMS.items()):
        errors = "backslashreplace" if name == "stderr" else "strict"
        at_once = name == "stderr" or os.isatty(number)
        opened = io.TextIOWrapper(
            open(number, f"{mode}b"),  # noqa: SIM115, PTH123 - a stream lives as long as its process
            encoding="utf-8",
            errors=errors,
            line_buffering=at_once,
        )
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
    words: list[str] = request["words"]
    sys.argv = ["hamr", *words]
    return words


def _stand_on(machine: str) -> None:
    """What tells one machine's processes from another's is its name, and the boot that they run in."""
    from orchestrator.journal import processes

    token = processes._token
    processes._token = lambda pid: (there := token(pid)) and f"{machine} {there.split(' ', 1)[1]}"
    socket.gethostname = lambda: machine


def _load() -> None:
    """Import what commands import; the extras that need something more come where they are asked for."""
    import gc
    from importlib import import_module
    from pkgutil import walk_packages

    import orchestrator

    for found in walk_packages(orchestrator.__path__, "orchestrator."):
        if not found.name.startswith(("orchestrator.integrations", "orchestrator.__main__")):
            import_module(found.name)
    _use()
    import_module("rich.live")
    gc.collect()
    gc.freeze()


def _use() -> None:
    """Run a few commands: what is compiled, looked up or imported at its first use is there for all that are forked.

    What comes of them is nobody's business here.
    """
    from tempfile import TemporaryDirectory

    from click.testing import CliRunner

    from orchestrator.cli.group import hamr as command
    from orchestrator.system import log
    from tests.attack.hamr import PAIR, Hamr
    from tests.attack.region import Pair

    away = ("run", PAIR, "--to", "ACTIVE")
    with TemporaryDirectory() as folder, Pair() as pair:
        anna = Hamr(pair, Path(folder))
        for words in (("plan", *away[1:]), (*away, "--yes"), ("status", PAIR), ("status", PAIR, "--json")):
            CliRunner().invoke(command, words, env=anna.env, prog_name="hamr")
    log.configure()  # they sent the log to streams that are closed now


if __name__ == "__main__":
    _load()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from orchestrator.cli import main

    main()
