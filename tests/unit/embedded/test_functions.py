"""Functions and expressions of StarRocks: their values, and the refusal of those not known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from penstock.embedded.starrocks.dialect.functions import EQUAL, REFUSED, RENAMED
from penstock.embedded.starrocks.dialect.lexer import tokenize
from penstock.embedded.starrocks.dialect.macros import INTERNAL, MACROS
from penstock.embedded.starrocks.dialect.reference import known, page
from penstock.embedded.starrocks.server import EmbeddedStarRocks

CASES = [
    line.rpartition(" => ")[::2]
    for line in Path(__file__).with_name("functions.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
ROWS = "(1, 'a', 10), (2, 'a', 20), (3, 'b', 30), (4, 'b', NULL), (5, 'b', 50)"
AGGREGATES = [
    ("any_value(g) IS NOT NULL", "1"),
    ("array_agg(id ORDER BY id)", "[1,2,3,4,5]"),
    ("avg(v)", "27.5"),
    ("bit_and(id)", "0"),
    ("bit_or(id)", "7"),
    ("bit_xor(id)", "1"),
    ("bool_and(v > 5)", "1"),
    ("bool_or(v > 45)", "1"),
    ("booland_agg(v > 15)", "0"),
    ("boolor_agg(v > 45)", "1"),
    ("corr(id, v)", "1"),
    ("count(*)", "5"),
    ("count(v)", "4"),
    ("count(DISTINCT g)", "2"),
    ("count(DISTINCT g, v)", "4"),
    ("count_if(v > 15)", "3"),
    ("covar_pop(id, id)", "2"),
    ("covar_samp(id, id)", "2.5"),
    ("group_concat(g ORDER BY id)", "a,a,b,b,b"),
    ("group_concat(DISTINCT g ORDER BY g SEPARATOR '-')", "a-b"),
    ("max(v)", "50"),
    ("max_by(id, v)", "5"),
    ("min(g)", "a"),
    ("min_by(id, v)", "1"),
    ("multi_distinct_count(g)", "2"),
    ("multi_distinct_sum(id)", "15"),
    ("ndv(g)", "2"),
    ("approx_count_distinct(g)", "2"),
    ("percentile_approx(id, 0.5)", "3"),
    ("percentile_cont(id, 0.25)", "2"),
    ("percentile_disc(id, 0.5)", "3"),
    ("round(stddev(id), 4)", "1.4142"),
    ("round(std(id), 4)", "1.4142"),
    ("round(stddev_pop(id), 4)", "1.4142"),
    ("round(stddev_samp(id), 4)", "1.5811"),
    ("sum(v)", "110"),
    ("var_pop(id)", "2"),
    ("variance(id)", "2"),
    ("variance_pop(id)", "2"),
    ("var_samp(id)", "2.5"),
    ("variance_samp(id)", "2.5"),
]
WINDOWS = [
    ("row_number() OVER (ORDER BY id DESC)", "5,4,3,2,1"),
    ("rank() OVER (ORDER BY g)", "1,1,3,3,3"),
    ("dense_rank() OVER (ORDER BY g)", "1,1,2,2,2"),
    ("percent_rank() OVER (ORDER BY id)", "0,0.25,0.5,0.75,1"),
    ("cume_dist() OVER (ORDER BY id)", "0.2,0.4,0.6,0.8,1"),
    ("ntile(2) OVER (ORDER BY id)", "1,1,1,2,2"),
    ("lag(id, 1) OVER (ORDER BY id)", "NULL,1,2,3,4"),
    ("lead(id, 1, 0) OVER (ORDER BY id)", "2,3,4,5,0"),
    ("first_value(id) OVER (PARTITION BY g ORDER BY id)", "1,1,3,3,3"),
    ("last_value(id) OVER (PARTITION BY g ORDER BY id)", "1,2,3,4,5"),
    ("sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", "1,3,5,7,9"),
]
ELSEWHERE = {
    # What has no value to compare, and what only a FROM clause calls.
    "case", "cast", "try_cast", "catalog", "current_catalog", "current_role", "current_user",
    "found_rows", "last_insert_id", "last_query_id", "row_count", "session_user", "sleep",
    "unnest", "generate_series", "array", "map", "row", "struct", "penstock_current_version",
    "regexp", "grouping", "grouping_id",
}  # fmt: skip


@pytest.fixture(scope="module")
def cursor() -> Iterator[Any]:
    with EmbeddedStarRocks() as server:
        connection = pymysql.connect(host="127.0.0.1", port=server.query_port, user="root")
        cursor = connection.cursor()
        cursor.execute("CREATE DATABASE d")
        cursor.execute("USE d")
        cursor.execute(
            "CREATE TABLE t (id INT, g VARCHAR(5), v INT) DUPLICATE KEY (id)"
            " DISTRIBUTED BY HASH(id) BUCKETS 1"
        )
        cursor.execute(f"INSERT INTO t VALUES {ROWS}")
        yield cursor
        connection.close()


def shown(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return text.removesuffix(".0")


def same(found: str, wanted: str) -> bool:
    try:
        return found == wanted or abs(float(found) - float(wanted)) < 1e-9
    except ValueError:
        return False


@pytest.mark.parametrize(("expression", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_scalar(cursor: Any, expression: str, wanted: str) -> None:
    cursor.execute(f"SELECT {expression}")
    found = shown(cursor.fetchone()[0])
    assert same(found, wanted), found


@pytest.mark.parametrize(("expression", "wanted"), AGGREGATES, ids=[case[0] for case in AGGREGATES])
def test_aggregate(cursor: Any, expression: str, wanted: str) -> None:
    cursor.execute(f"SELECT {expression} FROM t")
    found = shown(cursor.fetchone()[0])
    assert same(found, wanted), found


@pytest.mark.parametrize(("expression", "wanted"), WINDOWS, ids=[case[0] for case in WINDOWS])
def test_window(cursor: Any, expression: str, wanted: str) -> None:
    cursor.execute(f"SELECT {expression} FROM t ORDER BY id")
    assert ",".join(shown(row[0]) for row in cursor.fetchall()) == wanted


def test_every_known_function_has_a_case() -> None:
    cased = set()
    for text, _ in (*CASES, *AGGREGATES, *WINDOWS):
        tokens = tokenize(text)
        cased |= {token.value.lower() for token in tokens if token.kind == "word"}
    known = (set(EQUAL) | set(MACROS) | set(RENAMED)) - INTERNAL
    assert sorted(known - cased - ELSEWHERE) == []


@pytest.mark.parametrize(
    "call",
    [
        "all_true([true])",
        "to_integer(1)",
        "bitmap_count(1)",
        "murmur_hash3_32('a')",
        "hll_hash(1)",
        "no_such_function(1)",
    ],
)
def test_a_function_that_is_not_known_is_refused_by_name(cursor: Any, call: str) -> None:
    with pytest.raises(pymysql.MySQLError) as caught:
        cursor.execute(f"SELECT {call}")
    assert caught.value.args[0] == 1064
    name = call.partition("(")[0]
    assert f"No matching function with signature: {name}" in caught.value.args[1]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT * FROM TABLE(generate_series(1, 3))", [(1,), (2,), (3,)]),
        ("SELECT u.x FROM (SELECT [1, 2] AS a) s, unnest(s.a) AS u(x)", [(1,), (2,)]),
        ("WITH c(n) AS (SELECT 1) SELECT n FROM c", [(1,)]),
        ("SELECT s.n FROM (SELECT 1 AS n) s", [(1,)]),
        (
            "SELECT g, grouping(g), grouping_id(g), count(*) FROM t GROUP BY ROLLUP (g) ORDER BY 2, 1",
            [("a", 0, 0, 2), ("b", 0, 0, 3), (None, 1, 1, 5)],
        ),
        ("SELECT g, count(*) FROM t GROUP BY CUBE (g) ORDER BY 2", [("a", 2), ("b", 3), (None, 5)]),
        ("SELECT count(*) FROM t GROUP BY GROUPING SETS ((g), ()) ORDER BY 1", [(2,), (3,), (5,)]),
        ("SELECT g, sum(v) FROM t GROUP BY g HAVING sum(v) > 50 ORDER BY g", [("b", 80)]),
        ("SELECT id FROM t WHERE v IN (SELECT max(v) FROM t)", [(5,)]),
        ("SELECT id FROM t WHERE EXISTS (SELECT 1) ORDER BY id LIMIT 1, 2", [(2,), (3,)]),
        ("SELECT a.id FROM t a LEFT JOIN t b ON a.id = b.id + 4 WHERE b.id IS NOT NULL", [(5,)]),
        ("SELECT id FROM t UNION ALL SELECT 9 ORDER BY 1 DESC LIMIT 1", [(9,)]),
        ("SELECT /*+ SET_VAR(query_timeout=1) */ 1", [(1,)]),
        ("SELECT id FROM t ORDER BY v LIMIT 1", [(4,)]),
        ("SELECT id FROM t ORDER BY v DESC LIMIT 1", [(5,)]),
        ('SELECT `id` FROM `d`.`t` WHERE `g` = "a" AND id <> 1', [(2,)]),
    ],
)
def test_queries(cursor: Any, query: str, wanted: list[Any]) -> None:
    cursor.execute(query)
    assert list(cursor.fetchall()) == wanted


def test_the_page_of_functions_is_current() -> None:
    path = Path(__file__).parents[3] / "docs/reference/starrocks-functions.md"
    assert path.read_text() == page(), "run python -m penstock.embedded.starrocks.dialect.reference"
    assert known().isdisjoint(REFUSED)
    assert len(known()) >= 150
