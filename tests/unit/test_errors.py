from __future__ import annotations

from penstock.errors import DataError, OptionError, Span, ValidationError


def test_a_sql_error_points_at_its_place() -> None:
    source = "INSERT INTO t\nSELECT amout FROM orders"
    error = ValidationError(
        'column "amout" does not exist in table "orders"',
        Span(21, 26, 2, 8),
        code="unknown-column",
        hint='Did you mean "amount"?',
    )
    assert error.render(source, "orders.sql") == (
        'error[unknown-column]: column "amout" does not exist in table "orders"\n'
        "  --> orders.sql:2:8\n"
        "   2 | SELECT amout FROM orders\n"
        "     |        ^^^^^\n"
        '  hint: Did you mean "amount"?'
    )


def test_an_unknown_option_names_the_nearest_known_one() -> None:
    error = OptionError("unknown option 'hostnme'", key="hostnme", known=["hostname", "port"])
    assert error.hint == "Did you mean 'hostname'?"


def test_a_data_error_says_where() -> None:
    error = DataError("value is out of range", table="t", column="c", offset="binlog.1:4")
    assert "table t, column c, offset binlog.1:4" in error.render()
