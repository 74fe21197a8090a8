"""hamr: a failover orchestrator for Datadog org pairs.

Layers, each importing only from the ones above it (a test holds that):

    errors, model/      nouns and seams: frozen dataclasses, Protocols; no I/O
    documents/          YAML text → inventory, playbook, with positions            (yaml, pydantic)
    situation/          readings → phase, comparison, verdicts; pure
    engine/             the machine, the write protocol, the drive loop            (transitions)
    hamr/ journal/ secrets.py log.py    adapters: API client, store, keys, logging (httpx, sqlite3, structlog)
    session.py          wires adapters and engine for one pair
    simulator/          two regions on loopback                                    (starlette, uvicorn)
    plan.py run.py      the uses
    report/             plan, run, journal → text and JSON; pure
    cli/                one file per verb, no logic                                (click, rich)

Data goes one way: files → documents → readings → situation → verdicts → plan or run → journal → report.
"""

__version__ = "0.1.0"
