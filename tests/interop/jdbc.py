"""MySQL's and MariaDB's JDBC drivers against the embedded StarRocks; part of `make interop`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.interop.jars import jdbc_jars

from penstock.embedded.starrocks.server import EmbeddedStarRocks

URLS = (
    "jdbc:mysql://{host}:{port}/?useSSL=false",
    "jdbc:mysql://{host}:{port}/?useSSL=false&useServerPrepStmts=true&cachePrepStmts=true"
    "&rewriteBatchedStatements=true",
    "jdbc:mariadb://{host}:{port}/",
    "jdbc:mariadb://{host}:{port}/?useServerPrepStmts=true&useBulkStmts=true",
)
WANTED = (
    "product 8.0.33",
    "inserted 1",
    "BIGINT:9000000000|DOUBLE:1.5|DECIMAL:2.25",
    "O'Neil \\ \"4|DATE:2024-02-29|DATETIME:2024-02-29",
    ":true",
    "updated 1",
    "deleted 1",
    "count BIGINT:3",
    "types BIGINT:3|BIGINT:9000000060|DOUBLE:2.8333333333333335|DECIMAL:12.34|",
    "tables t",
    "columns id ; b ; d ; x ; s ; dt ; ts ; f",
    "catalogs information_schema ; j",
    "valid true",
    "error 5502 42S02 ",
)


def main() -> int:
    """Runs the probe with each driver; 1 if a line is missing."""
    classpath = ":".join(map(str, jdbc_jars()))
    probe = str(Path(__file__).with_name("JdbcProbe.java"))
    failed = 0
    with EmbeddedStarRocks(password="pw") as server:
        for template in URLS:
            url = template.format(host=server.host, port=server.query_port)
            done = subprocess.run(
                ["java", "-cp", classpath, probe, url, "root", "pw"],
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            missing = [line for line in WANTED if line not in done.stdout]
            failed += bool(missing or done.returncode)
            lines = [f"{'FAILED' if missing or done.returncode else 'ok    '} {template}"]
            lines += [f"  missing: {line}" for line in missing]
            if missing or done.returncode:
                lines += [done.stdout, done.stderr]
            sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
