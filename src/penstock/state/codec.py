"""Values of a SQL type as NumPy arrays that can be added, compared and kept by slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.state.words import SHORT_DECIMAL, data_of
from penstock.types import DataType, TypeRoot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

R = TypeRoot
_DTYPES: dict[TypeRoot, str] = {
    R.BOOLEAN: "u1",
    R.TINYINT: "i1",
    R.SMALLINT: "i2",
    R.INT: "i4",
    R.BIGINT: "i8",
    R.FLOAT: "f4",
    R.DOUBLE: "f8",
    R.DATE: "i4",
    R.TIME: "i4",
    R.TIMESTAMP: "i8",
    R.TIMESTAMP_LTZ: "i8",
    R.INTERVAL_DAY: "i8",
    R.INTERVAL_MONTH: "i4",
}


@dataclass(frozen=True, slots=True)
class ValueCodec:
    """Arrow arrays of a type to NumPy arrays and back.

    Numbers and moments are machine numbers, DECIMAL of up to 18 digits its unscaled value;
    everything else is a Python object. Order and equality are those of SQL.
    """

    type: DataType

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type."""
        if self._short_decimal:
            return np.dtype("i8")
        return np.dtype(_DTYPES.get(self.type.root, "O"))

    @property
    def kept(self) -> np.dtype[Any]:
        """The NumPy type values are kept in: numbers take eight bytes."""
        kind = self.dtype.kind
        return np.dtype("i8") if kind in "iu" else np.dtype("f8") if kind == "f" else self.dtype

    @property
    def boxed(self) -> bool:
        """Whether values are Python objects."""
        return self.dtype.kind == "O"

    @property
    def _short_decimal(self) -> bool:
        return self.type.root is R.DECIMAL and self.type.precision <= SHORT_DECIMAL

    @property
    def arrow(self) -> Any:
        """The Arrow type values come back in."""
        return self.type.arrow()

    def decode(self, column: Any) -> tuple[NDArray[Any], Mask | None]:
        """Values, and which of them are none; None where all are. Values of NULLs are anything."""
        valid = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
        if self.boxed:
            values = np.empty(len(column), object)
            values[:] = column.to_pylist()
            return values, valid
        if self._short_decimal:
            return data_of(column, np.int64, 2)[::2].copy(), valid
        if self.type.root is R.BOOLEAN:
            return column.cast(pa.uint8()).fill_null(0).to_numpy(), valid
        return data_of(column, self.dtype), valid

    def encode(self, values: NDArray[Any], valid: Mask | None = None) -> Any:
        """The Arrow array of some values; NULL where not valid."""
        mask = None if valid is None else ~valid
        if self.boxed:
            return pa.array(values.tolist(), self.arrow, mask=mask)
        if self._short_decimal:
            pairs = np.empty((len(values), 2), np.int64)
            pairs[:, 0] = values
            pairs[:, 1] = values >> 63
            return decimals(pairs, self.arrow, valid)
        if self.type.root is R.BOOLEAN:
            return pa.array(values.astype(np.bool_), self.arrow, mask=mask)
        plain = pa.array(np.ascontiguousarray(values, self.dtype), mask=mask)
        return plain if plain.type == self.arrow else plain.view(self.arrow)


def decimals(pairs: NDArray[np.int64], arrow: Any, valid: Mask | None) -> Any:
    """Decimals of 128 bits: low and high word of each, a row of `pairs` each."""
    validity = None
    if valid is not None:
        validity = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(arrow, len(pairs), [validity, pa.py_buffer(pairs.tobytes())])
