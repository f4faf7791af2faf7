"""CSV bodies to columns; by Arrow where it can, else line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.embedded.starrocks.load.options import LoadOptions
    from penstock.embedded.starrocks.load.rejects import Rejects

Fields = dict[str, pa.Array]


def read_csv(
    body: bytes, types: Mapping[str, pa.DataType], options: LoadOptions, rejects: Rejects
) -> Fields:
    """The source fields of a body.

    Args:
        body: Plain bytes.
        types: Names of the fields in their order, and the type each is wanted in.
        options: How the body is framed.
        rejects: Takes the rows that cannot be cut into fields.

    Returns:
        A column per field: in the wanted types if the whole body could be read so, else as text.
    """
    other = options.row_delimiter != b"\n" and len(options.row_delimiter) == 1
    if other and b"\n" not in body and b"\r" not in body:
        body = body.replace(options.row_delimiter, b"\n")
        options = replace(options, row_delimiter=b"\n")
    if not body.strip(b"\n"):
        return {name: pa.array([], kind) for name, kind in types.items()}
    simple = options.row_delimiter == b"\n" and len(options.column_separator) == 1
    if (
        simple
        and not (options.column_separator > b"\x7f")
        and (options.enclose or b"\r" not in body)
    ):
        if not (options.trim_space or any(text for _, text in options.columns)):
            found = _read_csv(body, types, options, rejects)
            if found is not None:
                return found
        found = _read_csv(body, dict.fromkeys(types, pa.binary()), options, rejects)
        if found is not None:
            return _texts(found, options, rejects)
    return _texts(_split_csv(body, list(types), options, rejects), options, rejects)


def _read_csv(
    body: bytes, types: Mapping[str, pa.DataType], options: LoadOptions, rejects: Rejects
) -> Fields | None:
    bad: list[Any] = []

    def skip(row: Any) -> str:
        bad.append(row)
        return "skip"

    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            csv.ReadOptions(
                column_names=list(types),
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
                column_types=dict(types),
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
        _count_mismatch(len(types), row.actual_columns, row.text or "", options, rejects)
    return {name: table.column(name).combine_chunks() for name in types}


def _count_mismatch(
    wanted: int, actual: int, text: str, options: LoadOptions, rejects: Rejects
) -> None:
    column = options.column_separator.decode(errors="replace")
    row = options.row_delimiter.decode(errors="replace")
    rejects.add(
        f"Target column count: {wanted} doesn't match source value column count: "
        f"{actual}. Column separator: {column!r}, Row delimiter: {row!r}",
        text,
    )


def _split_csv(body: bytes, names: list[str], options: LoadOptions, rejects: Rejects) -> Fields:
    width = len(names)
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
            _count_mismatch(width, len(parts), line.decode(errors="replace"), options, rejects)
    columns = list(zip(*kept, strict=True)) if kept else [()] * width
    return {
        name: pa.array([None if v == b"\\N" else v for v in values], pa.binary())
        for name, values in zip(names, columns, strict=True)
    }


def _texts(columns: Fields, options: LoadOptions, rejects: Rejects) -> Fields:
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
                shown = options.column_separator.join(v or b"\\N" for v in row)
                rejects.add("Invalid UTF-8 row", shown.decode(errors="replace"))
        texts = {
            name: pa.array([row[place] for row in good], pa.string())
            for place, name in enumerate(names)
        }
    if options.trim_space:
        texts = {name: pc.utf8_trim_whitespace(values) for name, values in texts.items()}
    return texts
