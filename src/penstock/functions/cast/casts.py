"""Which cast is whose, and the functions CAST and TRY_CAST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.errors import DataError, InternalError
from penstock.expressions import ScalarFunction, arrow_type
from penstock.functions.cast.nested import cast_nested
from penstock.functions.cast.number import cast_interval, cast_number
from penstock.functions.cast.parse import cast_text
from penstock.functions.cast.render import fit_binary, render
from penstock.functions.cast.temporal import cast_temporal
from penstock.types import DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Call, EvalContext, Frame

R = TypeRoot


def cast_array(
    array: Any,
    source: DataType,
    target: DataType,
    context: EvalContext,
    *,
    try_cast: bool = False,
) -> Any:
    """An Arrow array of `source` as `target`.

    Raises:
        DataError: A value does not convert and `try_cast` is false.

    Examples:
        >>> from penstock.expressions import EvalContext
        >>> from penstock.types import INT, STRING
        >>> texts = pa.array([" 12 ", "12.7", None])
        >>> cast_array(texts, STRING, INT, EvalContext()).to_pylist()
        [12, 12, None]
    """
    s, t = source.root, target.root
    if source.same_but_nullability(target):
        return array
    if s is R.NULL:
        return pa.nulls(len(array), arrow_type(target))
    if t in co.STRINGS:
        return render(array, source, target, context)
    if t in co.BINARIES:
        return fit_binary(array.cast(pa.binary()), target)
    if s in co.STRINGS:
        return cast_text(array, source, target, context, try_cast=try_cast)
    numbers = (*co.NUMERIC, R.BOOLEAN)
    if s in numbers and t in numbers:
        return (
            _tried(cast_number, array, source, target)
            if try_cast
            else cast_number(array, source, target)
        )
    if s in co.TEMPORAL and t in co.TEMPORAL:
        return cast_temporal(array, source, target, context)
    if s in co.CONSTRUCTED:

        def part(inner: Any, a: DataType, b: DataType) -> Any:
            return cast_array(inner, a, b, context)

        def whole(rows: Any, a: DataType, b: DataType) -> Any:
            return cast_nested(rows, a, b, part)

        return _tried(whole, array, source, target) if try_cast else whole(array, source, target)
    if t in co.INTERVALS:
        return cast_interval(array, source, target)
    raise InternalError(f"no cast from {source.sql()} to {target.sql()}")


def _tried(cast: Any, array: Any, source: DataType, target: DataType) -> Any:
    """A cast after which rows with a part that does not convert are NULL as a whole."""
    try:
        return cast(array, source, target)
    except DataError:
        if len(array) == 1:
            return pa.nulls(1, arrow_type(target))
    half = len(array) // 2
    parts = [_tried(cast, part, source, target) for part in (array[:half], array[half:])]
    return pa.concat_arrays(parts)


def _kernel(call: Call, args: list[Any], frame: Frame) -> Any:
    value = args[0]
    once = isinstance(value, pa.Scalar)
    array = pa.repeat(value, 1) if once else value
    try_cast = call.function is TRY_CAST
    found = cast_array(array, call.args[0].type, call.type, frame.context, try_cast=try_cast)
    return found[0] if once else found


CAST = ScalarFunction("CAST", _kernel, may_fail=True)
TRY_CAST = ScalarFunction("TRY_CAST", _kernel)
