"""MySQL's text of values to Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.wire.mysql.column import MySqlColumn


def select_expression(column: MySqlColumn) -> str:
    """What to write in a SELECT list so that `text_to_arrow` gets an exact text."""
    quoted = "`" + column.name.replace("`", "``") + "`"
    # the text of a FLOAT has six digits only; as a double it is exact
    return f"({quoted} + 0e0)" if column.type_name == "float" else quoted


def text_to_arrow(column: MySqlColumn, array: pa.Array, zone: str = "UTC") -> pa.Array:
    """Values of `stream_text` for one column as `column.arrow_type`."""
    raise NotImplementedError
