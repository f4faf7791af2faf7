"""Reads StarRocks' CREATE TABLE and ALTER TABLE."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from penstock.embedded.starrocks.dialect.failure import analysis_error
from penstock.embedded.starrocks.query_port.partition_clause import parse_partition_by

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.query_port.partition_clause import Partitions

_KEY_KINDS: Final = ("PRIMARY", "DUPLICATE", "UNIQUE", "AGGREGATE")
_AGGREGATES: Final = frozenset(
    {
        "SUM", "MIN", "MAX", "REPLACE", "REPLACE_IF_NOT_NULL", "HLL_UNION", "BITMAP_UNION",
        "PERCENTILE_UNION",
    }
)  # fmt: skip
_SIMPLE_TYPES: Final = frozenset(
    {
        "BOOLEAN", "BOOL", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "LARGEINT", "FLOAT",
        "DOUBLE", "DECIMAL", "NUMERIC", "DECIMALV2", "DECIMAL32", "DECIMAL64", "DECIMAL128",
        "DATE", "DATETIME", "TIMESTAMP", "CHAR", "VARCHAR", "STRING", "TEXT", "BINARY",
        "VARBINARY", "JSON", "BITMAP", "HLL", "PERCENTILE",
    }
)  # fmt: skip
_NESTED_TYPES: Final = frozenset({"ARRAY", "MAP", "STRUCT"})


@dataclass(frozen=True, slots=True)
class ColumnClause:
    """A column as written. `default` is the literal's text, or `CURRENT_TIMESTAMP`, `(uuid())`."""

    name: str
    type_text: str
    is_nullable: bool = True
    default: str | None = None
    comment: str = ""
    aggregate: str = ""
    auto_increment: bool = False
    generated: str = ""
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class CreateTableClause:
    """A CREATE TABLE statement as written.

    `key_kind` is empty where no key was given; `unused` names the clauses that change no answer.
    """

    database: str
    name: str
    columns: tuple[ColumnClause, ...]
    if_not_exists: bool = False
    key_kind: str = ""
    key: tuple[str, ...] = ()
    comment: str = ""
    partition: Partitions | None = None
    distribution: tuple[str, ...] = ()
    buckets: int = 0
    order_by: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    like: tuple[str, str] | None = None
    names: tuple[str, ...] = ()
    select: str = ""
    unused: tuple[str, ...] = ()


def parse_type(cursor: Cursor) -> str:
    """A type as StarRocks prints it, in lower case: `int`, `varchar(20)`, `decimal(10,2)`.

    Raises:
        QueryError: No such type.
    """
    name = cursor.name().upper()
    if name in _NESTED_TYPES:
        return _nested(cursor, name)
    if name not in _SIMPLE_TYPES:
        raise analysis_error(f"Unknown type '{name.lower()}'")
    arguments = ""
    if cursor.peeks("("):
        arguments = re.sub(r"\s+", "", cursor.group())
    match name:
        case "BOOL":
            return "boolean"
        case "INTEGER":
            return "int"
        case "TIMESTAMP":
            return "datetime"
        case "STRING" | "TEXT":
            return "varchar(65533)"
        case "VARCHAR":
            return f"varchar({arguments or 65533})"
        case "CHAR":
            return f"char({arguments or 1})"
        case "BINARY":
            return "varbinary"
        case "NUMERIC" | "DECIMAL" | "DECIMALV2" | "DECIMAL32" | "DECIMAL64" | "DECIMAL128":
            precision, _, scale = (arguments or "10,0").partition(",")
            return f"decimal({precision},{scale or 0})"
        case _:
            return name.lower()


def _nested(cursor: Cursor, name: str) -> str:
    cursor.expect("<")
    parts: list[str] = []
    while True:
        if name == "STRUCT":
            label = cursor.name()
            cursor.accept(":")
            parts.append(f"{label} {parse_type(cursor)}")
        else:
            parts.append(parse_type(cursor))
        if not cursor.accept(","):
            break
    cursor.expect(">")
    return f"{name.lower()}<{', '.join(parts)}>"


def parse_column(cursor: Cursor) -> ColumnClause:
    """One column definition.

    Raises:
        QueryError: The clause is not understood.
    """
    name = cursor.name()
    type_text = parse_type(cursor)
    nullable, default, comment, aggregate, automatic = True, None, "", "", False
    generated, is_key = "", False
    while not (cursor.is_end() or cursor.peeks(",") or cursor.peeks(")")):
        word = cursor.token.value.upper() if cursor.token.kind == "word" else ""
        if cursor.accept("NOT", "NULL"):
            nullable = False
        elif cursor.accept("NULL"):
            nullable = True
        elif cursor.accept("KEY"):
            is_key = True
        elif cursor.accept("AUTO_INCREMENT"):
            automatic = True
        elif cursor.accept("DEFAULT"):
            default = _default(cursor)
        elif cursor.accept("COMMENT"):
            comment = cursor.string()
        elif cursor.accept("CHARSET") or cursor.accept("CHARACTER", "SET"):
            cursor.name()
        elif word in _AGGREGATES:
            aggregate = cursor.advance().value.upper()
        elif cursor.peeks("FIRST") or cursor.peeks("AFTER") or cursor.peeks("PROPERTIES"):
            break
        elif cursor.accept("AS"):
            generated = _expression(cursor)
        else:
            raise cursor.unexpected(",")
    return ColumnClause(
        name, type_text, nullable, default, comment, aggregate, automatic, generated, is_key
    )


def _expression(cursor: Cursor) -> str:
    """The text up to the end of a column definition."""
    start = end = cursor.token.start
    while not (cursor.is_end() or any(cursor.peeks(word) for word in (",", ")", "COMMENT"))):
        if cursor.peeks("("):
            cursor.group()
            end = cursor.tokens[cursor.at - 1].end
        else:
            end = cursor.advance().end
    return cursor.text[start:end]


def _default(cursor: Cursor) -> str | None:
    if cursor.peeks("("):
        return f"({cursor.group()})"
    if cursor.accept("NULL"):
        return None
    if cursor.accept("-"):
        return "-" + cursor.advance().value
    token = cursor.advance()
    if token.kind == "word" and token.value.upper() in {"CURRENT_TIMESTAMP", "NOW"}:
        if cursor.peeks("("):
            cursor.group()
        return "CURRENT_TIMESTAMP"
    return token.value


def parse_create_table(cursor: Cursor) -> CreateTableClause:
    """The statement, cursor behind `CREATE TABLE`.

    Raises:
        QueryError: The text is not CREATE TABLE of StarRocks, or names do not fit.
    """
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    database, name = cursor.qualified()
    if cursor.accept("LIKE"):
        like = cursor.qualified()
        return CreateTableClause(database, name, (), if_not_exists, like=like)
    found = CreateTableClause(database, name, (), if_not_exists)
    if _has_only_names(cursor):
        found = replace(found, names=cursor.names())
    elif cursor.peeks("("):
        found = _parse_body(cursor, found)
    found = _parse_clauses(cursor, found)
    if found.select:
        return found
    if not found.columns:
        raise cursor.unexpected("(")
    return _check(found)


def _has_only_names(cursor: Cursor) -> bool:
    """Whether `(a, b)` of CREATE TABLE AS is next, rather than column definitions."""
    if not cursor.peeks("("):
        return False
    after = cursor.tokens[cursor.at + 2]
    return after.kind == "symbol" and after.value in ",)"


def _parse_body(cursor: Cursor, found: CreateTableClause) -> CreateTableClause:
    columns: list[ColumnClause] = []
    unused: list[str] = []
    key_kind = ""
    key: tuple[str, ...] = ()
    cursor.expect("(")
    while True:
        kind = next((word for word in _KEY_KINDS if cursor.peeks(word, "KEY")), "")
        if kind:
            cursor.expect(kind, "KEY")
            key_kind, key = kind, cursor.names()
        elif cursor.accept("INDEX"):
            unused.append(f"INDEX {cursor.name()}")
            skip_clause(cursor)
        else:
            columns.append(parse_column(cursor))
        if not cursor.accept(","):
            break
    cursor.expect(")")
    key = key or tuple(column.name for column in columns if column.is_key)
    return replace(found, columns=tuple(columns), key_kind=key_kind, key=key, unused=tuple(unused))


def skip_clause(cursor: Cursor) -> None:
    """Moves to the comma or the parenthesis that ends a clause."""
    while not (cursor.is_end() or cursor.peeks(",") or cursor.peeks(")")):
        if cursor.peeks("("):
            cursor.group()
        else:
            cursor.advance()


def _parse_clauses(  # noqa: PLR0912 - one branch a clause
    cursor: Cursor, found: CreateTableClause
) -> CreateTableClause:
    key_kind, key, comment = found.key_kind, found.key, ""
    partition: Partitions | None = None
    distribution: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    buckets = 0
    properties: dict[str, str] = {}
    select = ""
    while not cursor.is_end():
        kind = next((word for word in _KEY_KINDS if cursor.peeks(word, "KEY")), "")
        if kind:
            cursor.expect(kind, "KEY")
            key_kind, key = kind, cursor.names()
        elif cursor.accept("ENGINE"):
            cursor.accept("=")
            if cursor.name().upper() != "OLAP":
                raise analysis_error("only ENGINE=OLAP is supported by the embedded server")
        elif cursor.accept("COMMENT"):
            comment = cursor.string()
        elif cursor.accept("PARTITION", "BY"):
            partition = parse_partition_by(cursor)
        elif cursor.accept("DISTRIBUTED", "BY"):
            if cursor.accept("HASH"):
                distribution = cursor.names()
            else:
                cursor.expect("RANDOM")
            if cursor.accept("BUCKETS"):
                buckets = cursor.integer()
        elif cursor.accept("ORDER", "BY"):
            order_by = cursor.names()
        elif cursor.accept("ROLLUP"):
            found = replace(found, unused=(*found.unused, f"ROLLUP ({cursor.group()})"))
        elif cursor.accept("AS"):
            select = cursor.rest()
            break
        elif cursor.accept("PROPERTIES"):
            properties = parse_properties(cursor)
        elif cursor.peeks("DEFAULT") or cursor.peeks("CHARSET"):
            while not (cursor.is_end() or cursor.peeks("PROPERTIES")):
                cursor.advance()
        else:
            raise cursor.unexpected("PROPERTIES")
    return replace(
        found, key_kind=key_kind, key=key, comment=comment, partition=partition,
        distribution=distribution, buckets=buckets, order_by=order_by, properties=properties,
        select=select,
    )  # fmt: skip


def parse_properties(cursor: Cursor) -> dict[str, str]:
    """`("key" = "value", ...)`."""
    found: dict[str, str] = {}
    cursor.expect("(")
    while not cursor.accept(")"):
        key = cursor.advance().value
        cursor.expect("=")
        found[key] = cursor.advance().value
        cursor.accept(",")
    return found


def _check(found: CreateTableClause) -> CreateTableClause:
    names = [column.name.lower() for column in found.columns]
    for name in names:
        if names.count(name) > 1:
            raise analysis_error(f"Duplicate column name '{name}'")
        if name.startswith(("__op", "__row")):
            raise analysis_error(f"Column name [{name}] is a system reserved name")
    for column in found.columns:
        if column.auto_increment and (column.type_text != "bigint" or column.is_nullable):
            raise analysis_error(
                f"The AUTO_INCREMENT column must be BIGINT NOT NULL: {column.name}"
            )
    for name in (*found.key, *found.distribution, *found.order_by):
        if name.lower() not in names:
            raise analysis_error(f"Key column({name}) doesn't exist")
    for name in found.partition[0].columns if found.partition else ():
        if name.lower() not in names:
            raise analysis_error(f"Partition column[{name}] does not exist in column list")
        if found.key_kind in {"PRIMARY", "UNIQUE"} and name.lower() not in map(
            str.lower, found.key
        ):
            raise analysis_error(f"The partition column {name} must be a key column")
    if found.key and [name.lower() for name in found.key] != names[: len(found.key)]:
        raise analysis_error(
            "Key columns must be the first few columns of the schema and the order of the key "
            "columns must be consistent with the order of the schema"
        )
    return found
