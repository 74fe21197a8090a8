"""What keys a redactor knows in these tests, and which processes still run."""

from __future__ import annotations

from pathlib import Path

from orchestrator.model.org import Secret
from orchestrator.system.redaction import Redactor


def knowing(*keys: str) -> Redactor:
    redactor = Redactor()
    for key in keys:
        redactor.add(Secret(key))
    return redactor


def runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes_in(folder: Path) -> list[int]:
    """Processes that have left their number as an empty file's name."""
    return [int(file.name) for file in folder.iterdir()]
