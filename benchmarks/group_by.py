"""GROUP BY in the engine thread: rows per CPU-second as the number of keys grows, and the pause.

    python -m benchmarks.group_by [keys ..] [--string]

Append-only: COUNT, SUM, MIN, MAX, AVG. Retract: the same over 60 % +I, 30 % -U/+U pairs, 10 % -D,
MIN and MAX exact. State is filled with all keys first. The pause is what a barrier costs the engine
thread after a batch of 10,000 rows: copying what changed.
"""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, RowKind, Watermark
from penstock.operators import OperatorContext
from penstock.operators.accumulators import AggregateCall
from penstock.operators.group_aggregate import GroupAggregateSpec
from penstock.types import BIGINT, DOUBLE, STRING, Column, DataType, Schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.operators import Operator

KEYS = (10_000, 100_000, 1_000_000, 10_000_000)
BATCH = 16_384
BATCHES = 40
CALLS = ("COUNT", "SUM", "MIN", "MAX", "AVG")


class _Nowhere:
    """Counts what is emitted."""

    rows = 0

    def emit(self, batch: ChangelogBatch) -> None:
        self.rows += batch.num_rows

    def watermark(self, watermark: Watermark) -> None:
        """Nothing here has a time."""


def operator(key: DataType, *, retract: bool) -> Operator:
    """The operator under test."""
    value = DOUBLE.with_nullable(nullable=False)
    given = Schema((Column("k", key.with_nullable(nullable=False)), Column("v", value)))
    calls = tuple(
        AggregateCall(name, () if name == "COUNT" else (1,), BIGINT if name == "COUNT" else value)
        for name in CALLS
    )
    results = [Column(name, call.type) for name, call in zip(CALLS, calls, strict=True)]
    output = Schema((given.columns[0], *results))
    return GroupAggregateSpec(given, output, (0,), calls, retract=retract).create(OperatorContext())


def key_column(keys: np.ndarray, key: DataType) -> pa.Array:
    """Keys as an Arrow array."""
    if key.root is STRING.root:
        return pa.array([f"user-{number:012d}" for number in keys.tolist()])
    return pa.array(keys)


def append_batches(keys: int, key: DataType) -> Callable[[], ChangelogBatch]:
    """Batches of +I over random keys."""
    seed = np.random.default_rng(1)

    def made() -> ChangelogBatch:
        column = key_column(seed.integers(0, keys, BATCH), key)
        return ChangelogBatch(
            pa.record_batch({"k": column, "v": pa.array(seed.integers(0, 10**6, BATCH) / 8)})
        )

    return made


def retract_batches(keys: int, key: DataType) -> Callable[[], ChangelogBatch]:
    """Batches of changes to the row every key has, and of rows beside it that stay."""
    seed = np.random.default_rng(1)
    current = first_values(np.arange(keys))
    there = np.ones(keys, np.bool_)

    def made() -> ChangelogBatch:
        chosen = np.unique(seed.integers(0, keys, BATCH * 10 // 13))
        seed.shuffle(chosen)
        draw = seed.random(len(chosen))
        update = (draw < 0.3) & there[chosen]
        delete = (draw >= 0.3) & (draw < 0.4) & there[chosen]
        new = seed.integers(0, 10**6, len(chosen)) / 8
        kinds = np.stack(
            [
                np.select([update, delete], [RowKind.UPDATE_BEFORE, RowKind.DELETE]),
                np.full(len(chosen), RowKind.UPDATE_AFTER),
            ],
            axis=1,
        )
        values = np.stack([np.where(update | delete, current[chosen], new), new], axis=1)
        keep = np.stack([np.ones(len(chosen), np.bool_), update], axis=1)
        # A key whose row was deleted gets one again by the next +I.
        current[chosen[~delete]] = np.where(update | ~there[chosen], new, current[chosen])[~delete]
        there[chosen] = ~delete
        column = key_column(np.repeat(chosen, keep.sum(axis=1)), key)
        rows = pa.record_batch({"k": column, "v": pa.array(values[keep])})
        return ChangelogBatch(rows, kinds[keep].astype(np.int8))

    return made


def first_values(keys: np.ndarray) -> np.ndarray:
    """The value of the row every key is filled with."""
    return (keys % 1000).astype(np.float64)


def measure(keys: int, key: DataType, *, retract: bool) -> str:
    """One line of the table."""
    running = operator(key, retract=retract)
    out = _Nowhere()
    begin = time.process_time()
    for start in range(0, keys, BATCH):
        numbers = np.arange(start, min(start + BATCH, keys))
        rows = pa.record_batch(
            {"k": key_column(numbers, key), "v": pa.array(first_values(numbers))}
        )
        running.process(ChangelogBatch(rows), out)
    filled = keys / (time.process_time() - begin)
    for table in running.tables().values():
        table.changes()
    make = (retract_batches if retract else append_batches)(keys, key)
    spent = []
    for _ in range(BATCHES):
        batch = make()
        begin = time.process_time()
        running.process(batch, out)
        spent.append((time.process_time() - begin) / batch.num_rows)
    for table in running.tables().values():
        table.changes()
    running.process(make(), out)
    begin = time.perf_counter()
    for table in running.tables().values():
        table.changes()
    pause = 1000 * (time.perf_counter() - begin)
    kind = "retract" if retract else "append "
    return (
        f"{kind} {key.root.value:8} {keys:>10,} keys: {1e-6 / median(spent):5.2f} M rows/CPU-s,"
        f" filled at {filled / 1e6:5.2f} M/CPU-s, pause {pause:5.1f} ms"
    )


def main(arguments: list[str]) -> None:
    """Print the table."""
    keys = [int(text) for text in arguments if text.isdigit()] or list(KEYS)
    key = STRING if "--string" in arguments else BIGINT
    for retract in (False, True):
        for count in keys:
            sys.stdout.write(measure(count, key, retract=retract) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
