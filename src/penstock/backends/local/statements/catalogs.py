"""Catalogs and databases: CREATE, ALTER, DROP, USE, and what they show of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.backends.local.result import ResultKind, StatementResult, ok, strings
from penstock.catalog.memory import TYPE as IN_MEMORY
from penstock.config import shown_value
from penstock.errors import UnsupportedFeatureError, ValidationError
from penstock.types import STRING, Column, quote_identifier, quote_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.catalog import CatalogStore
    from penstock.sql import tree as ast

_INFO = (Column("info name", STRING), Column("info value", STRING))


def create_catalog(node: ast.CreateCatalog, catalog: CatalogStore) -> StatementResult:
    """CREATE CATALOG; a server behind it is asked when the catalog is used."""
    if node.if_not_exists and node.name in catalog.catalogs():
        return ok()
    options = dict(node.options)
    if "type" not in options:
        raise ValidationError(
            "Catalog options do not contain an option key 'type' for discovering a catalog",
            node.span,
            code="missing-option",
            hint="Add 'type' = 'generic_in_memory', 'mysql' or 'starrocks'.",
        )
    catalog.create_catalog(node.name, options, node.comment or "", node.span)
    return ok()


def drop_catalog(node: ast.DropCatalog, catalog: CatalogStore) -> StatementResult:
    """DROP CATALOG; nothing happens to a server behind it."""
    if not (node.if_exists and node.name[0] not in catalog.catalogs()):
        catalog.drop_catalog(node.name[0], node.span)
    return ok()


def alter_catalog(node: ast.AlterCatalog, catalog: CatalogStore) -> StatementResult:
    """ALTER CATALOG SET, RESET, COMMENT."""
    before = catalog.entry(node.name, node.span).options
    if node.comment is not None:
        catalog.alter_catalog(node.name, comment=node.comment, span=node.span)
        return ok()
    word = "SET" if node.options else "RESET"
    changed = [key for key, _ in node.options] or list(node.keys)
    if not changed:
        raise ValidationError("ALTER CATALOG RESET does not support empty key", node.span)
    if "type" in changed:
        raise ValidationError(f"ALTER CATALOG {word} does not support changing 'type'", node.span)
    options = {**before, **dict(node.options)}
    options = {key: value for key, value in options.items() if key not in node.keys}
    catalog.alter_catalog(node.name, options, span=node.span)
    return ok()


def show_create_catalog(node: ast.ShowCreate, catalog: CatalogStore) -> StatementResult:
    """SHOW CREATE CATALOG; secrets are masked."""
    name = node.name[-1]
    entry = catalog.entry(name, node.span)
    text = f"CREATE CATALOG {quote_identifier(name)}\n"
    if entry.comment:
        text += f"COMMENT {quote_literal(entry.comment)}\n"
    return strings("result", [text + with_clause(entry.options)])


def describe_catalog(node: ast.Describe, catalog: CatalogStore) -> StatementResult:
    """DESCRIBE CATALOG [EXTENDED]."""
    name = node.name[-1]
    entry = catalog.entry(name, node.span)
    rows = [
        ("name", name),
        ("type", entry.options.get("type")),
        ("comment", entry.comment or None),
    ]
    if node.extended:
        rows += [
            (f"option:{key}", shown_value(key, value))
            for key, value in sorted(entry.options.items())
            if key != "type"
        ]
    return StatementResult(ResultKind.ROWS, _INFO, rows)


def with_clause(options: Mapping[str, str]) -> str:
    """The WITH clause of SHOW CREATE, options by key, secrets masked."""
    shown = ",\n".join(
        f"  {quote_literal(key)} = {quote_literal(shown_value(key, value))}"
        for key, value in sorted(options.items())
    )
    return f"WITH (\n{shown}\n)\n"


def create_database(node: ast.CreateDatabase, catalog: CatalogStore) -> StatementResult:
    """CREATE DATABASE; in a server's catalog, at the server."""
    owner, name = _database(node.name, catalog)
    if node.if_not_exists and name in catalog.databases(owner, node.span):
        return ok()
    catalog.create_database(owner, name, dict(node.options), node.span)
    served = catalog.entry(owner).options.get("type") != IN_MEMORY
    if node.comment and served:
        return ok(f"[INFO] the comment of database '{owner}.{name}' is not kept at its server")
    return ok()


def drop_database(node: ast.DropDatabase, catalog: CatalogStore) -> StatementResult:
    """DROP DATABASE; in a server's catalog, at the server."""
    owner, name = _database(node.name, catalog)
    if not (node.if_exists and name not in catalog.databases(owner, node.span)):
        catalog.drop_database(owner, name, cascade=node.cascade, span=node.span)
    return ok()


def alter_database(node: ast.AlterDatabase, catalog: CatalogStore) -> StatementResult:
    """ALTER DATABASE SET."""
    catalog.database_options(*_database(node.name, catalog), node.span).update(node.options)
    return ok()


def use_database(node: ast.UseDatabase, catalog: CatalogStore) -> StatementResult:
    """USE."""
    catalog.use_database(*_database(node.name, catalog), node.span)
    return ok()


def _database(name: ast.Path, catalog: CatalogStore) -> tuple[str, str]:
    if len(name) > 2:
        raise UnsupportedFeatureError(f"invalid database path '{'.'.join(name)}'")
    return (name[0], name[1]) if len(name) == 2 else (catalog.current_catalog, name[-1])
