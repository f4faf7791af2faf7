"""The functions of the embedded StarRocks as a page.

`python -m penstock.embedded.starrocks.dialect.reference > docs/reference/starrocks-functions.md`; a
test holds the file current.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.dialect.functions import EQUAL, REFUSED, RENAMED
from penstock.embedded.starrocks.dialect.macros import INTERNAL, MACROS

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = """# Functions of the embedded StarRocks

Made from the code by `python -m penstock.embedded.starrocks.dialect.reference`.

Every function a statement calls is one of these, or is refused by its name: none is handed to
DuckDB in the hope that it means the same.
"""


def known() -> set[str]:
    """The functions that can be called."""
    found = (set(EQUAL) | set(RENAMED) | set(MACROS)) - INTERNAL
    return {name for name in found if not name.startswith("penstock_")}


def page() -> str:
    """The page."""
    parts = [
        _HEAD,
        f"## Known ({len(known())})\n",
        _wrapped(known()),
        f"## In StarRocks, and refused here ({len(REFUSED)})\n",
        _wrapped(REFUSED),
    ]
    return "\n".join(parts)


def _wrapped(names: Iterable[str]) -> str:
    lines, line = [], ""
    for name in sorted(names):
        word = f"`{name}`, "
        if len(line) + len(word) > 100:
            lines.append(line.rstrip())
            line = ""
        line += word
    return "\n".join([*lines, line.rstrip(", ")]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
