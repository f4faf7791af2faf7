"""The job directory: lock, incarnation, intents, manifests.

A manifest becomes durable by: write, fsync the file, rename, fsync the directory. Before the rename
a failure leaves the last manifest in force (`NotDurableError`). From the rename on the outcome is
unknown and only recovery may decide, by what is on disk (`OutcomeUnknownError`).
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

from penstock.checkpoint.manifest import Manifest
from penstock.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

KEPT_MANIFESTS = 2


class NotDurableError(CheckpointError):
    """The manifest was not written; the one before is in force. Roll back and go on from it."""

    default_code = "manifest-not-written"


class OutcomeUnknownError(CheckpointError):
    """The rename may or may not have reached the disk. Stop; recovery decides."""

    default_code = "manifest-outcome-unknown"


class CheckpointStore:
    """One job's directory. One process holds it at a time.

    Args:
        directory: Created where missing.

    Raises:
        CheckpointError: Another process holds the directory, or it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._intents_lock = threading.Lock()
        self._intended: set[tuple[int, int]] = set()
        self.incarnation = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock_file = (directory / "lock").open("a+")
        except OSError as error:
            raise CheckpointError(
                f'could not open state directory "{directory}"',
                code="state-directory",
                detail=f"{error.strerror}.",
                hint="Name a writable directory with --state-dir.",
            ) from error
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise CheckpointError(
                f'state directory "{directory}" is in use by another process',
                code="state-directory-in-use",
                hint="Stop the other run of this job first, or name another --state-dir.",
            ) from error

    def close(self) -> None:
        """Give the directory free. May be called twice."""
        self._lock_file.close()

    # Manifests

    def latest(self) -> Manifest | None:
        """The manifest in force, or None on a fresh directory.

        Raises:
            CheckpointError: It is damaged or of another version.
        """
        paths = self._manifests()
        if not paths:
            return None
        try:
            return Manifest.decode(paths[-1].read_bytes())
        except CheckpointError as error:
            error.detail = f"{error.detail}\nFile {paths[-1]}.".lstrip()
            raise

    def write(self, manifest: Manifest) -> None:
        """Make a manifest durable. Called by the checkpoint writer thread only.

        Raises:
            NotDurableError: Failed before the rename.
            OutcomeUnknownError: Failed from the rename on.
        """
        target = self.directory / f"manifest-{manifest.epoch:012d}.json"
        temporary = target.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                file.write(manifest.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotDurableError(
                "could not write manifest", detail=f"{error.strerror}: {temporary}."
            ) from error
        try:
            temporary.rename(target)
            self._sync_directory()
        except OSError as error:
            raise OutcomeUnknownError(
                "could not make manifest durable", detail=f"{error.strerror}: {target}."
            ) from error
        for old in self._manifests()[:-KEPT_MANIFESTS]:
            old.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all manifests: the next start is a fresh one. Incarnation and intents stay."""
        for path in self._manifests():
            path.unlink(missing_ok=True)
        self._sync_directory()

    def _manifests(self) -> list[Path]:
        return sorted(self.directory.glob("manifest-*.json"))

    # Incarnation and intents

    def raise_incarnation(self) -> int:
        """The next incarnation, durable before it is returned."""
        path = self.directory / "incarnation"
        last = int(path.read_text()) if path.exists() else 0
        temporary = path.with_suffix(".tmp")
        with temporary.open("w") as file:
            file.write(str(last + 1))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        self._sync_directory()
        with self._intents_lock:
            self.incarnation = last + 1
            self._intended.clear()
        return last + 1

    def intend(self, epoch: int, attempt: int) -> None:
        """Log durably that (epoch, attempt) of this incarnation may begin transactions.

        Thread-safe; returns at once where it was logged before.
        """
        with self._intents_lock:
            if (epoch, attempt) in self._intended:
                return
            with (self.directory / "intents").open("a") as file:
                file.write(f"{self.incarnation} {epoch} {attempt}\n")
                file.flush()
                os.fsync(file.fileno())
            self._intended.add((epoch, attempt))

    def intents(self) -> tuple[tuple[int, int, int], ...]:
        """All logged (incarnation, epoch, attempt). A torn last line was never acted upon."""
        path = self.directory / "intents"
        if not path.exists():
            return ()
        lines = path.read_text().split("\n")[:-1]
        found = [line.split() for line in lines]
        return tuple((int(a), int(b), int(c)) for a, b, c in (f for f in found if len(f) == 3))

    def forget_intents(self, keep_from_incarnation: int) -> None:
        """Drop intents of incarnations before `keep_from_incarnation`: all are settled."""
        with self._intents_lock:
            kept = [i for i in self.intents() if i[0] >= keep_from_incarnation]
            path = self.directory / "intents"
            temporary = path.with_suffix(".tmp")
            with temporary.open("w") as file:
                file.writelines(f"{a} {b} {c}\n" for a, b, c in kept)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
            self._sync_directory()

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
