"""The jobs of a script in this process: state directory, resume, refusal of changed scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.checkpoint import CheckpointStore
from penstock.runtime import JobGroup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from penstock.backends.local.kept_script import KeptScript
    from penstock.checkpoint import Manifest
    from penstock.plan import PhysicalPlan
    from penstock.runtime import Job


def directory_name(name: str) -> str:
    """A file name for a pipeline's name.

    Examples:
        >>> directory_name("sync orders/1")
        'sync_orders_1'
    """
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "job"


@dataclass(frozen=True, slots=True)
class Resume:
    """What a state directory holds of an unfinished job.

    Args:
        epoch: The last one that is durable.
        positions: Where each source goes on, by table.
    """

    epoch: int
    positions: Mapping[str, str]

    @classmethod
    def of(cls, manifest: Manifest) -> Resume:
        """What a manifest says. Its keys are `job/table`."""
        found: dict[str, str] = {}
        for source_id, state in manifest.sources.items():
            table = source_id.partition("/")[2] or source_id
            found.setdefault(table, _position(state))
        return cls(manifest.epoch, found)

    def text(self) -> str:
        """Positions for people: tables at one position together."""
        by_position: dict[str, list[str]] = {}
        for table, position in self.positions.items():
            by_position.setdefault(position, []).append(table)
        places = (f"{_listed(names)} at {at}" for at, names in by_position.items())
        return "; ".join(places) or "no source has begun"

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {"epoch": self.epoch, "positions": dict(self.positions)}


class LocalJobs:
    """Submits plans to one job group over one state directory.

    Args:
        directory: The state directory.
        script: What is run; a resumed job must have the same.
        settings: Session settings at the first submission.
        fresh: Forget an unfinished job.

    Raises:
        JobError: The directory holds an unfinished job of other statements.
        CheckpointError: The directory is in use, or what it holds cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        script: KeptScript,
        settings: Mapping[str, str],
        *,
        fresh: bool = False,
    ) -> None:
        self.directory = directory
        self.resumed = self._prepare(script, fresh=fresh)
        self.group = JobGroup(directory, settings)

    def submit(self, plan: PhysicalPlan) -> Job:
        """Start a job."""
        return self.group.submit(plan)

    def saved(self) -> Resume | None:
        """What the directory holds for the next run, once the group has ended; None where nothing.

        Raises:
            CheckpointError: It cannot be read.
        """
        store = CheckpointStore(self.directory)
        try:
            manifest = store.latest()
        finally:
            store.close()
        return None if manifest is None or manifest.complete else Resume.of(manifest)

    def _prepare(self, script: KeptScript, *, fresh: bool) -> Resume | None:
        store = CheckpointStore(self.directory)
        try:
            if fresh:
                store.clear()
            manifest = store.latest()
            if manifest is None or manifest.complete:
                script.write(self.directory)
                return None
            script.must_be_kept_in(self.directory)
            return Resume.of(manifest)
        finally:
            store.close()


def _listed(tables: Sequence[str]) -> str:
    """Names of tables; a few of many."""
    shown = ", ".join(tables[:3])
    return shown if len(tables) <= 3 else f"{shown} and {len(tables) - 3} more"


def _position(state: Mapping[str, object]) -> str:
    return str(state.get("position", "")) or "its last position"
