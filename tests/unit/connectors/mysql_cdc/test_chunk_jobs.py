"""Jobs on the pool: what they meet reaches the engine as it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from penstock.clock import SystemClock
from penstock.connectors.base import SourceContext
from penstock.connectors.mysql_cdc.chunk_jobs import ChunkJobs
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.clients.mysql import MySqlConnection


@pytest.mark.parametrize(
    "met", [ZeroDivisionError("a bug"), ConnectorError("gone", retryable=True)]
)
def test_what_a_job_meets_is_raised_in_the_engine(met: Exception, tmp_path: Path) -> None:
    """A bug is not dressed as a fault of the server: the engine tells it from one by its type."""
    endpoint: Any = None
    # All the pool does with a connection here is to close it.
    connection: Any = StringIO()
    with ThreadPoolExecutor(1) as pool:
        jobs = ChunkJobs(endpoint, SourceContext(tmp_path, pool, SystemClock(), lambda: None))

        def job(_: MySqlConnection) -> Any:
            raise met

        jobs._idle.put(connection)
        jobs._submit(job, 1)
        pool.shutdown(wait=True)
    assert connection.closed
    with pytest.raises(type(met)) as caught:
        jobs.take_results()
    assert caught.value is met
