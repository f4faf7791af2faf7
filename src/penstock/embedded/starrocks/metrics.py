"""`/metrics` of the frontend and the backend, in the text form that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.embedded.starrocks.transactions import Transactions

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(transactions: Transactions, role: str) -> bytes:
    """All metrics of a role, `fe` or `be`."""
    store = transactions.store
    loads = list(store.load_history)
    states = Counter(load.state for load in loads)
    replicas = [r for part in store.versions.all_partitions() for r in part.replicas]
    rows = sum(load.loaded_rows for load in loads if load.state == "VISIBLE")
    size = sum(load.load_bytes for load in loads if load.state == "VISIBLE")
    if role == "fe":
        lines = [
            _line("starrocks_fe_txn_begin", "counter", len(loads)),
            _line("starrocks_fe_txn_success", "counter", states["VISIBLE"]),
            _line("starrocks_fe_txn_failed", "counter", states["ABORTED"]),
            _line("starrocks_fe_txn_running", "gauge", len(transactions.running())),
            _line("starrocks_fe_tablet_num", "gauge", len(replicas)),
            _line(
                "starrocks_fe_max_tablet_compaction_score",
                "gauge",
                max((replica.rowsets for replica in replicas), default=0),
            ),
        ]
    else:
        lines = [
            _line("starrocks_be_stream_load_rows_total", "counter", rows),
            _line("starrocks_be_stream_load_bytes_total", "counter", size),
            _line("starrocks_be_compactions_total", "counter", store.compactor.finished),
            _line(
                "starrocks_be_running_compactions",
                "gauge",
                sum(replica.busy_until > 0 for replica in replicas),
            ),
            _line(
                "starrocks_be_max_tablet_rowset_num",
                "gauge",
                max((replica.rowsets for replica in replicas), default=0),
            ),
        ]
    return "".join(lines).encode()


def _line(name: str, kind: str, value: float) -> str:
    return f"# TYPE {name} {kind}\n{name} {value}\n"
