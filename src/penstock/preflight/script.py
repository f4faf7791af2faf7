"""Reads a script as `run` would, without starting anything: its plans, and where it is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.backends.local.executor import LocalExecutor
from penstock.backends.local.settings import SETTING_REFUSED, admit
from penstock.errors import OptionError, ParseError, PenstockError
from penstock.sql import Script, parse_script, split_script
from penstock.sql import tree as ast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock.catalog import CatalogTable
    from penstock.errors import Span
    from penstock.plan import PhysicalPlan

_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?:[\w`]+\s*\.\s*)*`?(\w+)`?",
    re.IGNORECASE,
)
_UNKNOWN = {"unknown-table", "unknown-catalog"}
_DECLARATIONS = (ast.CreateTable, ast.CreateView)


@dataclass(frozen=True, slots=True)
class GivenSetting:
    """A setting as the script or the command line gives it; no span for the latter."""

    key: str
    value: str
    span: Span | None = None


@dataclass(slots=True)
class ReadScript:
    """What a script would do.

    Args:
        plans: The jobs it would start.
        settings: All settings it is given, in order.
        tables: Declared tables by path.
        failures: Statements that would stop it, in order.
        local_settings: The settings in force at its end.
    """

    plans: list[PhysicalPlan] = field(default_factory=list)
    settings: list[GivenSetting] = field(default_factory=list)
    tables: dict[str, CatalogTable] = field(default_factory=dict)
    failures: list[PenstockError] = field(default_factory=list)
    local_settings: Mapping[str, str] = field(default_factory=dict)


def read_script(text: str, settings: Mapping[str, str]) -> ReadScript:
    """Run the declarations of a script and plan its jobs, going on after each mistake."""
    read = ReadScript(settings=[GivenSetting(k, v) for k, v in settings.items()])
    session = LocalExecutor(_admitted(settings, read.failures))
    with session.catalog.rehearsal():
        _read_statements(text, session, read)
        read.tables = declared_tables(session)
    read.local_settings = session.settings
    return read


def _read_statements(text: str, session: LocalExecutor, read: ReadScript) -> None:
    lost: set[str] = set()
    for statement in _statements(text, read.failures, lost):
        if isinstance(statement, ast.Set) and statement.key is not None:
            read.settings.append(GivenSetting(statement.key, statement.value or "", statement.span))
        try:
            plan = session.rehearse(statement)
            if plan is not None:
                read.plans.append(plan)
        except PenstockError as error:
            if _new(error, lost) and error not in read.failures:
                read.failures.append(error.at(statement.span))
            if isinstance(statement, _DECLARATIONS):
                lost.add(statement.name[-1])
            if isinstance(statement, ast.CreateCatalog):
                lost.add(statement.name)


def declared_tables(session: LocalExecutor) -> dict[str, CatalogTable]:
    """The tables of a session by path; of servers' catalogs those the script names."""
    return {str(path): table for path, table in session.catalog.known_tables()}


def _admitted(settings: Mapping[str, str], failures: list[PenstockError]) -> dict[str, str]:
    """The settings beside the script that are not refused."""
    admitted = {}
    for key, value in settings.items():
        try:
            admit(key, value)
        except OptionError as error:
            if error.code != SETTING_REFUSED:
                failures.append(error)
            continue
        admitted[key] = value
    return admitted


def _new(error: PenstockError, lost: set[str]) -> bool:
    """Whether the error says something new.

    Not so for a refused setting, which the subject `settings` tells, and for a table or catalog
    whose own statement failed.
    """
    if error.code == SETTING_REFUSED:
        return False
    named = re.search(r"'([^']*)'", error.message)
    if error.code not in _UNKNOWN or not named:
        return True
    parts = named[1].split(".")
    return lost.isdisjoint((parts[0], parts[-1]))


def _statements(
    text: str, failures: list[PenstockError], lost: set[str]
) -> Iterator[ast.Statement]:
    """All statements that parse, statement sets as one each; adds the others' tables to `lost`."""
    try:
        yield from parse_script(text).with_sets_folded()
    except ParseError as error:
        pieces = _pieces(text)
        if pieces is None:
            failures.append(error)
            return
    else:
        return
    good: list[ast.Statement] = []
    for span in pieces:
        # Blanks before the piece keep all places as they are in the whole text.
        before = re.sub(r"[^\n]", " ", text[: span.start])
        piece = text[span.start : span.end]
        try:
            good += parse_script(before + piece).statements
        except ParseError as error:
            failures.append(error)
            named = _CREATE.match(piece)
            lost |= {named[1]} if named else set()
    try:
        yield from Script(text, tuple(good)).with_sets_folded()
    except ParseError as error:
        failures.append(error)
        yield from good


def _pieces(text: str) -> list[Span] | None:
    try:
        return split_script(text)
    except ParseError:
        return None
