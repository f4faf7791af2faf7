"""What people paste from other systems is refused with what replaces it."""

import pytest

from penstock.errors import ParseError
from penstock.sql import parse_script


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("CREATE TABLE t (a INT) STORED AS PARQUET", "'connector' = 'filesystem'"),
        ("CREATE TABLE t (a INT) TBLPROPERTIES ('a' = 'b')", "WITH ('key' = 'value')"),
        ("CREATE PIPE p AS INSERT INTO t SELECT 1", "INSERT INTO"),
        ("CREATE SINK s FROM x", "'connector' = .."),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "kept up to date"),
        ("EXECUTE CDCSOURCE demo WITH ('a' = 'b')", "mysql-cdc"),
        ("BEGIN; SELECT 1; COMMIT;", "There are no transactions"),
    ],
)
def test_foreign_forms(sql: str, hint: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_script(sql)
    assert hint in error.value.hint
    assert error.value.span is not None


def test_half_characters_become_question_marks() -> None:
    script = parse_script("SELECT U&'\\D83D\\DE00', U&'\\D83D'")
    assert "SELECT" in script.text
    with pytest.raises(ParseError, match="encountered"):
        parse_script("SELECT U&'\\+110000'")


def test_an_interval_of_another_unit_lists_the_units() -> None:
    with pytest.raises(ParseError) as error:
        parse_script("SELECT INTERVAL '500' MILLISECOND")
    assert "YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND" in error.value.detail
