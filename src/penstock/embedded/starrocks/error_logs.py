"""The error logs of loads: kept under a name that the answer of the load gives away."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ErrorLogs:
    """The newest error logs; safe for use from many threads.

    Args:
        keep: How many are kept.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._keep = keep
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, lines: Iterable[str]) -> str:
        """Keep lines; the name they are found by."""
        name = f"error_log_{uuid.uuid4().hex[:16]}_{uuid.uuid4().hex[:16]}"
        with self._lock:
            self._texts[name] = "".join(line + "\n" for line in lines)
            while len(self._texts) > self._keep:
                self._texts.popitem(last=False)
        return name

    def get(self, name: str) -> str | None:
        """The text of a log; none if there is none of this name, or no longer."""
        return self._texts.get(name)
