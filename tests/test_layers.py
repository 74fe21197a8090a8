"""Each outside library is imported in one room. Which room may import which, `make lint` holds (pyproject.toml)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent / "orchestrator"

ROOMS: dict[str, tuple[str, ...]] = {
    "yaml": ("config",),
    "transitions": ("engine/machine.py",),
    "httpx": ("datadog/transport.py", "datadog/connections.py"),
    "httpcore": ("datadog/connections.py",),
    "sqlite3": ("journal",),
    "psycopg": ("journal/postgres_session.py",),
    "rfc8785": ("journal",),
    "anyio": ("api/simulated.py",),
    "structlog": ("system/log.py",),
    "starlette": ("simulator",),
    "uvicorn": ("simulator",),
    "jinja2": ("report/html.py",),
    "prometheus_client": ("fleet/metrics.py",),
    "apprise": ("notices/by_apprise.py",),
    "procrastinate": ("fleet/queue.py",),
    "chaoslib": ("integrations/chaos",),
    "pytest": ("integrations/pytest_plugin.py",),
    "click": ("cli",),
    "rich": ("cli/console.py",),
}
"""By library; msgspec is what nouns are made of, wherever they stand."""


def statements(within: ast.AST) -> Iterator[ast.AST]:
    """All in it that is no expression: an import stands in none."""
    for node in ast.iter_child_nodes(within):
        if not isinstance(node, ast.expr):
            yield node
            yield from statements(node)


def libraries(path: Path) -> Iterator[str]:
    """What a module imports from outside, at whatever place in it."""
    for node in statements(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        tops = {name.split(".")[0] for name in names}
        yield from tops - (sys.stdlib_module_names - {"sqlite3"}) - {"orchestrator", "msgspec"}


def test_each_outside_library_is_imported_in_one_room() -> None:
    imported = {path.relative_to(ROOT): {*libraries(path)} for path in sorted(ROOT.rglob("*.py"))}
    elsewhere = [
        f"{path} imports {library}"
        for path, found in imported.items()
        for library in found
        if not any(path.is_relative_to(room) for room in ROOMS.get(library, ()))
    ]
    assert elsewhere == []
    assert ROOMS.keys() == set().union(*imported.values())
