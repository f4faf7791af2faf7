"""Names, arguments and result types of the aggregate functions.

Source: Flink 2.2, FlinkSqlOperatorTable and LogicalTypeMerging; spec/flink-sql.md section 7.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penstock.types import ARRAY, BIGINT, DECIMAL, MULTISET, DataType, TypeRoot

R = TypeRoot
_INTEGERS = {R.TINYINT, R.SMALLINT, R.INT, R.BIGINT}
_NUMBERS = _INTEGERS | {R.FLOAT, R.DOUBLE, R.DECIMAL}
_TEXTS = {R.CHAR, R.VARCHAR}
_UNORDERED = {R.ARRAY, R.MAP, R.MULTISET, R.ROW}
_ALL = frozenset(R)


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """An aggregate function.

    Args:
        name: Its name; synonyms are replaced.
        roots: Which types its first argument may have.
        result: Its type from those of its arguments.
        arguments: How many it takes at least and at most.
        null_if_empty: NULL where nothing was aggregated, so nullable without GROUP BY.
    """

    name: str
    roots: frozenset[TypeRoot]
    result: Callable[[Sequence[DataType]], DataType]
    arguments: tuple[int, int] = (1, 1)
    null_if_empty: bool = True

    def result_type(self, types: Sequence[DataType], *, maybe_empty: bool) -> DataType:
        """The type of a call.

        Args:
            types: Of its arguments.
            maybe_empty: No GROUP BY, or a FILTER: there may be nothing to aggregate.
        """
        found = self.result(types)
        return found.with_nullable(nullable=True) if maybe_empty and self.null_if_empty else found


def _same(types: Sequence[DataType]) -> DataType:
    return types[0]


def _sum(types: Sequence[DataType]) -> DataType:
    given = types[0]
    if given.root is R.DECIMAL:
        return DECIMAL(38, given.scale).with_nullable(given.nullable)
    return given


def _average(types: Sequence[DataType]) -> DataType:
    given = types[0]
    if given.root is R.DECIMAL:
        return DECIMAL(38, max(6, given.scale)).with_nullable(given.nullable)
    return given


def _count(types: Sequence[DataType]) -> DataType:  # noqa: ARG001
    return BIGINT.with_nullable(nullable=False)


def _multiset(types: Sequence[DataType]) -> DataType:
    return MULTISET(types[0]).with_nullable(nullable=False)


def _array(types: Sequence[DataType]) -> DataType:
    return ARRAY(types[0]).with_nullable(types[0].nullable)


def _made(
    name: str,
    result: Callable[[Sequence[DataType]], DataType],
    roots: frozenset[TypeRoot] | set[TypeRoot] = _ALL,
    arguments: tuple[int, int] = (1, 1),
    *,
    null_if_empty: bool = True,
) -> AggregateFunction:
    return AggregateFunction(name, frozenset(roots), result, arguments, null_if_empty)


_FUNCTIONS = (
    _made("COUNT", _count, arguments=(0, 1), null_if_empty=False),
    _made("SUM", _sum, _NUMBERS),
    _made("AVG", _average, _NUMBERS),
    _made("MIN", _same, _ALL - _UNORDERED),
    _made("MAX", _same, _ALL - _UNORDERED),
    _made("FIRST_VALUE", _same),
    _made("LAST_VALUE", _same),
    _made("SINGLE_VALUE", _same),
    _made("LISTAGG", _same, _TEXTS, (1, 2), null_if_empty=False),
    _made("COLLECT", _multiset, null_if_empty=False),
    _made("ARRAY_AGG", _array, null_if_empty=False),
    *(
        _made(name, _average, _NUMBERS)
        for name in ("STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP")
    ),
)
_SYNONYMS = {"STDDEV": "STDDEV_SAMP", "VARIANCE": "VAR_SAMP"}

AGGREGATES: Mapping[str, AggregateFunction] = {function.name: function for function in _FUNCTIONS}


def aggregate_function(name: str) -> AggregateFunction | None:
    """The aggregate function of that name, in upper case; None where there is none.

    Examples:
        >>> aggregate_function("VARIANCE").name
        'VAR_SAMP'
    """
    return AGGREGATES.get(_SYNONYMS.get(name, name))
