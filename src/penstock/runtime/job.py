"""A job as its caller sees it."""

from __future__ import annotations

import logging
import secrets
import threading
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.errors import PenstockError
    from penstock.plan import PhysicalPlan


log = logging.getLogger(__name__)


class JobState(Enum):
    """Flink's job states, those that occur here."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    RESTARTING = "RESTARTING"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        return self in {JobState.FINISHED, JobState.CANCELED, JobState.FAILED}


class Job:
    """A submitted plan. Written by the engine thread; read and waited for by anyone.

    Attributes:
        job_id: 32 hex digits.
        state: Where it is.
        error: Why it failed, once it has.
    """

    def __init__(self, plan: PhysicalPlan) -> None:
        self.plan = plan
        self.name = plan.name
        self.job_id = secrets.token_hex(16)
        self.state = JobState.CREATED
        self.error: PenstockError | None = None
        self._ended = threading.Event()

    def wait(self, timeout_s: float | None = None) -> JobState:
        """Wait for the end, at most `timeout_s`; the state then."""
        self._ended.wait(timeout_s)
        return self.state

    def status(self) -> str:
        """The state's name."""
        return self.state.value

    def move(self, state: JobState, error: PenstockError | None = None) -> None:
        """Change state. Engine thread only; terminal states stay."""
        if self.state.is_terminal:
            return
        log.info("job is %s", state.value, extra={"job": self.name, "id": self.job_id})
        self.error = error or self.error
        self.state = state
        if state.is_terminal:
            self._ended.set()
