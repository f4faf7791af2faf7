"""What sinks leave in the job's folder and on the server when the script names them no more.

Each sink notes beside its spool what its labels begin with and where they are. The first sink of a
start that reaches the same frontends aborts what such others left open and no manifest lists, and
deletes their rows. Whatever this start makes is of a later incarnation and not touched.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from penstock.errors import ConnectorError
from penstock.state import open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from penstock.connectors.base import RecoveredSink
    from penstock.connectors.starrocks.load_api import LoadApi

_LOG = logging.getLogger(__name__)
_NOTE = "sink.json"
_TRIES = 10


@dataclass(frozen=True, slots=True)
class SinkNote:
    """What stays of a sink.

    Args:
        sink_id: Its name in the job.
        label_prefix: What its labels begin with, up to the incarnation.
        load_url: The frontends it loads through.
        database: Of the table.
        table: Its table.
        incarnation: The start that wrote this: sinks of the running one are alive.
    """

    sink_id: str
    label_prefix: str
    load_url: str
    database: str
    table: str
    incarnation: int = 0

    def keep(self, folder: Path) -> None:
        """Write it beside the sink's rows, whole or not at all.

        Raises:
            ConnectorError: The disk does not take it; retryable.
        """
        try:
            for left in range(_TRIES, 0, -1):
                try:
                    self._write(folder)
                except FileNotFoundError:
                    # another sink has just swept the empty folder of an earlier start
                    if left == 1:
                        raise
                else:
                    return
        except OSError as error:
            raise ConnectorError(
                "could not note what a sink may leave",
                retryable=True,
                code="state-not-written",
                detail=f"{error.strerror}: {folder}.",
                hint="Free space in the state directory.",
            ) from error

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f"{_NOTE}.tmp"
        descriptor = open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / _NOTE)


class Leftovers:
    """Sweeps once per start and frontend; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = False

    def close(self) -> None:
        """Nothing to release."""

    def sweep(
        self,
        spools: Path,
        own: SinkNote,
        incarnation: int,
        recovered: RecoveredSink,
        api_for: Callable[[str, str], LoadApi],
    ) -> None:
        """Remove what sinks left that the manifest does not list.

        Args:
            spools: The folder of all spools of the job.
            own: The sink that sweeps.
            incarnation: Of this start.
            recovered: What recovery found.
            api_for: Calls for a database and table at the frontends of `own`.

        Raises:
            ConnectorError: StarRocks does not answer.
        """
        with self._lock:
            if self._done:
                return
            listed = {committable.sink_id for committable in recovered.others}
            for folder, note in _notes(spools):
                if note.sink_id == own.sink_id or note.sink_id in listed:
                    continue
                if note.load_url != own.load_url or note.incarnation == incarnation:
                    continue
                api = api_for(note.database, note.table)
                for start, epoch, attempt in recovered.intents:
                    api.settle(f"{note.label_prefix}-{start}-{epoch}-{attempt}")
                _delete_before(folder, incarnation)
            self._done = True


def _notes(spools: Path) -> Iterator[tuple[Path, SinkNote]]:
    for path in sorted(spools.glob(f"*/{_NOTE}")):
        try:
            yield path.parent, SinkNote(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            _LOG.warning("the note of a sink cannot be read: %s: %s", path, error)


def _delete_before(folder: Path, incarnation: int) -> None:
    """Delete the rows of earlier starts, and the folder where none are left."""
    left = False
    for path in folder.glob("*.spool"):
        start = path.name.partition("-")[0]
        if start.isdigit() and int(start) < incarnation:
            path.unlink(missing_ok=True)
        else:
            left = True
    if not left:
        (folder / _NOTE).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
