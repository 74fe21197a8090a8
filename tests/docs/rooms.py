"""The picture of the rooms on docs/explanation/design.md: `python -m tests.docs.rooms` draws it from the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "design.md"

_FIGURE = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def rooms() -> dict[str, set[str]]:
    """Each room, with those that its modules import from."""
    package = ROOT / "orchestrator"
    names = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    found: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        for path in (package / name).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("orchestrator."):
                    found[name] |= {str(node.module).split(".")[1]} & (names - {name})
    return found


def drawn(imports: dict[str, set[str]]) -> str:
    """The figure: an arrow to each room that another imports from and does not reach by one that it imports from."""
    reached = {name: _reached(name, imports) for name in imports}
    arrows = [
        f"    {name} --> {below}"
        for name in sorted(imports)
        for below in sorted(imports[name] - {far for near in imports[name] for far in reached[near]})
    ]
    return "\n".join(("```mermaid", "flowchart TD", *arrows, "```", ""))


def _reached(name: str, imports: dict[str, set[str]]) -> set[str]:
    return imports[name].union(*(_reached(below, imports) for below in imports[name]))


def filled(page: str) -> str:
    """The page with the figure as it really is."""
    return _FIGURE.sub(lambda _: drawn(rooms()), page, count=1)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
