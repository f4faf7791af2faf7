"""The spill file: order, no name, and what a full disk does."""

from __future__ import annotations

import errno
import logging
import os
import threading
from typing import TYPE_CHECKING

import pytest

from penstock.connectors.mysql_cdc.ring import ByteRing

if TYPE_CHECKING:
    from pathlib import Path


def test_the_ring_spills_to_disk_and_keeps_the_order(tmp_path: Path) -> None:
    ring = ByteRing(tmp_path, memory_bytes=10)
    blocks = [bytes([i]) * 7 for i in range(20)]
    for block in blocks[:10]:
        assert ring.put(block)
    taken = [ring.take() for _ in range(5)]
    for block in blocks[10:]:
        ring.put(block)
    taken += [ring.take() for _ in range(15)]
    assert taken == blocks
    assert ring.take() is None
    ring.close()
    assert not ring.put(b"x")


def test_what_a_ring_spills_has_no_name_to_be_left_or_read_by(tmp_path: Path) -> None:
    ring = ByteRing(tmp_path, memory_bytes=1)
    ring.put(b"first")
    ring.put(b"second")
    assert list(tmp_path.iterdir()) == []
    assert [ring.take(), ring.take()] == [b"first", b"second"]
    ring.close()


def test_a_full_disk_is_waited_out_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ring = ByteRing(tmp_path, memory_bytes=4)
    assert ring.put(b"memory")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    caplog.set_level(logging.WARNING)
    putting = threading.Thread(target=ring.put, args=(b"waits",))
    putting.start()
    while not ring.disk_full:
        assert putting.is_alive()
    assert ring.take() == b"memory"
    putting.join(10)
    assert not putting.is_alive()
    assert not ring.disk_full
    assert ring.take() == b"waits"
    assert [record.message for record in caplog.records if "disk full" in record.message]
    ring.close()
