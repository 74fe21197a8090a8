"""Logs: where they go, in which form, what they are bound to, and that no key is in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from msgspec import Struct

from orchestrator.model.org import Secret
from orchestrator.system.log import bind, configure, logger
from orchestrator.system.redaction import Redactor
from tests.processes import python

from .shared import knowing

CANARY = "canary0api0key0000000000000000001"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    configure()


def test_a_pipe_gets_one_json_object_a_line() -> None:
    stream = io.StringIO()
    configure("auto", "info", stream, Redactor())
    logger().info("transition made", transition="declare", seconds=1.5)
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record.pop("timestamp").endswith("Z")
    assert record == {"event": "transition made", "level": "info", "transition": "declare", "seconds": 1.5}


def test_a_terminal_gets_text_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    configure("auto", "info", stream, Redactor())
    logger().info("transition made", transition="declare")
    assert "transition made" in stream.getvalue()
    assert "declare" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    configure("auto", "info", stream, Redactor())
    logger().warning("transition made", transition="declare")
    assert "\x1b[" not in stream.getvalue()
    assert "transition=declare" in stream.getvalue()


def test_the_console_in_a_pipe_has_no_colour() -> None:
    stream = io.StringIO()
    configure("console", "info", stream, Redactor())
    logger().info("transition made", transition="declare")
    assert "\x1b[" not in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_events_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure("json", "warning", stream, Redactor())
    logger().info("not this")
    logger().warning("but this")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["but this"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no log level is called 'loud'"):
        configure("json", "loud", io.StringIO(), Redactor())


def test_run_and_pair_are_bound_to_every_event() -> None:
    stream = io.StringIO()
    configure("json", "info", stream, Redactor())
    with bind(run="20261122-031502-k3f9", pair="payments"):
        logger().info("one")
        with bind(pair="ledger"):
            logger().info("two")
        logger().info("three")
    logger().info("four")
    seen = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(event.get("run"), event.get("pair")) for event in seen] == [
        ("20261122-031502-k3f9", "payments"),
        ("20261122-031502-k3f9", "ledger"),
        ("20261122-031502-k3f9", "payments"),
        (None, None),
    ]


def test_the_default_is_stderr_and_nothing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logger().warning("seen")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "seen"


class Leaky:
    def __repr__(self) -> str:
        return f"Leaky({CANARY})"


def fail(key: str) -> None:
    raise ValueError(f"bad key {key}")


@pytest.mark.parametrize("form", ["console", "json"])
def test_law_17_no_key_is_logged_in_any_place(form: str) -> None:
    stream = io.StringIO()
    configure(form, "debug", stream, knowing(CANARY))  # type: ignore[arg-type]
    with bind(run=CANARY):
        logger().info(
            f"event {CANARY}", fact=CANARY, nested={"a": [CANARY, {CANARY: (CANARY,)}]}, thing=Leaky()
        )
        logger().info("bytes", data=CANARY.encode(), secret=Secret(CANARY), **{CANARY: 1})
        try:
            fail(CANARY)
        except ValueError:
            logger().exception("failed", stack_info=True)
        logging.getLogger("asyncio").error("task died: %s", CANARY)
        try:
            fail(CANARY)
        except ValueError:
            logging.getLogger("elsewhere").exception("worse: %s", {"key": CANARY})
    text = stream.getvalue()
    assert CANARY not in text
    assert "bad key [redacted]" in text
    assert "task died: [redacted]" in text
    assert "worse" in text


class Holder(Struct):
    key: str


class Sly:
    def __repr__(self) -> str:
        return "Sly()"

    def __structlog__(self) -> str:
        return CANARY


def test_law_17_a_key_is_found_before_it_is_escaped_twice() -> None:
    stream = io.StringIO()
    configure("json", "debug", stream, knowing("back\\slash\\key"))
    logger().info("seen", holder=Holder("back\\slash\\key"))
    assert json.loads(stream.getvalue())["holder"] == "Holder(key='[redacted]')"


def test_law_17_a_key_that_shows_up_only_when_it_is_rendered_is_found() -> None:
    stream = io.StringIO()
    configure("json", "debug", stream, knowing(CANARY))
    logger().info("seen", sly=Sly())
    assert json.loads(stream.getvalue())["sly"] == "[redacted]"


def test_a_traceback_shows_no_local_variables() -> None:
    stream = io.StringIO()
    configure("console", "info", stream, Redactor())
    try:
        hidden = "local-variable-value"
        fail(hidden[:5])
    except ValueError:
        logger().exception("failed")
    assert "bad key local" in stream.getvalue()
    assert "local-variable-value" not in stream.getvalue().replace('hidden = "local-variable-value"', "")


def test_other_libraries_are_heard_from_warning_on_and_once() -> None:
    stream = io.StringIO()
    configure("json", "debug", stream, Redactor())
    configure("json", "debug", stream, Redactor())
    logging.getLogger("httpcore.http11").debug("send_request_headers.started")
    logging.getLogger("httpx").info("HTTP Request: GET")
    logging.getLogger("asyncio").info("using selector")
    logging.getLogger("asyncio").warning("slow callback")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["slow callback"]


def test_a_stream_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    configure("json", "info", stream, Redactor())
    stream.close()
    logger().info("into the void")

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    configure("console", "info", Full(), Redactor())
    logger().info("into the void")


def loaded(code: str) -> str:
    check = "print([name for name in ('structlog', 'rich', 'httpx', 'asyncio') if name in sys.modules])"
    return python("-c", f"import sys\n{code}\n{check}").strip()


def test_importing_the_log_is_cheap() -> None:
    assert loaded("import orchestrator.system.log") == "[]"


def test_logging_loads_no_rich() -> None:
    assert "rich" not in loaded(
        "import orchestrator.system.log as log; log.configure('console'); log.logger().info('x')"
    )
