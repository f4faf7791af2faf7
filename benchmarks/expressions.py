"""Speed of usual expressions: `python -m benchmarks.expressions [word]`.

Per expression, microseconds for a batch of one row and million rows a second for 100,000 rows, over
columns as they come from MySQL: integers, decimals, short and long texts, times; 5 % NULLs.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
import time
from decimal import Decimal

import pyarrow as pa

from penstock.expressions import EvalContext, Expr, evaluate
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.sql import parse_expression
from penstock.types import (
    BIGINT,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    STRING,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    DataType,
)

ROWS = 100_000
EXPRESSIONS = """
id + 1
price * quantity
price / 3
quantity / 7
ratio * 1.5e0
ROUND(price, 1)
ROUND(ratio, 2)
id BETWEEN 10 AND 1000
city IN ('Paris', 'Oslo', 'Rome')
name = 'user-17'
name LIKE '%-1%'
COALESCE(name, 'none')
CASE WHEN quantity > 10 THEN 'many' WHEN quantity > 5 THEN 'some' ELSE 'few' END
IF(quantity > 10, price, 0.00)
UPPER(name)
CONCAT(name, '-', city)
name || '@' || city
CHAR_LENGTH(name)
SUBSTRING(name, 1, 4)
TRIM(name)
REPLACE(name, 'user', 'u')
SPLIT_INDEX(name, '-', 1)
REGEXP_EXTRACT(name, '(\\w+)-(\\d+)', 2)
REGEXP_REPLACE(name, '[0-9]+', 'n')
MD5(name)
CAST(id AS STRING)
CAST(price AS STRING)
CAST(ratio AS STRING)
CAST(price AS DOUBLE)
CAST(ratio AS DECIMAL(10, 2))
CAST(digits AS INT)
CAST(digits AS DECIMAL(10, 2))
CAST(ts AS STRING)
CAST(text_ts AS TIMESTAMP(3))
CAST(ts AS DATE)
CAST(ltz AS TIMESTAMP(3))
DATE_FORMAT(ts, 'yyyy-MM-dd')
DATE_FORMAT(ts, 'yyyyMMddHH')
DATE_FORMAT(ts, 'dd MMM yyyy')
TO_TIMESTAMP(text_ts)
TO_TIMESTAMP_LTZ(millis, 3)
FROM_UNIXTIME(seconds)
UNIX_TIMESTAMP(text_ts)
EXTRACT(HOUR FROM ts)
FLOOR(ts TO HOUR)
ts + INTERVAL '1' DAY
ts + INTERVAL '1' MONTH
TIMESTAMPDIFF(DAY, ts, ltz_local)
TIMESTAMPADD(MONTH, 1, born)
JSON_VALUE(doc, '$.a.b')
JSON_OBJECT('id' VALUE id, 'name' VALUE name)
ARRAY[id, quantity][1]
"""


def columns() -> tuple[Scope, pa.RecordBatch]:
    """The batch and what its columns are called."""
    rng = random.Random(7)
    base = dt.datetime(2024, 1, 1)  # noqa: DTZ001
    moments = [base + dt.timedelta(seconds=rng.randrange(10**8)) for _ in range(ROWS)]
    cities = ["Paris", "Oslo", "Rome", "Berlin", "北京"]
    made: dict[str, tuple[DataType, list[object]]] = {
        "id": (BIGINT, [rng.randrange(10**9) for _ in range(ROWS)]),
        "quantity": (INT, [rng.randrange(1, 20) for _ in range(ROWS)]),
        "price": (DECIMAL(10, 2), [Decimal(rng.randrange(10**7)) / 100 for _ in range(ROWS)]),
        "ratio": (DOUBLE, [rng.random() * 1000 for _ in range(ROWS)]),
        "name": (STRING, [f"user-{rng.randrange(10**6)}" for _ in range(ROWS)]),
        "city": (STRING, [rng.choice(cities) for _ in range(ROWS)]),
        "digits": (STRING, [str(rng.randrange(10**6)) for _ in range(ROWS)]),
        "ts": (TIMESTAMP(3), moments),
        "ltz": (TIMESTAMP_LTZ(3), [m.replace(tzinfo=dt.UTC) for m in moments]),
        "ltz_local": (TIMESTAMP(3), [m + dt.timedelta(days=3) for m in moments]),
        "text_ts": (STRING, [str(m) for m in moments]),
        "born": (DATE, [m.date() for m in moments]),
        "millis": (BIGINT, [rng.randrange(2 * 10**12) for _ in range(ROWS)]),
        "seconds": (BIGINT, [rng.randrange(2 * 10**9) for _ in range(ROWS)]),
        "doc": (STRING, [f'{{"a": {{"b": {i}}}, "c": "x"}}' for i in range(ROWS)]),
    }
    arrays = []
    for kind, values in made.values():
        some = [None if rng.random() < 0.05 else value for value in values]
        arrays.append(pa.array(some, kind.arrow()))
    scope = Scope(tuple(ScopeColumn(name, kind) for name, (kind, _) in made.items()))
    return scope, pa.RecordBatch.from_arrays(arrays, list(made))


def seconds_of(expr: Expr, batch: pa.RecordBatch, repeat: int) -> float:
    """The best of a few runs."""
    context = EvalContext("Asia/Shanghai", 1_700_000_000_000)
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        evaluate([expr], batch, context)
        best = min(best, time.perf_counter() - start)
    return best


def main(word: str = "") -> None:
    """Prints the table."""
    scope, batch = columns()
    print(f"{'expression':60} {'1 row, us':>10} {'100 k, M rows/s':>16}")
    for text in EXPRESSIONS.strip().splitlines():
        if word in text:
            expr = bind(parse_expression(text), scope)
            one = seconds_of(expr, batch.slice(0, 1), 20) * 1e6
            many = ROWS / seconds_of(expr, batch, 3) / 1e6
            print(f"{text[:60]:60} {one:10.0f} {many:16.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
