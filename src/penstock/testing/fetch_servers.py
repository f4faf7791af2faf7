"""Gets MySQL-compatible servers for tests and demos, without root.

`python -m penstock.testing.fetch_servers DIR [mariadb] [mysql]` downloads Debian packages with
`apt-get download` and unpacks them with `dpkg -x` below DIR; nothing is installed. MySQL comes from
Debian's unstable suite with its own C library, and is run through that library's loader.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from penstock.errors import ConnectorError

_LOG = logging.getLogger(__name__)
_MARIADB_PACKAGES = (
    "mariadb-server-core",
    "mariadb-client-core",
    "mariadb-common",
    "libmariadb3",
    "libaio1",
    "liburing2",
)
_MYSQL_PACKAGE = "mysql-server-core"
_LIBRARY = re.compile(r"^(lib[a-z0-9+.-]+|zlib1g)$")


def servers_dir() -> Path:
    """Where fetched servers are kept: `$PENSTOCK_SERVERS`, else the user's cache."""
    named = os.environ.get("PENSTOCK_SERVERS")
    return Path(named) if named else Path.home() / ".cache" / "penstock" / "servers"


def fetch(directory: Path, name: str) -> Path:
    """Brings server `name` ("mariadb" or "mysql") below `directory`; gives its root.

    A server that is there already is not fetched again.

    Raises:
        ConnectorError: No apt-get here, or a package could not be had.
    """
    home = directory / name
    root = home / "root"
    if (home / "complete").exists():
        return root
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise ConnectorError(
                f"cannot fetch {name}: no '{tool}' on this machine",
                retryable=False,
                hint="Install a MariaDB or MySQL server yourself and put it on PATH.",
            )
    home.mkdir(parents=True, exist_ok=True)
    debs = home / "debs"
    debs.mkdir(exist_ok=True)
    if name == "mariadb":
        options = _private_apt(home, None)
        if not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
            _run(["apt-get", *options, "update", "-qq"], home)
        else:
            options = ["-o", "APT::Sandbox::User="]
        packages = list(_MARIADB_PACKAGES)
    elif name == "mysql":
        options = _private_apt(home, "sid")
        _run(["apt-get", *options, "update", "-qq"], home)
        packages = _with_libraries(options, home)
    else:
        raise ConnectorError(f"unknown server '{name}'", retryable=False)
    _run(["apt-get", *options, "download", "-qq", *packages], debs)
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg", "-x", str(deb), str(root)], home)
        deb.unlink()
    (home / "complete").touch()
    return root


def _with_libraries(options: list[str], home: Path) -> list[str]:
    """The server package and every library it needs, by a simulated installation."""
    text = _run(
        ["apt-get", *options, "-s", "-y", "--no-install-recommends", "install", _MYSQL_PACKAGE],
        home,
    )
    wanted = re.findall(r"^Inst (\S+)", text, re.MULTILINE)
    return [_MYSQL_PACKAGE, *(name for name in wanted if _LIBRARY.match(name))]


def _private_apt(home: Path, suite: str | None) -> list[str]:
    base = home / "apt"
    for part in ("lists/partial", "cache/archives/partial", "state"):
        (base / part).mkdir(parents=True, exist_ok=True)
    status = base / "state" / "status"
    status.touch()
    settings = {
        "Dir::State": base / "state",
        "Dir::State::status": status,
        "Dir::State::Lists": base / "lists",
        "Dir::Cache": base / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",
    }
    if suite:
        sources = base / f"{suite}.list"
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        sources.write_text(f"deb [signed-by={keyring}] {_debian_mirror()} {suite} main\n")
        settings["Dir::Etc::sourcelist"] = sources
        settings["Dir::Etc::sourceparts"] = "-"
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _debian_mirror() -> str:
    """The mirror this machine uses, else Debian's own."""
    pattern = re.compile(r"^(?:URIs: |deb (?:\[[^]]*\] )?)(\S+debian)/?(?: |$)", re.MULTILINE)
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for file in files:
        if file.is_file():
            found = pattern.search(file.read_text(errors="replace"))
            if found:
                return found.group(1)
    return "http://deb.debian.org/debian"


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(  # noqa: S603  our own fixed commands
        command, cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConnectorError(
            f"'{command[0]}' failed with code {done.returncode}",
            retryable=True,
            detail=done.stderr.strip()[-500:],
            hint="Run 'apt-get update' if package lists are empty.",
        )
    return done.stdout


def main(arguments: list[str]) -> int:
    """Entry of `python -m penstock.testing.fetch_servers DIR [mariadb] [mysql]`."""
    directory = Path(arguments[0]) if arguments else servers_dir()
    for name in arguments[1:] or ["mariadb", "mysql"]:
        try:
            root = fetch(directory.resolve(), name)
        except ConnectorError as error:
            sys.stderr.write(error.render() + "\n")
            return 1
        sys.stdout.write(f"{name}: {root}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
