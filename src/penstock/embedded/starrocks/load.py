"""Bodies of loads: CSV and JSON bytes to the rows of a table, bad rows to the error log."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.store import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.embedded.starrocks.model import ColumnDef, TableDef

OP = "__op"
MAX_ERROR_ROWS = 50
_CODECS = {
    "lz4": "lz4",
    "lz4_frame": "lz4",
    "gzip": "gzip",
    "gz": "gzip",
    "zstd": "zstd",
    "bzip2": "bz2",
    "bz2": "bz2",
}
_OPS = {"0": 0, "upsert": 0, "1": 1, "delete": 1}


@dataclass(slots=True)
class LoadOptions:
    """The headers of a load that say how to read its body."""

    format: str = "csv"
    compression: str = ""
    columns: list[tuple[str, str]] = field(default_factory=list)
    column_separator: bytes = b"\t"
    row_delimiter: bytes = b"\n"
    skip_header: int = 0
    trim_space: bool = False
    enclose: str = ""
    escape: str = ""
    max_filter_ratio: float = 0.0
    strict_mode: bool = False
    where: str = ""
    strip_outer_array: bool = False
    jsonpaths: list[str] = field(default_factory=list)
    json_root: str = ""
    partial_update: bool = False
    merge_condition: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> LoadOptions:
        """The options in the headers of a request; header names in lower case."""
        kind = headers.get("format", "csv").lower() or "csv"
        compression = headers.get("compression", "").lower()
        if kind in _CODECS or kind == "deflate":
            kind, compression = "csv", kind
        if kind not in ("csv", "json"):
            raise ServerError(f"unknown data format, format={headers.get('format')}")
        if compression and compression not in _CODECS and compression != "deflate":
            raise ServerError(f"unknown compression, compression={compression}")
        try:
            ratio = float(headers.get("max_filter_ratio", "0"))
            skip = int(headers.get("skip_header", "0"))
            paths = json.loads(headers["jsonpaths"]) if headers.get("jsonpaths") else []
        except ValueError as error:
            raise ServerError(
                f"invalid header value: {error}", status="INVALID_ARGUMENT"
            ) from error
        if not 0 <= ratio <= 1:
            raise ServerError("max_filter_ratio must be between 0 and 1", status="INVALID_ARGUMENT")
        return cls(
            kind,
            compression,
            parse_columns(headers.get("columns", "")),
            separator(headers.get("column_separator", "\t")),
            separator(headers.get("row_delimiter", "\n")),
            skip,
            _flag(headers, "trim_space"),
            headers.get("enclose", ""),
            headers.get("escape", ""),
            ratio,
            _flag(headers, "strict_mode"),
            headers.get("where", ""),
            _flag(headers, "strip_outer_array"),
            paths,
            headers.get("json_root", ""),
            _flag(headers, "partial_update"),
            headers.get("merge_condition", ""),
        )


@dataclass(slots=True)
class ParsedLoad:
    """What a body holds: good rows, and what became of the others."""

    rows: pa.Table
    ops: pa.Array | None
    total: int
    filtered: int
    unselected: int
    errors: list[str]


def _flag(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(name, "").strip().lower() == "true"


def separator(text: str) -> bytes:
    r"""A separator as bytes; `\x` and hexadecimal digits name bytes.

    Examples:
        >>> separator("\\x01"), separator("\\t"), separator("||")
        (b'\x01', b'\t', b'||')
    """
    if re.fullmatch(r"(\\[xX]([0-9a-fA-F]{2})+)+", text):
        return bytes.fromhex(re.sub(r"\\[xX]", "", text))
    return {"\\t": b"\t", "\\n": b"\n", "\\r\\n": b"\r\n"}.get(text) or text.encode()


def parse_columns(text: str) -> list[tuple[str, str]]:
    """The `columns` header as names and expressions; a source field has no expression.

    Examples:
        >>> parse_columns("`a`, b, c = upper(b), __op='delete'")
        [('a', ''), ('b', ''), ('c', 'upper(b)'), ('__op', "'delete'")]
    """
    parts, depth, quote, start = [], 0, "", 0
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    result = []
    for part in parts:
        found = re.match(r"\s*(?:`([^`]*)`|([^=`]+?))\s*(?:=(.*))?\Z", part, re.DOTALL)
        if found:
            result.append(((found[1] or found[2]).strip(), (found[3] or "").strip()))
        elif part.strip():
            raise ServerError(f"invalid columns header near '{part.strip()}'")
    return result


def decompress(body: bytes, codec: str) -> bytes:
    """The plain bytes of a body."""
    if not codec:
        return body
    try:
        if codec == "deflate":
            return zlib.decompress(body)
        with pa.CompressedInputStream(pa.BufferReader(body), _CODECS[codec]) as stream:
            return bytes(stream.read())
    except (OSError, zlib.error, pa.ArrowException) as error:
        raise ServerError(f"cannot decompress the body as {codec}: {error}") from error


def parse_body(table: TableDef, body: bytes, options: LoadOptions) -> ParsedLoad:
    """Read a body into rows of `table`."""
    if options.partial_update and not table.primary:
        raise ServerError("Only primary key table support partial update")
    body = decompress(body, options.compression)
    return _Parser(table, options).parse(body)


class _Parser:
    """Reads one body. Typed columns at once where all is well, else text by text."""

    def __init__(self, table: TableDef, options: LoadOptions) -> None:
        self.table = table
        self.options = options
        self.errors: list[str] = []
        self.bad = 0
        given = options.columns or [(column.name, "") for column in table.columns]
        given = [(self._known(name), text) for name, text in given]
        self.sources = [name for name, text in given if not text]
        self.derived = [(name, text) for name, text in given if text]
        names = [name for name, _ in given]
        unknown = [n for n, text in given if text and n != OP and table.column(n) is None]
        if unknown:
            raise ServerError(f"Column '{unknown[0]}' does not exist in table '{table.name}'")
        missing = [name for name in table.key_columns if name not in names]
        if missing and table.keys_type != "DUPLICATE":
            raise ServerError(f"key column '{missing[0]}' is missing in the columns of the load")
        for column in table.columns:
            absent = column.name not in names and not options.partial_update
            filled = column.nullable or column.default is not None or column.auto_increment
            if absent and not filled:
                raise ServerError(f"Column has no default value. column: {column.name}")

    def _known(self, name: str) -> str:
        column = self.table.column(name)
        if column is None and "%" in name:
            column = self.table.column(unquote(name))
        return column.name if column else name

    def parse(self, body: bytes) -> ParsedLoad:
        columns = self._json(body) if self.options.format == "json" else self._csv(body)
        total = (len(next(iter(columns.values()))) if columns else 0) + self.bad
        unselected = 0
        if self.derived or self.options.where:
            columns, unselected = self._evaluate(columns)
        typed, keep = self._convert(columns)
        ops = typed.pop(OP, None)
        rows = pa.table(typed)
        if keep is not None and not keep.all():
            places = pa.array(np.flatnonzero(keep))
            self.bad += len(keep) - len(places)
            rows = rows.take(places)
            ops = None if ops is None else ops.take(places)
        if not self.table.primary:
            ops = None
        return ParsedLoad(rows, ops, total, self.bad, unselected, self.errors)

    def _fail(self, message: str, row: str) -> None:
        if len(self.errors) < MAX_ERROR_ROWS:
            self.errors.append(f"Error: {message}. Row: {row}")

    # ------------------------------------------------------------------------------------ CSV

    def _csv(self, body: bytes) -> dict[str, pa.Array]:
        options = self.options
        other = options.row_delimiter != b"\n" and len(options.row_delimiter) == 1
        if other and b"\n" not in body and b"\r" not in body:
            body = body.replace(options.row_delimiter, b"\n")
            options.row_delimiter, kept = b"\n", options.row_delimiter
            try:
                return self._csv(body)
            finally:
                options.row_delimiter = kept
        if not body.strip(b"\n"):
            return {name: pa.array([], kind) for name, kind in self._types().items()}
        simple = options.row_delimiter == b"\n" and len(options.column_separator) == 1
        if (
            simple
            and not (options.column_separator > b"\x7f")
            and (options.enclose or b"\r" not in body)
        ):
            if not (options.trim_space or self.derived):
                found = self._read_csv(body, self._types())
                if found is not None:
                    return found
            found = self._read_csv(body, dict.fromkeys(self.sources, pa.binary()))
            if found is not None:
                return self._texts(found)
        return self._texts(self._split_csv(body))

    def _types(self) -> dict[str, pa.DataType]:
        types = {}
        for name in self.sources:
            column = self.table.column(name)
            types[name] = pa.string() if column is None else column.info.arrow
        return types

    def _read_csv(self, body: bytes, types: dict[str, pa.DataType]) -> dict[str, pa.Array] | None:
        options = self.options
        bad: list[Any] = []

        def skip(row: Any) -> str:
            bad.append(row)
            return "skip"

        try:
            table = csv.read_csv(
                pa.BufferReader(body),
                csv.ReadOptions(
                    column_names=self.sources,
                    use_threads=len(body) > 4_000_000,
                    skip_rows=options.skip_header,
                    block_size=max(1 << 20, min(len(body) + 1, 1 << 26)),
                ),
                csv.ParseOptions(
                    delimiter=options.column_separator.decode(),
                    quote_char=options.enclose or False,
                    escape_char=options.escape or False if options.enclose else False,
                    newlines_in_values=bool(options.enclose),
                    invalid_row_handler=skip,
                ),
                csv.ConvertOptions(
                    column_types=types,
                    null_values=["\\N"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["true", "1", "TRUE", "True"],
                    false_values=["false", "0", "FALSE", "False"],
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, UnicodeError):
            return None
        for row in bad:
            self._count_mismatch(row.actual_columns, row.text or "")
        return {name: table.column(name).combine_chunks() for name in self.sources}

    def _count_mismatch(self, actual: int, text: str) -> None:
        self.bad += 1
        column = self.options.column_separator.decode(errors="replace")
        row = self.options.row_delimiter.decode(errors="replace")
        self._fail(
            f"Target column count: {len(self.sources)} doesn't match source value column count: "
            f"{actual}. Column separator: {column!r}, Row delimiter: {row!r}",
            text,
        )

    def _split_csv(self, body: bytes) -> dict[str, pa.Array]:
        options = self.options
        width = len(self.sources)
        kept: list[list[bytes]] = []
        for line in body.split(options.row_delimiter)[options.skip_header :]:
            if not line:
                continue
            parts = line.split(options.column_separator)
            if options.enclose:
                mark = options.enclose.encode()
                parts = [
                    part[1:-1] if len(part) > 1 and part[:1] == mark == part[-1:] else part
                    for part in parts
                ]
            if len(parts) == width:
                kept.append(parts)
            else:
                self._count_mismatch(len(parts), line.decode(errors="replace"))
        columns = list(zip(*kept, strict=True)) if kept else [()] * width
        return {
            name: pa.array([None if v == b"\\N" else v for v in values], pa.binary())
            for name, values in zip(self.sources, columns, strict=True)
        }

    def _texts(self, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Bytes to text; rows that are not UTF-8 are filtered."""
        try:
            texts = {name: values.cast(pa.string()) for name, values in columns.items()}
        except pa.ArrowInvalid:
            names = list(columns)
            good = []
            for row in zip(*(columns[name].to_pylist() for name in names), strict=True):
                try:
                    good.append([None if v is None else v.decode() for v in row])
                except UnicodeDecodeError:
                    self.bad += 1
                    shown = self.options.column_separator.join(v or b"\\N" for v in row)
                    self._fail("Invalid UTF-8 row", shown.decode(errors="replace"))
            texts = {
                name: pa.array([row[place] for row in good], pa.string())
                for place, name in enumerate(names)
            }
        if self.options.trim_space:
            texts = {name: pc.utf8_trim_whitespace(values) for name, values in texts.items()}
        return texts

    # ----------------------------------------------------------------------------------- JSON

    def _json(self, body: bytes) -> dict[str, pa.Array]:
        objects = self._objects(body)
        free = not self.options.columns and self.table.primary
        if free and any(OP in item for item in objects):
            self.sources.append(OP)
        paths = self.options.jsonpaths
        result = {}
        for place, name in enumerate(self.sources):
            if paths:
                path = _path(paths[place]) if place < len(paths) else ["\0"]
                values = [_follow(item, path) for item in objects]
            else:
                values = [item.get(name) for item in objects]
            column = self.table.column(name)
            result[name] = _json_array(values, column.info.arrow if column else pa.string())
        return result

    def _objects(self, body: bytes) -> list[Any]:
        try:
            text = body.decode().strip()
            found: list[Any] = []
            if text.startswith("["):
                data = json.loads(text, parse_float=_Number)
                if not self.options.strip_outer_array:
                    raise ServerError(
                        "The value is array type in json document stream, you can set "
                        "strip_outer_array=true to parse each element of the array as "
                        "individual rows"
                    )
                found = data
            else:
                decoder = json.JSONDecoder(parse_float=_Number)
                place = 0
                while place < len(text):
                    item, place = decoder.raw_decode(text, place)
                    found.append(item)
                    while place < len(text) and text[place] in " \r\n\t,":
                        place += 1
        except ValueError as error:
            raise ServerError(f"Failed to parse json: {error}") from error
        if self.options.json_root:
            path = _path(self.options.json_root)
            found = [_follow(item, path) for item in found]
            if self.options.strip_outer_array:
                flat: list[Any] = []
                for item in found:
                    flat.extend(item if isinstance(item, list) else [item])
                found = flat
        good = [item for item in found if isinstance(item, dict)]
        for item in found:
            if not isinstance(item, dict):
                self.bad += 1
                self._fail("the value of a row is not a JSON object", json.dumps(item)[:200])
        return good

    # ------------------------------------------------------------------------------ evaluation

    def _evaluate(self, columns: dict[str, pa.Array]) -> tuple[dict[str, pa.Array], int]:
        """Derived columns and the `where` filter, by DuckDB over the source fields."""
        picks = [quoted(name) for name in columns if name == OP or self.table.column(name)]
        replaced = {name for name, _ in self.derived}
        picks = [pick for pick in picks if pick[1:-1] not in replaced]
        picks += [f"{_expression(text)} AS {quoted(name)}" for name, text in self.derived]
        where = f" WHERE {_expression(self.options.where)}" if self.options.where else ""
        count = len(next(iter(columns.values())))
        with _scratch() as scratch:
            scratch.register("source", pa.table(columns))
            try:
                try:
                    typed = self._typed_fields(columns, "VARCHAR")
                    found = _query(scratch, picks, typed, where)
                except duckdb.BinderException:  # arithmetic on text fields
                    typed = self._typed_fields(columns, "DOUBLE")
                    found = _query(scratch, picks, typed, where)
            except duckdb.Error as error:
                raise ServerError(f"cannot evaluate the columns of the load: {error}") from error
        result = {name: found.column(name).combine_chunks() for name in found.column_names}
        return result, count - found.num_rows

    def _typed_fields(self, columns: Mapping[str, pa.Array], other: str) -> str:
        """Source fields named like a column have its type, the remaining ones are `other`."""
        picks = []
        for name in columns:
            column = self.table.column(name)
            kind = column.duckdb_type if column and not column.info.nested else other
            kind = "VARCHAR" if name == OP or (column and column.info.nested) else kind
            picks.append(f"TRY_CAST({quoted(name)} AS {kind}) AS {quoted(name)}")
        return ", ".join(picks)

    def _convert(self, columns: dict[str, pa.Array]) -> tuple[dict[str, pa.Array], Any]:
        """Columns of the table's types, and a mask of the rows to keep; None keeps all."""
        size = len(next(iter(columns.values()))) if columns else 0
        keep: Any = None
        typed: dict[str, pa.Array] = {}
        reasons: dict[int, str] = {}
        deletes: Any = None

        def drop(mask: Any, message: str) -> None:
            nonlocal keep
            keep = np.ones(size, bool) if keep is None else keep
            for place in np.flatnonzero(mask & keep)[:MAX_ERROR_ROWS]:
                reasons.setdefault(int(place), message)
            keep &= ~mask

        if OP in columns and self.table.primary:
            typed[OP], wrong = _ops(columns[OP])
            deletes = typed[OP].to_numpy(zero_copy_only=False) == 1
            if wrong is not None:
                drop(wrong, "Invalid op type")
        for column in self.table.columns:
            raw = columns.get(column.name)
            if raw is None:
                continue
            values = raw if raw.type == column.info.arrow else _cast(raw, column)
            if (
                values is not raw
                and values.null_count > raw.null_count
                and self.options.strict_mode
            ):
                drop(
                    _mask(pc.and_(pc.is_null(values), pc.is_valid(raw))),
                    f"Value cannot be converted to column '{column.name}' of type {column.type}",
                )
            values = self._limit(column, values, drop)
            if not column.nullable and values.null_count:
                nulls = _mask(pc.is_null(values))
                if deletes is not None and not column.key:
                    nulls &= ~deletes
                if nulls.any():
                    drop(nulls, f"NULL value in non-nullable column '{column.name}'")
            typed[column.name] = values
        for place, message in sorted(reasons.items()):
            cells = [columns[name][place].as_py() for name in columns]
            shown = ", ".join("NULL" if cell is None else str(cell) for cell in cells)
            self._fail(message, f"[{shown}]")
        return typed, keep

    def _limit(self, column: ColumnDef, values: pa.Array, drop: Any) -> pa.Array:
        """Texts longer than the column are NULL, or filtered in strict mode."""
        length = column.info.length
        if not length or not len(values) or not pa.types.is_string(values.type):
            return values
        sizes = pc.binary_length(values)
        if (pc.max(sizes).as_py() or 0) <= length:
            return values
        long = pc.fill_null(pc.greater(sizes, length), fill_value=False)
        if self.options.strict_mode or not column.nullable:
            position = self.table.columns.index(column)
            first = values.filter(long)[0].as_py()
            drop(
                _mask(long),
                f"The field (name = {column.name}, pos = {position}) is out of range. Type: "
                f"{column.type}, Value length: {len(first.encode())}, Value: {first}",
            )
            return values
        return pc.if_else(long, pa.scalar(None, values.type), values)


class _Number(float):
    """A JSON number with a fraction that remembers its digits."""

    text: str

    def __new__(cls, text: str) -> _Number:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _scratch() -> Any:
    return duckdb.connect(":memory:", config={"threads": "1", "enable_external_access": "false"})


def _query(scratch: Any, picks: Sequence[str], typed: str, where: str) -> pa.Table:
    text = f"SELECT {', '.join(picks)} FROM (SELECT {typed} FROM source){where}"
    return scratch.sql(text).to_arrow_table()


def _expression(text: str) -> str:
    return re.sub(r"`([^`]*)`", r'"\1"', text)


def _mask(values: Any) -> Any:
    return values.to_numpy(zero_copy_only=False).astype(bool)


def _ops(values: pa.Array) -> tuple[pa.Array, Any]:
    """`__op` values as 0 and 1, and a mask of wrong ones if there are any."""
    texts = pc.utf8_lower(values.cast(pa.string()))
    deletes = pc.is_in(texts, pa.array(["1", "delete"]))
    known = pc.is_in(texts, pa.array(list(_OPS)))
    wrong = None if pc.all(known).as_py() is not False else ~_mask(known)
    return pc.cast(deletes, pa.int8()), wrong


def _cast(values: pa.Array, column: ColumnDef) -> pa.Array:
    """Values as the column's type; what cannot be converted is NULL."""
    info = column.info
    if values.type != pa.string():
        try:
            return values.cast(info.arrow)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            values = values.cast(pa.string())
    if info.arrow == pa.string():
        return values
    if info.arrow == pa.binary():
        return values.cast(pa.binary())
    kind = "DECIMAL(38,0)" if info.base == "LARGEINT" else info.duckdb
    cast = f"TRY_CAST(v AS {kind})"
    if info.base in ("TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"):
        cast = f"CASE WHEN regexp_full_match(v, '\\s*[+-]?\\d+\\s*') THEN {cast} END"
    elif info.base == "DATETIME":
        packed = "CASE WHEN regexp_full_match(v, '\\d{14}') THEN strptime(v, '%Y%m%d%H%M%S')"
        cast = f"{packed} WHEN regexp_full_match(v, '\\d{{8}}') THEN strptime(v, '%Y%m%d')"
        cast += " ELSE TRY_CAST(v AS TIMESTAMP) END"
    elif info.base == "DATE":
        cast = (
            "CASE WHEN regexp_full_match(v, '\\d{8}') THEN CAST(strptime(v, '%Y%m%d') AS DATE)"
            " ELSE TRY_CAST(v AS DATE) END"
        )
    with _scratch() as scratch:
        scratch.register("source", pa.table({"v": values}))
        found = scratch.sql(f"SELECT {cast} AS v FROM source").to_arrow_table()
    return found.column("v").combine_chunks().cast(info.arrow)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, _Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind):
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.array([_text(value) for value in values], pa.string())


def _path(text: str) -> list[str]:
    """Names and indexes of a JSON path such as `$.a.b[0]`."""
    return [a or b for a, b in re.findall(r"\[\"?'?([^\]\"']+)'?\"?\]|\.([^.\[]+)", text)]


def _follow(item: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(item, dict):
            item = item.get(step)
        elif isinstance(item, list) and step.isdigit() and int(step) < len(item):
            item = item[int(step)]
        else:
            return None
    return item
