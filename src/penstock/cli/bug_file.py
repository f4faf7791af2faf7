"""Where the traceback of our own mistakes goes, to be sent to us."""

from __future__ import annotations

import tempfile
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.cli.hidden import HiddenValues


def write_traceback(error: BaseException, hidden: HiddenValues) -> str:
    """Write it to a file of its own, readable by its owner, secrets masked; the file's name."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="penstock-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(hidden.hide("".join(traceback.format_exception(error))))
    return file.name
