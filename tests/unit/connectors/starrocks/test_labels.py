"""Labels: unique over starts of a job, epochs and attempts, and logged before they are used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from penstock.connectors.base import SinkContext
from penstock.connectors.starrocks.labels import Labels
from penstock.connectors.starrocks.options import StarRocksOptions

OPTIONS = StarRocksOptions(
    {
        "connector": "starrocks",
        "jdbc-url": "jdbc:mysql://h:9030",
        "load-url": "h:8030",
        "database-name": "d",
        "table-name": "t",
        "username": "root",
        "password": "",
    }
)


@dataclass
class Context:
    """The part of a `SinkContext` that labels use."""

    incarnation: int
    identity: str = "0a1b2c3d"
    sink_id: str = "0/sink"
    job_name: str = "orders"
    intents: list[tuple[int, int]] = field(default_factory=list)

    def intend(self, epoch: int, attempt: int) -> None:
        self.intents.append((epoch, attempt))


def labels(context: Any, path: str = "c.d.t") -> Labels:
    return Labels(OPTIONS, cast("SinkContext", context), path)


def test_two_starts_of_a_job_share_no_label() -> None:
    """Both may reach the same epoch; a label of the dead one must not count for the living."""
    names = {labels(Context(incarnation)).next(7) for incarnation in (1, 2, 12)}
    assert len(names) == 3


def test_two_jobs_and_two_tables_share_no_label() -> None:
    first, other = Context(1), Context(1, identity="ffffffff")
    assert len({labels(first).next(1), labels(other).next(1), labels(first, "c.d.u").next(1)}) == 3


def test_every_attempt_has_its_own_label_logged_before_it_is_given() -> None:
    context = Context(3)
    table = labels(context)
    given = [table.next(1), table.next(1), table.next(2)]
    assert len(set(given)) == 3
    assert context.intents == [(1, 0), (1, 1), (2, 0)]
    assert given == [table.name(3, *intent) for intent in context.intents]
