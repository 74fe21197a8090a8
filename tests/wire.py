"""A wire between a client and a PostgreSQL server that can be cut at any message, or have a pooler's manners."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path


class Wire:
    """Passes on what a client says on one socket to a server on another; `folder` is where the client finds it."""

    def __init__(self, server: Path, *, pooler: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hamr-wire-", dir="/tmp"))
        self._server, self._pooler = server / ".s.PGSQL.5432", pooler
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._sockets: list[socket.socket] = []
        self._words: bytes | None = None
        self._delivers = self._for_good = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, words: bytes, *, delivers: bool, for_good: bool = False) -> None:
        """Cut it once, or for good, at the client's next message that holds these words: before or after it was delivered."""
        self._words, self._delivers, self._for_good = words, delivers, for_good

    def close(self) -> None:
        """Take no more connections."""
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        os.unlink(self.folder / ".s.PGSQL.5432")  # noqa: PTH108 - a socket
        self.folder.rmdir()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                self._sockets += (client, server)
                threading.Thread(target=self._from_client, args=(client, server), daemon=True).start()
                threading.Thread(target=self._from_server, args=(client, server), daemon=True).start()

    def _from_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 20):
                if self._words is not None and self._words in data:
                    self._words, self.cuts = None, self.cuts + 1
                    if self._for_good:
                        self._listener.shutdown(socket.SHUT_RDWR)
                    client.shutdown(socket.SHUT_RDWR)
                    if self._delivers:
                        server.sendall(data)
                        time.sleep(
                            0.05
                        )  # so that it acts on it before it hears that nobody is there any more
                    break
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _from_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                # BackendKeyData: a pooler gives out numbers of its own.
                key = data.find(b"K\x00\x00\x00\x0c") if self._pooler else -1
                client.sendall(data if key < 0 else data[: key + 5] + b"\x00\x00\xff\xfe" + data[key + 9 :])
            client.shutdown(socket.SHUT_RDWR)
