"""Tables that become visible together: the sum of a ledger over two of them never changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.ledger import SIDES, Ledger

from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.runtime import JobGroup, JobState

Make = Callable[..., Ledger]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made
    made.faults.clear()


@pytest.fixture
def make_ledger(server: EmbeddedStarRocks) -> Iterator[Callable[..., Ledger]]:
    made: list[Ledger] = []

    def make(count: int, **options: str) -> Ledger:
        made.append(Ledger(server, count, **options))
        return made[-1]

    yield make
    server.faults.clear()
    for one in made:
        one.close()


def finish(group: JobGroup) -> None:
    """Wait until the job has ended well."""
    assert group.join(60), group.status()
    error = group.last_error
    assert [job.state for job in group.jobs] == [JobState.FINISHED], error and error.render()


def transactions(books: Ledger) -> list[str]:
    """Labels of what became visible."""
    rows = books.sql(f"SHOW PROC '/transactions/{books.database}/finished'")
    return [str(row[1]) for row in rows if "VISIBLE" in row]


def test_the_sum_of_a_ledger_is_the_same_in_every_visible_state(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path
) -> None:
    books = make_ledger(150)
    finish(books.start(tmp_path))
    books.check()
    assert len({rows for _, rows in books.sums}) > 1, "nothing was seen on the way"
    assert len(set(books.sums)) <= 1 + 2 * 5


def test_without_the_option_the_tables_are_seen_apart(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path
) -> None:
    """The look at the sum does see what it is there to see."""
    server.store.config.set("penstock_publish_latency_ms", "20")
    books = make_ledger(150, **{"sink.transaction.multi-table.enabled": "false"})
    try:
        finish(books.start(tmp_path))
    finally:
        server.store.config.set("penstock_publish_latency_ms", "0")
        books.close()
    assert {total for total, _ in books.sums} != {0}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("begin", "drop", times=2),
        Fault("load", "drop", times=2),
        Fault("load", "lose", table="taking", times=3),
        Fault("load", "status", "SERVICE_UNAVAILABLE", "too many versions", table="giving", times=4),
        Fault("commit", "drop", times=2),
        Fault("commit", "lose", times=2),
        Fault("commit", "http", "500", times=2),
        Fault("rollback", "drop", times=2),
    ],
    ids=lambda fault: f"{fault.operation}-{fault.kind}-{fault.table}",
)  # fmt: skip
def test_whatever_goes_wrong_with_one_table_the_sum_stays(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path, fault: Fault
) -> None:
    books = make_ledger(60)
    server.faults.add(fault)
    try:
        finish(
            books.start(tmp_path, **{"restart-strategy.exponential-delay.initial-backoff": "20 ms"})
        )
    finally:
        server.faults.clear()
    books.check()


def test_a_transaction_that_starrocks_ends_is_loaded_again(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path
) -> None:
    books = make_ledger(120)
    group = books.start(tmp_path)
    ended = 0
    while not group.join(0.03):
        for record in server.transactions.running():
            found = server.transactions.find(books.database, record.label)
            if found is not None and ended < 5:
                server.transactions.abort(found, "timeout by txn manager")
                ended += 1
    assert ended == 5
    finish(group)
    books.check()


def test_a_refused_table_holds_the_others_and_says_so(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path
) -> None:
    books = make_ledger(60)
    refusal = ("load", "status", "SERVICE_UNAVAILABLE", "too many versions")
    server.faults.add(Fault(*refusal, table="taking", times=0))
    group = books.start(tmp_path)
    warnings: set[str] = set()
    deadline = time.monotonic() + 20
    while len(warnings) < 2 and time.monotonic() < deadline:
        sinks = group.status()["sinks"]
        said = {side: str(sinks.get(f"ledger.{side}", {}).get("warning", "")) for side in SIDES}
        warnings = {side for side, text in said.items() if "2 tables go together" in text}
        time.sleep(0.01)
    assert warnings == set(SIDES)
    assert books.sql(f"SELECT COUNT(*) FROM {books.database}.giving") == [(0,)]
    server.faults.clear()
    finish(group)
    books.check()


@pytest.mark.parametrize("stop_after_s", [0.1, 0.35])
def test_a_job_that_goes_on_after_a_stop_loses_and_doubles_nothing(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path, stop_after_s: float
) -> None:
    books = make_ledger(120)
    for _ in range(3):
        group = books.start(tmp_path)
        group.join(stop_after_s)
        group.stop_now()
        assert group.join(20)
    finish(books.start(tmp_path))
    books.check()


def test_one_transaction_shows_an_epoch_of_all_tables(
    server: EmbeddedStarRocks, make_ledger: Make, tmp_path: Path
) -> None:
    books = make_ledger(40)
    finish(books.start(tmp_path))
    books.check()
    labels = transactions(books)
    assert labels
    versions = books.sql(
        "SELECT MAX(VISIBLE_VERSION) FROM information_schema.partitions_meta"
        f" WHERE DB_NAME = '{books.database}' GROUP BY TABLE_NAME"
    )
    assert [version for (version,) in versions] == [len(labels) + 1] * 2
