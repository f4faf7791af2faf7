"""The threads of a job process besides the engine's, by what they wait for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


class Pools:
    """Bounded pools; nothing waits in one for what another is slow at.

    Attributes:
        io: The connector I/O pool: metadata, watermarks, polls of versions.
        sink_io: Loads, one call per table.
        commits: Commits, which wait for publishes; a hanging one must not hold up loads.
        disk: Writes of rows to the spool.
        merges: Merges of operator state, one thread; reading and writing whole tables takes long.
        checkpoint: The checkpoint writer, one thread.
    """

    def __init__(self) -> None:
        self.io = ThreadPoolExecutor(16, "connector-io")
        self.sink_io = ThreadPoolExecutor(16, "sink-io")
        self.commits = ThreadPoolExecutor(64, "commits")
        self.disk = ThreadPoolExecutor(2, "disk")
        self.merges = ThreadPoolExecutor(1, "state-merges")
        self.checkpoint = ThreadPoolExecutor(1, "checkpoint-writer")

    def shutdown(self) -> None:
        """End them; what the target or the disk has begun is waited for, reads are not."""
        self.sink_io.shutdown(wait=True)
        self.commits.shutdown(wait=True)
        self.io.shutdown(wait=False, cancel_futures=True)
        self.disk.shutdown(wait=True)
        self.merges.shutdown(wait=True, cancel_futures=True)
        self.checkpoint.shutdown(wait=True)
