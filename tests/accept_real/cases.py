"""What must hold on any StarRocks: each case fills tables of its own and compares all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.accept_real.cluster import Cluster
from tests.simulation.crash_job import KEYED, KEYLESS, ROWS, ScriptedSource, expected
from tests.unit.connectors.starrocks.ledger import SCHEMA, SIDES, Transfers, final_balances

from penstock.connectors.base import TableDescriptor
from penstock.connectors.starrocks import CONNECTOR
from penstock.plan import PhysicalPlan, SinkNode, SourceNode
from penstock.runtime import JobGroup, JobState

PLAIN = {"sink.semantic": "at-least-once", "sink.version": "V1"}
MERGE = {
    "sink.properties.enable_merge_commit": "true",
    "sink.properties.merge_commit_interval_ms": "200",
}
MULTI = {"sink.transaction.multi-table.enabled": "true"}
# A header of the user's own: types are his business then.
UNCHECKED = {"sink.properties.columns": "id, v"}
WIDE = "`id` BIGINT, `v` BIGINT"
TRANSFERS = 60


@dataclass(frozen=True)
class Case:
    """A case and since which StarRocks it should hold."""

    name: str
    run: Callable[[Cluster, Path], None]
    since: tuple[int, ...] = ()


def _group(directory: Path) -> JobGroup:
    return JobGroup(directory, {"execution.checkpointing.interval": "300 ms"})


def _start(cluster: Cluster, directory: Path, table: str, **options: str) -> JobGroup:
    """A job of some changes into a table; by key where the table's name says so."""
    schema = KEYED if table.startswith("keyed") else KEYLESS
    assert CONNECTOR.sink is not None
    descriptor = TableDescriptor(f"c.d.{table}", schema, cluster.options(table, **options))
    sink: Any = CONNECTOR.sink(descriptor)
    source: Any = ScriptedSource(schema)
    group = _group(directory)
    node = SourceNode("t", "t", source, schema)
    group.submit(PhysicalPlan("accept", (SinkNode("s", f"d.{table}", sink, schema, node),)))
    group.seal()
    return group


def _finish(group: JobGroup) -> None:
    ended = group.join(180)
    error = group.last_error
    states = [job.state for job in group.jobs]
    assert ended, f"the job has not ended: {group.status()}"
    assert states == [JobState.FINISHED], error.render() if error else states


def _compare(cluster: Cluster, table: str) -> None:
    rows = cluster.sql(f"SELECT `id`, `v` FROM `{cluster.database}`.`{table}`")
    found = Counter((int(key), int(value)) for key, value in rows)
    assert found == expected(keyed=table.startswith("keyed")), "rows differ"


def _delivers(table: str, model: str, **options: str) -> Callable[[Cluster, Path], None]:
    def run(cluster: Cluster, directory: Path) -> None:
        cluster.create(table, WIDE, model)
        _finish(_start(cluster, directory, table, **options))
        _compare(cluster, table)

    return run


def _goes_on(table: str, model: str) -> Callable[[Cluster, Path], None]:
    def run(cluster: Cluster, directory: Path) -> None:
        cluster.create(table, WIDE, model)
        for seconds in (0.4, 0.8):
            group = _start(cluster, directory, table)
            group.join(seconds)
            group.stop_now()
            assert group.join(60)
        _finish(_start(cluster, directory, table))
        _compare(cluster, table)

    return run


def _refuses(cluster: Cluster, directory: Path) -> None:
    """A VARCHAR(1) takes no two digits."""
    cluster.create("keyless_narrow", "`id` BIGINT, `v` VARCHAR(1)", "DUPLICATE")
    group = _start(cluster, directory, "keyless_narrow", **UNCHECKED)
    group.join(60)
    assert group.last_error is not None, "StarRocks took values that are too long"
    assert "errorLog" in group.last_error.detail, group.last_error.render()


def _dead_letters(cluster: Cluster, directory: Path) -> None:
    cluster.create("keyless_letters", "`id` BIGINT, `v` VARCHAR(1)", "DUPLICATE")
    path = directory / "dead.jsonl"
    letters = {"sink.dead-letter.path": str(path), **UNCHECKED}
    _finish(_start(cluster, directory, "keyless_letters", **letters))
    count = int(cluster.sql(f"SELECT COUNT(*) FROM `{cluster.database}`.keyless_letters")[0][0])
    assert (count, len(path.read_text().splitlines())) == (10, ROWS - 10)


def _together(cluster: Cluster, directory: Path) -> None:
    for side in SIDES:
        cluster.create(side, WIDE, "PRIMARY")
    sinks = []
    assert CONNECTOR.sink is not None
    for side in SIDES:
        options = cluster.options(side, **MULTI)
        sink: Any = CONNECTOR.sink(TableDescriptor(f"c.d.{side}", SCHEMA, options))
        source: Any = Transfers(side, TRANSFERS)
        node = SourceNode(side, side, source, SCHEMA)
        sinks.append(SinkNode(side, f"d.{side}", sink, SCHEMA, node))
    group = _group(directory)
    group.submit(PhysicalPlan("accept", tuple(sinks)))
    group.seal()
    sums = set()
    while not group.join(0.02):
        total = cluster.sql(
            f"SELECT SUM(v) FROM (SELECT v FROM `{cluster.database}`.giving UNION ALL"
            f" SELECT v FROM `{cluster.database}`.taking) t"
        )[0][0]
        sums.add(int(total or 0))
    _finish(group)
    assert sums <= {0}, f"seen apart: {sums}"
    taken = dict(cluster.sql(f"SELECT id, v FROM `{cluster.database}`.taking"))
    assert taken == final_balances(TRANSFERS)


def _versions(cluster: Cluster, directory: Path) -> None:
    """The gate can see how many versions there are."""
    cluster.create("keyed_versions", WIDE, "PRIMARY")
    group = _start(cluster, directory, "keyed_versions")
    seen = set()
    while not group.join(0.2):
        seen.add(group.status()["sinks"].get("d.keyed_versions", {}).get("versions"))
    _finish(group)
    assert seen - {None}, "the user may not see versions: the gate works open loop"


CASES = (
    Case("exactly-once, primary key", _delivers("keyed_exact", "PRIMARY"), (2, 4)),
    Case("exactly-once, duplicate key", _delivers("keyless_exact", "DUPLICATE"), (2, 4)),
    Case(
        "exactly-once, JSON",
        _delivers("keyed_json", "PRIMARY", **{"sink.properties.format": "json"}),
        (2, 4),
    ),
    Case(
        "exactly-once, lz4",
        _delivers("keyed_lz4", "PRIMARY", **{"sink.properties.compression": "lz4_frame"}),
        (3, 2, 7),
    ),
    Case(
        "at-least-once, transactions",
        _delivers("keyed_least", "PRIMARY", **{"sink.semantic": "at-least-once"}),
        (2, 4),
    ),
    Case("plain Stream Load", _delivers("keyed_plain", "PRIMARY", **PLAIN)),
    Case("stopped and resumed, primary key", _goes_on("keyed_again", "PRIMARY"), (2, 4)),
    Case("stopped and resumed, duplicate key", _goes_on("keyless_again", "DUPLICATE"), (2, 4)),
    Case("refused rows fail with the error log", _refuses, (2, 4)),
    Case("refused rows become dead letters", _dead_letters, (2, 4)),
    Case("versions can be seen", _versions, (2, 4)),
    Case("merge commit, primary key", _delivers("keyed_merge", "PRIMARY", **MERGE), (3, 4)),
    Case(
        "merge commit, sync",
        _delivers(
            "keyed_sync", "PRIMARY", **MERGE, **{"sink.properties.merge_commit_async": "false"}
        ),
        (3, 4),
    ),
    Case("several tables become visible together", _together, (4, 0)),
)
