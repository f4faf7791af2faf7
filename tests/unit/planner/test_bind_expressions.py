"""What the session and the syntax add to functions: hints, constants of the session, refusals."""

import pytest

from penstock.errors import ParseError, UnsupportedFeatureError, ValidationError
from penstock.planner.relation import Relation
from penstock.session import Session
from penstock.sql import parse_script, tree


def query(sql: str) -> Relation:
    statement = parse_script(sql).statements[0]
    assert isinstance(statement, tree.QueryStatement)
    return Session().planner.query(statement.query)


def test_foreign_functions_are_told_what_replaces_them() -> None:
    with pytest.raises(ValidationError, match='"DATEDIFF" does not exist') as error:
        query("SELECT DATEDIFF(DATE '2020-01-01', DATE '2020-01-02')")
    assert error.value.hint == "Use TIMESTAMPDIFF(DAY, a, b)."


def test_functions_of_flink_that_do_not_run_are_unsupported() -> None:
    with pytest.raises(UnsupportedFeatureError, match="unsupported: function PARSE_JSON"):
        query("SELECT PARSE_JSON('{}')")


def test_current_database_is_the_sessions() -> None:
    relation = query("SELECT CURRENT_DATABASE() AS d")
    assert relation.columns[0].type.sql() == "STRING NOT NULL"
    assert relation.projections[0].sql() == "'default_database'"


@pytest.mark.parametrize("sql", ["SELECT NULL", "SELECT UPPER(NULL)", "SELECT 1 + NULL"])
def test_a_null_without_type_is_refused_with_its_place(sql: str) -> None:
    with pytest.raises(ValidationError, match="Illegal use of 'NULL'") as error:
        query(sql)
    assert "CAST(NULL AS" in error.value.hint
    assert error.value.span is not None


def test_the_time_between_moments_has_the_unit_written_behind() -> None:
    relation = query("SELECT (DATE '2020-03-01' - DATE '2020-01-01') MONTH AS m")
    assert relation.columns[0].type.sql() == "INTERVAL MONTH NOT NULL"


def test_where_needs_from() -> None:
    with pytest.raises(ParseError, match='encountered "WHERE"'):
        query("SELECT 1 WHERE TRUE")
