"""Files and folders that only their owner may read: rows of tables, positions, statements."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# What a state directory holds at its top. Where there is anything else, the folder is not ours
# alone, and keeps its rights.
_OWN_NAMES = re.compile(
    r"lock|sources|spool|operators|script\.(?:json|tmp)|(?:incarnation|intents)(?:\.tmp)?"
    r"|manifest-\d{12}\.(?:json|tmp)"
)


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file that is made with, or brought to, its owner's rights alone.

    Args:
        path: The file.
        flags: Of `os.open`; the descriptor is not handed on to child processes.

    Raises:
        OSError: As `os.open`.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, FILE_MODE)
    found = os.fstat(descriptor)
    if found.st_mode & _OTHERS and found.st_uid == os.geteuid():
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


def make_private_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone.

    Raises:
        OSError: As `Path.mkdir`.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if not path.is_dir():
        path.mkdir()


def narrow(directory: Path) -> None:
    """Take all rights of others from a state directory an earlier version or the user made.

    The folder itself keeps its rights where it holds more than a job's state: it is not ours.

    Raises:
        OSError: Rights could not be changed.
    """
    top = list(directory.iterdir())
    own = [path for path in top if _is_own(path)]
    if len(own) == len(top):
        _take_rights(directory)
    for path in own:
        _take_rights(path)
        if path.is_dir():
            for below in path.rglob("*"):
                _take_rights(below)


def _is_own(path: Path) -> bool:
    return _OWN_NAMES.fullmatch(path.name) is not None


def _take_rights(path: Path) -> None:
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    shared = bool(mode & stat.S_ISVTX) or stat.S_ISLNK(found.st_mode)
    if mode & _OTHERS and not shared and found.st_uid == os.geteuid():
        path.chmod(mode & ~_OTHERS)
