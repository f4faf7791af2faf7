"""The readers of a job group; sources with one share key have one reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import PenstockError
from penstock.state import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import SourceContext, SourceReader, TableProgress
    from penstock.plan import SourceNode
    from penstock.runtime.pipeline import Pipeline

POLL_BUDGET_MS = 20.0


class Sources:
    """Readers, and which reader serves a source. Engine thread only.

    Args:
        context: What readers may use.
    """

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._readers: dict[Hashable, SourceReader] = {}
        self._reader_of: dict[str, SourceReader] = {}

    def __bool__(self) -> bool:
        """Whether any source is attached."""
        return bool(self._reader_of)

    def attach(self, source_id: str, node: SourceNode, state: dict[str, Any] | None) -> None:
        """Start to read a source, from its saved state or its start.

        Raises:
            PenstockError: It cannot be read; the error points at its declaration.
        """
        source = node.source
        key = source.share_key if source.share_key is not None else source_id
        try:
            reader = self._readers.get(key)
            if reader is None:
                make_private_folder(self._context.directory)
                reader = self._readers[key] = source.create_reader(self._context)
            reader.attach(source_id, source, state)
        except PenstockError as error:
            error.at(node.span)
            raise
        self._reader_of[source_id] = reader

    def detach(self, pipeline: Pipeline) -> None:
        """Stop to read for a pipeline; readers nobody needs any more are closed."""
        for source_id in pipeline.sources:
            self._reader_of.pop(source_id, None)
        used = set(map(id, self._reader_of.values()))
        for key in [k for k, r in self._readers.items() if id(r) not in used]:
            self._readers.pop(key).close()

    def poll(self, routes: dict[str, Pipeline], *, to_boundary: bool) -> float:
        """Let each reader emit for a while; milliseconds until there may be more.

        Args:
            routes: The pipeline of each source.
            to_boundary: A barrier waits: also readers of full pipelines go on, to their boundary.
        """
        wait_ms = 1000.0

        def emit(source_id: str, batch: ChangelogBatch) -> None:
            routes[source_id].emit(source_id, batch)

        for reader in self._readers.values():
            fed = [routes[i] for i, r in self._reader_of.items() if r is reader]
            if any(pipeline.full for pipeline in fed) and not to_boundary:
                continue
            next_ms = reader.poll(emit, POLL_BUDGET_MS)
            if next_ms is not None:
                wait_ms = min(wait_ms, next_ms)
        return wait_ms

    def request_boundary(self) -> None:
        """A barrier is wanted."""
        for reader in self._readers.values():
            reader.request_boundary()

    def at_boundary(self) -> bool:
        """Whether a barrier may flow."""
        return all(reader.at_boundary() for reader in self._readers.values())

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """States by source id; readers go on."""
        return {
            source_id: state
            for reader in self._readers.values()
            for source_id, state in reader.snapshot().items()
        }

    def acknowledge(self, epoch: int) -> None:
        """The manifest of the epoch is durable."""
        for reader in self._readers.values():
            reader.acknowledge(epoch)

    def pass_ends(self, pipeline: Pipeline) -> None:
        """Tell an attached pipeline which of its sources have emitted their last row."""
        ended = [i for i in pipeline.sources if self._reader_of[i].finished(i)]
        for source_id in ended:
            pipeline.end_source(source_id)
        if len(ended) == len(pipeline.sources):
            pipeline.finish()

    def progress(self) -> list[TableProgress]:
        """Progress by table."""
        return [progress for reader in self._readers.values() for progress in reader.progress()]

    def close(self) -> None:
        """Close all readers."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._reader_of.clear()
