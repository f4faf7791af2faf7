"""`penstock starrocks`: the embedded StarRocks by itself."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.config.secret import Secret
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from penstock.embedded.starrocks.server import EmbeddedStarRocks as Server


def _settings(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"'{text}' is not NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to keep the data; in memory if not given.",
)
@click.option("--user", default="root", show_default=True, help="The first user.")
@click.option("--password", default="", help="That user's password.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--fe-http-port", default=8030, show_default=True, help="FE HTTP port; 0 is any.")
@click.option("--be-http-port", default=8040, show_default=True, help="BE HTTP port; 0 is any.")
@click.option("--query-port", default=9030, show_default=True, help="MySQL port; 0 is any.")
@click.option(
    "--advertised-host", default="", help="The backend's host in redirects; --host if not given."
)
@click.option(
    "--profile",
    type=click.Choice(["instant", "realistic"]),
    default="instant",
    show_default=True,
    help="Whether loads take the time a real cluster takes.",
)
@click.option(
    "--backends",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="How many backends tablets have replicas on.",
)
@click.option("--no-compaction", is_flag=True, help="Start with compaction paused.")
@click.option(
    "--compaction-interval",
    type=click.FloatRange(min=0),
    help="Least seconds between two compactions of a primary-key tablet; 120 if not given.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_settings,
    help="A setting of the frontend or the backends, such as tablet_max_versions=100 or "
    "penstock_publish_latency_ms=200; may be given many times.",
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
    advertised_host: str,
    profile: str,
    backends: int,
    no_compaction: bool,
    compaction_interval: float | None,
    settings: dict[str, str | float],
) -> None:
    """Run a StarRocks-compatible server for try-outs and tests until Ctrl-C.

    It speaks Stream Load and the transaction API over HTTP and SQL over the MySQL protocol. All
    settings can be changed while it runs, by ADMIN SET FRONTEND CONFIG and by UPDATE
    information_schema.be_configs.
    """
    if no_compaction:
        settings["max_compaction_concurrency"] = 0
    if compaction_interval is not None:
        settings["update_compaction_per_tablet_min_interval_seconds"] = compaction_interval
        settings["update_compaction_check_interval_seconds"] = min(10.0, compaction_interval / 10)
    from penstock.embedded.starrocks.server import EmbeddedStarRocks

    server: Server | None = None
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
            advertised_host=advertised_host,
            backends=backends,
            settings=settings,
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
