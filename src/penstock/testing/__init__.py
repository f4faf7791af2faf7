"""Room `testing`: public test kit.

Owns real servers for tests (`mysql_servers`, `fetch_servers`), our own commands as processes that
can be killed (`processes`), proxies that break what passes (`tcp_proxy`, `http_proxy`), and a clock
that is advanced by hand. May start processes and open ports. Called by tests, the demo, benchmarks.
"""

from penstock.testing.clock import ManualClock

__all__ = ["ManualClock"]
