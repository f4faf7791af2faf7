"""Java's side of the interoperability runs: which tools are here, and jars fetched with Maven."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from penstock.testing.fetch_servers import servers_dir

JDBC_DRIVERS = ("com.mysql:mysql-connector-j:8.4.0", "org.mariadb.jdbc:mariadb-java-client:3.4.1")
POM = Path(__file__).with_name("flink") / "pom.xml"
_JAVA_MIN = 17
_FETCH_S = 900


def missing_tools() -> str:
    """Why the Java runs cannot be made here; empty if they can."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return f"no '{tool}' on this machine"
    told = subprocess.run(
        ["java", "-version"], capture_output=True, text=True, timeout=60, check=False
    )
    found = re.search(r'version "(\d+)', told.stderr)
    version = int(found.group(1)) if found else 0
    return "" if version >= _JAVA_MIN else f"Java {version} is older than {_JAVA_MIN}"


def jdbc_jars() -> list[Path]:
    """The JDBC drivers, fetched unless they are at hand."""
    directory = servers_dir() / "jdbc"
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for driver in JDBC_DRIVERS:
        _, name, version = driver.split(":")
        jar = directory / f"{name}-{version}.jar"
        if not jar.exists():
            _maven("dependency:copy", f"-Dartifact={driver}", f"-DoutputDirectory={directory}")
        found.append(jar)
    return found


def flink_jars() -> list[Path]:
    """Real Flink with the real connectors, fetched unless they are at hand."""
    text = POM.read_text()
    directory = servers_dir() / f"flink-{pom_version('flink')}-{pom_version('connector')}"
    listed = directory / "pom.xml"
    if not listed.exists() or listed.read_text() != text:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        goal = ("dependency:copy-dependencies", "-DincludeScope=runtime")
        _maven("-f", str(POM), *goal, f"-DoutputDirectory={directory}")
        listed.write_text(text)
    return sorted(directory.glob("*.jar"))


def pom_version(name: str) -> str:
    """The version of a part: `flink`, `connector`, `cdc`."""
    found = re.search(f"<{name}>([^<]+)</{name}>", POM.read_text())
    assert found is not None, name
    return found.group(1)


def _maven(*arguments: str) -> None:
    subprocess.run(["mvn", "-q", "-B", *arguments], check=True, timeout=_FETCH_S)
