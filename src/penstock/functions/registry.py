"""The table of scalar functions, filled by the decorator `scalar` in the files of `scalar/`.

A signature is words, one per argument. Letters name the families an argument may have: `b` boolean,
`i` integer, `n` number, `s` string, `y` binary, `d` date, `h` time, `t` timestamp (either), `v`
interval, `a` array, `m` map, `x` anything; `e` is a number cast to DOUBLE, `j` an integer cast to
INT. A trailing `?` makes it optional, `*` lets the last one repeat (none or more).
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from penstock.expressions import ScalarFunction, broadcast
from penstock.types import BIGINT, BOOLEAN, BYTES, DATE, DOUBLE, INT, STRING, TIMESTAMP
from penstock.types import coercion as co
from penstock.types.data_type import DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from penstock.expressions import Call, Expr, Frame

TypeRule: TypeAlias = "DataType | Callable[[list[Expr]], DataType | None]"

Coercion: TypeAlias = "Callable[[list[DataType]], list[DataType] | None]"

_FAMILIES: dict[str, tuple[TypeRoot, ...]] = {
    "b": (TypeRoot.BOOLEAN,),
    "i": co.INTEGERS,
    "j": co.INTEGERS,
    "n": co.NUMERIC,
    "e": co.NUMERIC,
    "s": co.STRINGS,
    "y": co.BINARIES,
    "d": (TypeRoot.DATE,),
    "h": (TypeRoot.TIME,),
    "t": co.TIMESTAMPS,
    "v": co.INTERVALS,
    "a": (TypeRoot.ARRAY,),
    "m": (TypeRoot.MAP, TypeRoot.MULTISET),
    "r": (TypeRoot.ROW,),
    "x": tuple(TypeRoot),
}
_NULL_TYPES = {
    "b": BOOLEAN,
    "i": BIGINT,
    "j": INT,
    "n": INT,
    "e": DOUBLE,
    "s": STRING,
    "y": BYTES,
    "d": DATE,
    "t": TIMESTAMP(3),
}
_NAMES = {
    "b": "BOOLEAN",
    "i": "integer",
    "j": "integer",
    "n": "number",
    "e": "number",
    "s": "string",
    "y": "binary",
    "d": "DATE",
    "h": "TIME",
    "t": "timestamp",
    "v": "interval",
    "a": "ARRAY",
    "m": "MAP",
    "r": "ROW",
    "x": "any",
}


@dataclass(frozen=True)
class Definition:
    """A registered overload: what it takes, what it gives, what it does."""

    function: ScalarFunction
    signature: tuple[str, ...]
    returns: TypeRule
    nullable: str
    is_operator: bool
    coerce: Coercion | None = None

    def accepts(self, args: Sequence[Expr]) -> bool:
        """Whether number and families of the arguments fit."""
        words = self.words(len(args))
        if words is None:
            return False
        return all(
            arg.type.root is TypeRoot.NULL
            or any(arg.type.root in _FAMILIES[letter] for letter in word)
            for word, arg in zip(words, args, strict=True)
        )

    def words(self, count: int) -> list[str] | None:
        """The signature for `count` arguments, or None."""
        needed = [word for word in self.signature if word[-1] not in "?*"]
        plain = [word.rstrip("?*") for word in self.signature]
        if count < len(needed):
            return None
        if count <= len(plain):
            return plain[:count]
        if self.signature and self.signature[-1].endswith("*"):
            return plain + [plain[-1]] * (count - len(plain))
        return None

    def target(self, word: str, given: DataType) -> DataType:
        """The type an argument is cast to before the call."""
        if given.root is TypeRoot.NULL:
            return _NULL_TYPES.get(word[0], given)
        if word == "e":
            return DOUBLE.with_nullable(given.nullable)
        if word == "j":
            return INT.with_nullable(given.nullable)
        return given

    def text(self) -> str:
        """The signature as a person writes it."""
        words = []
        for word in self.signature:
            names = "|".join(dict.fromkeys(_NAMES[letter] for letter in word.rstrip("?*")))
            words.append({"?": f"[{names}]", "*": f"{names}, ..."}.get(word[-1], names))
        return f"{self.function.name}({', '.join(words)})"


_DEFINITIONS: dict[str, list[Definition]] = {}
_loaded: list[bool] = []


def scalar(
    names: str,
    signature: str,
    returns: TypeRule,
    *,
    nullable: str = "any",
    deterministic: bool = True,
    may_fail: bool = False,
    lazy: bool = False,
    operator: bool = False,
    coerce: Coercion | None = None,
) -> Callable[[Callable[[Call, list[Any], Frame], Any]], Callable[[Call, list[Any], Frame], Any]]:
    """Registers a kernel.

    Args:
        names: SQL names, space separated; underscores inside operators of two words become spaces.
        signature: See the module.
        returns: A type, or a function of the arguments (None: they do not fit).
        nullable: `any` (when an argument is), `always`, `never`, or `rule` (as returned).
        deterministic: See `ScalarFunction`.
        may_fail: See `ScalarFunction`.
        lazy: See `ScalarFunction`.
        operator: An operator, not callable by name.
        coerce: The types the arguments are cast to, given theirs (None: they do not fit).
    """

    def register(
        kernel: Callable[[Call, list[Any], Frame], Any],
    ) -> Callable[[Call, list[Any], Frame], Any]:
        for raw in names.split():
            name = raw.replace("_", " ") if operator and not raw.startswith("JSON_") else raw
            function = ScalarFunction(name, kernel, deterministic, may_fail, lazy)
            _DEFINITIONS.setdefault(name, []).append(
                Definition(function, tuple(signature.split()), returns, nullable, operator, coerce)
            )
        return kernel

    return register


def definitions(name: str) -> list[Definition]:
    """All overloads of a function or operator, by upper-case name."""
    _load()
    return _DEFINITIONS.get(name, [])


def function_names() -> list[str]:
    """Names of all scalar functions, sorted; operators left out."""
    _load()
    return sorted(
        name
        for name, found in _DEFINITIONS.items()
        if name.startswith("JSON_") or not all(definition.is_operator for definition in found)
    )


def _load() -> None:
    if _loaded:
        return
    package = importlib.import_module("penstock.functions.scalar")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"penstock.functions.scalar.{module.name}")
    _loaded.append(True)


def same(index: int = 0) -> Callable[[list[Expr]], DataType]:
    """Type rule: the type of one argument."""
    return lambda args: args[index].type


def common(start: int = 0) -> Callable[[list[Expr]], DataType | None]:
    """Type rule: the common type of the arguments from `start` on."""
    return lambda args: co.common_type([arg.type for arg in args[start:]])


def map_rows(
    function: Callable[..., Any],
    args: list[Any],
    frame: Frame,
    result: Any,
    *,
    strict: bool = True,
) -> Any:
    """Calls a pure Python function for each row, where Arrow has no kernel.

    With scalar arguments only, it is called once; with one column of few distinct values, once for
    each of them. With `strict`, a NULL argument gives NULL without a call.
    """
    import pyarrow as pa

    columns = [arg for arg in args if not isinstance(arg, pa.Scalar)]
    if args and not columns:
        row = [arg.as_py() for arg in args]
        found = None if strict and None in row else function(*row)
        return pa.array([found], result)[0]
    if len(columns) == 1 and frame.rows >= _DISTINCT_ROWS:
        return _map_distinct(function, args, columns[0], result, strict=strict)
    return pa.array(_values(function, args, frame.rows, strict=strict), result)


_DISTINCT_ROWS = 512


def _map_distinct(
    function: Callable[..., Any], args: list[Any], column: Any, result: Any, *, strict: bool
) -> Any:
    """Maps distinct values where a sample says there are few of them."""
    import pyarrow as pa
    import pyarrow.types as pt

    encoded = None
    flat = not (pt.is_nested(column.type) or pt.is_floating(column.type))
    if flat and len(column[:256].unique()) < 200:
        encoded = column.dictionary_encode()
    if encoded is None or len(encoded.dictionary) * 2 > len(column):
        return pa.array(_values(function, args, len(column), strict=strict), result)
    words = encoded.dictionary
    if column.null_count and not strict:
        words = pa.concat_arrays([words, pa.nulls(1, words.type)])
    mapped = _values(
        function, [words if arg is column else arg for arg in args], len(words), strict=strict
    )
    indices = encoded.indices
    if column.null_count and not strict:
        indices = indices.fill_null(len(words) - 1)
    return pa.array(mapped, result).take(indices)


def _values(function: Callable[..., Any], args: list[Any], rows: int, *, strict: bool) -> list[Any]:
    import pyarrow as pa

    if not args:
        return [function() for _ in range(rows)]
    constants = [arg.as_py() if isinstance(arg, pa.Scalar) else None for arg in args]
    fixed = [isinstance(arg, pa.Scalar) for arg in args]
    if strict and any(f and c is None for f, c in zip(fixed, constants, strict=True)):
        return [None] * rows
    if fixed[1:] == [True] * (len(args) - 1):
        rest = constants[1:]
        if strict:
            return [None if x is None else function(x, *rest) for x in args[0].to_pylist()]
        return [function(x, *rest) for x in args[0].to_pylist()]
    columns = [
        [c] * rows if f else arg.to_pylist()
        for arg, f, c in zip(args, fixed, constants, strict=True)
    ]
    if strict:
        return [None if None in row else function(*row) for row in zip(*columns, strict=True)]
    return [function(*row) for row in zip(*columns, strict=True)]


def rowwise(
    function: Callable[..., Any], *, strict: bool = True
) -> Callable[[Call, list[Any], Frame], Any]:
    """A kernel out of a Python function of one row's values."""
    from penstock.expressions import arrow_type

    def kernel(call: Call, args: list[Any], frame: Frame) -> Any:
        return map_rows(function, args, frame, arrow_type(call.type), strict=strict)

    return kernel


__all__ = [
    "Definition",
    "broadcast",
    "common",
    "definitions",
    "function_names",
    "map_rows",
    "rowwise",
    "same",
    "scalar",
]
