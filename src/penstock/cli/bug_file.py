"""Where the traceback of our own mistakes goes, to be sent to us."""

from __future__ import annotations

import tempfile
import traceback


def write_traceback(error: BaseException) -> str:
    """Write it to a file of its own, readable by its owner; the file's name."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="penstock-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    return file.name
