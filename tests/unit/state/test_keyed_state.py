"""Keyed state against dictionaries: the same keys, values and counts after any changes."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.state import Bag, KeyedTable, ValueCodec
from penstock.state.extremes import Extremes
from penstock.types import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    DECIMAL,
    DOUBLE,
    INT,
    STRING,
    DataType,
)


def draws(kind: DataType, seed: random.Random, count: int) -> list[Any]:
    made: dict[DataType, Any] = {
        INT: lambda: seed.randrange(-50, 50),
        BIGINT: lambda: seed.randrange(-(2**62), 2**62) // 10**17,
        BOOLEAN: lambda: seed.random() < 0.5,
        DOUBLE: lambda: seed.choice([0.0, 1.5, float("nan"), -2.0]),
        DECIMAL(38, 2): lambda: seed.randrange(-(10**30), 10**30) // 10**29,
        STRING: lambda: seed.choice("aé日") * seed.choice([0, 1, 7, 8, 9, 30, 64, 65, 200]),
        ARRAY(INT): lambda: [seed.randrange(3)] * seed.randrange(3),
    }
    return [None if seed.random() < 0.1 else made[kind]() for _ in range(count)]


KINDS: list[tuple[DataType, ...]] = [
    (BIGINT,),
    (INT.with_nullable(nullable=False),),
    (STRING,),
    (BOOLEAN, DOUBLE),
    (STRING, DECIMAL(38, 2), INT),
    (ARRAY(INT), STRING),
    (),
]


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: ",".join(k.sql() for k in kinds))
def test_a_table_counts_as_a_dictionary_does(kinds: tuple[DataType, ...]) -> None:
    seed = random.Random(7)
    table = KeyedTable(kinds)
    counts = table.column("count", np.int64)
    wanted: Counter[str] = Counter()
    saved = []
    for _ in range(20):
        size = seed.choice([1, 3, 400])
        columns = [draws(k.with_nullable(nullable=True), seed, size) for k in kinds]
        columns = [
            [0 if v is None and not k.nullable else v for v in c]
            for c, k in zip(columns, kinds, strict=True)
        ]
        keys = [repr(row) for row in zip(*columns, strict=True)] or ["()"] * size
        arrays = [pa.array(c, k.arrow()) for c, k in zip(columns, kinds, strict=True)]
        slots = table.slots(arrays, size)
        unique, rows, places = table.distinct(slots)
        assert (unique[places] == slots).all()
        assert (slots[rows] == unique).all()
        before = counts.data[unique]
        assert before.tolist() == [wanted[keys[row]] for row in rows]
        np.add.at(counts.data, slots, 1)
        wanted.update(keys)
        gone = unique[:: seed.choice([1, 2, 5])]
        for row in rows[:: 1 if len(gone) == len(unique) else len(unique) // len(gone)]:
            if slots[row] in gone:
                del wanted[keys[row]]
        for slot, row in zip(unique, rows, strict=True):
            if slot in gone:
                wanted.pop(keys[row], None)
        table.remove(gone)
        assert len(table) == len(wanted)
        batch = table.changes()
        assert batch is not None
        saved.append(batch)
    again = KeyedTable(kinds)
    restored = again.column("count", np.int64)
    again.load(saved)
    assert len(again) == len(table)
    live = table.index.live[: table.index.limit]
    assert (again.index.live[: again.index.limit] == live).all()
    assert (restored.data[: len(live)] == counts.data[: len(live)]).all()
    columns = [draws(k, seed, 50) for k in kinds if k.nullable]
    if len(columns) == len(kinds):
        arrays = [pa.array(c, k.arrow()) for c, k in zip(columns, kinds, strict=True)]
        assert (again.find(arrays, 50) == table.find(arrays, 50)).all()


def test_time_to_live_forgets_keys_that_nobody_touches() -> None:
    table = KeyedTable([BIGINT], ttl_ms=1000)
    counts = table.column("count", np.int64)
    slots = table.slots([pa.array([1, 2])], 2, now_ms=10_000)
    counts.data[slots] = 5
    slots = table.slots([pa.array([1])], 1, now_ms=10_500)
    assert counts.data[slots].tolist() == [5]
    slots = table.slots([pa.array([1])], 1, now_ms=11_200)
    assert counts.data[slots].tolist() == [5]
    assert len(table) == 1, "2 was swept"
    slots = table.slots([pa.array([1])], 1, now_ms=13_000)
    assert counts.data[slots].tolist() == [0]


def test_a_bag_says_what_came_and_went() -> None:
    groups = KeyedTable([INT], ttl_ms=1000)
    bag = Bag(groups, "birth", [STRING])
    slots = groups.slots([pa.array([1, 1, 2], pa.int32())], 3, now_ms=1)
    found = bag.add(slots, [pa.array(["a", "a", None])], np.array([1, 1, 1]))
    assert (found.before.tolist(), found.after.tolist()) == ([0, 0], [2, 1])
    slots = groups.slots([pa.array([1, 2, 3], pa.int32())], 3, now_ms=500)
    found = bag.add(slots, [pa.array(["a", None, "x"])], np.array([-1, -1, -1]))
    assert (found.before.tolist(), found.after.tolist()) == ([2, 1, 0], [1, 0, 0])
    assert len(bag) == 1
    slots = groups.slots([pa.array([1, 4], pa.int32())], 2, now_ms=9000)
    found = bag.add(slots, [pa.array(["a", "b"])], np.array([1, 1]))
    assert found.before.tolist() == [0, 0], "the time of group 1 was up"
    assert len(bag) == 2, "what it held was swept"


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("kind", [BIGINT, STRING, DECIMAL(10, 2), DOUBLE])
def test_extremes_are_those_of_the_values_that_are_there(kind: DataType, largest: bool) -> None:
    seed = random.Random(3)
    codec = ValueCodec(kind)
    extremes = Extremes(codec)
    extremes.track(largest=largest)
    there: dict[int, list[Any]] = defaultdict(list)
    saved = []
    for turn in range(50):
        groups, values, deltas = [], [], []
        for _ in range(seed.choice([1, 30, 120])):
            group = seed.choice([0, 0, 0, 1, 2, 3, 1500])
            if there[group] and seed.random() < (0.3 if turn < 25 else 0.7):
                pick = min if seed.random() < 0.5 else max
                value = pick(there[group])
                there[group].remove(value)
                deltas.append(-1)
            else:
                value = {
                    BIGINT: seed.randrange(10_000),
                    STRING: str(seed.randrange(10_000)),
                    DOUBLE: seed.random(),
                    DECIMAL(10, 2): Decimal(seed.randrange(10_000)) / 4,
                }[kind]
                there[group].append(value)
                deltas.append(1)
            groups.append(group)
            values.append(value)
        extremes.add(np.array(groups), pa.array(values, kind.arrow()), np.array(deltas))
        batch = extremes.changes()
        if batch is not None:
            saved.append(batch)
        if turn == 30:
            extremes = Extremes(codec)
            extremes.track(largest=largest)
            extremes.load(saved)
        asked = np.array([0, 1, 2, 3, 1500, 2000])
        found, valid = extremes.best(asked, largest=largest)
        pick = max if largest else min
        wanted = [pick(there[g]) if there[g] else None for g in asked.tolist()]
        shown = codec.encode(found, valid).to_pylist()
        assert shown == pa.array(wanted, kind.arrow()).to_pylist()


def test_nulls_of_many_columns_are_told_apart() -> None:
    width = 130
    kinds = (INT,) * width
    rows = [[None if column == null else 0 for column in range(width)] for null in (0, 64, 129, -1)]
    columns = [pa.array(list(values), pa.int32()) for values in zip(*rows, strict=True)]
    table = KeyedTable(kinds)
    slots = table.slots(columns, len(rows))
    assert len(set(slots.tolist())) == len(rows)
    saved = table.changes()
    assert saved is not None
    again = KeyedTable(kinds)
    again.load([saved])
    assert again.find(columns, len(rows)).tolist() == slots.tolist()
