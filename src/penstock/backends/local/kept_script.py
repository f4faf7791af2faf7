"""What a state directory remembers of the script that its unfinished job runs: `script.json`."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from penstock.backends.local.same_job import same_job
from penstock.errors import CheckpointError, JobError
from penstock.state import open_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NAME = "script.json"
_SALT_BYTES = 16
# 16 MB and about 50 ms for each guess of whoever reads the file.
_COST = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class KeptScript:
    """A script as it may be kept on disk.

    Args:
        statements: Their texts, secrets and values of variables masked.
        values: The values that a resumed job must share though they are not shown; only a slow
            hash of them is kept.
    """

    statements: tuple[str, ...]
    values: str = ""

    def write(self, directory: Path) -> None:
        """Keep the script.

        Raises:
            CheckpointError: It cannot be written.
        """
        salt = os.urandom(_SALT_BYTES).hex()
        kept = {
            "statements": self.statements,
            "values": {"salt": salt, "hash": _hash(self.values, salt)} if self.values else None,
        }
        _write_whole(directory / _NAME, json.dumps(kept, ensure_ascii=False, indent=1))

    def must_be_kept_in(self, directory: Path) -> None:
        """Refuse to go on where the directory remembers another script.

        Raises:
            JobError: It does.
            CheckpointError: What it remembers cannot be read.
        """
        statements, values = _read(directory / _NAME)
        if not same_job(statements, self.statements):
            raise _changed(directory, _difference(statements, self.statements))
        same = _hash(self.values, values["salt"]) == values["hash"] if values else not self.values
        if not same:
            raise _changed(
                directory,
                "The statements are the same, but not what their variables stand for.",
            )


def _hash(values: str, salt: str) -> str:
    return hashlib.scrypt(values.encode(), salt=bytes.fromhex(salt), **_COST).hex()


def _read(path: Path) -> tuple[list[str], dict[str, str] | None]:
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        statements, values = list(map(str, kept["statements"])), kept["values"]
        if values is not None:
            values = {"salt": str(values["salt"]), "hash": str(values["hash"])}
            bytes.fromhex(values["salt"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f'could not read "{path}"',
            code="damaged-state",
            detail=f"{error}\nIt holds the statements of the unfinished job.",
            hint="Put the file back from a backup of the state directory, or start with --fresh.",
        ) from error
    return statements, values


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever is killed meanwhile leaves the old or the new one."""
    temporary = path.with_suffix(".tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(open_private(temporary, flags), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        raise CheckpointError(
            f'could not write "{path}"',
            code="state-directory",
            detail=f"{error.strerror}.",
            hint="Free some room, or name another directory with --state-dir.",
        ) from error


def _difference(before: Sequence[str], after: Sequence[str]) -> str:
    lines = unified_diff(
        "\n".join(before).splitlines(),
        "\n".join(after).splitlines(),
        "unfinished job",
        "script",
        lineterm="",
        n=1,
    )
    return "\n".join(list(lines)[:40])


def _changed(directory: Path, detail: str) -> JobError:
    return JobError(
        f'state directory "{directory}" holds an unfinished job of other statements',
        code="changed-script",
        detail=detail,
        hint="Go on with the old script, or name another --state-dir; --fresh starts anew: it reads"
        " again and does not delete what is in the targets, so TRUNCATE them first if rows that are"
        " gone at the source shall go. Of a StarRocks target's options, those for login, flushing,"
        " retries and dead letters may change without that.",
    )
