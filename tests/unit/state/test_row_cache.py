"""Looked-up rows: bounded by rows, least lately used first, and freed."""

from __future__ import annotations

import random

import pyarrow as pa

from penstock.state.row_cache import CachePolicy, Found, Page, RowCache, gathered


def put(cache: RowCache, now_ms: float, **rows: list[int]) -> None:
    values = [value for given in rows.values() for value in given]
    page = Page(pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], ["v"]), 0)
    found, start = [], 0
    for key, given in rows.items():
        found.append(((key,), Found(page, start, len(given))))
        start += len(given)
    cache.put(found, now_ms)


def values(found: Found | None) -> list[int] | None:
    if found is None:
        return None
    rows, _ = gathered([found])
    return rows.column(0).to_pylist()  # type: ignore[no-any-return]


def test_the_least_lately_used_key_goes_first() -> None:
    cache = RowCache(CachePolicy(3))
    put(cache, 0, a=[1], b=[2], c=[3])
    assert values(cache.get(("a",), 0)) == [1]
    put(cache, 0, d=[4])
    assert cache.get(("b",), 0) is None
    assert values(cache.get(("a",), 0)) == [1]


def test_rows_are_bounded_and_a_key_without_rows_counts_as_one() -> None:
    cache = RowCache(CachePolicy(4))
    put(cache, 0, a=[1, 2, 3], b=[])
    assert cache.rows == 4
    put(cache, 0, c=[9])
    assert cache.rows <= 4
    assert cache.get(("a",), 0) is None
    assert values(cache.get(("c",), 0)) == [9]


def test_more_rows_than_the_bound_of_one_key_are_not_kept() -> None:
    cache = RowCache(CachePolicy(2))
    put(cache, 0, a=[1, 2, 3])
    assert (len(cache), cache.rows) == (0, 0)


def test_what_was_kept_survives_gathering() -> None:
    chance = random.Random(7)
    cache = RowCache(CachePolicy(500))
    model: dict[str, list[int]] = {}
    for step in range(400):
        given = {f"k{chance.randrange(200)}": [step] * chance.randrange(4) for _ in range(5)}
        put(cache, 0, **given)
        model.update(given)
        for key in given:
            found = cache.get((key,), 0)
            assert values(found) == model[key]
    kept = [key for key in model if cache.get((key,), 0) is not None]
    assert len(kept) > 100
    assert all(values(cache.get((key,), 0)) == model[key] for key in kept)
