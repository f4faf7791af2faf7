"""Text made from a tree parses to the same tree."""

from __future__ import annotations

import pytest

from penstock.sql import parse_expression, parse_query
from penstock.sql.unparse import unparse
from penstock.types import quote_identifier

EXPRESSIONS = """
a + b * -c
(a + b) * c
NOT (a AND b) OR c IS NOT NULL
a NOT BETWEEN 1 AND 2.50
a IN (1, 2) AND b NOT IN (SELECT x FROM t)
a LIKE 'x!%' ESCAPE '!'
a IS NOT DISTINCT FROM b
a IS NOT TRUE
CASE a WHEN 1, 2 THEN 'x' ELSE 'it''s' END
CASE WHEN a > 1 THEN 1 END
CAST(a AS ROW<`b c` INT, d ARRAY<STRING NOT NULL>>)
TRY_CAST(a AS DECIMAL(10, 2))
EXTRACT(DAY FROM a)
POSITION('a' IN b)
TRIM(LEADING 'x' FROM b)
OVERLAY(a PLACING 'x' FROM 1 FOR 2)
FLOOR(a TO HOUR)
TIMESTAMPDIFF(DAY, a, b)
INTERVAL -'1 02' DAY TO HOUR
COUNT(*)
SUM(DISTINCT a) FILTER (WHERE b > 1) OVER (PARTITION BY c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
LISTAGG(a, ',')
JSON_VALUE(a, '$.b' RETURNING INT DEFAULT 1 ON EMPTY ERROR ON ERROR)
JSON_OBJECT(KEY 'a' VALUE b, KEY 'c' VALUE 1 NULL ON NULL)
JSON_QUERY(a, '$' WITH CONDITIONAL ARRAY WRAPPER)
MAP['a', 1, 'b', 2]['a']
ARRAY[1, NULL][1]
ROW(a, 1).f
t.r.f
X'0AFF'
DATE '2020-01-01'
1e3
CURRENT_TIMESTAMP
my_cat.db.fn(a)
`weird``name`.`select`
a = ANY (SELECT b FROM t)
EXISTS (SELECT 1)
""".strip().splitlines()

QUERIES = """
SELECT DISTINCT a AS x, t.* FROM c.d.t AS t WHERE a > 1 GROUP BY a, b HAVING COUNT(*) > 1 ORDER BY a DESC NULLS LAST LIMIT 5 OFFSET 2
SELECT * FROM a LEFT JOIN b ON a.x = b.x, c JOIN d USING (y) NATURAL JOIN e
SELECT * FROM a JOIN (b JOIN c ON TRUE) ON TRUE
SELECT a FROM t /*+ OPTIONS('k' = 'v') */ FOR SYSTEM_TIME AS OF t.p AS x
SELECT a FROM t UNION ALL (SELECT b FROM u EXCEPT SELECT 1) INTERSECT SELECT 2
WITH x (a) AS (SELECT 1), y AS (SELECT 2) SELECT * FROM x, y
SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
SELECT * FROM TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' MINUTE)
SELECT * FROM t CROSS JOIN UNNEST(t.a) WITH ORDINALITY AS u (x, i)
SELECT * FROM t, LATERAL TABLE(f(a)) AS u (x)
SELECT a FROM (VALUES (1, 'a'), (2, 'b')) AS t (a, b)
VALUES 1, 2
SELECT a FROM t GROUP BY GROUPING SETS ((a, b), a, ())
SELECT SUM(a) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY c)
SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a ORDER BY ts MEASURES LAST(B.x) AS y ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (A B+? C{2,3} (D | E)*) WITHIN INTERVAL '1' HOUR DEFINE A AS A.x > 1) AS m
(SELECT 1 ORDER BY 1) LIMIT 1
""".strip().splitlines()


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_survive(text: str) -> None:
    parsed = parse_expression(text)
    assert parse_expression(unparse(parsed)) == parsed


@pytest.mark.parametrize("text", QUERIES)
def test_queries_survive(text: str) -> None:
    parsed = parse_query(text)
    assert parse_query(unparse(parsed)) == parsed


def test_quote_identifier() -> None:
    assert quote_identifier("a`b") == "`a``b`"


def test_long_chains_survive() -> None:
    parsed = parse_expression(" OR ".join(f"a = {i}" for i in range(2000)))
    assert unparse(parsed).count(" OR ") == 1999
