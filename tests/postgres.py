"""A PostgreSQL of the tests' own: a temporary cluster on a socket, one for each process that runs tests, gone at its end.

Where there is no PostgreSQL the tests that need it are skipped, and say so; with REQUIRE_POSTGRES in the environment they
fail.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest

_PLACES = (
    *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    *map(Path, os.environ["PATH"].split(":")),
)
_numbers = count(1)


def programs() -> Path | None:
    """The folder of initdb and postgres; None where there is no PostgreSQL, or nobody who may run it."""
    if os.geteuid() == 0 and "postgres" not in {each.pw_name for each in pwd.getpwall()}:
        return None
    return next((place for place in _PLACES if (place / "initdb").exists()), None)


def require() -> Path:
    """The same, or the test is skipped."""
    found = programs()
    if found is None:
        if os.environ.get("REQUIRE_POSTGRES"):
            pytest.fail("there is no PostgreSQL here")
        pytest.skip("there is no PostgreSQL here (Debian: apt-get install postgresql)")
    return found


def database_of(url: str) -> str:
    """The name of a database, of its address too."""
    return url.partition("@/")[2].partition("?")[0] or url


class Cluster:
    """A server on a socket in a folder of its own, which can be stopped, killed, held and started again."""

    def __init__(self, folder: Path, bin_: Path, *, durable: bool = False) -> None:
        self.folder, self._bin, self._durable = folder, bin_, durable
        self._server: subprocess.Popen[bytes] | None = None
        self._as_postgres = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )

    def start(self, **settings: str) -> None:
        """Start it, and wait until it answers."""
        fsync = "on" if self._durable else "off"
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": fsync,
            **settings,
        }
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *self._as_postgres,
                    "setpriv",
                    "--pdeathsig=QUIT",
                    self._bin / "postgres",
                    "-D",
                    self.folder / "data",
                    *(f"--{key}={value}" for key, value in options.items()),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._server.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stand(self) -> None:
        """Start it, where it does not run, and let it go on, where it was held."""
        if self._server is None:
            self.start()
        self.thaw()

    def create(self, kept: Path) -> None:
        """Make its files, or copy those that another process has made and kept: that takes a tenth of the time."""
        if self._as_postgres:
            shutil.chown(self.folder, "postgres", "postgres")
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                self._initialize()
                subprocess.run(["cp", "-a", self.folder / "data", kept], check=True)
                return
        subprocess.run(["cp", "-a", kept, self.folder / "data"], check=True)

    def _initialize(self) -> None:
        initdb: list[str | Path] = [
            self._bin / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "--wal-segsize=1",
        ]
        subprocess.run([*self._as_postgres, *initdb], check=True, capture_output=True, cwd="/")

    def url(self, database: str, user: str = "postgres", **parameters: str) -> str:
        """The address of one of its databases."""
        more = "".join(f"&{key}={value}" for key, value in parameters.items())
        return f"postgresql://{user}@/{database}?host={self.folder}{more}"

    def new_database(self, like: str = "template1") -> str:
        """The address of a new, empty one, whose files are copied: to log them page by page takes half as long again.

        Or of a copy of another one, to which nobody is connected.
        """
        name = f"d{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {database_of(like)} STRATEGY file_copy")
        return self.url(name)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """What a DBA types, in the database of a name or an address."""
        where = database if "://" in database else self.url(database)
        with psycopg.connect(where, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def freeze(self) -> None:
        """Have it swallow whatever it is sent, and say nothing: connections are still taken, by the kernel."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, what: signal.Signals) -> None:
        assert self._server is not None
        self._server.send_signal(what)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                pid, parent = stat.parent.name, stat.read_text().rpartition(")")[2].split()[1]
                if parent == str(self._server.pid):
                    os.kill(int(pid), what)

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT in order, SIGQUIT as in a crash."""
        if self._server is not None:
            self.thaw()
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None


@contextmanager
def cluster(kept: Path | None = None, *, durable: bool = False) -> Iterator[Cluster]:
    """A running one; `kept` is where the processes of one run of the tests have the files of a new one in common."""
    folder = Path(tempfile.mkdtemp(prefix="hamr-pg-", dir="/tmp"))
    made = Cluster(folder, require(), durable=durable)
    try:
        made.create(kept or folder / "kept")
        made.start()
        yield made
    finally:
        # In order it would first write out every database of a run, and nobody reads them.
        made.end(signal.SIGQUIT)
        shutil.rmtree(folder)


def environment(home: Path, **more: str) -> Mapping[str, str]:
    """Of somebody at work at a machine of their own."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), **more}
