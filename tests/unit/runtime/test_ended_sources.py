"""What follows the end of a source: what operators send then, and time that goes on without it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.runtime.test_job_group import SCHEMA, SETTINGS, CountingSource, Target, plan

from penstock.changelog import MAX_WATERMARK, ChangelogBatch, LeastWatermark, Watermark
from penstock.expressions import InputRef
from penstock.operators import Operator, OperatorContext, OperatorSpec
from penstock.operators.accumulators import AggregateCall
from penstock.operators.base import Output
from penstock.operators.group_aggregate import GroupAggregateSpec
from penstock.operators.lookup import LookupJoinSpec
from penstock.plan import PhysicalPlan, SourceNode, TransformNode, UnionNode
from penstock.plan.physical import PlanNode
from penstock.runtime import JobGroup, JobState
from penstock.types import BIGINT, Column, Schema


class SlowTable:
    """Every key has a row, which comes a while later."""

    cache = None

    def can_be_key(self, column: int) -> bool:
        return column == 0

    def rows_by(self, *_: object) -> SlowTable:
        return self

    def fetch(self, keys: pa.RecordBatch) -> pa.RecordBatch:
        threading.Event().wait(0.1)
        return pa.record_batch([keys.column(0), keys.column(0)], names=["k0", "key"])

    def close(self) -> None: ...


LOOKUP = LookupJoinSpec(
    Schema((Column("id", BIGINT), Column("key", BIGINT))),
    "dim",
    SlowTable(),
    left_join=False,
    key_columns=(0,),
    keys=(InputRef(0, "id", BIGINT),),
    columns=(0,),
    right=(InputRef(0, "key", BIGINT),),
)


def total(given: Schema) -> GroupAggregateSpec:
    call = AggregateCall("SUM", (0,), BIGINT)
    return GroupAggregateSpec(given, SCHEMA, (), (call,), final=True)


def above(found: PhysicalPlan, *specs: OperatorSpec) -> PhysicalPlan:
    node: PlanNode = found.sinks[0].input
    for spec in specs:
        node = TransformNode(spec, node)
    return replace(found, sinks=(replace(found.sinks[0], input=node),))


@pytest.mark.parametrize("behind", [(), (total(LOOKUP.schema),)])
def test_what_is_sent_at_the_end_is_looked_up(tmp_path: Path, behind: tuple[Any, ...]) -> None:
    target = Target()
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(above(plan(5, target), total(SCHEMA), LOOKUP, *behind))
    group.seal()
    assert job.wait(20) is JobState.FINISHED, job.error
    assert group.join(10)
    assert target.visible == [10]


@dataclass(frozen=True)
class Marks(OperatorSpec):
    """Notes the watermarks that pass."""

    seen: list[Watermark] = field(default_factory=list, compare=False)

    @property
    def schema(self) -> Schema:
        return SCHEMA

    def create(self, context: OperatorContext) -> Operator:
        return _Marking(self.seen)

    def explain(self) -> str:
        return "Marks()"


class _Marking(Operator):
    def __init__(self, seen: list[Watermark]) -> None:
        self._seen = seen

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        out.emit(batch)

    def watermark(self, watermark: Watermark, out: Output) -> None:
        self._seen.append(watermark)
        out.watermark(watermark)


def test_a_source_that_has_ended_says_so_while_others_go_on(tmp_path: Path) -> None:
    target, marks = Target(), Marks()
    found = plan(10**9, target)
    short = TransformNode(marks, SourceNode("u", "u", CountingSource(3), SCHEMA))
    union = UnionNode((short, found.sinks[0].input))
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(replace(found, sinks=(replace(found.sinks[0], input=union),)))
    group.seal()
    tick = threading.Event()
    while not tick.wait(0.01) and len(target.visible) < 50:
        pass
    assert marks.seen == [Watermark(MAX_WATERMARK)]
    group.stop_now()
    assert job.wait(20) is JobState.CANCELED
    assert group.join(10)


def test_an_ended_input_is_no_time_of_the_others() -> None:
    least = LeastWatermark(2)
    assert least.update(0, Watermark(MAX_WATERMARK)) is None
    assert least.update(1, Watermark(7)) == Watermark(7)
    assert least.update(1, Watermark(9, idle=True)) == Watermark(9, idle=True)
    assert least.update(1, Watermark(MAX_WATERMARK)) == Watermark(MAX_WATERMARK)
