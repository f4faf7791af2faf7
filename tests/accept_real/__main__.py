"""Runs the sink against a real StarRocks, in a database of its own, and prints a table.

`make accept-real FE=host:8030 [QUERY=host:9030] [USER=root] [PASSWORD=...]`; `--embedded` starts an
embedded server instead.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
from tests.accept_real.cases import CASES, Case
from tests.accept_real.cluster import Cluster

from penstock.connectors.starrocks.server_version import parse_version
from penstock.embedded.starrocks.server import EmbeddedStarRocks


def main() -> int:
    arguments = _arguments()
    with _cluster(arguments) as cluster, cluster, tempfile.TemporaryDirectory() as folder:
        click.echo(
            f"StarRocks {cluster.version} at {cluster.load_url}, database {cluster.database}\n"
        )
        failed = 0
        for number, case in enumerate(CASES):
            directory = Path(folder) / str(number)
            directory.mkdir()
            failed += not _run(case, cluster, directory)
        click.echo(f"\n{len(CASES)} cases, {failed} failed")
    return 1 if failed else 0


def _run(case: Case, cluster: Cluster, directory: Path) -> bool:
    version = parse_version(cluster.version)
    if version and version < case.since:
        click.echo(f"  -     {case.name}: needs StarRocks {'.'.join(map(str, case.since))}")
        return True
    started = time.monotonic()
    try:
        case.run(cluster, directory)
    except AssertionError as error:
        click.echo(f"  FAIL  {case.name}: {error}")
        return False
    click.echo(f"  ok    {case.name} ({time.monotonic() - started:.1f} s)")
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="accept-real")
    parser.add_argument("--fe", default="", help="host:http_port of a frontend")
    parser.add_argument("--query", default="", help="host:mysql_port; the same host, 9030")
    parser.add_argument("--user", default="root")
    parser.add_argument("--mapping", default="", help="as 'sink.load.host-mapping'")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--embedded", action="store_true", help="against the embedded server")
    arguments = parser.parse_args()
    if not (arguments.fe or arguments.embedded):
        parser.error("give --fe host:port, or --embedded")
    return arguments


@contextlib.contextmanager
def _cluster(arguments: argparse.Namespace) -> Iterator[Cluster]:
    if arguments.embedded:
        with EmbeddedStarRocks() as server:
            place = (server.host, server.query_port or 0)
            yield Cluster(server.load_url, place, server.user, "")
        return
    host = arguments.fe.rpartition(":")[0]
    query_host, _, port = (arguments.query or f"{host}:9030").rpartition(":")
    password = os.environ.get("STARROCKS_PASSWORD", "")
    yield Cluster(
        arguments.fe,
        (query_host, int(port)),
        arguments.user,
        password,
        arguments.mapping,
        arguments.replicas,
    )


if __name__ == "__main__":
    sys.exit(main())
