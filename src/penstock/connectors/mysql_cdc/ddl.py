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
    | {"CHECK", "PARTITION"}
)
# MySQL reserves none of these: by themselves they are names of columns.
_KEYS_BY_NEXT = {"PERIOD": {"FOR"}, "SYSTEM": {"VERSIONING"}, "VECTOR": {"INDEX", "KEY"}}
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
        NotUnderstoodError: An action names a column that is not there, gives a name that another
            column has, or is not understood.

    Examples:
        >>> from penstock.wire.mysql.column import parse_column
        >>> (change,) = table_changes("ALTER TABLE t ADD b INT FIRST, DROP a, ADD c TEXT", "d")
        >>> [c.name for c in altered([parse_column("a", "int")], change.actions, "utf8mb4")]
        ['b', 'c']
    """
    change = _Alteration(columns, charset)
    for action in actions:
        change.take(list(action))
    return change.columns()


class _Alteration:
    """Collects what the actions of one statement ask for; the server makes all of them at once.

    So an action names a column as it was called before the statement, but for AFTER, which means
    the columns there will be. Columns change in their place first; those added or moved find
    theirs then, in the order of the statement.

    Args:
        columns: Before.
        charset: The table's, for text columns that name none.
    """

    def __init__(self, columns: Sequence[MySqlColumn], charset: str) -> None:
        self._before = columns
        self._charset = charset
        self._made = dict(enumerate(columns))
        self._order = list(self._made)
        self._touched: set[int] = set()
        self._places: list[tuple[int, Token | None]] = []
        self._converted = ""

    def take(self, action: list[Token]) -> None:
        """One action.

        Raises:
            NotUnderstoodError: See `altered`.
        """
        verb, rest = action[0].upper, action[1:]
        if verb in {"ADD", "DROP"} and _is_key(rest):
            return
        is_column = bool(rest) and rest[0].upper == "COLUMN"
        rest = rest[1:] if is_column else rest
        asked = len(rest)
        rest = _without(_without(rest, "IF", "NOT", "EXISTS"), "IF", "EXISTS")
        lenient = len(rest) < asked
        match verb:
            case "ADD" if rest and rest[0].text == "(":
                for part in _parts(rest[1:-1]):
                    if part and not _is_key(part):
                        self._add(part, lenient=lenient)
            case "ADD":
                self._add(rest, lenient=lenient)
            case "CONVERT":
                self._convert(rest)
            case "DROP" | "MODIFY" | "CHANGE":
                self._alter(verb, rest, lenient=lenient)
            case "RENAME" if is_column:
                self._alter(verb, rest, lenient=lenient)

    def columns(self) -> tuple[MySqlColumn, ...]:
        """Those after the statement.

        Raises:
            NotUnderstoodError: A name is there twice, or one that AFTER names is not there.
        """
        for key, place in self._places:
            if key in self._order:
                self._order.remove(key)
            self._order.insert(self._place(place), key)
        found = [self._made[key] for key in self._order]
        if len({column.name.lower() for column in found}) < len(found):
            raise NotUnderstoodError
        if self._converted:
            found = [replace(c, charset=self._converted) if c.charset else c for c in found]
        return tuple(found)

    def _add(self, tokens: list[Token], *, lenient: bool) -> None:
        if lenient and _find(self._before, tokens[0]) is not None:
            return
        key = len(self._made)
        self._made[key] = _definition(tokens, self._charset)
        self._places.append((key, _asked_place(tokens)))

    def _alter(self, verb: str, rest: list[Token], *, lenient: bool) -> None:
        key = _find(self._before, rest[0])
        if key is None and lenient:
            return
        if key is None or key in self._touched:
            raise NotUnderstoodError(rest[0].text)
        self._touched.add(key)
        match verb:
            case "DROP":
                self._order.remove(key)
                return
            case "RENAME":
                self._made[key] = replace(self._made[key], name=_unquoted(rest[2]))
                return
            case "MODIFY":
                name = self._made[key].name
                self._made[key] = replace(_definition(rest, self._charset), name=name)
            case "CHANGE":
                self._made[key] = _definition(rest[1:], self._charset)
        place = _asked_place(rest)
        if place is not None:
            self._places.append((key, place))

    def _convert(self, rest: Sequence[Token]) -> None:
        words = [token.upper for token in rest]
        named = next((i for i, word in enumerate(words) if word in {"SET", "CHARSET"}), None)
        if named is None or named + 1 >= len(rest):
            raise NotUnderstoodError
        self._converted = _unquoted(rest[named + 1]).lower()

    def _place(self, asked: Token | None) -> int:
        if asked is None:
            return len(self._order)
        if asked.upper == "FIRST":
            return 0
        at = _find([self._made[key] for key in self._order], asked)
        if at is None:
            raise NotUnderstoodError(asked.text)
        return at + 1


def _asked_place(tokens: Sequence[Token]) -> Token | None:
    """FIRST, the name behind AFTER, or None."""
    if tokens[-1].upper == "FIRST":
        return tokens[-1]
    if len(tokens) > 1 and tokens[-2].upper == "AFTER":
        return tokens[-1]
    return None


def _is_key(tokens: Sequence[Token]) -> bool:
    """Whether this is no column: an index, a constraint, a partition, versioning."""
    words = [token.upper for token in tokens[:2]]
    if not words:
        return False
    follows = _KEYS_BY_NEXT.get(words[0])
    return words[0] in _KEYS if follows is None else words[-1] in follows


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


def _find(columns: Sequence[MySqlColumn], token: Token) -> int | None:
    wanted = _unquoted(token).lower()
    return next((i for i, column in enumerate(columns) if column.name.lower() == wanted), None)


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
