"""Real MariaDB and MySQL servers for tests and demos: start one, get its endpoint, stop it.

A server on PATH is preferred; else one fetched by `penstock.testing.fetch_servers`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
from penstock.errors import ConnectorError
from penstock.testing.fetch_servers import servers_dir

if TYPE_CHECKING:
    from types import TracebackType

_START_SECONDS = 60


@dataclass
class MySqlServer:
    """A running server; a context object that stops it.

    Args:
        endpoint: How to log in (user root without password).
        process: The server's process.
        data_dir: Where it keeps data and log.
    """

    endpoint: MySqlEndpoint
    process: subprocess.Popen[bytes]
    data_dir: Path

    def stop(self) -> None:
        """Ends the server and waits for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> MySqlServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def mariadb_root() -> Path | None:
    """The `/usr` of a fetched MariaDB, or None."""
    usr = servers_dir() / "mariadb" / "root" / "usr"
    return usr if (usr / "sbin" / "mariadbd").exists() else None


def mysql_root() -> Path | None:
    """The `/usr` of a fetched MySQL, or None."""
    usr = servers_dir() / "mysql" / "root" / "usr"
    return usr if (usr / "sbin" / "mysqld").exists() else None


def mysql57_root() -> Path | None:
    """The root of a fetched MySQL 5.7, or None."""
    root = servers_dir() / "mysql57" / "root"
    return root if (root / "npm" / "server" / "mysqld").exists() else None


def available() -> list[str]:
    """Which of `fetch_servers.SERVERS` can be started here."""
    found = []
    if shutil.which("mariadbd") or mariadb_root():
        found.append("mariadb")
    if _path_mysqld() or mysql_root():
        found.append("mysql")
    if mysql57_root():
        found.append("mysql57")
    return found


def start(
    name: str, data_dir: Path, port: int = 0, *, options: tuple[str, ...] = ()
) -> MySqlServer:
    """Starts the server of that name; see `start_mariadb`."""
    starts = {"mariadb": start_mariadb, "mysql": start_mysql, "mysql57": start_mysql57}
    return starts[name](data_dir, port, options=options)


def start_mariadb(data_dir: Path, port: int = 0, *, options: tuple[str, ...] = ()) -> MySqlServer:
    """Starts MariaDB with row binlog and full metadata.

    Args:
        data_dir: Its directory; made and filled where absent.
        port: TCP port; 0 for a free one.
        options: More command line options.

    Raises:
        ConnectorError: There is no server here, or it did not start.
    """
    data_dir = data_dir.resolve()
    environment = dict(os.environ)
    on_path = shutil.which("mariadbd")
    usr = None if on_path else mariadb_root()
    if on_path is None and usr is None:
        raise _missing("mariadb")
    common = ["--no-defaults", f"--datadir={data_dir}"]
    if usr is not None:
        libraries = [str(p) for p in (usr / "lib").glob("*-linux-gnu*")]
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        common += [f"--basedir={usr}"]
    install = str(usr / "bin" / "mariadb-install-db") if usr else "mariadb-install-db"
    server = str(usr / "sbin" / "mariadbd") if usr else str(on_path)
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    if not (data_dir / "mysql").exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        _prepare(
            [
                install,
                *common,
                *as_root,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            environment,
        )
    if usr is not None:
        common += [f"--lc-messages-dir={usr}/share/mysql"]
    command = [
        server,
        *common,
        *as_root,
        "--binlog-format=ROW",
        "--binlog-row-image=FULL",
        "--binlog-row-metadata=FULL",
        "--log-bin=binlog",
        "--gtid-strict-mode=1",
        "--innodb-flush-log-at-trx-commit=2",
    ]
    return _start(command, environment, data_dir, port, options)


def start_mysql(data_dir: Path, port: int = 0, *, options: tuple[str, ...] = ()) -> MySqlServer:
    """Starts MySQL with row binlog, full metadata and GTIDs; like `start_mariadb`."""
    data_dir = data_dir.resolve()
    on_path = _path_mysqld()
    usr = None if on_path else mysql_root()
    common = ["--no-defaults", f"--datadir={data_dir}"]
    if on_path is not None:
        server = [on_path]
    elif usr is not None:
        libraries = next((usr / "lib").glob("*-linux-gnu"))
        loader = next(libraries.glob("ld-linux*.so.*"))
        server = [str(loader), "--library-path", str(libraries), str(usr / "sbin" / "mysqld")]
        common += [
            f"--basedir={usr}",
            f"--lc-messages-dir={usr}/share/mysql",
            f"--plugin-dir={usr}/lib/mysql/plugin",
            f"--character-sets-dir={usr}/share/mysql/charsets",
        ]
    else:
        raise _missing("mysql")
    common += ["--secure-file-priv="]
    if os.geteuid() == 0:
        common += ["--user=root"]
    if not (data_dir / "mysql").exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        _prepare([*server, *common, "--initialize-insecure"], dict(os.environ))
    command = [
        *server,
        *common,
        "--mysqlx=OFF",
        "--log-bin=binlog",
        "--binlog-row-metadata=FULL",
        "--gtid-mode=ON",
        "--enforce-gtid-consistency=ON",
        "--innodb-redo-log-capacity=64M",
        "--performance-schema=OFF",
        "--innodb-flush-log-at-trx-commit=2",
    ]
    return _start(command, dict(os.environ), data_dir, port, options)


def start_mysql57(data_dir: Path, port: int = 0, *, options: tuple[str, ...] = ()) -> MySqlServer:
    """Starts MySQL 5.7 with row binlog and GTIDs; its binlog names no columns."""
    data_dir = data_dir.resolve()
    root = mysql57_root()
    if root is None:
        raise _missing("mysql57")
    home = root / "npm" / "server"
    libraries = [str(path) for top in ("lib", "usr/lib") for path in (root / top).glob("*-linux-*")]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}
    command = [
        str(home / "mysqld"),
        "--no-defaults",
        f"--datadir={data_dir}",
        f"--basedir={home}",
        f"--lc-messages-dir={home}/share/mysql",
        "--explicit-defaults-for-timestamp",
        "--secure-file-priv=",
    ]
    if os.geteuid() == 0:
        command += ["--user=root"]
    if not (data_dir / "mysql").exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        _prepare([*command, "--initialize-insecure", "--log-syslog=0"], environment)
    command += [
        "--log-bin=binlog",
        "--binlog-format=ROW",
        "--gtid-mode=ON",
        "--enforce-gtid-consistency=ON",
        "--innodb-log-file-size=64M",
        "--innodb-doublewrite=OFF",
        "--sync-binlog=0",
        "--performance-schema=OFF",
        "--innodb-flush-log-at-trx-commit=2",
    ]
    return _start(command, environment, data_dir, port, options)


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _path_mysqld() -> str | None:
    """A `mysqld` on PATH that is MySQL, not MariaDB under its old name."""
    found = shutil.which("mysqld")
    if found is None or "mariadb" in Path(found).resolve().name:
        return None
    return found


def _prepare(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603  our own fixed commands
        command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConnectorError(
            "a server's data directory could not be made",
            retryable=False,
            detail=(done.stdout + done.stderr)[-800:],
        )


def _start(
    command: list[str],
    environment: dict[str, str],
    data_dir: Path,
    port: int,
    options: tuple[str, ...],
) -> MySqlServer:
    port = port or free_port()
    name = f"/tmp/penstock-{port}.sock"  # noqa: S108  a socket's path must be short
    command = [
        *command,
        "--server-id=1",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        f"--socket={name}",
        f"--pid-file={data_dir}/server.pid",
        *options,
    ]
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  our own fixed commands
            command, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    endpoint = MySqlEndpoint("127.0.0.1", port, "root", connect_timeout_ms=5000)
    server = MySqlServer(endpoint, process, data_dir)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            MySqlConnection.open(endpoint).close()
        except ConnectorError:
            time.sleep(0.1)
        else:
            return server
    server.stop()
    raise ConnectorError(
        "a server did not start", retryable=False, detail=log.read_text(errors="replace")[-800:]
    )


def _missing(name: str) -> ConnectorError:
    return ConnectorError(
        f"there is no {name} server on this machine",
        retryable=False,
        hint=f"Fetch one: python -m penstock.testing.fetch_servers {servers_dir()} {name}",
    )
