"""A real, headless Chromium, spoken to over its own pipe: what a page does, and how it looks."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

QUIET = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars",
    "--mute-audio",
)

PATIENCE = 60.0
"""Seconds for any one answer of the browser: a limit for a broken one, not a wait."""


def chromium() -> str:
    """Where the browser is.

    Without one the test is skipped; where REQUIRE_BROWSER=1 is set, as in CI, it fails.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is not None:
        return found
    words = (
        f"no Chromium on this machine (looked for {', '.join(NAMES)}): the page was not opened in a browser"
    )
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"{words}, and REQUIRE_BROWSER=1 wants it")
    pytest.skip(words)


class Browser(Struct):
    """One browser with one tab."""

    to: int
    back: int
    session: str = ""
    number: int = 0
    unread: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, method: str, **params: Any) -> Any:
        """One command and its result; whatever happens meanwhile is kept in `events`."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.back], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            read = os.read(self.back, 1 << 20)
            assert read, "the browser has ended"
            self.unread += read
        message, _, self.unread = self.unread.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        return found

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def evaluate(self, expression: str) -> Any:
        """What a piece of JavaScript gives; it is the test's, not the page's."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def happened(self, *methods: str) -> list[dict[str, Any]]:
        """What was reported of these kinds since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def said(self) -> list[str]:
        """What the page has put on the console, and what the browser has complained of."""
        calls = self.happened("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(call) for call in calls]

    def requested(self) -> list[str]:
        """Every address that was asked for."""
        return [event["request"]["url"] for event in self.happened("Network.requestWillBeSent")]

    def look(self, *, width: int, dark: bool = False, media: str = "screen") -> None:
        """Show the page in that width, in dark or light, on a screen or on paper."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def picture(self) -> bytes:
        """The whole page, as a PNG."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that ends with the block."""
    path = chromium()
    from_us, to_browser = os.pipe()
    from_browser, to_us = os.pipe()
    home = tempfile.mkdtemp(prefix="hamr-browser-")
    flags = [*QUIET, f"--user-data-dir={home}/profile", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    nowhere = os.open(os.devnull, os.O_RDWR)
    actions = [
        (os.POSIX_SPAWN_DUP2, nowhere, 0),
        (os.POSIX_SPAWN_DUP2, nowhere, 1),
        (os.POSIX_SPAWN_DUP2, nowhere, 2),
        (os.POSIX_SPAWN_DUP2, from_us, 3),
        (os.POSIX_SPAWN_DUP2, to_us, 4),
    ]
    environment = {**os.environ, "HOME": home}
    process = os.posix_spawn(
        path, [path, *flags, "about:blank"], environment, file_actions=actions, setpgroup=0
    )
    for descriptor in (from_us, to_us, nowhere):
        os.close(descriptor)
    try:
        found = Browser(to_browser, from_browser)
        target = found.ask("Target.createTarget", url="about:blank")["targetId"]
        found.session = found.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            found.ask(f"{domain}.enable")
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(to_browser)
        os.close(from_browser)
        shutil.rmtree(home, ignore_errors=True)
