"""The tables of a team's journal: laid out by numbered files of SQL, and refused where they are not this version's."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.errors import JournalUnavailable
from orchestrator.model import next_step

from .address import Address
from .failures import unavailable
from .tables import Statements

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class LaidOut(Struct, frozen=True):
    """What `hamr journal init` did, and what is left to a DBA."""

    before: int
    """The layout's version that stood there; 0 where there was none."""
    version: int
    grants: tuple[str, ...]
    """What gives a role the rights that an operator needs, and no others: ROLE stands for its name."""


def _files() -> list[Traversable]:
    """In order; each is numbered by the layout's version that it brings about."""
    return sorted(files(__package__).joinpath("layout").iterdir(), key=lambda file: file.name)


def newest_layout() -> int:
    """The layout's version that this hamr knows."""
    return len(_files())


def refuse_other_layouts(statements: Statements, address: Address) -> None:
    """A JournalUnavailable where there is no journal, or one of another version."""
    found, known = _version(statements, address), newest_layout()
    if found == 0:
        raise JournalUnavailable(
            f"The database of {address} holds no journal in its schema {address.schema}.",
            next_steps=(next_step.lay_out(str(address)),),
        )
    if found > known:
        raise _newer(address, found)
    if found < known:
        raise JournalUnavailable(
            f"The journal {address} was laid out by an older hamr (its layout is version {found}, this one knows {known}).",
            next_steps=(next_step.lay_out(str(address)),),
        )


def lay_out(statements: Statements, address: Address) -> LaidOut:
    """Create the schema and its tables, or bring them up to this version's; a JournalUnavailable where they are newer, or can't be had."""
    ((encoding,),) = statements.execute("SHOW server_encoding").fetchall()
    if encoding != "UTF8":
        raise unavailable(
            address, f"can't be laid out in a database whose encoding is {encoding}: UTF8 is wanted"
        )
    known, schema = newest_layout(), address.schema
    if statements.execute("SELECT to_regnamespace(?)", (schema,)).fetchone() == (None,):
        statements.execute(f'CREATE SCHEMA "{schema}"')
    statements.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO PUBLIC')
    before = _version(statements, address)
    if before > known:
        raise _newer(address, before)
    if not before and statements.execute("SELECT to_regclass(?)", (f"{schema}.records",)).fetchone() != (
        None,
    ):
        raise unavailable(
            address,
            f"would stand among tables of another program, in schema {schema}: name another with ?schema=NAME",
        )
    for file in _files()[before:]:
        statements.execute(file.read_text("utf-8"))
    statements.execute("DELETE FROM layout")
    statements.execute("INSERT INTO layout VALUES (?)", (known,))
    return LaidOut(
        before,
        known,
        (
            f"GRANT SELECT, INSERT ON {schema}.records, {schema}.locks TO ROLE;",
            f"GRANT UPDATE, DELETE ON {schema}.locks TO ROLE;",
        ),
    )


def _version(statements: Statements, address: Address) -> int:
    """The layout's version; 0 where there is none."""
    if statements.execute("SELECT to_regclass(?)", (f"{address.schema}.layout",)).fetchone() == (None,):
        return 0
    row = statements.execute("SELECT max(version) FROM layout").fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def _newer(address: Address, found: int) -> JournalUnavailable:
    return unavailable(
        address,
        f"was laid out by a newer hamr (its layout is version {found}, this one knows {newest_layout()}): use that version",
    )
