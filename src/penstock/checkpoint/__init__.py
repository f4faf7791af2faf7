"""Room `checkpoint`: what is durable, and in which order.

Owns the job directory: its lock, incarnation, intents and manifests (design rules on manifests and
labels). May touch files. Called by runtime and backends.
"""

from penstock.checkpoint.manifest import Manifest
from penstock.checkpoint.store import (
    CheckpointStore,
    NotDurableError,
    OutcomeUnknownError,
    StateWriteError,
)

__all__ = [
    "CheckpointStore",
    "Manifest",
    "NotDurableError",
    "OutcomeUnknownError",
    "StateWriteError",
]
