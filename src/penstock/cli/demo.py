"""`penstock demo`: the whole pipeline on this machine, and the proof that both sides are equal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import penstock
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from penstock.runtime import JobGroup

APPLY_LIMIT_S = 120.0


@dataclass(slots=True)
class Verdict:
    """What the demo prints at its end."""

    equal: bool
    tables: dict[str, dict[str, int]]
    rows: int
    changes: int
    snapshot_s: float
    lag: dict[str, Any]
    versions: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps(
            {
                "equal": self.equal,
                "rows": self.rows,
                "changes": self.changes,
                "snapshot_s": round(self.snapshot_s, 2),
                "lag_p50_ms": self.lag.get("p50_ms"),
                "lag_p99_ms": self.lag.get("p99_ms"),
                "lag_samples": self.lag.get("samples"),
                "versions_in_use": self.versions,
                "tables": self.tables,
            },
            ensure_ascii=False,
        )


def example(name: str) -> Path:
    """A script of `examples/`, from the installed package or the checkout."""
    package = Path(penstock.__file__).parent
    installed = package / "examples" / name
    return installed if installed.exists() else package.parents[1] / "examples" / name


@click.command(name="demo")
@click.option("--seconds", default=30.0, show_default=True, help="How long the writer writes.")
@click.option("--rows", default=100_000, show_default=True, help="Rows of the shop at the start.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON, nothing else.")
def command(seconds: float, rows: int, as_json: bool) -> None:  # noqa: FBT001
    """Copy a shop from MySQL into StarRocks, follow its changes, compare both sides.

    Starts a real MySQL-protocol server and the embedded StarRocks, both on free ports, both gone
    afterwards. Exit code 0 only when both sides are equal.
    """
    from penstock.cli.signals import unwind_on_sigterm

    with unwind_on_sigterm(), ExitStack() as stack:
        verdict = _demo(stack, seconds, rows, quiet=as_json)
    click.echo(verdict.as_json() if as_json else _text(verdict))
    sys.exit(0 if verdict.equal else 1)


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        click.echo(text, err=True)


def _demo(stack: ExitStack, seconds: float, rows: int, *, quiet: bool) -> Verdict:
    from penstock.cli import demo_shop

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-demo-")))
    folder.chmod(0o755)
    _say("starting a MySQL-protocol server and the embedded StarRocks ...", quiet=quiet)
    mysql: dict[str, str] | None = None
    try:
        mysql = _start_mysql(stack, folder / "mysql")
    except ConnectorError as error:
        click.echo(f"no MySQL-protocol server can be had here:\n{error.render()}", err=True)
        click.echo("running the part that needs none: datagen into StarRocks ...", err=True)
    os.environ |= {**(mysql or {}), **_start_starrocks(stack)}
    target = stack.enter_context(_client("SR_USER", "SR_PASSWORD", "SR_QUERY_PORT"))
    if mysql is None:
        return _without_mysql(folder, rows, target)
    source = stack.enter_context(_client("MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_PORT"))
    _say(f"filling the shop with {rows:,} rows ...", quiet=quiet)
    demo_shop.create_source(source.cursor(), rows)
    demo_shop.create_target(target.cursor())
    return _run(stack, folder, seconds, source, target, quiet=quiet)


def _without_mysql(folder: Path, rows: int, target: Any) -> Verdict:
    from penstock.cli import demo_datagen

    started = time.monotonic()
    found = demo_datagen.run(folder, rows, target)
    equal = not found["missing"] and not found["unexpected"]
    lag: dict[str, Any] = {}
    return Verdict(equal, {"datagen": found}, rows, 0, time.monotonic() - started, lag)


def _run(
    stack: ExitStack, folder: Path, seconds: float, source: Any, target: Any, *, quiet: bool
) -> Verdict:
    from penstock.cli.live_view import LiveView
    from penstock.cli.signals import stop_on_signals

    group = _submit(folder / "state")
    stack.callback(group.join, 20)
    stack.callback(group.stop_now)
    snapshot = _SnapshotTimer(group)
    traffic = {kind: _traffic(stack, kind) for kind in ("write", "poll")}
    started = time.monotonic()
    end = threading.Event()

    def over() -> bool:
        snapshot.look()
        failed = any(job.state.is_terminal for job in group.jobs)
        return failed or end.is_set() or time.monotonic() - started >= seconds

    with stop_on_signals(end.set, group.stop_now):
        LiveView(group, quiet=quiet).watch(over)
    _raise_failure(group)
    _say("the writer stops; waiting until all is applied ...", quiet=quiet)
    written = _result(traffic["write"])
    found = _wait_until_equal(snapshot, source, target)
    lag = _result(traffic["poll"])
    group.stop()
    group.join(30)
    versions = {
        table: {"versions": s.get("versions"), "limit": s.get("version_limit")}
        for table, s in group.status()["sinks"].items()
    }
    equal = all(not t["missing"] and not t["unexpected"] for t in found.values())
    total = sum(t["rows"] for t in found.values())
    return Verdict(equal, found, total, written["changes"], snapshot.seconds, lag, versions)


class _SnapshotTimer:
    """How long it takes until every source follows the binlog.

    Args:
        group: The demo's jobs, just submitted.
    """

    def __init__(self, group: JobGroup) -> None:
        self.group = group
        self.seconds = 0.0
        self._started = time.monotonic()

    def look(self) -> None:
        """Look once more; call it often."""
        sources = self.group.status()["sources"]
        done = bool(sources) and all(progress.phase == "binlog" for progress in sources)
        if done and not self.seconds:
            self.seconds = time.monotonic() - self._started


def _submit(directory: Path) -> JobGroup:
    from penstock.cli.script_file import ScriptFile
    from penstock.cli.script_run import ScriptJobs, run_script

    script = ScriptFile.read(example("shop.sql"))
    jobs = ScriptJobs(script, "shop", directory, fresh=True, announce=False)
    for _ in run_script(script, {}, jobs):
        pass
    assert jobs.local is not None
    jobs.local.group.seal()
    return jobs.local.group


def _raise_failure(group: JobGroup) -> None:
    for job in group.jobs:
        if job.error is not None:
            raise job.error


def _wait_until_equal(
    snapshot: _SnapshotTimer, source: Any, target: Any
) -> dict[str, dict[str, int]]:
    from penstock.cli import demo_shop

    deadline = time.monotonic() + APPLY_LIMIT_S
    while True:
        snapshot.look()
        _raise_failure(snapshot.group)
        found = demo_shop.differences(source.cursor(), target.cursor())
        if all(not t["missing"] and not t["unexpected"] for t in found.values()):
            return found
        if time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def _start_mysql(stack: ExitStack, directory: Path) -> dict[str, str]:
    from penstock.testing import fetch_servers, mysql_servers

    kinds = mysql_servers.available()
    if not kinds:
        fetch_servers.fetch(fetch_servers.servers_dir(), "mariadb")
        kinds = ["mariadb"]
    start = mysql_servers.start_mariadb if "mariadb" in kinds else mysql_servers.start_mysql
    server = stack.enter_context(start(directory))
    return {
        "MYSQL_PORT": str(server.endpoint.port),
        "MYSQL_USER": server.endpoint.user,
        "MYSQL_PASSWORD": server.endpoint.password.reveal(),
    }


def _start_starrocks(stack: ExitStack) -> dict[str, str]:
    from penstock.testing.mysql_servers import free_port

    http, backend, query = free_port(), free_port(), free_port()
    process = subprocess.Popen(  # noqa: S603
        [
            sys.executable,
            "-m",
            "penstock.cli",
            "starrocks",
            "--profile",
            "realistic",
            "--fe-http-port",
            str(http),
            "--be-http-port",
            str(backend),
            "--query-port",
            str(query),
        ],
        stdout=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    ports = {"SR_QUERY_PORT": str(query), "SR_HTTP_PORT": str(http)}
    return {**ports, "SR_USER": "root", "SR_PASSWORD": ""}


def _client(user: str, password: str, port: str) -> Any:
    import pymysql

    deadline = time.monotonic() + 30
    while True:
        try:
            return pymysql.connect(
                host="127.0.0.1",
                port=int(os.environ[port]),
                user=os.environ[user],
                password=os.environ[password],
                charset="utf8mb4",
                autocommit=True,
            )
        except pymysql.err.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _traffic(stack: ExitStack, kind: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "penstock.cli.demo_traffic", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    process.stdout.readline()  # It has begun.
    return process


def _result(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    output, _ = process.communicate()
    lines = output.decode().splitlines()
    result: dict[str, Any] = json.loads(lines[-1]) if lines else {"changes": 0}
    return result


def _text(verdict: Verdict) -> str:
    from penstock.cli.results import text_width

    lines = []
    for name, found in verdict.tables.items():
        verdict_text = "equal" if not found["missing"] and not found["unexpected"] else "DIFFERENT"
        lines.append(
            f"{name}{' ' * (14 - text_width(name))} {found['rows']:>9,} rows   missing"
            f" {found['missing']}, unexpected {found['unexpected']}   {verdict_text}"
        )
    p50, p99 = verdict.lag.get("p50_ms"), verdict.lag.get("p99_ms")
    lag = f"lag p50 {p50} ms, p99 {p99} ms" if p50 is not None else "lag not measured"
    used = [(v["versions"], v["limit"]) for v in verdict.versions.values() if v["versions"]]
    versions = f", versions at most {max(used)[0]} of {max(used)[1]}" if used else ""
    lines.append(
        f"snapshot in {verdict.snapshot_s:.1f} s, {verdict.changes:,} changes, {lag}{versions}"
    )
    lines.append("verdict: equal" if verdict.equal else "verdict: NOT equal")
    return "\n".join(lines)
