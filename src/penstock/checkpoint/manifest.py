"""The manifest: everything a restarted job needs to go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from penstock.errors import CheckpointError

FORMAT_VERSION = 3
_READ_VERSIONS = {2, 3}


@dataclass(frozen=True, slots=True)
class ListedCommittable:
    """Rows of a sink that were not acknowledged when the manifest was written.

    Either prepared in the target, or durable in the spool and still to be sent.
    """

    sink_id: str
    epoch: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One durable checkpoint.

    Args:
        epoch: The epoch it closes.
        incarnation: Which start of the job wrote it.
        sources: State by source id: the position after the last row in or before the epoch.
        committables: Everything not yet acknowledged, per sink in commit order.
        finished: Ids of jobs that have ended for good.
        complete: Whether the whole group has ended; the directory then starts anew.
        operators: Where the state of each operator is, by its id (`checkpoint.state_files`).
        intents_from: (incarnation, epoch) of the first intent whose transaction may be open.
    """

    epoch: int
    incarnation: int
    sources: dict[str, dict[str, Any]]
    committables: tuple[ListedCommittable, ...] = ()
    finished: tuple[str, ...] = ()
    complete: bool = False
    intents_from: tuple[int, int] = (0, 0)
    operators: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The manifest: a line of JSON, and a line with its checksum."""
        text = json.dumps({"version": FORMAT_VERSION, **asdict(self)}).encode()
        return text + b"\n" + _checksum(text) + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read back what `encode` wrote.

        Raises:
            CheckpointError: Another version, or not every byte is as it was written.
        """
        text, _, end = data.partition(b"\n")
        try:
            fields = json.loads(text)
            version = fields.pop("version")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise _damaged("It cannot be read as a manifest.") from error
        if version not in _READ_VERSIONS:
            raise CheckpointError(
                f"manifest has version {version}, this Penstock reads {FORMAT_VERSION}",
                code="manifest-version",
                hint="Resume with the Penstock that wrote it, or start anew with --fresh.",
            )
        if end != _checksum(text) + b"\n":
            raise _damaged("Its checksum does not match: bytes of it were changed or lost.")
        fields["committables"] = tuple(ListedCommittable(**c) for c in fields["committables"])
        fields["finished"] = tuple(fields["finished"])
        fields["intents_from"] = tuple(fields["intents_from"])
        return cls(**fields)


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2s(text).hexdigest().encode()


def _damaged(detail: str) -> CheckpointError:
    # The manifest before is no way out: what was committed since would be loaded again.
    return CheckpointError(
        "manifest is damaged",
        code="damaged-manifest",
        detail=detail,
        hint="Put the file back from a backup of the state directory, or start anew with --fresh,"
        " which reads the tables again: empty duplicate-key targets first.",
    )
