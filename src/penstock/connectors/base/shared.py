"""What the writers of a job group use together: one per key, closed with its last user."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Closable(Protocol):
    """Something to close once."""

    def close(self) -> None:
        """Release it."""


R = TypeVar("R", bound=Closable)


class SharedResources:
    """Resources by key, counted by their users. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Hashable, tuple[Any, int]] = {}

    def acquire(self, key: Hashable, create: Callable[[], R]) -> R:
        """The resource of that key, created for its first user; `release` it once."""
        with self._lock:
            held, users = self._held.get(key) or (create(), 0)
            self._held[key] = (held, users + 1)
            return cast("R", held)

    def release(self, key: Hashable) -> None:
        """One user less; the last one closes it."""
        with self._lock:
            held, users = self._held.pop(key)
            if users > 1:
                self._held[key] = (held, users - 1)
                return
        held.close()

    def __len__(self) -> int:
        return len(self._held)
