"""Layers: a module imports only from those above its own, and each outside library is imported in one place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "orchestrator"

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(layer)
    for layer in (
        {"errors", "model", "lean_import"},
        {"documents"},
        {"situation"},
        {"engine"},
        {"clock", "log", "redaction", "secrets", "hamr", "journal", "programs", "probes", "hooks", "notices"},
        {"history"},
        {"session", "locking", "journalling", "preflight"},
        {"simulator"},
        {
            "running",
            "people",
            "finish",
            "ways_out",
            "conduct",
            "plan",
            "run",
            "resume",
            "adopt",
            "standing",
            "doctor",
        },
        {"drill", "scenarios"},
        {"report"},
        {"demo", "api"},
        {"testing", "chaos"},
        {"cli", "__main__"},
    )
)

LIBRARIES: dict[str, tuple[str, ...]] = {
    "yaml": ("documents",),
    "transitions": ("engine/machine.py",),
    "httpx": ("hamr/transport.py", "hamr/pool.py"),
    "httpcore": ("hamr/network.py",),
    "sqlite3": ("journal",),
    "rfc8785": ("journal",),
    "structlog": ("log.py",),
    "starlette": ("simulator",),
    "uvicorn": ("simulator",),
    "h11": ("simulator",),
    "jinja2": ("report/html",),
    "chaoslib": ("chaos",),
    "pytest": ("testing.py",),
    "click": ("cli",),
    "rich": ("cli/console.py",),
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Absolute names of everything that a module imports, at whatever place in it."""
    package = ("orchestrator", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *filter(None, [node.module])))
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def layer_of(part: str) -> int:
    found = [number for number, layer in enumerate(LAYERS) if part in layer]
    assert found, f"orchestrator.{part} stands in no layer: give it one"
    return found[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_own_layer_and_those_above(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts == ("__init__",):
        theirs = {name.split(".")[1] for name in imports(path) if name.startswith("orchestrator.")}
        assert theirs <= {"api"}, (
            "the package itself hands out the Python API's names, and imports nothing else"
        )
        return
    own = layer_of(parts[0])
    for name in imports(path):
        if name.startswith("orchestrator.") and name.split(".")[1] != "__version__":
            assert layer_of(name.split(".")[1]) <= own, f"{path.relative_to(ROOT)} imports {name}"
    if parts[0] == "report":
        theirs = {name.split(".")[1] for name in imports(path) if name.startswith("orchestrator.")}
        assert theirs <= {"model", "errors", "report"}, "report/ is pure: it imports nouns only"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_outside_library_is_imported_in_one_place(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for name in imports(path):
        library = name.split(".")[0]
        if library == "orchestrator" or library in sys.stdlib_module_names - {"sqlite3"}:
            continue
        if library == "msgspec":
            continue  # what nouns are made of, wherever they stand
        assert library in LIBRARIES, f"{place} imports {library}, which has no place yet"
        allowed = LIBRARIES[library]
        assert any(place == where or place.startswith(f"{where}/") for where in allowed), (
            f"{place} imports {library}"
        )
