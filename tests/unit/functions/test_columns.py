"""Fast paths over columns give what the text of each value says."""

import datetime as dt
import random
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa
import pytest

from penstock.errors import DataError
from penstock.expressions import EvalContext, evaluate
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.sql import parse_expression
from penstock.types import DECIMAL, DOUBLE, STRING, TIMESTAMP, DataType

WIDE = Context(prec=90, rounding=ROUND_HALF_UP)


def run(sql: str, zone: str = "UTC", **columns: tuple[DataType, list[object]]) -> list[object]:
    scope = Scope(tuple(ScopeColumn(name, kind) for name, (kind, _) in columns.items()))
    arrays = [pa.array(values, kind.arrow()) for kind, values in columns.values()]
    batch = pa.RecordBatch.from_arrays(arrays, list(columns))
    found = evaluate([bind(parse_expression(sql), scope)], batch, EvalContext(zone, 0))[0]
    found.validate(full=True)
    return list(found.to_pylist())


def half_up(value: Decimal, scale: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-scale), context=WIDE)


# Arrow's own division has these wrong: quotients whose 32-bit words are all ones.
ALL_ONES = [2**k - 1 for k in range(30, 66)]


def test_all_ones_survive_casts_and_rounding() -> None:
    wanted = [Decimal(value) for value in ALL_ONES]
    texts: list[object] = [str(value) for value in ALL_ONES]
    assert run("CAST(s AS DECIMAL(20, 0))", s=(STRING, texts)) == wanted
    decimals: list[object] = [Decimal(f"{value}.00000000000000001") for value in ALL_ONES]
    for call in ("CAST(d AS DECIMAL(20, 0))", "FLOOR(d)", "ROUND(d, 0)", "TRUNCATE(d, 0)"):
        assert run(call, d=(DECIMAL(38, 17), decimals)) == wanted, call
    assert run("CEIL(d)", d=(DECIMAL(38, 17), decimals)) == [value + 1 for value in wanted]


def test_all_ones_survive_division() -> None:
    divisor = 10**11 + 3
    dividends: list[object] = [Decimal(value * divisor) for value in ALL_ONES[:20]]
    divisors: list[object] = [Decimal(divisor)] * 20
    found = run("a / b", a=(DECIMAL(28, 0), dividends), b=(DECIMAL(12, 0), divisors))
    assert found == [Decimal(value) for value in ALL_ONES[:20]]


def test_quotients_of_decimals_are_rounded_half_up() -> None:
    rng = random.Random(3)
    a = [Decimal(rng.randrange(-(10**9), 10**9)).scaleb(-2) for _ in range(500)]
    b = [Decimal(rng.randrange(1, 10**6)).scaleb(-rng.randrange(3)) for _ in range(500)]
    b = [half_up(value, 2) or Decimal("0.01") for value in b]
    found = run("a / b", a=(DECIMAL(10, 2), [*a, None]), b=(DECIMAL(10, 2), [*b, Decimal(0)]))
    wanted = [half_up(WIDE.divide(x, y), 13) for x, y in zip(a, b, strict=True)]
    assert found == [*wanted, None]
    with pytest.raises(DataError, match="division by zero"):
        run("a / b", a=(DECIMAL(5, 2), [Decimal(1)]), b=(DECIMAL(5, 2), [Decimal(0)]))


@pytest.mark.parametrize("digits", [0, 1, 2, 5])
def test_doubles_are_rounded_by_their_texts(digits: int) -> None:
    rng = random.Random(digits)
    values: list[object] = [round(rng.uniform(-1000, 1000), rng.randrange(7)) for _ in range(500)]
    values += [2.675, 1.005, -0.5, 1e15, 1e300, None]
    found = run(f"ROUND(a, {digits})", a=(DOUBLE, values))
    wanted = [None if v is None else float(half_up(Decimal(repr(v)), digits)) for v in values[:-3]]
    assert found[:-3] == wanted
    assert found[-3:] == [1e15, 1e300, None]


def test_doubles_become_decimals_by_their_texts() -> None:
    rng = random.Random(9)
    values: list[object] = [round(rng.uniform(-1000, 1000), rng.randrange(7)) for _ in range(500)]
    values += [2.675, 1.005, 123456.0, None]
    found = run("CAST(a AS DECIMAL(6, 2))", a=(DOUBLE, values))
    wanted = [half_up(Decimal(repr(value)), 2) for value in values[:-2]]
    assert found == [*wanted, None, None]


def test_texts_become_decimals() -> None:
    texts: list[object] = ["1.005", "-12", "0.1", None]
    assert run("CAST(a AS DECIMAL(5, 2))", a=(STRING, texts)) == [
        Decimal("1.01"),
        Decimal("-12.00"),
        Decimal("0.10"),
        None,
    ]
    with pytest.raises(DataError, match="could not cast"):
        run("CAST(a AS DECIMAL(5, 2))", a=(STRING, ["12345.6"]))


def test_decimals_become_the_nearest_double() -> None:
    values: list[object] = [Decimal("9.87"), Decimal("0.1"), Decimal("-1234567.89"), None]
    found = run("CAST(a AS DOUBLE)", a=(DECIMAL(10, 2), values))
    assert found == [9.87, 0.1, -1234567.89, None]


def test_few_distinct_values_are_computed_once_each() -> None:
    texts: list[object] = ["a-1", "b-22", None] * 400
    assert run("REGEXP_EXTRACT(a, '[0-9]+', 0)", a=(STRING, texts)) == ["1", "22", None] * 400
    assert run("IS_ALPHA(a)", a=(STRING, ["ab", None] * 400)) == [True, False] * 400


def test_seconds_of_wall_clocks_in_a_zone() -> None:
    zone = "America/Los_Angeles"
    texts: list[object] = [
        "2020-11-01 01:30:00",
        "2020-03-08 02:30:00",
        "2020-07-01 00:00:00",
        None,
    ]
    found = run("UNIX_TIMESTAMP(a)", zone, a=(STRING, texts))
    assert found == [1604223000, 1583663400, 1593586800, None]
    usual = run("UNIX_TIMESTAMP(a)", zone, a=(STRING, [texts[0], texts[2]]))
    assert usual == [1604223000, 1593586800]


def test_date_format_over_columns() -> None:
    moments: list[object] = [dt.datetime(2020, 1, 5, 15, 4, 5, 120000), None]  # noqa: DTZ001
    patterns = {
        "dd MMM yyyy": "05 Jan 2020",
        "yyyyMMddHH": "2020010515",
        "EEE, d MMMM yyyy a": "Sun, 5 January 2020 PM",
        "HH:mm:ss.SSS": "15:04:05.120",
        "hh w": "03 2",
    }
    for pattern, wanted in patterns.items():
        found = run(f"DATE_FORMAT(a, '{pattern}')", a=(TIMESTAMP(3), moments))
        assert found == [wanted, None]
