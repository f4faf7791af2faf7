"""One task at a time, in order, on a pool that many lanes share."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")


class Lane:
    """A queue of tasks, run serially. Any thread may submit.

    Args:
        pool: Whose threads it borrows, one at a time.
        done: Called after each task, on the pool's thread.
    """

    def __init__(self, pool: Executor, done: Callable[[], None]) -> None:
        self._pool = pool
        self._done = done
        self._lock = threading.Lock()
        self._tasks: deque[Callable[[], None]] = deque()
        self._running = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run it behind what was submitted before.

        Raises:
            RuntimeError: The pool has shut down.
        """
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - the future carries it
                future.set_exception(error)
            self._done()

        with self._lock:
            self._tasks.append(task)
            if self._running:
                return future
            self._running = True
        self._start()
        return future

    def _start(self) -> None:
        try:
            self._pool.submit(self._run)
        except RuntimeError:
            with self._lock:
                self._running = False
                self._tasks.clear()
            raise

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._tasks:
                    self._running = False
                    return
                task = self._tasks.popleft()
            task()
