"""What a DDL statement of the binlog does to the columns of a table.

Where the binlog names no columns (MySQL 5.7, `binlog_row_metadata=MINIMAL`), rows must be read with
the columns the table had then; what the server describes now may be later. ALTER TABLE and RENAME
TABLE are followed; what is not understood makes the table's columns unknown.

Source: MySQL 8.4 manual, ALTER TABLE; MariaDB, ALTER TABLE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penstock.wire.mysql.column import TEXT_TYPES, MySqlColumn, parse_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    TableName = tuple[str, str]

_TOKEN = re.compile(
    r"""\s+|--[ \t][^\n]*|\#[^\n]*|/\*(?!M?!)(?:.*?)\*/|/\*M?!\d*|\*/
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<text>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*")
    |(?P<word>[^\s`'"(),.;=]+)
    |(?P<mark>[(),.;=])""",
    re.X | re.S,
)
_HEAD = 4096
_KEYS = frozenset(
    {"INDEX", "KEY", "PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "CONSTRAINT", "FOREIGN"}
    | {"CHECK", "PARTITION", "PERIOD", "SYSTEM", "VECTOR"}
)
_RENAMED_PARTS = frozenset({"COLUMN", "INDEX", "KEY"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement; `upper` is "" for quoted names and texts."""

    text: str
    upper: str


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a statement does to one table.

    Args:
        table: Database and name before.
        renamed: After, None where the name stays.
        actions: Of ALTER TABLE, each its tokens; empty for a rename alone.
    """

    table: TableName
    renamed: TableName | None
    actions: tuple[tuple[Token, ...], ...] = ()


class NotUnderstoodError(ValueError):
    """The statement changes columns in a way that is not followed."""


def table_changes(text: str, database: str) -> list[TableChange]:
    """What ALTER TABLE and RENAME TABLE change; nothing for other statements.

    Examples:
        >>> [c.renamed for c in table_changes("RENAME TABLE a TO b, s.c TO `d`", "shop")]
        [('shop', 'b'), ('shop', 'd')]
    """
    tokens = list(_tokens(text))
    words = [token.upper for token in tokens[:5]]
    if words[:1] == ["RENAME"] and words[1:2] and words[1] in {"TABLE", "TABLES"}:
        return _renames(_without(tokens[2:], "IF", "EXISTS"), database)
    while words[:1] == ["ALTER"] and words[1:2] and words[1] in {"ONLINE", "OFFLINE", "IGNORE"}:
        del tokens[1], words[1]
    if words[:2] != ["ALTER", "TABLE"]:
        return []
    rest = _without(tokens[2:], "IF", "EXISTS")
    name, place = _name(rest, 0, database)
    actions = tuple(tuple(part) for part in _parts(rest[place:]) if part)
    renamed = None
    for action in actions:
        if (
            action[0].upper == "RENAME"
            and len(action) > 1
            and action[1].upper not in _RENAMED_PARTS
        ):
            start = 2 if action[1].upper in {"TO", "AS", "="} else 1
            renamed, _ = _name(list(action), start, database)
    return [TableChange(name, renamed, actions)]


def created_table(text: str, database: str) -> TableName | None:
    """The table that a CREATE TABLE makes; None for other statements.

    Examples:
        >>> created_table("CREATE TABLE IF NOT EXISTS `a`.b (id INT)", "shop")
        ('a', 'b')
    """
    tokens = list(_tokens(text[:_HEAD]))
    words = [token.upper for token in tokens]
    if words[:3] == ["CREATE", "OR", "REPLACE"]:
        del tokens[1:3], words[1:3]
    if words[:2] != ["CREATE", "TABLE"]:
        return None
    return _name(_without(tokens[2:], "IF", "NOT", "EXISTS"), 0, database)[0]


def altered(
    columns: Sequence[MySqlColumn], actions: Sequence[Sequence[Token]], charset: str
) -> tuple[MySqlColumn, ...]:
    """The columns after ALTER TABLE.

    Args:
        columns: Before.
        actions: Of the statement.
        charset: The table's, for text columns that name none.

    Raises:
        NotUnderstoodError: An action names a column that is not there, or is not understood.

    Examples:
        >>> from penstock.wire.mysql.column import parse_column
        >>> (change,) = table_changes("ALTER TABLE t ADD b INT FIRST, DROP a, ADD c TEXT", "d")
        >>> [c.name for c in altered([parse_column("a", "int")], change.actions, "utf8mb4")]
        ['b', 'c']
    """
    found = list(columns)
    for action in actions:
        _apply(found, list(action), charset)
    return tuple(found)


def _apply(columns: list[MySqlColumn], action: list[Token], charset: str) -> None:
    verb, rest = action[0].upper, action[1:]
    second = rest[0].upper if rest else ""
    if verb in {"ADD", "DROP", "MODIFY", "CHANGE"} and second == "COLUMN":
        rest = rest[1:]
    elif verb in {"ADD", "DROP"} and second in _KEYS:
        return
    rest = _without(_without(rest, "IF", "NOT", "EXISTS"), "IF", "EXISTS")
    match verb:
        case "ADD" if rest and rest[0].text == "(":
            for part in _parts(rest[1:-1]):
                if part and part[0].upper not in _KEYS:
                    _place(columns, _definition(part, charset), part)
        case "ADD":
            _place(columns, _definition(rest, charset), rest)
        case "DROP":
            del columns[_index(columns, rest[0])]
        case "MODIFY":
            at = _index(columns, rest[0])
            kept = columns.pop(at).name
            _place(columns, replace(_definition(rest, charset), name=kept), rest, at)
        case "CHANGE":
            at = _index(columns, rest[0])
            del columns[at]
            _place(columns, _definition(rest[1:], charset), rest, at)
        case "RENAME" if second == "COLUMN":
            at = _index(columns, rest[1])
            columns[at] = replace(columns[at], name=_unquoted(rest[3]))
        case "CONVERT":
            words = [token.upper for token in rest]
            named = next((i for i, word in enumerate(words) if word in {"SET", "CHARSET"}), None)
            if named is None or named + 1 >= len(rest):
                raise NotUnderstoodError
            new = _unquoted(rest[named + 1]).lower()
            columns[:] = [replace(c, charset=new) if c.charset else c for c in columns]


def _place(
    columns: list[MySqlColumn],
    column: MySqlColumn,
    tokens: Sequence[Token],
    default: int | None = None,
) -> None:
    """Put the column where FIRST or AFTER says, else at `default` or last."""
    if tokens[-1].upper == "FIRST":
        columns.insert(0, column)
    elif len(tokens) > 1 and tokens[-2].upper == "AFTER":
        columns.insert(_index(columns, tokens[-1]) + 1, column)
    else:
        columns.insert(len(columns) if default is None else default, column)


def _definition(tokens: Sequence[Token], charset: str) -> MySqlColumn:
    """`name TYPE[(args)] [UNSIGNED] [CHARACTER SET x] ...` as a column."""
    if len(tokens) < 2 or not tokens[1].upper:
        raise NotUnderstoodError
    kind, place = [tokens[1].text], 2
    if tokens[1].upper == "DOUBLE" and place < len(tokens) and tokens[place].upper == "PRECISION":
        place += 1
    if place < len(tokens) and tokens[place].text == "(":
        depth = 0
        while place < len(tokens):
            depth += {"(": 1, ")": -1}.get(tokens[place].text, 0)
            kind.append(tokens[place].text)
            place += 1
            if not depth:
                break
    words = [token.upper for token in tokens[place:]]
    if "UNSIGNED" in words or "ZEROFILL" in words:
        kind.append(" unsigned")
    text = "".join(kind).lower() if "'" not in "".join(kind) else _enum_text(kind)
    if tokens[1].upper == "SERIAL":
        text = "bigint unsigned"
    column = parse_column(_unquoted(tokens[0]), text)
    if column.type_name not in TEXT_TYPES:
        return column
    named = charset
    for index, word in enumerate(words[:-1]):
        if word == "CHARSET" or (word == "SET" and index and words[index - 1] == "CHARACTER"):
            named = _unquoted(tokens[place + index + 1]).lower()
        elif word == "COLLATE":
            named = _unquoted(tokens[place + index + 1]).lower().split("_")[0]
    return replace(column, charset=named)


def _enum_text(kind: list[str]) -> str:
    """The members keep their case."""
    return kind[0].lower() + "".join(kind[1:])


def _index(columns: Sequence[MySqlColumn], token: Token) -> int:
    wanted = _unquoted(token).lower()
    for index, column in enumerate(columns):
        if column.name.lower() == wanted:
            return index
    raise NotUnderstoodError(wanted)


def _renames(tokens: list[Token], database: str) -> list[TableChange]:
    found = []
    for part in _parts(tokens):
        before, place = _name(part, 0, database)
        while place < len(part) and part[place].upper != "TO":
            place += 1  # MariaDB: WAIT n, NOWAIT
        after, _ = _name(part, place + 1, database)
        found.append(TableChange(before, after))
    return found


def _name(tokens: Sequence[Token], place: int, database: str) -> tuple[TableName, int]:
    """A name of one or two parts, and the place behind it."""
    if place >= len(tokens):
        raise NotUnderstoodError
    first = _unquoted(tokens[place])
    if place + 2 < len(tokens) and tokens[place + 1].text == ".":
        return (first, _unquoted(tokens[place + 2])), place + 3
    return (database, first), place + 1


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """What lies between commas outside parentheses."""
    depth = 0
    part: list[Token] = []
    for token in tokens:
        if token.text == ";" and not depth and not token.upper:
            break
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and not depth:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _without(tokens: list[Token], *words: str) -> list[Token]:
    """The tokens behind these words, where they stand first."""
    if [token.upper for token in tokens[: len(words)]] == list(words):
        return tokens[len(words) :]
    return tokens


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        if match["word"]:
            yield Token(match["word"], match["word"].upper())
        elif match["quoted"] or match["text"] or match["mark"]:
            yield Token(match[0], "")


def _unquoted(token: Token) -> str:
    text = token.text
    if text[:1] == "`":
        return text[1:-1].replace("``", "`")
    return text[1:-1] if text[:1] in {"'", '"'} else text
