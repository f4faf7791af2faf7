import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from penstock.errors import DataError, ValidationError
from penstock.expressions import (
    Call,
    EvalContext,
    Expr,
    InputRef,
    Literal,
    evaluate,
    evaluate_constant,
)
from penstock.functions import (
    function_names,
    implicit_cast,
    resolve_case,
    resolve_cast,
    resolve_function,
    resolve_json,
    resolve_operator,
)
from penstock.functions.registry import definitions
from penstock.types import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    CHAR,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TINYINT,
    VARCHAR,
    DataType,
)

TS = datetime.datetime(2020, 2, 29, 1, 56, 59, 987654)  # noqa: DTZ001


def lit(value: Any, data_type: DataType) -> Expr:
    return Literal(value, data_type.with_nullable(value is None))


def text(value: str | None) -> Expr:
    return lit(value, STRING)


def num(value: int | None) -> Expr:
    return lit(value, INT)


def dec(value: str, precision: int, scale: int) -> Expr:
    return lit(Decimal(value), DECIMAL(precision, scale))


def call(name: str, *args: Expr) -> Any:
    return evaluate_constant(resolve_function(name, args), EvalContext("Asia/Shanghai", 0))


def op(name: str, *args: Expr) -> Any:
    return evaluate_constant(resolve_operator(name, args))


def test_decimal_result_types() -> None:
    product = resolve_operator("*", [dec("1.5", 10, 2), dec("2", 10, 4)])
    assert product.type.sql() == "DECIMAL(21, 6) NOT NULL"
    assert resolve_operator("/", [num(7), dec("2.0", 2, 1)]).type.sql() == "DECIMAL(17, 6) NOT NULL"
    assert op("/", num(7), dec("2.0", 2, 1)) == Decimal("3.500000")
    wide = dec("1", 38, 18)
    assert resolve_operator("*", [wide, wide]).type.sql() == "DECIMAL(38, 6) NOT NULL"


def test_decimal_overflow_is_null() -> None:
    big = dec("9" * 38, 38, 0)
    assert op("*", big, big) is None
    assert op("+", big, big) is None


def test_integers_wrap_and_truncate() -> None:
    assert op("+", num(2**31 - 1), num(1)) == -(2**31)
    assert op("/", num(-7), num(2)) == -3
    assert op("%", num(-7), num(2)) == -1
    assert op("+", lit(127, TINYINT), lit(1, TINYINT)) == -128
    assert op("/", num(-(2**31)), num(-1)) == -(2**31)


def test_division_by_zero() -> None:
    for value, zero in ((num(1), num(0)), (dec("1", 3, 0), dec("0", 3, 0))):
        with pytest.raises(ValidationError, match="division by zero"):
            op("/", value, zero)
    assert op("/", num(None), num(0)) is None


def test_division_by_zero_in_rows() -> None:
    batch = pa.record_batch({"a": pa.array([0.0]), "b": pa.array([0], pa.int32())})
    doubles = resolve_operator("/", [lit(1.0, DOUBLE), InputRef(0, "a", DOUBLE)])
    assert evaluate([doubles], batch)[0].to_pylist() == [float("inf")]
    with pytest.raises(DataError, match="division by zero"):
        evaluate([resolve_operator("/", [num(1), InputRef(1, "b", INT)])], batch)


def test_branches_not_taken_do_not_fail() -> None:
    batch = pa.record_batch({"a": pa.array([5, 0, None], pa.int32())})
    a = InputRef(0, "a", INT)
    quotient = resolve_operator("/", [num(10), a])
    guard = resolve_operator("<>", [a, num(0)])
    exprs = [
        resolve_case([(guard, quotient)], num(-1)),
        resolve_function("IF", [guard, quotient, num(-1)]),
        resolve_operator("AND", [guard, resolve_operator(">", [quotient, num(1)])]),
        resolve_operator("OR", [resolve_operator("=", [a, num(0)]), quotient_is_two(quotient)]),
        resolve_function("COALESCE", [a, resolve_operator("/", [num(1), num(1)])]),
    ]
    found = [array.to_pylist() for array in evaluate(exprs, batch)]
    assert found == [
        [2, -1, -1],
        [2, -1, -1],
        [True, False, None],
        [True, True, None],
        [5, 0, 1],
    ]


def quotient_is_two(quotient: Expr) -> Expr:
    return resolve_operator("=", [quotient, num(2)])


def test_three_valued_logic() -> None:
    unknown, yes, no = lit(None, BOOLEAN), lit(True, BOOLEAN), lit(False, BOOLEAN)
    assert op("AND", unknown, no) is False
    assert op("OR", unknown, yes) is True
    assert op("NOT", unknown) is None
    assert op("IS NOT TRUE", unknown) is True
    assert op("IN", num(3), num(1), lit(None, NULL)) is None
    assert op("NOT IN", num(1), num(1), lit(None, NULL)) is False


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (" 12 ", INT, 12),
        ("+5", INT, 5),
        ("12.7", INT, 12),
        ("yes", BOOLEAN, True),
        ("1.005", DECIMAL(5, 2), Decimal("1.01")),
        ("2020-1-1 10:00:00", DATE, datetime.date(2020, 1, 1)),
        ("abcdef", VARCHAR(3), "abc"),
        ("ab", CHAR(5), "ab   "),
        (None, INT, None),
    ],
)
def test_cast_from_string(value: str | None, target: DataType, expected: object) -> None:
    assert evaluate_constant(resolve_cast(text(value), target)) == expected


@pytest.mark.parametrize("value", ["abc", "", "1e3", "0x1F", "9999999999"])
def test_bad_numbers_fail_and_try_cast_gives_null(value: str) -> None:
    with pytest.raises(DataError) as caught:
        evaluate_constant(resolve_cast(text(value), INT))
    assert value == "" or value not in caught.value.render()
    assert evaluate_constant(resolve_cast(text(value), INT, try_cast=True)) is None


def test_timestamp_text_with_t_fails() -> None:
    bad = resolve_cast(text("2020-01-01T00:00:00"), TIMESTAMP(3), try_cast=True)
    assert evaluate_constant(bad) is None


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (300, INT, TINYINT, 44),
        (3e10, DOUBLE, INT, 2147483647),
        (float("nan"), DOUBLE, INT, 0),
        (1e20, DOUBLE, BIGINT, 9223372036854775807),
        (Decimal("123.456"), DECIMAL(6, 3), DECIMAL(5, 2), Decimal("123.46")),
        (Decimal("99999"), DECIMAL(5, 0), DECIMAL(5, 2), None),
        (True, BOOLEAN, STRING, "TRUE"),
        (1e7, DOUBLE, STRING, "1.0E7"),
        (Decimal("1.50"), DECIMAL(3, 2), STRING, "1.50"),
        (12345, INT, VARCHAR(3), "123"),
        ([1, None], ARRAY(INT), STRING, "[1, NULL]"),
        (TS, TIMESTAMP(6), TIMESTAMP(0), TS.replace(microsecond=0)),
        (TS.replace(microsecond=120000), TIMESTAMP(3), STRING, "2020-02-29 01:56:59.120"),
    ],
)
def test_cast_values(value: object, source: DataType, target: DataType, expected: object) -> None:
    assert evaluate_constant(resolve_cast(lit(value, source), target)) == expected


def test_casts_through_the_session_zone() -> None:
    shanghai = EvalContext("Asia/Shanghai")
    instant = resolve_cast(text("2020-01-01 08:00:00"), TIMESTAMP_LTZ(3))
    assert evaluate_constant(instant, shanghai).hour == 0
    assert evaluate_constant(resolve_cast(instant, STRING), shanghai) == "2020-01-01 08:00:00.000"


@pytest.mark.parametrize(
    ("left", "right"), [(num(1), text("1")), (lit(TS, TIMESTAMP(3)), lit(TS.date(), DATE))]
)
def test_comparisons_that_flink_refuses(left: Expr, right: Expr) -> None:
    with pytest.raises(ValidationError, match="cannot compare"):
        resolve_operator("=", [left, right])


def test_refusals_name_what_is_near() -> None:
    with pytest.raises(ValidationError) as caught:
        resolve_function("UPER", [text("a")])
    assert 'Did you mean "UPPER"?' in caught.value.hint
    with pytest.raises(ValidationError, match="cannot be applied"):
        resolve_function("UPPER", [num(1)])
    with pytest.raises(ValidationError, match="cannot cast"):
        resolve_cast(lit(TS, TIMESTAMP(3)), BIGINT)
    with pytest.raises(ValidationError, match="implicitly"):
        implicit_cast(num(1), STRING)


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("CONCAT", [text("a"), text(None)], None),
        ("CONCAT_WS", [text("-"), text("a"), text(None), text("b")], "a-b"),
        ("CHAR_LENGTH", [text("a😀b")], 3),
        ("SUBSTRING", [text("hello"), num(0), num(2)], "he"),
        ("SUBSTRING", [text("hello"), num(-3), num(2)], "ll"),
        ("SPLIT_INDEX", [text("a,b"), text(","), num(1)], "b"),
        ("SPLIT_INDEX", [text("a,b"), text(","), num(2)], None),
        ("REGEXP_REPLACE", [text("ab"), text("(a)"), text("$1x")], "$1xb"),
        ("REGEXP_EXTRACT", [text("foobar"), text("(foo)(bar)"), num(2)], "bar"),
        ("REGEXP_EXTRACT", [text("a"), text("("), num(0)], None),
        ("MD5", [text("a")], "0cc175b9c0f1b6a831c399e269772661"),
        ("LPAD", [text("a"), num(3), text("xy")], "xya"),
        ("GREATEST", [num(1), num(None)], None),
        ("NULLIF", [num(1), num(1)], None),
        ("ROUND", [lit(2.675, DOUBLE), num(2)], 2.68),
        ("YEAR", [lit(TS, TIMESTAMP(3))], 2020),
        ("EXTRACT", [text("MILLISECOND"), lit(TS, TIMESTAMP(6))], 987),
        ("TIMESTAMPDIFF", [text("DAY"), lit(TS, TIMESTAMP(3)), lit(None, TIMESTAMP(3))], None),
        ("DATE_FORMAT", [lit(TS, TIMESTAMP(6)), text("yyyy/MM/dd hh:mm a")], "2020/02/29 01:56 AM"),
        ("DATE_FORMAT", [text("2020-01-01 10:00:00"), text("yyyyMMdd")], "20200101"),
        ("TO_DATE", [text("2020-02-30")], None),
        ("TO_TIMESTAMP", [text("2020-01-01T00:00:00")], None),
        ("FROM_UNIXTIME", [num(0)], "1970-01-01 08:00:00"),
        ("UNIX_TIMESTAMP", [text("1970-01-01 08:00:00")], 0),
        ("JSON_OBJECT", [text("k"), num(None)], '{"k":null}'),
    ],
)
def test_functions(name: str, args: list[Expr], expected: object) -> None:
    assert call(name, *args) == expected


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("JSON_VALUE", [text('{"a": [1, {"b": true}]}'), text("$.a[1].b")], "true"),
        ("JSON_VALUE", [text("{"), text("$.a")], None),
        ("JSON_QUERY", [text('{"a": [1, null]}'), text("lax $.a")], "[1,null]"),
        ("JSON_EXISTS", [text('{"a": 1}'), text("$.b")], False),
    ],
)
def test_json_functions(name: str, args: list[Expr], expected: object) -> None:
    assert evaluate_constant(resolve_json(name, args, {})) == expected


def test_like_has_no_default_escape() -> None:
    assert op("LIKE", text("a_c"), text(r"a\_c")) is False
    assert op("LIKE", text("a_c"), text("a!_c"), text("!")) is True
    assert op("NOT LIKE", text("abc"), text("a%")) is False
    assert op("LIKE", text(None), text("a%")) is None


def test_floor_week_begins_on_sunday() -> None:
    found = call("FLOOR", lit(TS, TIMESTAMP(3)), text("WEEK"))
    assert found == datetime.datetime(2020, 2, 23)  # noqa: DTZ001


def test_interval_arithmetic_clamps_to_the_months_end() -> None:
    from penstock.types import INTERVAL_MONTH

    moved = op("+", lit(datetime.date(2020, 1, 31), DATE), lit(1, INTERVAL_MONTH))
    assert moved == datetime.date(2020, 2, 29)


def test_text_for_explain() -> None:
    a = InputRef(0, "a", INT)
    guard = resolve_operator(">", [a, num(0)])
    assert resolve_case([(guard, text("x"))]).sql() == "CASE WHEN (a > 0) THEN 'x' ELSE NULL END"
    assert resolve_cast(a, STRING).sql() == "CAST(a AS STRING)"


def test_every_function_has_a_kernel_that_documents_its_signature() -> None:
    assert len(function_names()) > 150
    for name in function_names():
        for definition in definitions(name):
            assert definition.text().startswith(name)


def test_calls_keep_determinism() -> None:
    found = resolve_function("UPPER", [resolve_function("UUID", [])])
    assert isinstance(found, Call)
    assert not found.deterministic
