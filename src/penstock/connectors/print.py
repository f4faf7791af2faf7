"""The `print` sink: every change as a line on standard output, in Flink's form.

Source: Flink 2.2, Print SQL Connector; `Row.toString`.
"""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.config import Options
from penstock.config.option import Option, boolean, integer
from penstock.connectors.base import Connector, ImmediateWriter, TableDescriptor
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.connectors.base import SinkContext
    from penstock.types import DataType, Schema


class PrintOptions(Options):
    """Options of the print sink."""

    connector = "print"
    identifier = Option("print-identifier", str, "", "Prefix of every line, followed by `> `.")
    standard_error = Option("standard-error", boolean, False, "Write to standard error.")  # noqa: FBT003
    parallelism = Option(
        "sink.parallelism", integer, 1, "Writers.", no_effect="one writer keeps the order of rows"
    )


def java_double(value: float, *, single: bool = False) -> str:
    """A floating point number as Java prints it.

    Examples:
        >>> java_double(1.5), java_double(1e7), java_double(0.0001), java_double(float("inf"))
        ('1.5', '1.0E7', '1.0E-4', 'Infinity')
    """
    if value != value:  # noqa: PLR0124
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return repr(value)
    if single:
        import numpy as np

        shortest = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    else:
        shortest = f"{Decimal(repr(value)):e}"
    digits, _, exponent = shortest.partition("e")
    number = Decimal(f"{digits}e{exponent or 0}").normalize()
    if 1e-3 <= abs(value) < 1e7:
        plain = f"{number:f}"
        return plain if "." in plain else plain + ".0"
    head, _, power = f"{number:e}".partition("e")
    return f"{head if '.' in head else head + '.0'}E{int(power)}"


def _time_text(value: dt.time | dt.datetime) -> str:
    text = f"{value.hour:02}:{value.minute:02}"
    if value.second or value.microsecond:
        text += f":{value.second:02}"
    if value.microsecond:
        text += f".{value.microsecond // 1000:03}"
        if value.microsecond % 1000:
            text += f"{value.microsecond % 1000:03}"
    return text


def value_text(value: Any, data_type: DataType) -> str:  # noqa: PLR0911
    """A value as Java's `toString` of Flink's external class prints it; NULL is `null`."""
    if value is None:
        return "null"
    match data_type.root:
        case TypeRoot.BOOLEAN:
            return "true" if value else "false"
        case TypeRoot.FLOAT | TypeRoot.DOUBLE:
            return java_double(value, single=data_type.root is TypeRoot.FLOAT)
        case TypeRoot.DECIMAL:
            return f"{value:f}"
        case TypeRoot.TIME:
            return _time_text(value)
        case TypeRoot.TIMESTAMP:
            return f"{value.date().isoformat()}T{_time_text(value)}"
        case TypeRoot.TIMESTAMP_LTZ:
            text = _time_text(value)
            return f"{value.date().isoformat()}T{text if len(text) > 5 else text + ':00'}Z"
        case TypeRoot.BINARY | TypeRoot.VARBINARY:
            signed = (byte - 256 if byte > 127 else byte for byte in value)
            return f"[{', '.join(map(str, signed))}]"
        case TypeRoot.ARRAY:
            child = data_type.children[0]
            return f"[{', '.join(value_text(item, child) for item in value)}]"
        case TypeRoot.MAP | TypeRoot.MULTISET:
            from penstock.types import INT

            key = data_type.children[0]
            item = data_type.children[1] if data_type.root is TypeRoot.MAP else INT
            pairs = (f"{value_text(k, key)}={value_text(v, item)}" for k, v in value)
            return f"{{{', '.join(pairs)}}}"
        case TypeRoot.ROW:
            inner = (value_text(value[f.name], f.type) for f in data_type.fields)
            return f"+I[{', '.join(inner)}]"
    return str(value)


def batch_lines(batch: ChangelogBatch, schema: Schema) -> list[str]:
    """Every change as `+I[1, a]`."""
    plain = {TypeRoot.INT, TypeRoot.BIGINT, TypeRoot.SMALLINT, TypeRoot.TINYINT}
    texts = []
    for index, column in enumerate(schema.columns):
        values = batch.rows.column(index).to_pylist()
        if column.type.root in plain or column.type.root in {TypeRoot.VARCHAR, TypeRoot.CHAR}:
            texts.append(["null" if v is None else str(v) for v in values])
        else:
            texts.append([value_text(v, column.type) for v in values])
    heads = [RowKind(kind).short for kind in range(4)]
    rows = zip(*texts, strict=True) if texts else ((),) * batch.num_rows
    kinds = batch.kinds_or_inserts().tolist()
    return [f"{heads[k]}[{', '.join(row)}]" for k, row in zip(kinds, rows, strict=True)]


class PrintWriter(ImmediateWriter):
    """Writes lines as they come; at least once, as in Flink."""

    def __init__(self, prefix: str, schema: Schema, stream: TextIO) -> None:
        super().__init__()
        self._prefix = prefix
        self._schema = schema
        self._stream = stream

    def write(self, batch: ChangelogBatch) -> None:
        lines = batch_lines(batch, self._schema)
        self.rows += len(lines)
        prefix = self._prefix
        self._stream.write("".join(f"{prefix}{line}\n" for line in lines))
        self._stream.flush()


class PrintSink:
    """Prints changes."""

    def __init__(self, table: TableDescriptor) -> None:
        self._options = PrintOptions(table.options)
        self.schema = table.schema

    @property
    def share_key(self) -> Hashable:
        return None

    def writer_for(
        self,
        table: str,  # noqa: ARG002
        schema: Schema,
        context: SinkContext,  # noqa: ARG002
    ) -> PrintWriter:
        identifier = self._options.identifier
        stream = sys.stderr if self._options.standard_error else sys.stdout
        return PrintWriter(f"{identifier}> " if identifier else "", schema, stream)


CONNECTOR = Connector(
    name="print",
    options=PrintOptions,
    sink=PrintSink,
    sink_mode=lambda _: ChangelogMode.all(),
)
