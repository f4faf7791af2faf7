"""The look-up join: waits for answers batch by batch, hands on in order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch
from penstock.clock import session_zone
from penstock.errors import ConnectorError
from penstock.expressions import EvalContext, evaluate, filter_mask
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.operators.lookup.matching import (
    BatchKeys,
    Pairs,
    batch_keys,
    by_key,
    joined,
    pairs,
    with_unmatched,
)
from penstock.state.row_cache import Found, Key, RowCache

if TYPE_CHECKING:
    from concurrent.futures import Future

    from penstock.changelog import Watermark
    from penstock.expressions import Expr
    from penstock.operators.lookup.keyed import KeyedTable
    from penstock.types import Schema

KEYS_PER_CALL = 1000
BATCHES_WAITING_MAX = 4
DEFAULT_TIMEOUT_MS = 180_000


@dataclass(frozen=True, slots=True)
class LookupRetry:
    """Asking again for keys without a row, as the LOOKUP hint wants it.

    Args:
        delay_ms: Between two attempts.
        attempts: How often a key is asked in all.
    """

    delay_ms: int
    attempts: int


@dataclass(frozen=True, slots=True)
class LookupJoinSpec(OperatorSpec):
    """Plan form.

    Args:
        output: Columns of the input, then those of the table.
        name: The table, for EXPLAIN and messages.
        table: Where rows are looked up.
        left_join: Rows without a match stay, beside NULLs.
        key_columns: Positions of the keys in the table's schema.
        keys: Over the input, one per key, of its declared type.
        columns: Positions in the table's schema of what `right` needs.
        right: The joined columns over `columns`.
        precondition: Over the input: other rows match nothing.
        server_conditions: Over the table's schema: rows that break one match nothing.
        residual: Over `output`: other pairs do not match.
        retry: For keys without a row.
        timeout_ms: Longest wait for the answers of a batch.
        labels: Names of the keys, for EXPLAIN.
    """

    output: Schema
    name: str
    table: KeyedTable = field(compare=False)
    left_join: bool
    key_columns: tuple[int, ...]
    keys: tuple[Expr, ...]
    columns: tuple[int, ...]
    right: tuple[Expr, ...]
    precondition: Expr | None = None
    server_conditions: tuple[Expr, ...] = ()
    residual: Expr | None = None
    retry: LookupRetry | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    labels: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        return self.output

    def passed(self, index: int) -> int | None:
        return index if index < len(self.output.columns) - len(self.right) else None

    @property
    def forwards(self) -> bool:
        return True

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: FBT001
        # An updated row may have no match any more: without its -U the old one would stay.
        return wanted if wanted or self.left_join else None

    def create(self, context: OperatorContext) -> Operator:
        return LookupJoinOperator(self, context)

    def explain(self) -> str:
        kind = "LeftOuterJoin" if self.left_join else "InnerJoin"
        keys = ", ".join(
            f"{name}={key.sql()}" for name, key in zip(self.labels, self.keys, strict=True)
        )
        condition = [e.sql() for e in (self.precondition, self.residual) if e is not None]
        where = f", joinCondition=[{' AND '.join(condition)}]" if condition else ""
        names = ", ".join(self.output.names)
        return (
            f"LookupJoin(table=[{self.name}], joinType=[{kind}], lookup=[{keys}]{where},"
            f" select=[{names}])"
        )


@dataclass(eq=False, slots=True)
class _Call:
    """One call for some keys of a batch."""

    keys: list[Key]
    columns: pa.RecordBatch
    future: Future[pa.RecordBatch] | None
    attempt: int = 1
    again_at: float = 0.0


@dataclass(eq=False, slots=True)
class _Waiting:
    """A batch whose keys are not all found yet."""

    batch: ChangelogBatch
    keys: BatchKeys
    since: float
    found: dict[Key, Found]
    calls: list[_Call]
    behind: Watermark | None = None


class LookupJoinOperator(Operator):
    """Join rows with what a table outside holds for their keys at the time they pass.

    Changelog: as the input, each row by itself; rows of one batch see one answer per key.
    State: none; a barrier waits for the batches whose answers are under way. Order: kept.
    Watermark: stays behind the batches before it.
    Source: Flink 2.2, StreamExecLookupJoin with ordered output.
    """

    def __init__(self, spec: LookupJoinSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._context = context
        self._clock = context.clock
        self._rows = spec.table.rows_by(
            spec.key_columns, spec.columns, spec.server_conditions, context.clock
        )
        policy = spec.table.cache
        self.cache = RowCache(policy) if policy is not None else None
        self._waiting: deque[_Waiting] = deque()
        self._zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._arrow = pa.schema([(c.name, c.type.arrow()) for c in spec.output.columns])
        right = spec.output.columns[len(spec.output.columns) - len(spec.right) :]
        self._right = pa.schema([(c.name, c.type.arrow()) for c in right])
        nothing = [pa.array([], kind.type) for kind in self._right]
        self._none = pa.RecordBatch.from_arrays(nothing, schema=self._right)

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= BATCHES_WAITING_MAX

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        context = self._evaluation()
        asked = None
        if self._spec.precondition is not None:
            mask = filter_mask(self._spec.precondition, batch.rows, context)
            asked = np.asarray(mask.fill_null(False))  # noqa: FBT003 - Arrow's argument
        columns = [
            column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            for column in evaluate(self._spec.keys, batch.rows, context)
        ]
        keys = batch_keys(columns, asked)
        one = _Waiting(batch, keys, self._clock.monotonic(), {}, [])
        self._ask(one)
        self._waiting.append(one)
        self.resume(out)

    def watermark(self, watermark: Watermark, out: Output) -> None:
        if self._waiting:
            self._waiting[-1].behind = watermark
        else:
            out.watermark(watermark)

    def resume(self, out: Output) -> None:
        for one in self._waiting:
            self._collect(one)
        while self._waiting and not self._waiting[0].calls:
            one = self._waiting.popleft()
            self._emit(one, out)
            if one.behind is not None:
                out.watermark(one.behind)

    def close(self) -> None:
        self._waiting.clear()
        self._rows.close()

    def _evaluation(self) -> EvalContext:
        return EvalContext(self._zone, self._clock.now_ms())

    def _ask(self, one: _Waiting) -> None:
        """Take from the cache what it has, and call for the rest."""
        now_ms = self._clock.monotonic() * 1000
        missing = []
        for index, key in enumerate(one.keys.keys):
            found = self.cache.get(key, now_ms) if self.cache is not None else None
            if found is None:
                missing.append(index)
            else:
                one.found[key] = Found(found.page, found.start, found.count)
        for start in range(0, len(missing), KEYS_PER_CALL):
            part = missing[start : start + KEYS_PER_CALL]
            columns = one.keys.columns.take(pa.array(part, pa.int64()))
            one.calls.append(self._call([one.keys.keys[index] for index in part], columns, 1))

    def _call(self, keys: list[Key], columns: pa.RecordBatch, attempt: int) -> _Call:
        return _Call(keys, columns, self._context.call(lambda: self._rows.fetch(columns)), attempt)

    def _collect(self, one: _Waiting) -> None:
        """Take the answers that have come."""
        now = self._clock.monotonic()
        for call in list(one.calls):
            if call.future is None and now >= call.again_at:
                call.future = self._context.call(
                    lambda columns=call.columns: self._rows.fetch(columns)  # type: ignore[misc]
                )
            if call.future is not None and call.future.done():
                one.calls.remove(call)
                self._take(one, call, call.future.result())
        if one.calls and (now - one.since) * 1000 >= self._spec.timeout_ms:
            raise ConnectorError(
                f"look-up in table '{self._spec.name}' did not end in time",
                retryable=True,
                code="lookup-timeout",
                detail=f"{sum(len(c.keys) for c in one.calls)} keys wait for"
                f" {self._spec.timeout_ms} ms.",
                hint="Check the server; or raise 'timeout' in the LOOKUP hint.",
            )

    def _take(self, one: _Waiting, call: _Call, rows: pa.RecordBatch) -> None:
        width = len(self._spec.key_columns)
        page = pa.RecordBatch.from_arrays(rows.columns[width:], names=rows.schema.names[width:])
        kept = evaluate(self._spec.right, page, self._evaluation()) if self._spec.right else []
        if kept:
            page = pa.RecordBatch.from_arrays(kept, schema=self._right)
        found = by_key(call.keys, rows.columns[:width], page)
        retry = self._spec.retry
        if retry is not None and call.attempt < retry.attempts:
            missing = {key for key, rows_of in found if not rows_of.count}
            found = [pair for pair in found if pair[0] not in missing]
            if missing:
                one.calls.append(self._later(call, missing))
        one.found.update(found)
        if self.cache is not None:
            self.cache.put(found, self._clock.monotonic() * 1000)

    def _later(self, call: _Call, missing: set[Key]) -> _Call:
        assert self._spec.retry is not None
        places = [index for index, key in enumerate(call.keys) if key in missing]
        keys = [call.keys[index] for index in places]
        columns = call.columns.take(pa.array(places, pa.int64()))
        due = self._clock.monotonic() + self._spec.retry.delay_ms / 1000
        return _Call(keys, columns, None, call.attempt + 1, due)

    def _emit(self, one: _Waiting, out: Output) -> None:
        found = [one.found[key] for key in one.keys.keys]
        matched = pairs(one.keys, found, self._none)
        if self._spec.residual is not None and len(matched.left):
            rows = joined(one.batch.rows, matched.right, matched.left, self._arrow)
            mask = filter_mask(self._spec.residual, rows, self._evaluation())
            keep = np.asarray(mask.fill_null(False))  # noqa: FBT003 - Arrow's argument
            matched = Pairs(matched.left[keep], matched.right.filter(pa.array(keep)))
        left, right = matched.left, matched.right
        if self._spec.left_join:
            left, right = with_unmatched(matched, one.batch.num_rows)
        if not len(left):
            return
        kinds = None if one.batch.kinds is None else one.batch.kinds[left]
        out.emit(ChangelogBatch(joined(one.batch.rows, right, left, self._arrow), kinds))
