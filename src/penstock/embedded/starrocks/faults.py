"""Things that go wrong on purpose, as they do in a cluster: lost answers, refusals, slowness."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

from penstock.wire.starrocks_admin import Fault

__all__ = ["Fault", "Faults"]


class Faults:
    """Faults yet to happen, in order; safe for use from many threads.

    Args:
        seed: Makes those that happen by chance repeatable.
    """

    def __init__(self, seed: int = 0) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311

    def add(self, fault: Fault) -> None:
        """Let `fault` happen at the next matching request."""
        with self._lock:
            self._waiting.append(fault)

    def reseed(self, seed: int) -> None:
        """Begin the row of chances anew."""
        with self._lock:
            self._random.seed(seed)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """What has not happened yet."""
        with self._lock:
            return list(self._waiting)

    def take(
        self, operation: str, role: str, table: str = "", *, is_passing: bool = False
    ) -> Fault | None:
        """The fault that is to happen now.

        Args:
            operation: What is asked for.
            role: Who asks, `fe` or `be`.
            table: The request's table.
            is_passing: The role only hands the request on, so that it must be meant by name.
        """
        if not self._waiting:
            return None
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.operation != operation or fault.table not in {"", table}:
                    continue
                if fault.role not in {role, role if is_passing else ""}:
                    continue
                if self._random.random() >= fault.probability:
                    continue
                if fault.times == 1:
                    del self._waiting[place]
                elif fault.times:
                    self._waiting[place] = replace(fault, times=fault.times - 1)
                return fault
        return None
