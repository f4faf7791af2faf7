"""Room `testing`: public test kit.

Owns the embedded StarRocks as a process for tests (`starrocks`, with faults), real servers for
tests (`mysql_servers`, `fetch_servers`), our own commands as processes that can be killed
(`processes`), proxies that break what passes (`tcp_proxy`, `http_proxy`), and a clock that is
advanced by hand. May start processes and open ports. Called by tests, the demo, benchmarks, and by
tests of users' own.
"""

from penstock.testing.clock import ManualClock
from penstock.testing.starrocks_server import StarRocksServer, starrocks
from penstock.wire.starrocks_admin import Fault

__all__ = ["Fault", "ManualClock", "StarRocksServer", "starrocks"]
