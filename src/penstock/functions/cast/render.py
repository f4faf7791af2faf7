"""Values to texts and bytes of a declared length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.functions.cast.temporal import instant_to_local
from penstock.functions.text import java_float, value_text
from penstock.types import DataType, TypeRoot
from penstock.types.data_type import STRING_LENGTH

if TYPE_CHECKING:
    from penstock.expressions import EvalContext

R = TypeRoot


def render(array: Any, source: DataType, target: DataType, context: EvalContext) -> Any:
    """Any values as strings of the target's length."""
    return fit_string(_text(array, source, context), target)


def _text(array: Any, source: DataType, context: EvalContext) -> Any:
    match source.root:
        case R.CHAR | R.VARCHAR:
            return array
        case R.TINYINT | R.SMALLINT | R.INT | R.BIGINT | R.DATE:
            return array.cast(pa.string())
        case R.BOOLEAN:
            return pc.if_else(array, "TRUE", "FALSE")
        case R.FLOAT | R.DOUBLE:
            return _float_text(array, single=source.root is R.FLOAT)
        case R.DECIMAL if source.scale <= 6:
            return array.cast(pa.string())  # further digits would make Arrow write exponents
        case R.TIMESTAMP if source.precision <= 6:
            full = array.cast(pa.string())
            end = 20 + source.precision if source.precision else 19
            return pc.utf8_slice_codeunits(full, 0, end)
        case R.TIMESTAMP_LTZ:
            plain = DataType(R.TIMESTAMP, precision=source.precision)
            return _text(instant_to_local(array, context.time_zone), plain, context)
    if source.root in {R.ARRAY, R.MAP, R.MULTISET, R.ROW} and _holds_instants(source):
        array = localized(array, source, context)
    values = [None if value is None else value_text(value, source) for value in array.to_pylist()]
    return pa.array(values, pa.string())


def _holds_instants(data_type: DataType) -> bool:
    parts = (*data_type.children, *(field.type for field in data_type.fields))
    return data_type.root is R.TIMESTAMP_LTZ or any(_holds_instants(part) for part in parts)


def localized(array: Any, source: DataType, context: EvalContext) -> Any:
    """Nested values with their instants as wall clocks of the session zone."""
    from penstock.functions.cast.nested import map_leaves

    return map_leaves(
        array,
        source,
        lambda leaf, kind: (
            instant_to_local(leaf, context.time_zone) if kind.root is R.TIMESTAMP_LTZ else leaf
        ),
    )


def _float_text(array: Any, *, single: bool) -> Any:
    """Java's texts: Arrow's where that is plain decimals too, one by one elsewhere."""
    numbers = np.abs(array.to_numpy(zero_copy_only=False))
    plain = (numbers >= 1e-3) & (numbers < 1e7)
    text = array.cast(pa.string())
    text = pc.if_else(
        pc.match_substring(text, "."), text, pc.binary_join_element_wise(text, "0", ".")
    )
    odd = np.flatnonzero(~plain & ~np.asarray(array.is_null()))
    if not len(odd):
        return text
    values = [java_float(value, single=single) for value in array.take(pa.array(odd)).to_pylist()]
    mask = np.zeros(len(array), bool)
    mask[odd] = True
    return pc.replace_with_mask(text, pa.array(mask), pa.array(values, pa.string()))


def fit_string(text: Any, target: DataType) -> Any:
    """Strings cut to the length of VARCHAR(n); for CHAR(n) also padded with blanks."""
    if target.length < STRING_LENGTH:
        text = pc.utf8_slice_codeunits(text, 0, target.length)
        if target.root is R.CHAR:
            text = pc.utf8_rpad(text, target.length, " ")
    return text


def fit_binary(array: Any, target: DataType) -> Any:
    """Bytes cut to the length of VARBINARY(n); for BINARY(n) also padded with zeros."""
    if target.length == STRING_LENGTH:
        return array
    size, pad = target.length, target.root is R.BINARY
    values = [
        None if v is None else (v[:size].ljust(size, b"\0") if pad else v[:size])
        for v in array.to_pylist()
    ]
    return pa.array(values, pa.binary())
