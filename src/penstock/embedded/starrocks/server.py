"""The embedded StarRocks: frontend and backend over HTTP, the query port, and the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from penstock.config.secret import Secret
from penstock.embedded.starrocks.backend import Backend
from penstock.embedded.starrocks.faults import Fault, Faults
from penstock.embedded.starrocks.frontend import Frontend
from penstock.embedded.starrocks.http import HttpServer
from penstock.embedded.starrocks.profile import Profile, profile_named
from penstock.embedded.starrocks.store import Store
from penstock.embedded.starrocks.transactions import Transactions
from penstock.embedded.starrocks.users import Users
from penstock.errors import ConnectorError, PenstockError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from penstock.clock import Clock
    from penstock.embedded.starrocks.query_port.server import QueryPortServer


class EmbeddedStarRocks:
    """A StarRocks for try-outs and tests; runs in threads of this process.

    Args:
        data_dir: Where to keep everything; None keeps it in memory.
        host: Address to listen on.
        fe_http_port: Frontend HTTP port; 0 takes a free one.
        be_http_port: Backend HTTP port; 0 takes a free one.
        query_port: MySQL-protocol port; 0 takes a free one, None has none.
        user: The user.
        password: The user's password.
        profile: `instant`, `realistic` or a profile of your own.
        clock: The time.
        advertised_host: The backend's host in redirects; `host` if empty.
        backends: How many backends tablets have their replicas on.
        seed: Of what happens by chance: faults and the spread of latencies; None is any.
        settings: Settings of the frontend and the backends by name, such as
            `tablet_max_versions` or `penstock_publish_latency_ms`.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        host: str = "127.0.0.1",
        fe_http_port: int = 0,
        be_http_port: int = 0,
        query_port: int | None = 0,
        user: str = "root",
        password: str | Secret = "",
        profile: str | Profile = "instant",
        *,
        clock: Clock | None = None,
        advertised_host: str = "",
        backends: int = 1,
        seed: int | None = None,
        settings: Mapping[str, str | float] | None = None,
    ) -> None:
        chosen = profile_named(profile) if isinstance(profile, str) else profile
        secret = password if isinstance(password, Secret) else Secret(password)
        self.host = host
        self.user = user
        self.store = Store(data_dir, chosen, clock, backends)
        try:
            for name, value in (settings or {}).items():
                self.configure(name, value)
        except PenstockError:
            self.store.close()
            raise
        self.store.config.keep()
        self.store.frontend_config.keep()
        if seed is not None:
            self.store.delays.reseed(seed)
        self.transactions = Transactions(self.store)
        self.users = Users({user: secret}, self.store.catalog)
        self.faults = Faults(seed or 0)
        self.frontend = Frontend(self.transactions, self.users, self.faults)
        self.backend = Backend(self.transactions, self.users, self.faults)
        self._advertised = advertised_host or host
        self._pool = ThreadPoolExecutor(32, "starrocks-http")
        self._fe = HttpServer(self.frontend, host, fe_http_port, self._pool, "starrocks-fe")
        self._be = HttpServer(self.backend, host, be_http_port, self._pool, "starrocks-be")
        self._query_wanted = query_port
        self._query: QueryPortServer | None = None
        self._closed = False

    def start(self) -> None:
        """Listen on all ports; returns when they are open."""
        try:
            self._be.start()
            self.frontend.backend = f"{self._advertised}:{self._be.port}"
            self.transactions.error_url = f"http://{self.frontend.backend}"
            self.store.versions.host = self._advertised
            self._fe.start()
            if self._query_wanted is not None:
                from penstock.embedded.starrocks.query_port.server import QueryPortServer

                self._query = QueryPortServer(
                    self.transactions, self.host, self._query_wanted, self.users
                )
                self._query.start()
        except OSError as error:
            self.stop()
            raise ConnectorError(
                f"cannot listen on {self.host}: {error.strerror or error}",
                retryable=False,
                hint="Choose other ports, or 0 to take free ones.",
            ) from error

    def stop(self) -> None:
        """Close the ports, finish running publishes, close the files."""
        if self._closed:
            return
        self._closed = True
        if self._query is not None:
            self._query.stop()
        self._fe.stop()
        self._be.stop()
        self._pool.shutdown()
        self.transactions.close()
        self.store.close()

    def __enter__(self) -> EmbeddedStarRocks:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def warm_up(self) -> None:
        """Load what the first query would have to wait for."""
        from penstock.embedded.starrocks.query_port.session import warm_up

        warm_up()

    @property
    def fe_http_port(self) -> int:
        """The frontend's HTTP port."""
        return self._fe.port

    @property
    def be_http_port(self) -> int:
        """The backend's HTTP port."""
        return self._be.port

    @property
    def query_port(self) -> int:
        """The MySQL-protocol port; 0 if there is none."""
        return self._query.port if self._query is not None else 0

    @property
    def load_url(self) -> str:
        """`host:port` for the option `load-url`."""
        return f"{self.host}:{self.fe_http_port}"

    @property
    def jdbc_url(self) -> str:
        """The URL for the option `jdbc-url`."""
        return f"jdbc:mysql://{self.host}:{self.query_port}"

    def configure(self, name: str, value: str | float) -> None:
        """Change a setting of the frontend or the backends, as their own statements do.

        Raises:
            ServerError: There is no such setting, or the value does not fit.
        """
        self.store.configure(name, value)

    def foreign_versions(self, db: str, table: str, count: int = 1) -> int:
        """Count versions as if somebody else had loaded; the table's new version."""
        return self.store.publisher.foreign_versions(db, table, count)

    def inject(self, fault: Fault) -> None:
        """Let something go wrong."""
        self.faults.add(fault)
