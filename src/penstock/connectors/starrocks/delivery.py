"""What delivery an address can give: transactions, or plain Stream Loads and why."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.errors import OptionError

if TYPE_CHECKING:
    from penstock.connectors.starrocks.load_api import LoadApi

_LOG = logging.getLogger(__name__)


def wants_transactions(options: StarRocksOptions) -> bool:
    """Whether loads go in transactions where the server has them."""
    if options.version == "v1" or options.enable_merge_commit:
        return False
    return options.semantic == "exactly-once" or options.use_transactions


def transactions_at(api: LoadApi, options: StarRocksOptions) -> bool:
    """Whether to load in transactions at this address; asks it.

    Raises:
        OptionError: The user demands what it cannot give.
        ConnectorError: It does not answer.
    """
    why = why_plain(api, options)
    if not why:
        return True
    if options.semantic == "exactly-once":
        if options.is_set(StarRocksOptions.semantic) and wants_transactions(options):
            raise OptionError(
                "'load-url' cannot give 'sink.semantic' = 'exactly-once'",
                key=StarRocksOptions.load_url.key,
                code="no-transactions",
                detail=f"{why[0].upper()}{why[1:]}.",
                hint="Give the address of a frontend (8030 by default), or set"
                " 'sink.semantic' = 'at-least-once'.",
            )
        _LOG.warning("%s: rows are delivered at least once: %s", api.name, why)
    if options.wants_dead_letters:
        raise OptionError(
            f"'{options.dead_letter_key}' needs transactions",
            key=options.dead_letter_key,
            code="no-transactions",
            detail=f"Refused rows are found by loads that are rolled back; but {why}.",
            hint="Give the address of a frontend of StarRocks 2.4 or later, or remove the option.",
        )
    return False


def why_plain(api: LoadApi, options: StarRocksOptions) -> str:
    """Why loads are plain Stream Loads; empty where they go in transactions."""
    # Asked in any case: settling labels depends on it.
    states = api.find_states()
    if options.enable_merge_commit:
        return "the options ask for merge commit"
    if not wants_transactions(options):
        return "the options ask for plain Stream Loads"
    if not states:
        return "the address is a backend or proxy that knows no states of labels"
    if not api.supports_transactions():
        return "the server has no transactions for loads, which came with StarRocks 2.4"
    return ""
