"""SHOW CREATE TABLE gives a statement that makes the same table, whatever its names hold."""

from __future__ import annotations

import pytest

from penstock.catalog import CatalogTable, CatalogView
from penstock.session import Session
from penstock.types import quote_identifier, quote_literal

HOSTILE = [
    "back`tick",
    "it's",
    "new\nline",
    "`; DROP TABLE x; --",
    "x" * 64,
    "🍵",
    '"',
    "a.b",
    "--",
]


def shown(session: Session, statement: str) -> str:
    (row,) = list(session.execute_script(statement))[-1].rows
    return str(row[0])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_table_is_made_again_by_its_statement(name: str) -> None:
    quoted, text = quote_identifier(name), quote_literal(name)
    session, again = Session(), Session()
    for each in (session, again):
        list(each.execute_script(f"CREATE DATABASE {quoted};"))
    list(
        session.execute_script(
            f"CREATE TABLE {quoted}.{quoted} ({quoted} INT COMMENT {text}, r ROW<{quoted} INT>,"
            f" m INT METADATA FROM {text}, CONSTRAINT {quoted} PRIMARY KEY ({quoted}) NOT ENFORCED)"
            f" COMMENT {text} PARTITIONED BY ({quoted}) WITH ('connector' = 'c', {text} = {text})"
        )
    )
    made = shown(session, f"SHOW CREATE TABLE {quoted}.{quoted}")
    list(again.execute_script(made))
    assert shown(again, f"SHOW CREATE TABLE {quoted}.{quoted}") == made
    first, second = (
        each.catalog.get(("default_catalog", name, name))[1] for each in (session, again)
    )
    assert isinstance(first, CatalogTable)
    assert isinstance(second, CatalogTable)
    assert second.columns[0].name == name
    assert second.columns[0].comment == name
    assert (second.options, second.comment, second.primary_key) == (
        first.options,
        first.comment,
        first.primary_key,
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_view_is_made_again_by_its_statement(name: str) -> None:
    quoted = quote_identifier(name)
    session, again = Session(), Session()
    list(session.execute_script(f"CREATE VIEW {quoted} ({quoted}) AS SELECT 1"))
    list(again.execute_script(shown(session, f"SHOW CREATE VIEW {quoted}")))
    entry = again.catalog.get((name,))[1]
    assert isinstance(entry, CatalogView)
    assert list(entry.schema.names) == [name]
