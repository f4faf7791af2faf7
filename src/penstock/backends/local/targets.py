"""Keeps two jobs of a session from writing one target with different options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.connectors.base import NamesTarget
from penstock.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.backends.local.result import JobHandle
    from penstock.connectors.base import Clash
    from penstock.plan import PhysicalPlan, SinkNode

ENDED = {"FINISHED", "CANCELED", "FAILED"}


@dataclass(slots=True)
class Targets:
    """What the jobs of a session write, those that have ended apart."""

    _plans: list[PhysicalPlan] = field(default_factory=list)
    _jobs: dict[int, JobHandle] = field(default_factory=dict)

    def admit(self, plan: PhysicalPlan) -> PhysicalPlan:
        """The plan, once nothing else is to write its targets in another way.

        Raises:
            ValidationError: A table declared twice is written with different options: its rows
                would come from two writers, in no order.
        """
        self._forget_ended()
        others = [sink for other in self._plans for sink in other.sinks]
        for node in plan.sinks:
            for other, clash in _clashes(node, others):
                raise _refused(node, other, clash)
            others.append(node)
        self._plans.append(plan)
        return plan

    def started(self, plan: PhysicalPlan, job: JobHandle) -> None:
        """The plan's targets are in use until this job has ended."""
        self._jobs[id(plan)] = job

    def forget(self, plan: PhysicalPlan) -> None:
        """The plan is not carried out after all."""
        self._plans = [other for other in self._plans if other is not plan]

    def _forget_ended(self) -> None:
        ended = {key for key, job in self._jobs.items() if job.status() in ENDED}
        self._plans = [plan for plan in self._plans if id(plan) not in ended]
        self._jobs = {key: job for key, job in self._jobs.items() if key not in ended}


def _clashes(node: SinkNode, others: list[SinkNode]) -> Iterator[tuple[SinkNode, Clash]]:
    if not isinstance(node.sink, NamesTarget):
        return
    for other in others:
        clash = node.sink.clash(other.sink)
        if clash is not None:
            yield other, clash


def _refused(node: SinkNode, other: SinkNode, clash: Clash) -> ValidationError:
    differing = [f"'{key}'" for key in clash.options] + ["their columns"] * clash.columns
    return ValidationError(
        f'sink tables "{other.table}" and "{node.table}" write "{clash.target}" in different ways',
        node.span,
        code="two-writers",
        detail=f"They differ in {', '.join(differing)}. Rows of two writers reach a table in no"
        " order, so that an older value could win.",
        hint="Give both the same options, or write through one of them.",
    )
