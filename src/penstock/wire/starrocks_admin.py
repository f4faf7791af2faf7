"""Messages of the embedded StarRocks to who starts and breaks it: start-up, ports, faults.

The endpoint is `/api/_penstock` of the frontend; bodies are JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from penstock.errors import OptionError

ADMIN_PATH: Final = "/api/_penstock"
OPERATIONS: Final = (
    "stream_load", "begin", "load", "prepare", "commit", "rollback", "get_load_state", "cancel",
)  # fmt: skip
KINDS: Final = ("status", "http", "drop", "lose", "slow", "forget")
ROLES: Final = ("", "fe", "be")


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

    Raises:
        OptionError: There is no such operation, kind or role.
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
            ("role", self.role, ROLES),
        ):
            if value not in known:
                shown = ", ".join(filter(None, known))
                raise OptionError(
                    f"unknown {name} '{value}' of a fault, known are {shown}",
                    key=value,
                    known=known,
                )

    @classmethod
    def from_json(cls, data: object) -> Fault:
        """A fault as a client sends it.

        Raises:
            OptionError: It is no object, lacks a field or has one that is unknown.
        """
        if not isinstance(data, dict):
            message = "a fault is a JSON object with 'operation' and 'kind'"
            raise OptionError(message, key="")
        known = [f.name for f in fields(cls)]
        for name in data:
            if name not in known:
                message = f"unknown field '{name}' of a fault, known are {', '.join(known)}"
                raise OptionError(message, key=str(name), known=known)
        for name in ("operation", "kind"):
            if name not in data:
                message = f"a fault needs '{name}'"
                raise OptionError(message, key=name)
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StartRequest:
    """How a server is to be started; the first line its process reads.

    Args:
        data_dir: Where to keep everything; empty keeps it in memory.
        host: Address to listen on.
        fe_http_port: Frontend HTTP port; 0 takes a free one.
        be_http_port: Backend HTTP port; 0 takes a free one.
        query_port: MySQL-protocol port; 0 takes a free one.
        user: The first user.
        password: That user's password.
        profile: `instant` or `realistic`.
        backends: How many backends tablets have their replicas on.
        seed: Of what happens by chance: faults and the spread of latencies.
        settings: Settings of the frontend and the backends by name.
    """

    data_dir: str = ""
    host: str = "127.0.0.1"
    fe_http_port: int = 0
    be_http_port: int = 0
    query_port: int = 0
    user: str = "root"
    password: str = field(default="", repr=False)
    profile: str = "instant"
    backends: int = 1
    seed: int = 0
    settings: dict[str, str | float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ready:
    """The line a server's process writes once it listens; `error` instead if it cannot."""

    fe_http_port: int = 0
    be_http_port: int = 0
    query_port: int = 0
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
