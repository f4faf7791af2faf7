"""Labels: which attempt at which epoch of which start of the job. Intents are logged before use."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from penstock.wire.stream_load import LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.options import StarRocksOptions


class Labels:
    """Names the labels of one table. One thread at a time.

    A label is `prefix-sink-table-subtask-incarnation-epoch-attempt`; `sink` stands for the job's
    directory too, so that a job started anew never meets the labels of an earlier one.

    Args:
        options: Of the sink: `sink.label-prefix`.
        context: Of the writer.
        path: The table's path in Flink, or what stands for several tables.
        sink_id: The sink's, if not the writer's.

    Attributes:
        prefix: What all of its labels begin with, up to the incarnation.
    """

    def __init__(
        self, options: StarRocksOptions, context: SinkContext, path: str, sink_id: str = ""
    ) -> None:
        prefix = options.label_prefix or re.sub(r"[^-A-Za-z0-9_]", "_", context.job_name)
        sink = _hash(context.identity + (sink_id or context.sink_id))
        self.prefix = f"{prefix[:48] or 'penstock'}-{sink}-{_hash(path)}-0"
        self._incarnation = context.incarnation
        self._intend: Callable[[int, int], None] = context.intend
        self._last = (0, -1)

    def name(self, incarnation: int, epoch: int, attempt: int) -> str:
        """The label of an attempt."""
        label = f"{self.prefix}-{incarnation}-{epoch}-{attempt}"
        assert LABEL.fullmatch(label)
        return label

    def listed(self, epoch: int) -> str:
        """The label of a load that the manifest of an epoch lists before anything is sent."""
        return self.name(self._incarnation, epoch, 0)

    def next(self, epoch: int) -> str:
        """A label never used before, its intent durable.

        Raises:
            CheckpointError: The intent could not be written.
        """
        attempt = self._last[1] + 1 if self._last[0] == epoch else 0
        self._last = (epoch, attempt)
        self._intend(epoch, attempt)
        return self.name(self._incarnation, epoch, attempt)


def _hash(text: str) -> str:
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()
