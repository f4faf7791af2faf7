"""Which StarRocks it is, and what came with which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.errors import OptionError

if TYPE_CHECKING:
    from penstock.connectors.starrocks.target import TargetConnection

COMPRESSED_JSON = (3, 2, 7)
PREPARED_TIMEOUT = (3, 5, 4)
MERGE_COMMIT = (3, 4, 0)
MULTI_TABLE = (4, 0, 0)


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers of a version, empty where it holds none.

    Examples:
        >>> parse_version("3.5.2-abcdef1"), parse_version("main-1234567")
        ((3, 5, 2), ())
    """
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def shown(version: tuple[int, ...]) -> str:
    """The text of a version."""
    return ".".join(map(str, version))


def version_text(connection: TargetConnection) -> str:
    """What the server says its version is.

    Raises:
        ConnectorError: It cannot be asked.
    """
    return str(connection.query("SELECT current_version()")[0][0])


def demand(connection: TargetConnection, key: str, since: tuple[int, ...]) -> None:
    """See to it that the server knows what an option asks for; builds without numbers may.

    Raises:
        OptionError: It is too old.
        ConnectorError: It cannot be asked.
    """
    text = version_text(connection)
    version = parse_version(text)
    if version and version < since:
        raise OptionError(
            f"StarRocks {text} does not know what '{key}' asks for",
            key=key,
            code="server-too-old",
            detail=f"It came with StarRocks {shown(since)}.",
            hint="Remove the option, or upgrade the cluster.",
        )
