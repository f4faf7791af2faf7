"""Things that go wrong on purpose, as they do in a cluster: lost answers, refusals, slowness."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, replace
from typing import Final

from penstock.embedded.starrocks.model import ServerError

OPERATIONS: Final = (
    "stream_load", "begin", "load", "prepare", "commit", "rollback", "get_load_state", "cancel",
)  # fmt: skip
KINDS: Final = ("status", "http", "drop", "lose", "slow", "forget")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to go wrong at a matching request.

    Args:
        operation: One of `OPERATIONS`.
        kind: `status` answers `status` without doing the work; `http` answers with the HTTP status
            `status`, likewise; `drop` does the work and closes the connection instead of
            answering; `lose` closes it without doing the work; `slow` waits `seconds` first;
            `forget` loses the backend's context of the label first.
        status: The status to answer.
        message: Its text.
        seconds: How long to wait.
        role: `be` or `fe`, where the operation passes both; empty is the first that does the work.
        table: Only requests for this table; empty is any.
        times: How often it happens; 0 is for ever.
        probability: How likely it happens at each matching request.
    """

    operation: str
    kind: str
    status: str = "INTERNAL_ERROR"
    message: str = "injected"
    seconds: float = 1.0
    role: str = ""
    table: str = ""
    times: int = 1
    probability: float = 1.0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("operation", self.operation, OPERATIONS),
            ("kind", self.kind, KINDS),
            ("role", self.role, ("", "fe", "be")),
        ):
            if value not in known:
                shown = ", ".join(filter(None, known))
                raise ServerError(f"unknown {name} '{value}' of a fault, known are {shown}")


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
