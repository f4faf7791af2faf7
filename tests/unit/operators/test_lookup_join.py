"""The look-up join over a table of the test's own: matches, order, waiting, cache, failures."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.changelog import ChangelogBatch, RowKind, Watermark
from penstock.errors import ConnectorError
from penstock.expressions import InputRef, Literal
from penstock.functions.resolve import resolve_operator
from penstock.operators import OperatorContext
from penstock.operators.lookup import LookupJoinSpec, LookupRetry
from penstock.state.row_cache import CachePolicy
from penstock.testing.clock import ManualClock
from penstock.types import INT, STRING, Column, Schema

if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT = Schema(
    (Column("id", INT), Column("note", STRING), Column("key", INT), Column("name", STRING))
)
KINDS = {kind.short: kind for kind in RowKind}
ROWS = [(1, "one"), (2, "two"), (2, "deux"), (4, "four")]


@dataclass
class Dimension:
    """Rows of (key, name); says what it was asked."""

    rows: list[tuple[int, str]]
    cache: CachePolicy | None = None
    asked: list[list[Any]] = field(default_factory=list)
    failure: ConnectorError | None = None
    closed: bool = False

    def can_be_key(self, column: int) -> bool:
        return column == 0

    def rows_by(self, *_: object) -> Dimension:
        return self

    def fetch(self, keys: pa.RecordBatch) -> pa.RecordBatch:
        asked = list(zip(*(column.to_pylist() for column in keys.columns), strict=True))
        self.asked.append(sorted(key[0] for key in asked))
        if self.failure is not None:
            raise self.failure
        width = keys.num_columns
        found = [row for row in self.rows if row[:width] in asked]
        key = pa.array([row[0] for row in found], pa.int32())
        name = pa.array([row[1] for row in found], pa.string())
        return pa.RecordBatch.from_arrays(
            [*[key, name][:width], key, name], [*["k0", "k1"][:width], "key", "name"]
        )

    def close(self) -> None:
        self.closed = True


class Join:
    """An operator, what it emitted, and its calls: made at once, or when `answer` says so."""

    def __init__(self, dimension: Dimension, *, at_once: bool = True, **spec: Any) -> None:
        self.clock = ManualClock()
        self.pending: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.at_once = at_once
        given: dict[str, Any] = {
            "output": OUTPUT,
            "name": "dim",
            "table": dimension,
            "left_join": False,
            "key_columns": (0,),
            "keys": (InputRef(0, "id", INT),),
            "columns": (0, 1),
            "right": (InputRef(0, "key", INT), InputRef(1, "name", STRING)),
            "labels": ("key",),
            **spec,
        }
        context = OperatorContext({}, self.clock, self._call)
        self.operator: Any = LookupJoinSpec(**given).create(context)
        self.batches: list[ChangelogBatch] = []
        self.passed: list[str] = []

    def _call(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.pending.append((future, call))
        if self.at_once:
            self.answer(0)
        return future

    def answer(self, index: int) -> None:
        """Give the answer to a call that waits."""
        future, call = self.pending.pop(index)
        try:
            future.set_result(call())
        except ConnectorError as error:
            future.set_exception(error)

    def emit(self, batch: ChangelogBatch) -> None:
        self.batches.append(batch)
        self.passed.append(f"{batch.num_rows} rows")

    def watermark(self, watermark: Watermark) -> None:
        self.passed.append(f"watermark {watermark.timestamp_ms}")

    def process(self, *rows: tuple[str, int | None, str]) -> Join:
        ids = pa.array([row[1] for row in rows], pa.int32())
        notes = pa.array([row[2] for row in rows], pa.string())
        kinds = np.array([KINDS[row[0]] for row in rows], np.int8)
        batch = pa.RecordBatch.from_arrays([ids, notes], ["id", "note"])
        self.operator.process(ChangelogBatch(batch, kinds), self)
        return self

    @property
    def rows(self) -> list[str]:
        """What was emitted, as text."""
        return [
            " ".join([RowKind(kind).short, *("-" if v is None else str(v) for v in row.values())])
            for batch in self.batches
            for kind, row in zip(batch.kinds_or_inserts(), batch.rows.to_pylist(), strict=True)
        ]


def test_an_inner_join_keeps_rows_with_a_match_and_repeats_those_with_several() -> None:
    join = Join(Dimension(ROWS)).process(
        ("+I", 2, "a"), ("+I", 3, "b"), ("+I", None, "c"), ("+I", 1, "d"), ("+I", 2, "e")
    )
    assert join.rows == [
        "+I 2 a 2 two",
        "+I 2 a 2 deux",
        "+I 1 d 1 one",
        "+I 2 e 2 two",
        "+I 2 e 2 deux",
    ]


def test_a_left_join_keeps_the_others_beside_nulls_in_their_place() -> None:
    join = Join(Dimension(ROWS), left_join=True).process(
        ("+I", 3, "a"), ("+I", 2, "b"), ("+I", None, "c"), ("+I", 1, "d")
    )
    assert join.rows == [
        "+I 3 a - -",
        "+I 2 b 2 two",
        "+I 2 b 2 deux",
        "+I - c - -",
        "+I 1 d 1 one",
    ]


def test_a_batch_asks_once_for_each_distinct_key_and_never_for_null() -> None:
    dimension = Dimension(ROWS)
    Join(dimension).process(("+I", 1, "a"), ("+I", 1, "b"), ("+I", None, "c"), ("+I", 9, "d"))
    assert dimension.asked == [[1, 9]]


def test_both_halves_of_an_update_see_the_same_answer_side_by_side() -> None:
    join = Join(Dimension(ROWS)).process(("-U", 1, "old"), ("+U", 1, "new"), ("-D", 4, "x"))
    assert join.rows == ["-U 1 old 1 one", "+U 1 new 1 one", "-D 4 x 4 four"]


def test_residual_conditions_decide_pairs_and_a_left_join_fills_what_they_leave() -> None:
    name = InputRef(3, "name", STRING)
    residual = resolve_operator("<>", [name, Literal("two", STRING)])
    join = Join(Dimension(ROWS), residual=residual).process(("+I", 2, "a"), ("+I", 1, "b"))
    assert join.rows == ["+I 2 a 2 deux", "+I 1 b 1 one"]
    only = resolve_operator("=", [name, Literal("nix", STRING)])
    left = Join(Dimension(ROWS), residual=only, left_join=True).process(("+I", 2, "a"))
    assert left.rows == ["+I 2 a - -"]


def test_rows_that_break_a_condition_on_themselves_are_not_looked_up() -> None:
    dimension = Dimension(ROWS)
    only = resolve_operator("<", [InputRef(0, "id", INT), Literal(2, INT)])
    join = Join(dimension, precondition=only, left_join=True)
    join.process(("+I", 1, "a"), ("+I", 2, "b"), ("+I", None, "c"))
    assert dimension.asked == [[1]]
    assert join.rows == ["+I 1 a 1 one", "+I 2 b - -", "+I - c - -"]


def test_batches_leave_in_order_whatever_order_answers_come_in() -> None:
    join = Join(Dimension(ROWS), at_once=False)
    join.process(("+I", 1, "first")).process(("+I", 4, "second"))
    assert join.operator.waiting
    join.answer(1)
    join.operator.resume(join)
    assert join.rows == []
    join.answer(0)
    join.operator.resume(join)
    assert join.rows == ["+I 1 first 1 one", "+I 4 second 4 four"]
    assert not join.operator.waiting


def test_a_watermark_stays_behind_the_rows_before_it() -> None:
    join = Join(Dimension(ROWS), at_once=False)
    join.operator.watermark(Watermark(1), join)
    join.process(("+I", 1, "first"))
    join.operator.watermark(Watermark(2), join)
    join.process(("+I", 4, "second"))
    join.operator.watermark(Watermark(3), join)
    join.operator.watermark(Watermark(4), join)
    assert join.passed == ["watermark 1"]
    join.answer(0)
    join.answer(0)
    join.operator.resume(join)
    assert join.passed[1:] == ["1 rows", "watermark 2", "1 rows", "watermark 4"]


def test_waiting_batches_are_bounded() -> None:
    join = Join(Dimension(ROWS), at_once=False)
    for _ in range(4):
        assert not join.operator.full
        join.process(("+I", 1, "x"))
    assert join.operator.full


def test_a_batch_that_is_known_whole_does_not_wait() -> None:
    join = Join(Dimension(ROWS, CachePolicy(10)), at_once=False)
    join.process(("+I", 1, "a"))
    join.answer(0)
    join.operator.resume(join)
    join.process(("+I", 1, "b"))
    assert not join.pending
    assert join.rows[-1] == "+I 1 b 1 one"


def test_the_cache_forgets_by_age() -> None:
    dimension = Dimension(ROWS, CachePolicy(100, expire_after_write_ms=5000))
    join = Join(dimension).process(("+I", 1, "a"))
    join.clock.advance(4)
    join.process(("+I", 1, "b"))
    dimension.rows = [(1, "uno")]
    join.clock.advance(1)
    join.process(("+I", 1, "c"))
    assert join.rows == ["+I 1 a 1 one", "+I 1 b 1 one", "+I 1 c 1 uno"]
    assert dimension.asked == [[1], [1]]


def test_the_cache_forgets_what_is_not_used() -> None:
    dimension = Dimension(ROWS, CachePolicy(100, expire_after_access_ms=5000))
    join = Join(dimension).process(("+I", 1, "a"))
    for _ in range(3):
        join.clock.advance(4)
        join.process(("+I", 1, "b"))
    assert dimension.asked == [[1]]
    join.clock.advance(5)
    join.process(("+I", 1, "b"))
    assert dimension.asked == [[1], [1]]


@pytest.mark.parametrize(("keep", "asked"), [(True, 1), (False, 2)])
def test_missing_keys_are_kept_where_wanted(*, keep: bool, asked: int) -> None:
    dimension = Dimension(ROWS, CachePolicy(100, keep_missing=keep))
    Join(dimension).process(("+I", 9, "a")).process(("+I", 9, "b"))
    assert len(dimension.asked) == asked


def test_without_a_cache_every_batch_asks() -> None:
    dimension = Dimension(ROWS)
    Join(dimension).process(("+I", 1, "a")).process(("+I", 1, "b"))
    assert dimension.asked == [[1], [1]]


def test_many_keys_go_in_several_calls() -> None:
    dimension = Dimension([(n, str(n)) for n in range(2500)])
    join = Join(dimension).process(*[("+I", n, "x") for n in range(2500)])
    assert [len(keys) for keys in dimension.asked] == [1000, 1000, 500]
    assert len(join.rows) == 2500


def test_a_missing_key_is_asked_again_after_the_delay() -> None:
    dimension = Dimension([])
    join = Join(dimension, retry=LookupRetry(1000, 3)).process(("+I", 1, "a"))
    assert join.operator.waiting
    join.clock.advance(0.5)
    join.operator.resume(join)
    assert dimension.asked == [[1]]
    dimension.rows = ROWS
    join.clock.advance(0.5)
    join.operator.resume(join)
    assert join.rows == ["+I 1 a 1 one"]


def test_a_key_that_stays_missing_is_given_up_after_the_last_attempt() -> None:
    join = Join(Dimension([]), retry=LookupRetry(1000, 2), left_join=True)
    join.process(("+I", 1, "a"))
    join.clock.advance(1)
    join.operator.resume(join)
    assert join.rows == ["+I 1 a - -"]


def test_a_failure_fails_the_job() -> None:
    dimension = Dimension(ROWS, failure=ConnectorError("no server", retryable=True))
    with pytest.raises(ConnectorError, match="no server"):
        Join(dimension).process(("+I", 1, "a"))


def test_a_wait_without_end_fails_the_job() -> None:
    join = Join(Dimension(ROWS), at_once=False, timeout_ms=1000).process(("+I", 1, "a"))
    join.clock.advance(1)
    with pytest.raises(ConnectorError) as failure:
        join.operator.resume(join)
    assert failure.value.code == "lookup-timeout"
    assert failure.value.retryable


def test_several_keys_match_together() -> None:
    keys = (InputRef(0, "id", INT), InputRef(1, "note", STRING))
    join = Join(Dimension(ROWS), key_columns=(0, 1), keys=keys, labels=("key", "name"))
    join.process(("+I", 2, "two"), ("+I", 2, "three"), ("+I", 1, "two"), ("+I", 2, "deux"))
    assert join.rows == ["+I 2 two 2 two", "+I 2 deux 2 deux"]


def test_closing_closes_the_look_ups() -> None:
    dimension = Dimension(ROWS)
    Join(dimension).operator.close()
    assert dimension.closed


def test_the_plan_names_table_kind_keys_and_condition() -> None:
    spec = LookupJoinSpec(
        OUTPUT,
        "c.d.dim",
        Dimension([]),
        left_join=True,
        key_columns=(0,),
        keys=(InputRef(0, "id", INT),),
        columns=(0, 1),
        right=(InputRef(0, "key", INT), InputRef(1, "name", STRING)),
        residual=resolve_operator(">", [InputRef(2, "key", INT), Literal(1, INT)]),
        labels=("key",),
    )
    assert spec.explain() == (
        "LookupJoin(table=[c.d.dim], joinType=[LeftOuterJoin], lookup=[key=id],"
        " joinCondition=[(key > 1)], select=[id, note, key, name])"
    )
