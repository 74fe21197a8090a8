"""The playbook: YAML → Playbook, checked as a whole, and the playbooks that ship with hamr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.playbook import Playbook

from .compose import compose
from .document import Document
from .messages import did_you_mean, shown
from .playbook_checks import playbook_findings
from .playbook_form import PlaybookForm
from .source import is_path, named_file, read_text, shipped_files
from .validate import read_as


def load_playbook(name_or_path: str, *, folder: Path = Path()) -> Playbook:
    """Read a playbook from a file, or by a bare name.

    That is NAME.yaml in `folder`, else the playbook of that name that ships with hamr: a copy that was edited goes before
    the original. Raises a UsageError where there is none of that name, and a DocumentError with all its problems at once.
    """
    path = find_playbook(name_or_path, folder)
    return parse_playbook(read_text(path), str(path))


def find_playbook(name_or_path: str, folder: Path = Path()) -> Path:
    """The file that a name or path means, see `load_playbook`; a UsageError where there is no playbook of that name."""
    if is_path(name_or_path):
        return folder / name_or_path
    shipped = shipped_playbooks()
    found = named_file(name_or_path, (folder / f"{name_or_path}.yaml", folder / name_or_path), shipped)
    if found is not None:
        return found
    raise UsageError(
        f"There is no playbook {shown(name_or_path)}: no {shown(name_or_path + '.yaml')} in this folder, and none of that name "
        f"ships with hamr{did_you_mean(name_or_path, shipped) or '.'} Shipped: {', '.join(shipped)}.",
        next_steps=(next_step.init(),),
    )


def shipped_playbooks() -> Mapping[str, Path]:
    """The playbooks that come with hamr, by name: from the installed package, else from the checkout."""
    return shipped_files("*.yaml")


def parse_playbook(text: str, file: str) -> Playbook:
    """Read a playbook from its text, which is kept whole in it; a DocumentError where it is none, with all its problems at once."""
    return read_playbook(compose(text, file), text)


def read_playbook(document: Document, text: str) -> Playbook:
    """Read a playbook from a composed document and the text that it was composed from; see `parse_playbook`."""
    playbook: Playbook = read_as(PlaybookForm, document, playbook_findings)
    return replace(playbook, text=text, path=document.file)
