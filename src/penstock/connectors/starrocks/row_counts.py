"""Rows taken must be rows sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.wire.stream_load import sanitized_log

if TYPE_CHECKING:
    from penstock.connectors.starrocks.load_api import LoadApi
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.wire.stream_load import LoadAnswer

_LOG = logging.getLogger(__name__)


def check_rows(
    api: LoadApi, options: StarRocksOptions, label: str, rows: int, answer: LoadAnswer
) -> None:
    """Rows taken must be rows sent.

    Raises:
        DataError: They are not.
    """
    if answer.loaded_rows is None:
        return
    accounted = answer.loaded_rows
    if {"max_filter_ratio", "where"} & set(options.properties):
        accounted += answer.filtered_rows + answer.unselected_rows
    if accounted != rows:
        raise api.bad_data(
            f"StarRocks took {answer.loaded_rows} of {rows} rows for {api.name}", label, answer
        )
    if answer.filtered_rows:
        # Without the rows themselves: a log is no place for data.
        log = sanitized_log(api.error_log(answer.error_url))
        text = "%d of %d rows for %s were left out, as 'max_filter_ratio' allows: %s"
        _LOG.warning(text, answer.filtered_rows, rows, api.name, log)
