"""Joins and windows in the engine thread: rows per CPU-second.

    python -m benchmarks.joins_and_windows [rows]

Join: two inputs of as many rows each, keys in random order, batch by batch in turn; every row has
one match. With a key that identifies both sides, with a key that identifies one (orders and
customers), without; a LEFT join sends a row, takes it back and sends it joined. Window: a count and
a sum per key and ten seconds of event time, 10,000 keys, 100,000 rows a second, out of order.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, Watermark
from penstock.expressions import InputRef, Literal
from penstock.functions.resolve import resolve_operator
from penstock.operators import OperatorContext
from penstock.operators.accumulators import AggregateCall
from penstock.operators.join import JoinKind, JoinSpec
from penstock.operators.watermark import WatermarkSpec
from penstock.operators.window import WindowAggregateSpec, Windows, WindowSpec
from penstock.types import BIGINT, INTERVAL_DAY, TIMESTAMP, Column, Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.operators import Operator, Output

ROWS = 1_000_000
BATCH = 16_384
ID = BIGINT.with_nullable(nullable=False)
LEFT = Schema((Column("id", ID), Column("k", ID), Column("a", BIGINT)))
RIGHT = Schema((Column("k", ID), Column("b", BIGINT)))


class _Count:
    """Counts what is emitted."""

    rows = 0

    def emit(self, batch: ChangelogBatch) -> None:
        self.rows += batch.num_rows

    def watermark(self, watermark: Watermark) -> None:
        """Nothing is sent for it."""


class _Into:
    """Hands everything to an operator."""

    def __init__(self, operator: Operator, out: Output) -> None:
        self.operator = operator
        self.out = out

    def emit(self, batch: ChangelogBatch) -> None:
        self.operator.process(batch, self.out)

    def watermark(self, watermark: Watermark) -> None:
        self.operator.watermark(watermark, self.out)


def batches(schema: Schema, columns: list[NDArray[np.int64]]) -> list[ChangelogBatch]:
    """Rows in batches."""
    rows = len(columns[0])
    return [
        ChangelogBatch(
            pa.RecordBatch.from_arrays(
                [pa.array(column[start : start + BATCH]) for column in columns], schema.names
            )
        )
        for start in range(0, rows, BATCH)
    ]


def join(
    rows: int, kind: JoinKind, unique: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
) -> float:
    """Million rows of both inputs a CPU-second."""
    output = [*LEFT.columns, *RIGHT.columns]
    names = ("id", "k", "a", "k0", "b")
    nullable = kind is JoinKind.LEFT
    schema = Schema(
        tuple(
            Column(n, c.type.with_nullable(nullable=c.type.nullable or (nullable and i > 2)))
            for i, (n, c) in enumerate(zip(names, output, strict=True))
        )
    )
    spec = JoinSpec(kind, LEFT, RIGHT, schema, ((1, 0),), unique=unique)
    operator, out = spec.create(OperatorContext()), _Count()
    seed = np.random.default_rng(1)
    order = np.arange(rows)
    left = batches(LEFT, [order, seed.permutation(rows), order])
    right = batches(RIGHT, [seed.permutation(rows), order])
    start = time.process_time()
    for one, other in zip(left, right, strict=True):
        operator.process_side(0, one, out)
        operator.process_side(1, other, out)
    spent = time.process_time() - start
    assert out.rows >= rows
    return 2 * rows / spent / 1e6


def window(rows: int) -> float:
    """Million rows a CPU-second, from watermark to result."""
    time_type = TIMESTAMP(3)
    given = Schema((Column("k", ID), Column("v", BIGINT), Column("ts", time_type)))
    delay = Literal(dt.timedelta(seconds=2), INTERVAL_DAY.with_nullable(nullable=False))
    mark = WatermarkSpec(given, 2, resolve_operator("-", [InputRef(2, "ts", time_type), delay]))
    windows = WindowSpec(given, 2, Windows("TUMBLE", 10_000, 10_000))
    calls = (AggregateCall("COUNT", (), ID), AggregateCall("SUM", (1,), BIGINT))
    wide = windows.schema
    output = Schema((*wide.columns[3:5], wide.columns[0], Column("c", ID), Column("s", BIGINT)))
    group = WindowAggregateSpec(wide, output, (3, 4, 0), 1, calls, windows.windows)
    context, out = OperatorContext(), _Count()
    head = _Into(
        mark.create(context),
        _Into(windows.create(context), _Into(group.create(context), out)),
    )
    seed = np.random.default_rng(2)
    times = np.arange(rows) * 10 + seed.integers(0, 2_000_000, rows)
    made = batches(Schema(given.columns[:2]), [seed.integers(0, 10_000, rows), np.arange(rows)])
    fed = []
    for number, batch in enumerate(made):
        ts = pa.array(times[number * BATCH : number * BATCH + BATCH]).view(pa.timestamp("us"))
        fed.append(
            ChangelogBatch(pa.RecordBatch.from_arrays([*batch.rows.columns, ts], given.names))
        )
    start = time.process_time()
    for batch in fed:
        head.emit(batch)
    head.watermark(Watermark((1 << 63) - 1))
    spent = time.process_time() - start
    return rows / spent / 1e6


def main(rows: int) -> None:
    """Print every case's rate."""
    cases = {
        "inner join, key identifies both sides": (JoinKind.INNER, ((1,), (0,))),
        "inner join, orders and customers": (JoinKind.INNER, ((0,), (0,))),
        "inner join, no unique keys": (JoinKind.INNER, (None, None)),
        "left join, orders and customers": (JoinKind.LEFT, ((0,), (0,))),
    }
    for name, (kind, unique) in cases.items():
        sys.stdout.write(f"{name}: {join(rows, kind, unique):.2f} M rows/CPU-s\n")
    sys.stdout.write(f"tumbling window, COUNT and SUM: {window(2 * rows):.2f} M rows/CPU-s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
