"""Versions and rowsets per tablet replica, and the limit on them.

The data itself lives elsewhere in one piece; what is kept here is the count that a real server
would have, so that `too many versions` happens exactly when it would.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.model import BE_ID, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.clock import Clock
    from penstock.embedded.starrocks.config import Configuration

TOO_MANY_VERSIONS = (
    "Failed to load data into tablet {tablet}, because of too many versions, current/limit: "
    "{count}/{limit}. You can reduce the loading job concurrency, or increase loading data batch "
    "size. If you are loading data with Routine Load, you can increase FE configs "
    "routine_load_task_consume_second and max_routine_load_batch_size,: be:{host}"
)


@dataclass(slots=True)
class Replica:
    """A tablet on one backend: what its version graph holds, and when it was last compacted.

    Args:
        tablet_id: The tablet; its replicas share the id.
        backend_id: Where it is.
        primary: Whether it is of a primary-key table.
        deltas: Rowsets of loads not compacted yet.
        merged: Rowsets that cumulative compaction made; only of tables without a primary key.
        compacted_at: Monotonic time of the last compaction.
        busy_until: When the running compaction ends; 0 if there is none.
        taken: How many deltas the running compaction takes.
    """

    tablet_id: int
    backend_id: int
    primary: bool
    deltas: int = 0
    merged: int = 0
    compacted_at: float = 0.0
    busy_until: float = 0.0
    taken: int = 0

    @property
    def rowsets(self) -> int:
        """What NUM_VERSION shows: the base and all that is above it."""
        return 1 + self.merged + self.deltas


@dataclass(slots=True)
class PartitionVersions:
    """The visible version of a partition and its tablets' replicas.

    `pending` counts commits that are not published yet.
    """

    table_id: int
    partition_id: int
    version: int = 1
    visible_ms: int = 0
    pending: int = 0
    replicas: list[Replica] = field(default_factory=list)


class Versions:
    """The partitions and tablets of all tables; safe for use from many threads."""

    def __init__(self, config: Configuration, clock: Clock, host: str = "127.0.0.1") -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.RLock()
        self._tables: dict[int, dict[int, PartitionVersions]] = {}
        self.host = host

    def add(
        self,
        table_id: int,
        partition_id: int,
        tablet_ids: Sequence[int],
        *,
        primary: bool,
        replication: int = 1,
        version: int = 1,
        rowsets: int = 1,
    ) -> None:
        """Begin to count for a partition; begins anew if it is known."""
        now = self._clock.monotonic()
        replicas = [
            Replica(tablet_id, BE_ID + place, primary, rowsets - 1, compacted_at=now)
            for tablet_id in tablet_ids
            for place in range(replication)
        ]
        with self._lock:
            self._tables.setdefault(table_id, {})[partition_id] = PartitionVersions(
                table_id, partition_id, version, self._clock.now_ms(), replicas=replicas
            )

    def drop(self, table_id: int, partition_id: int | None = None) -> None:
        """Forget a table, or one partition of it."""
        with self._lock:
            if partition_id is None:
                self._tables.pop(table_id, None)
            else:
                self._tables.get(table_id, {}).pop(partition_id, None)

    def check(self, table_id: int) -> None:
        """Refuse a new write where a tablet has more versions than the limit.

        Raises:
            ServerError: It has; the text is the one people's alerts look for.
        """
        limit = int(self._config.number("tablet_max_versions"))
        for replica in self.replicas(table_id):
            if replica.rowsets > limit:
                text = TOO_MANY_VERSIONS.format(
                    tablet=replica.tablet_id, count=replica.rowsets, limit=limit, host=self.host
                )
                raise ServerError(text, status="SERVICE_UNAVAILABLE")

    def committed(self, table_id: int) -> None:
        """One more commit waits for its publish."""
        with self._lock:
            for partition in self._tables.get(table_id, {}).values():
                partition.pending += 1

    def settled(self, table_id: int) -> None:
        """A commit that waited is published, or never will be."""
        with self._lock:
            for partition in self._tables.get(table_id, {}).values():
                partition.pending = max(0, partition.pending - 1)

    def published(
        self, table_id: int, partition_ids: Iterable[int] | None = None, count: int = 1
    ) -> int:
        """More versions on all tablets of the partitions; the highest new version.

        Args:
            table_id: The table.
            partition_ids: Partitions that got rows; all of them if None.
            count: How many versions.
        """
        with self._lock:
            partitions = self._tables.get(table_id, {})
            chosen = partitions if partition_ids is None else list(partition_ids)
            for partition_id in chosen:
                partition = partitions[partition_id]
                partition.version += count
                partition.visible_ms = self._clock.now_ms()
                for replica in partition.replicas:
                    replica.deltas += count
            return self.version(table_id)

    def partition(self, table_id: int, partition_id: int) -> PartitionVersions:
        """A partition."""
        return self._tables[table_id][partition_id]

    def partitions(self, table_id: int) -> list[PartitionVersions]:
        """The partitions of a table."""
        with self._lock:
            return list(self._tables.get(table_id, {}).values())

    def all_partitions(self) -> list[PartitionVersions]:
        """The partitions of all tables."""
        with self._lock:
            return [part for parts in self._tables.values() for part in parts.values()]

    def replicas(self, table_id: int) -> list[Replica]:
        """The replicas of all tablets of a table."""
        return [replica for part in self.partitions(table_id) for replica in part.replicas]

    def version(self, table_id: int) -> int:
        """The highest visible version of a table's partitions; 1 when it is new."""
        return max((part.version for part in self.partitions(table_id)), default=1)

    def in_use(self, table_id: int) -> int:
        """The most rowsets any tablet of a table has; what the limit is compared with."""
        return max((replica.rowsets for replica in self.replicas(table_id)), default=1)

    @property
    def lock(self) -> threading.RLock:
        """Held by whoever changes replicas; the compaction does."""
        return self._lock
