"""The server as a child process: `python -m penstock.embedded.starrocks`.

Reads one line of JSON, a `StartRequest`, from standard input, writes one line of JSON, a `Ready`,
to standard output, and serves until standard input ends: it never outlives who started it.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import PenstockError
from penstock.wire.starrocks_admin import Ready, StartRequest


def _started(wanted: StartRequest) -> EmbeddedStarRocks:
    server = EmbeddedStarRocks(
        Path(wanted.data_dir) if wanted.data_dir else None,
        wanted.host,
        wanted.fe_http_port,
        wanted.be_http_port,
        wanted.query_port,
        wanted.user,
        wanted.password,
        wanted.profile,
        backends=wanted.backends,
        seed=wanted.seed,
        settings=wanted.settings,
    )
    server.start()
    return server


def _say(ready: Ready) -> None:
    sys.stdout.write(json.dumps(ready.to_json()) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Serve; 0 once standard input ended, 1 if the server cannot start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it decides
    line = sys.stdin.readline()
    if not line:
        return 0
    try:
        server = _started(StartRequest(**json.loads(line)))
    except PenstockError as error:
        _say(Ready(error=error.render()))
        return 1
    except OSError as error:
        _say(Ready(error=str(error)))
        return 1
    _say(Ready(server.fe_http_port, server.be_http_port, server.query_port))
    server.warm_up()
    sys.stdin.read()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
