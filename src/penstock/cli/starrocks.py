"""`penstock starrocks`: the embedded StarRocks by itself."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from penstock.config.secret import Secret
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import PenstockError


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to keep the data; in memory if not given.",
)
@click.option("--user", default="root", show_default=True, help="The one user.")
@click.option("--password", default="", help="The user's password.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--fe-http-port", default=8030, show_default=True, help="FE HTTP port; 0 is any.")
@click.option("--be-http-port", default=8040, show_default=True, help="BE HTTP port; 0 is any.")
@click.option("--query-port", default=9030, show_default=True, help="MySQL port; 0 is any.")
@click.option(
    "--profile",
    type=click.Choice(["instant", "realistic"]),
    default="instant",
    show_default=True,
    help="Whether loads take the time a real cluster takes.",
)
def starrocks(
    *,
    data_dir: Path | None,
    user: str,
    password: str,
    host: str,
    fe_http_port: int,
    be_http_port: int,
    query_port: int,
    profile: str,
) -> None:
    """Run a StarRocks-compatible server for try-outs and tests until Ctrl-C.

    It speaks Stream Load and the transaction API over HTTP and SQL over the MySQL protocol.
    """
    server: EmbeddedStarRocks | None = None
    try:
        server = EmbeddedStarRocks(
            data_dir,
            host,
            fe_http_port,
            be_http_port,
            query_port,
            user,
            Secret(password),
            profile,
        )
        server.start()
    except (PenstockError, OSError) as error:
        if server is not None:
            server.stop()
        shown = error.render() if isinstance(error, PenstockError) else f"error: {error}"
        click.echo(shown, err=True)
        raise SystemExit(1) from error
    finished = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: finished.set())
    signal.signal(signal.SIGINT, lambda *_: finished.set())
    click.echo(f"embedded StarRocks is running ({profile}; user {user})")
    click.echo(f"  load-url  {server.load_url}")
    click.echo(f"  jdbc-url  {server.jdbc_url}")
    click.echo(f"  data      {data_dir or 'in memory'}")
    click.echo("Stop it with Ctrl-C.")
    finished.wait()
    server.stop()
    click.echo("stopped")


command = starrocks
"""What `penstock` finds by this file's name."""
