"""Follows DDL of the binlog: which tables there are, and the columns their rows have from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.mysql_cdc import enumerator
from penstock.connectors.mysql_cdc.ddl import (
    NotUnderstoodError,
    TableChange,
    altered,
    created_table,
    table_changes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.connectors.mysql_cdc.attached import AttachedSource, CapturedTable
    from penstock.connectors.mysql_cdc.enumerator import Ask
    from penstock.wire.mysql.binlog_events import Statement

    TableName = tuple[str, str]

_CHARSET = "SELECT TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
_CHARSET += " AND TABLE_NAME = %s"


def follow(ask: Ask, source: AttachedSource, statement: Statement) -> None:
    """What a statement does to the tables of a source."""
    try:
        changes = table_changes(statement.text, statement.database)
        made = created_table(statement.text, statement.database)
    except NotUnderstoodError:
        _ask_anew(ask, source, list(source.tables))
        return
    if made is not None:
        if made in source.tables:
            _ask_anew(ask, source, [made])
        elif enumerator.appears(source, *made):
            enumerator.add_new(ask, source, made)
        return
    for change in changes:
        _alter(ask, source, change)
    if any(change.renamed for change in changes):
        _rename(ask, source, changes)


def _ask_anew(ask: Ask, source: AttachedSource, names: Sequence[TableName]) -> None:
    """Only the server can tell the columns of these tables."""
    for name in names:
        source.tables[name].logged = None
        enumerator.refresh(ask(), source, name)


def _alter(ask: Ask, source: AttachedSource, change: TableChange) -> None:
    captured = source.tables.get(change.table)
    if captured is None:
        # servers that ignore the case of names write them as the user did
        lowered = tuple(part.lower() for part in change.table)
        alike = [n for n in source.tables if tuple(part.lower() for part in n) == lowered]
        _ask_anew(ask, source, alike)
        return
    if captured.logged is not None and change.actions:
        try:
            charset = _table_charset(ask, change.table)
            captured.logged = altered(captured.logged, change.actions, charset)
        except (NotUnderstoodError, IndexError):
            captured.logged = None
    enumerator.refresh(ask(), source, change.table)


def _table_charset(ask: Ask, name: TableName) -> str:
    rows = ask().query(_CHARSET, name)
    return str(rows[0][0] or "utf8mb4").split("_")[0] if rows else "utf8mb4"


def _rename(ask: Ask, source: AttachedSource, changes: Sequence[TableChange]) -> None:
    """Names change hands; a name that was captured stays so, whatever table has it now.

    Tools that rewrite a table (gh-ost, pt-online-schema-change) end by swapping it for its copy.
    """
    before = dict(source.tables)
    owners: dict[TableName, CapturedTable | None] = dict(before)
    for change in changes:
        if change.renamed is not None:
            owners[change.renamed] = owners.pop(change.table, None)
    source.tables.clear()
    for name, owner in owners.items():
        kept = before.get(name)
        if kept is not None:
            source.tables[name] = kept
            if kept is not owner:
                kept.logged = owner.logged if owner is not None else None
                enumerator.refresh(ask(), source, name)
        elif enumerator.appears(source, *name):
            added = enumerator.add_new(ask, source, name, was_read=owner is not None)
            if added is not None and owner is not None:
                added.logged = owner.logged
