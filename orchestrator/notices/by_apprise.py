"""Sends one message by Apprise; run as a program of its own, which knows nothing else of hamr.

Reads a JSON object with address, title, body and type on stdin. Ends with 0 where it was sent; else with 1, and why on
stdout.
"""

from __future__ import annotations

import json
import logging
import sys


class _Last(logging.Handler):
    """Keeps what was said last."""

    words = "Apprise could not send it, and does not say why"

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.words = record.getMessage()


def main() -> int:
    """Send it; the exit code."""
    message = json.load(sys.stdin)
    import apprise  # noqa: PLC0415 - what it says while it is loaded is read by nobody

    said = _Last(logging.WARNING)
    logging.getLogger("apprise").addHandler(said)
    sender = apprise.Apprise()
    if not sender.add(message["address"]):
        # Apprise says the address whole, where it has no idea of it.
        sys.stdout.write("Apprise has no service for this address\n")
        return 1
    if sender.notify(title=message["title"], body=message["body"], notify_type=message["type"]):
        return 0
    sys.stdout.write(f"{said.words}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
