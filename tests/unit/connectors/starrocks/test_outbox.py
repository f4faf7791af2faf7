"""The outbox: what a manifest lists of a table, from a label's preparation to its acknowledgement."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from penstock.connectors.starrocks.budget import MemoryBudget
from penstock.connectors.starrocks.outbox import Entry, EntryKind, Outbox
from penstock.state import Spool


class Table:
    """An outbox over a spool, filled epoch by epoch."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(MemoryBudget())
        self.outbox.start(1)
        self._spool = Spool(folder, 1)

    def epoch(self, number: int) -> None:
        """Two rows arrive in the epoch, which then ends."""
        segment = self._spool.create(number)
        batch = pa.record_batch({"id": pa.array([number, number + 1])})
        self.outbox.add(segment, batch, segment.append(batch), keep=False)
        segment.seal()

    def prepare(self, through: int) -> Entry:
        entry = self.outbox.cover(EntryKind.TRANSACTION, f"label-{through}", through, through)
        assert entry is not None
        return entry

    def manifest(self, epoch: int) -> list[str]:
        """What the manifest of the epoch lists: labels, or "spool"; it becomes durable."""
        listed = [str(p.get("label", p["kind"])) for p in self.outbox.payloads(epoch)]
        self.outbox.durable(0)
        return listed


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_a_label_stays_listed_until_it_is_acknowledged(table: Table) -> None:
    """Whoever is killed before the commit must find it in the newest manifest, whichever that is."""
    table.epoch(1)
    first = table.prepare(1)
    assert table.manifest(1) == ["label-1"]
    table.epoch(2)
    second = table.prepare(2)
    assert table.manifest(2) == ["label-1", "label-2"]
    table.outbox.acknowledge(first)
    assert table.manifest(3) == ["label-2"]
    table.outbox.acknowledge(second)
    assert table.manifest(4) == []


def test_rows_without_a_label_are_listed_by_where_they_are(table: Table) -> None:
    table.epoch(1)
    table.prepare(1)
    table.epoch(2)
    assert table.manifest(2) == ["label-1", "spool"]


def test_rows_stay_on_disk_until_no_manifest_needs_them(table: Table, tmp_path: Path) -> None:
    table.epoch(1)
    entry = table.prepare(1)
    table.manifest(1)
    table.outbox.acknowledge(entry)
    assert list(tmp_path.iterdir()), "the manifest in force still lists them"
    table.manifest(2)
    assert not list(tmp_path.iterdir())


def test_what_is_prepared_and_not_listed_still_counts_as_open(table: Table) -> None:
    """A transaction may be prepared between its sink's listing and the writing of the manifest."""
    table.epoch(1)
    table.outbox.payloads(1)
    table.outbox.cover(EntryKind.TRANSACTION, "label", 7, 1, intent_epoch=2)
    assert table.outbox.oldest_unlisted == 2
    table.outbox.payloads(2)
    assert table.outbox.oldest_unlisted is None
