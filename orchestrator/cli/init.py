"""`hamr init`: the files to start from, filled in with what the orgs say of themselves, or a person."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from msgspec.structs import replace

from orchestrator.errors import Interrupted, PreparationError, UsageError
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep

from . import options
from .invocation import Invocation

if TYPE_CHECKING:  # `hamr --help` loads none of these
    from orchestrator.model.org import Org, Pair
    from orchestrator.operations.status import FirstLook

T = TypeVar("T")

_HELP = NextStep("init", options=("--help",), why="see what it takes")
_UNTOUCHED = "Nothing was written, neither here nor to an org."


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option(
    "--pair", "name", metavar="NAME", default="payments", help="The pair's name. [default: payments]"
)
@click.option(
    "--primary", metavar="SITE", default="us1", help="Site of the org that serves, or a URL. [default: us1]"
)
@click.option(
    "--secondary",
    metavar="SITE",
    default="",
    help="Site of the org that takes over, or a URL. [default: as the primary says, or eu1]",
)
@click.option(
    "--full",
    is_flag=True,
    help="Write the commented playbooks, with probes, guards and hooks to choose from.",
)
@options.yes
@options.takes("json")
def init(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation, folder: Path, name: str, primary: str, secondary: str, full: bool
) -> None:
    """Write an inventory and a playbook to start from, and their schemas for your editor.

    Into DIR, or the folder that you are in. At a terminal it asks for what it cannot find out, unless --yes is given.
    Where NAME_PRIMARY_API_KEY and NAME_PRIMARY_APP_KEY are set (and NAME_SECONDARY_...), the orgs themselves are asked
    for their uuids, by GETs alone. A file that is there already is left as it is.
    """
    from orchestrator.config.starter import example_pair, starter_inventory
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Span, next_commands

    from .console import can_ask

    pair: Pair | None = None
    if not (folder / "pairs.yaml").exists():
        asks = invocation.asks and not invocation.json and can_ask()
        questions = _Questions(invocation, asks=asks)
        try:
            pair = _pair_from(questions, name, primary, secondary)
        except KeyboardInterrupt:
            invocation.console.err.text("\n")
            raise Interrupted("The questions were not answered to the end.", sent=_UNTOUCHED) from None
    texts = {"pairs.yaml": starter_inventory(pair or example_pair(), pages=full), **_beside(full=full)}
    new = {str(folder / file): _write_new(folder, file, text) for file, text in texts.items()}
    written, kept = ([file for file, is_new in new.items() if is_new is wanted] for wanted in (True, False))
    page = (
        *((Span("wrote  ", "good"), Span(file)) for file in written),
        *((Span("kept   ", "warn"), Span(f"{file}, which was there already")) for file in kept),
        *next_commands(_next_steps(folder, pair)),
    )
    invocation.console.facts(page, document("hamr/init/1", {"written": written, "kept": kept}))


def _beside(*, full: bool) -> dict[str, str]:
    """What stands beside the inventory, by name."""
    from orchestrator.config import schema_of, shipped_playbooks
    from orchestrator.config.starter import INVENTORY_SCHEMA, MINIMAL_PLAYBOOK, PLAYBOOK_SCHEMA, schema_line
    from orchestrator.report.documents import to_json

    playbooks = {"regional-failover.yaml": MINIMAL_PLAYBOOK}
    if full:
        playbooks = {
            path.name: schema_line(PLAYBOOK_SCHEMA) + path.read_text("utf-8")
            for path in shipped_playbooks().values()
        }
    return {
        **playbooks,
        INVENTORY_SCHEMA: to_json(schema_of("inventory")),
        PLAYBOOK_SCHEMA: to_json(schema_of("playbook")),
    }


def _next_steps(folder: Path, pair: Pair | None) -> tuple[NextStep, ...]:
    from orchestrator.config.starter import NO_UUIDS

    here = (
        () if folder == Path() else (next_step.shell(f"cd {shlex.quote(str(folder))}", "go where they are"),)
    )
    if pair is None:
        return (*here, next_step.check())
    unknown = any(org.uuid == NO_UUIDS[org.role] for org in pair.orgs)
    edit = (next_step.shell("${EDITOR:-vi} pairs.yaml", "put in the uuids"),) if unknown else ()
    return (*here, *edit, next_step.check(), next_step.status(pair.name).so_that("look at both orgs"))


class _Questions:
    """What a person is asked; without one, what stands in brackets is the answer."""

    def __init__(self, invocation: Invocation, *, asks: bool) -> None:
        self.invocation, self.asks = invocation, asks
        self._err = invocation.console.err

    def say(self, text: str, *, always: bool = False) -> None:
        """Say something that nobody has to answer, to a person, or `always`."""
        from orchestrator.report.layout import paragraph

        if self.asks or always:
            self._err.page(paragraph(text, indent=2))

    def ask(self, question: str, default: str, read: Callable[[str], T], shown: str | None = None) -> T:
        """The answer, asked again until it can be one; KeyboardInterrupt where the input ends.

        `default` is what Enter stands for, `shown` what stands in brackets in its place; `read` makes a value of a text,
        or raises a ValueError with the reason, as a clause.
        """
        while self.asks:
            with self._err.asking(f"{question} [{default if shown is None else shown}]: "):
                typed = sys.stdin.readline()
            if not typed:
                raise KeyboardInterrupt
            try:
                return read(typed.strip() or default)
            except ValueError as problem:
                self.say(f"That cannot be: {_ended(str(problem))} Once more, please.")
        try:
            return read(default)
        except ValueError as problem:
            raise UsageError(f"{question}: {_ended(str(problem))}", next_steps=(_HELP,)) from problem


def _ended(clause: str) -> str:
    return clause if clause.endswith("?") else f"{clause}."


def _other_than(taken: str, read: Callable[[str], T], whose: Callable[[T], str]) -> Callable[[str], T]:
    """Reads as `read` does, and refuses what the other org has already."""

    def other(text: str) -> T:
        value = read(text)
        if whose(value) == taken:
            raise ValueError("that is the other org's, and a pair has two orgs in two regions")
        return value

    return other


def _pair_from(questions: _Questions, name: str, primary: str, secondary: str) -> Pair:
    """The pair, of what its orgs say, and else of what is answered."""
    from orchestrator.config.starter import example_pair, org_address, org_uuid, pair_name
    from orchestrator.model.org import SITES, datacenter_label
    from orchestrator.model.status import Both, Role

    questions.say("Enter takes what stands in brackets; Ctrl-C leaves everything as it is.")
    pair = example_pair(questions.ask("The pair's name, as you will type it", name, pair_name))
    site = "Site of the primary, which serves"
    ours, first = _looked_at(questions, pair[Role.PRIMARY], site, primary, org_address)
    if not secondary and first is not None and first.record is not None:
        there = datacenter_label(first.record.target_datacenter)
        secondary = there if there in SITES and ours.base_url.startswith("https://api.") else ""
    elsewhere = _other_than(ours.base_url, org_address, lambda address: address[0])
    site = "Site of the secondary, which takes over"
    theirs, second = _looked_at(questions, pair[Role.SECONDARY], site, secondary or "eu1", elsewhere)
    ours = _told(questions, ours, first, second, org_uuid)
    theirs = _told(questions, theirs, second, first, _other_than(ours.uuid, org_uuid, str))
    return replace(pair, orgs=Both(ours, theirs))


def _looked_at(
    questions: _Questions,
    org: Org,
    question: str,
    default: str,
    address: Callable[[str], tuple[str, str | None]],
) -> tuple[Org, FirstLook | None]:
    """The org at the address that is answered, and what it says; None where it has no keys here.

    Where it does not say who it is, another site may be the right one: a person is asked once more.
    """
    from orchestrator.model.status import Role

    silent = ""
    while True:
        url, told = questions.ask(question, default, address)
        default = told or url
        org = replace(org, base_url=url, datacenter=told or "")
        seen = _look(questions, org)
        record = None if seen is None else seen.record
        if seen is not None and seen.uuid is None and questions.asks and url != silent:
            silent = url
            questions.say("Is it at another site? Enter goes on with this one.")
            continue
        if record is None or record.is_primary is not (org.role is Role.SECONDARY):
            return org, seen
        words = f"the org of these keys is the {org.role.other} of its pair, and the {org.role} is wanted"
        if not questions.asks:
            raise UsageError(f"At {url} {words}.", next_steps=(_HELP,))
        questions.say(f"That cannot be: {words}. Once more, please, or Ctrl-C and correct its keys.")


def _look(questions: _Questions, org: Org) -> FirstLook | None:
    """What an org says, where its keys are in the environment; why it says nothing, a person is told."""
    import asyncio

    from orchestrator.model.org import EnvironmentKey
    from orchestrator.model.words import listed
    from orchestrator.operations.status import look_first

    references = [reference for reference in org.keys.values() if isinstance(reference, EnvironmentKey)]
    missing = [reference.variable for reference in references if not os.environ.get(reference.variable)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        questions.say(f"{listed(missing)} {verb} not set, so the {org.role} is not asked who it is.")
        return None
    seen = asyncio.run(look_first(org, os.environ, questions.invocation.redactor))
    if seen.uuid is None:
        why = seen.reading.reason or "no uuid in its answer"
        questions.say(f"The {org.role} did not say who it is ({why}).", always=True)
        return seen
    stands = "has no HAMR record yet" if seen.record is None else f"shows {seen.reading.status}"
    questions.say(f"The {org.role} is org {seen.uuid}, and {stands}.")
    return seen


def _told(
    questions: _Questions,
    org: Org,
    own: FirstLook | None,
    peers: FirstLook | None,
    read_uuid: Callable[[str], str],
) -> Org:
    """The org with its uuid, name and datacenter: as it says, as its peer's record says, else as is answered."""
    from orchestrator.config.starter import NO_UUIDS, datacenter, org_name
    from orchestrator.model.org import datacenter_label
    from orchestrator.model.status import Role

    of_peer = None if peers is None else peers.record
    uuid = "" if own is None else _readable(own.uuid or "", read_uuid)
    label = name = ""
    if of_peer is not None:
        label = _readable(datacenter_label(of_peer.target_datacenter), datacenter)
        name = _readable(of_peer.target_name, org_name)
        uuid = uuid or _readable(of_peer.target_uuid, read_uuid)
    label = org.datacenter or label
    if not label:
        usual = "us1" if org.role is Role.PRIMARY else "eu1"
        where = f"Datacenter of the {org.role}, which a URL does not tell"
        label = questions.ask(where, usual, datacenter)
    name = name or questions.ask(f"Name of the {org.role} org", org.name, org_name)
    if not uuid:
        which = f"Uuid of the {org.role} (data.id of /api/v2/validate)"
        uuid = questions.ask(which, NO_UUIDS[org.role], read_uuid, shown="later")
    return replace(org, datacenter=label, name=name, uuid=uuid)


def _readable(text: str, read: Callable[[str], str]) -> str:
    """What an org said, where an inventory may hold it; else ""."""
    try:
        return read(text)
    except ValueError:
        return ""


def _write_new(folder: Path, name: str, text: str) -> bool:
    """Write a file that is not there yet; False where it is, a PreparationError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        if not folder.is_dir():
            raise UsageError(f"{folder} is a file, and hamr init writes into a folder.") from None
        return False
    except OSError as error:
        words = f"{folder / name} cannot be written: {(error.strerror or str(error)).lower()}."
        elsewhere = NextStep("init", "DIR", why="write somewhere else")
        raise PreparationError(words, next_steps=(elsewhere,)) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True
