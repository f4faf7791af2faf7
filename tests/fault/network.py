"""The proxies between the job and its servers."""

from __future__ import annotations

from contextlib import ExitStack

from tests.fault.plan import Disturb

from penstock.testing.http_proxy import ACTIONS, HttpFault, HttpProxy
from penstock.testing.processes import StarRocksProcess
from penstock.testing.tcp_proxy import TcpProxy


class Network:
    """One proxy per place; a context object that closes them.

    Args:
        mysql_port: The source.
        starrocks: The target; the frontend's proxy redirects to the backend's.
    """

    def __init__(self, mysql_port: int, starrocks: StarRocksProcess) -> None:
        self._stack = ExitStack()
        self.mysql = self._stack.enter_context(TcpProxy(mysql_port))
        self.query = self._stack.enter_context(TcpProxy(starrocks.query_port))
        self.backend = HttpProxy(starrocks.be_http_port)
        self._stack.callback(self.backend.close)
        redirects = {starrocks.be_http_port: self.backend.port}
        self.frontend = HttpProxy(starrocks.fe_http_port, redirects)
        self._stack.callback(self.frontend.close)

    def apply(self, fault: Disturb) -> None:
        """Let it go wrong; `heal` ends it."""
        proxy: TcpProxy = getattr(self, fault.place)
        if fault.what in ACTIONS:
            assert isinstance(proxy, HttpProxy)
            proxy.inject(HttpFault(fault.path, fault.what))
            return
        match fault.what:
            case "cut":
                proxy.cut()
            case "stall":
                proxy.stall()
            case "half-open":
                proxy.half_open()
            case "truncate":
                proxy.truncate(fault.after_bytes)
            case "refuse":
                proxy.refuse()
                proxy.cut()
            case _:
                raise AssertionError(fault.what)

    def heal(self) -> None:
        """All is well again, for connections opened from now on."""
        for proxy in (self.mysql, self.query, self.frontend, self.backend):
            proxy.heal()

    def close(self) -> None:
        """Close all proxies."""
        self._stack.close()
