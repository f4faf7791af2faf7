"""The job directory: lock, incarnation, intents, manifests.

A manifest becomes durable by: write, fsync the file, rename, fsync the directory. Before the rename
a failure leaves the last manifest in force (`NotDurableError`). From the rename on the outcome is
unknown and only recovery may decide, by what is on disk (`OutcomeUnknownError`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import threading
from typing import TYPE_CHECKING

from penstock.checkpoint.manifest import Manifest
from penstock.errors import CheckpointError
from penstock.state import make_private_folder, narrow, open_private

if TYPE_CHECKING:
    from pathlib import Path

KEPT_MANIFESTS = 2
KEPT_INTENTS = 1000
_AFRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class NotDurableError(CheckpointError):
    """The manifest was not written; the one before is in force.

    Attributes:
        disk_full: The disk has no room: the write may be repeated. Else roll back and go on from
            the manifest in force.
    """

    default_code = "manifest-not-written"

    def __init__(self, message: str, *, disk_full: bool, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.disk_full = disk_full


class OutcomeUnknownError(CheckpointError):
    """The rename may or may not have reached the disk. Stop; recovery decides."""

    default_code = "manifest-outcome-unknown"


class StateWriteError(CheckpointError):
    """The state directory does not take a small file now; the job may try again later."""

    default_code = "state-not-written"


class CheckpointStore:
    """One job's directory. One process holds it at a time.

    Args:
        directory: Created where missing.

    Attributes:
        incarnation: How often the directory was opened to run, this time included.
        identity: Random, made with the directory: what it names in a target is nobody else's.

    Raises:
        CheckpointError: Another process holds the directory, or it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._intents_lock = threading.Lock()
        self._intended: set[tuple[int, int]] = set()
        self.incarnation = 0
        self.identity = ""
        try:
            # Positions, statements and rows of tables are nobody else's business.
            make_private_folder(directory)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            self._lock_file = os.fdopen(open_private(directory / "lock", flags), "a+")
        except OSError as error:
            raise _not_opened(directory, error) from error
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise CheckpointError(
                f'state directory "{directory}" is in use by another process',
                code="state-directory-in-use",
                hint="Stop the other run of this job first, or name another --state-dir.",
            ) from error
        try:
            narrow(directory)
        except OSError as error:
            self._lock_file.close()
            raise _not_opened(directory, error) from error

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
        except OSError as error:
            raise _unreadable(paths[-1], error) from error
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
            with os.fdopen(open_private(temporary, _AFRESH), "wb") as file:
                file.write(manifest.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotDurableError(
                "could not write manifest",
                disk_full=error.errno in DISK_FULL,
                detail=f"{error.strerror}: {temporary}.",
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
        with self._intents_lock:
            crowded = len(self._intended) > KEPT_INTENTS
        if crowded:
            with contextlib.suppress(StateWriteError):
                self.forget_intents(manifest.intents_from)

    def clear(self) -> None:
        """Forget all manifests: the next start is a fresh one. Incarnation and intents stay."""
        for path in self._manifests():
            path.unlink(missing_ok=True)
        self._sync_directory()

    def _manifests(self) -> list[Path]:
        return sorted(self.directory.glob("manifest-*.json"))

    # Incarnation and intents

    def raise_incarnation(self) -> int:
        """The next incarnation, durable before it is returned.

        Raises:
            CheckpointError: It could not be written or read.
        """
        path = self.directory / "incarnation"
        try:
            fields = path.read_text().split() if path.exists() else ["0", secrets.token_hex(4)]
            last = int(fields[0])
            self.identity = fields[1]
            self._replace(path, f"{last + 1} {self.identity}")
        except (OSError, ValueError, IndexError) as error:
            raise StateWriteError(
                "could not raise the incarnation of the job",
                detail=f"{error}: {path}.",
            ) from error
        with self._intents_lock:
            self.incarnation = last + 1
            self._intended.clear()
        return last + 1

    def intend(self, incarnation: int, epoch: int, attempt: int) -> None:
        """Log durably that (epoch, attempt) of an incarnation may begin transactions.

        Thread-safe; returns at once where it was logged before.

        Raises:
            CheckpointError: It could not be written, or another incarnation runs by now: nothing
                may begin.
        """
        with self._intents_lock:
            if incarnation != self.incarnation:
                raise StateWriteError(
                    "could not log an intent", detail="The job has been started again meanwhile."
                )
            if (epoch, attempt) in self._intended:
                return
            path = self.directory / "intents"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                with os.fdopen(open_private(path, flags), "a") as file:
                    # A line end in front: what was torn off before stays a line of its own.
                    file.write(f"\n{self.incarnation} {epoch} {attempt}\n")
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise StateWriteError(
                    "could not log an intent",
                    detail=f"{error.strerror}: {path}.",
                    hint="Free space in the state directory; the write is repeated.",
                ) from error
            self._intended.add((epoch, attempt))

    def intents(self) -> tuple[tuple[int, int, int], ...]:
        """All logged (incarnation, epoch, attempt). A torn last line was never acted upon."""
        path = self.directory / "intents"
        if not path.exists():
            return ()
        try:
            lines = path.read_text().split("\n")[:-1]
        except OSError as error:
            raise _unreadable(path, error) from error
        found = [line.split() for line in lines]
        return tuple((int(a), int(b), int(c)) for a, b, c in (f for f in found if len(f) == 3))

    def forget_intents(self, kept_from: tuple[int, int]) -> None:
        """Drop intents before (incarnation, epoch): their transactions are settled.

        Raises:
            CheckpointError: The rest could not be written; the old log stays.
        """
        with self._intents_lock:
            kept = [intent for intent in self.intents() if intent[:2] >= kept_from]
            path = self.directory / "intents"
            try:
                self._replace(path, "".join(f"{a} {b} {c}\n" for a, b, c in kept))
            except OSError as error:
                raise StateWriteError(
                    "could not shorten the log of intents", detail=f"{error.strerror}: {path}."
                ) from error
            self._intended = {(b, c) for a, b, c in kept if a == self.incarnation}

    def _replace(self, path: Path, text: str) -> None:
        """Write a small file so that it is either the old or the new one."""
        temporary = path.with_suffix(".tmp")
        with os.fdopen(open_private(temporary, _AFRESH), "w") as file:
            file.write(text)
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


def _not_opened(directory: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f'could not open state directory "{directory}"',
        code="state-directory",
        detail=f"{error.strerror}.",
        hint="Name a writable directory with --state-dir.",
    )


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        "could not read the state of the job",
        code="state-unreadable",
        detail=f"{error.strerror}: {path}.",
        hint="Make the state directory readable, or name another one with --state-dir.",
    )
