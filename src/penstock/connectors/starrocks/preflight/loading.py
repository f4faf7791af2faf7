"""Whether every load address answers, takes the password and knows transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.clock import SystemClock
from penstock.connectors.base import Finding, Severity
from penstock.connectors.starrocks.delivery import why_plain
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
            why = why_plain_at(options, endpoint)
        except ConnectorError as error:
            failures.append(error)
            continue
        if wanted and why:
            yield Finding(
                Severity.WARNING,
                "no-transactions",
                "loads cannot go in transactions",
                f"{why[0].upper()}{why[1:]}. Delivery is at least once, and rows are visible when"
                " their load ends.",
                "Give the address of a frontend of StarRocks 2.4 or later for exactly-once.",
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


def why_plain_at(options: StarRocksOptions, endpoint: Endpoint) -> str:
    """Why loads over an address would be plain Stream Loads; empty where they would not.

    Raises:
        ConnectorError: It cannot be reached, or refuses the account.
    """
    clock = SystemClock()
    client = load_client(options, clock, (endpoint,), ANSWER_S_MAX)
    try:
        return why_plain(LoadApi(client, options.database, options.table, clock), options)
    finally:
        client.close()
