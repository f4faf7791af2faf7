"""Whether every load address answers, takes the password and knows transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.clock import SystemClock
from penstock.connectors.base import Finding, Severity
from penstock.connectors.starrocks.load_api import LoadApi, load_client
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.clients.http import Endpoint
    from penstock.connectors.starrocks.options import StarRocksOptions

ANSWER_S_MAX = 10.0


def findings(options: StarRocksOptions, *, wanted: bool) -> Iterator[Finding]:
    """One finding per address that is not as needed.

    A begin without a label opens nothing: it is how the server is asked whether it knows
    transactions.

    Args:
        options: The sink's.
        wanted: Whether the sink would load in transactions.
    """
    failures: list[ConnectorError] = []
    for endpoint in options.load_url:
        try:
            known = transactions_known(options, endpoint)
        except ConnectorError as error:
            failures.append(error)
            continue
        if wanted and not known:
            yield Finding(
                Severity.WARNING,
                "no-transactions",
                "the server has no transaction API for loads",
                "Loads are plain Stream Loads: delivery is at least once, and rows are visible "
                "when their load ends.",
                "Upgrade to StarRocks 2.4 or later for exactly-once.",
                place=str(endpoint),
            )
    for failure in failures:
        if len(failures) == len(options.load_url) or not failure.retryable:
            yield Finding.of(failure)
            continue
        yield Finding(
            Severity.WARNING,
            "load-address-unreachable",
            f"load address {failure.endpoint} does not answer",
            f"{failure.message}. The other addresses are used.",
            "Start that frontend, or take it out of 'load-url'.",
        )


def transactions_known(options: StarRocksOptions, endpoint: Endpoint) -> bool:
    """Whether the frontend at an address knows the transaction API.

    Raises:
        ConnectorError: It cannot be reached, or refuses the account.
    """
    clock = SystemClock()
    client = load_client(options, clock, (endpoint,), ANSWER_S_MAX)
    try:
        api = LoadApi(client, options.database, options.table, clock)
        return api.supports_transactions()
    finally:
        client.close()
