"""Which conditions go to the server, and in which words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from penstock.connectors.base.sql_table import Comparison, where_text
from penstock.connectors.starrocks.read_table import STARROCKS
from penstock.connectors.starrocks.read_types import comparison
from penstock.planner.relation import conjuncts
from penstock.session import Session
from penstock.sql import parse_script

if TYPE_CHECKING:
    from penstock.expressions import Expr

DDL = """CREATE TABLE t (
 a INT, b BIGINT, s STRING, d DECIMAL(10, 2), w DECIMAL(38, 10), t3 TIMESTAMP(3), t6 TIMESTAMP(6),
 f DATE, g BOOLEAN, h BOOLEAN, x DOUBLE, l TIMESTAMP_LTZ(6)
) WITH ('connector' = 'datagen');
CREATE TABLE o (a INT) WITH ('connector' = 'blackhole');"""
NAMES = ["a", "b", "s", "d", "w", "t3", "t6", "f", "g", "h", "x", "l"]


@pytest.fixture(scope="module")
def session() -> Session:
    made = Session()
    for statement in parse_script(DDL).statements:
        made.execute(statement)
    return made


def bound(session: Session, condition: str) -> list[Expr]:
    text = f"INSERT INTO o SELECT a FROM t WHERE {condition};"
    plan = session.plan(parse_script(text).statements[0])
    assert plan is not None
    node: Any = plan.sinks[0].input
    return conjuncts(node.spec.condition)


def sent(session: Session, condition: str, **actual: Comparison) -> tuple[str, bool]:
    declared = session.catalog.get(("t",), None)[1].physical_schema().columns  # type: ignore
    columns = {
        place: (c.name, actual.get(c.name, comparison(c.type))) for place, c in enumerate(declared)
    }
    return where_text(bound(session, condition), columns, STARROCKS)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("a = 1 AND b = 2", "(`a` = 1) AND (`b` = 2)"),
        ("a = 1 OR g", "((`a` = 1) OR (`g` = true))"),
        ("NOT g AND h", "(`g` = false) AND (`h` = true)"),
        ("5 < a", "(`a` > 5)"),
        ("a <> 3 AND a >= -7", "(`a` <> 3) AND (`a` >= -7)"),
        ("a IN (1, 2)", "(`a` IN (1, 2))"),
        ("NOT (a = 1 OR b < 2)", "(NOT ((`a` = 1) OR (`b` < 2)))"),
        ("b BETWEEN 1 AND 4", "(`b` >= 1) AND (`b` <= 4)"),
        ("d > 1", "(`d` > 1.00)"),
        ("d = 1.50", "(`d` = 1.50)"),
        ("f >= DATE '2024-02-29'", "(`f` >= '2024-02-29')"),
        ("f = '2024-02-29'", "(`f` = '2024-02-29')"),
        (
            "t6 < TIMESTAMP '2024-01-02 03:04:05.000006'",
            "(`t6` < '2024-01-02 03:04:05.000006')",
        ),
        ("t3 >= TIMESTAMP '2024-01-02 03:04:05.678'", "(`t3` >= '2024-01-02 03:04:05.678000')"),
        ("s IS NOT NULL AND x IS NULL", "(`s` IS NOT NULL)"),
        ("a = 1 + 1", "(`a` = 2)"),
    ],
)
def test_a_condition_the_server_evaluates_is_sent(
    session: Session, condition: str, text: str
) -> None:
    assert sent(session, condition)[0] == text


@pytest.mark.parametrize(
    "condition",
    [
        "CHAR_LENGTH(s) = 3",  # a function
        "a = b",  # two columns
        "x > 1.5",  # doubles compare otherwise
        "a > 1e0",
        "s < 'b'",  # an order by collation
        "s <> 'a'",
        "NOT (s = 'a')",  # 'A' would be lost by a server that ignores case
        "t3 = TIMESTAMP '2024-01-02 03:04:05'",  # the server keeps micros
        "t3 <= TIMESTAMP '2024-01-02 03:04:05'",
        "t3 >= TIMESTAMP '2024-01-02 03:04:05.678901'",
        "l >= CAST(TIMESTAMP '2024-01-02 03:04:05' AS TIMESTAMP_LTZ(6))",  # zones
        "s = 'a' OR x > 1",  # one half cannot be sent
        "f > CURRENT_DATE",  # the server's clock is another
        "CAST(a AS STRING) = '1'",
    ],
)
def test_a_condition_the_server_evaluates_otherwise_is_not_sent(
    session: Session, condition: str
) -> None:
    assert sent(session, condition) == ("", False)


def test_of_a_conjunction_each_part_goes_that_can(session: Session) -> None:
    assert sent(session, "a = 1 AND CHAR_LENGTH(s) = 2") == ("(`a` = 1)", False)


@pytest.mark.parametrize(
    ("condition", "whole"),
    [("a = 1 AND d < 2", True), ("s = 'x'", False), ("a = 1 AND s IN ('x')", False)],
)
def test_equal_texts_are_sent_but_the_answer_is_not_taken_as_exact(
    session: Session, condition: str, *, whole: bool
) -> None:
    text, exact = sent(session, condition)
    assert text
    assert exact is whole


def test_texts_are_quoted(session: Session) -> None:
    assert sent(session, r"s = 'it''s \ " + '"' + "'")[0] == r"(`s` = 'it''s \\ " + '"' + "')"


def test_a_column_that_reads_as_null_is_not_tested_for_null(session: Session) -> None:
    assert sent(session, "f IS NULL", f=Comparison.NULLABLE) == ("", False)
    assert sent(session, "f = DATE '2024-01-01'", f=Comparison.NULLABLE)[0]
