"""Room `config`: options declared once, parsed into real types at the door.

Owns parsing and validation of keys and values, secrets, durations and sizes. Touches nothing else.
Called by connectors, session and command line.
"""

from penstock.config.duration import parse_duration_ms
from penstock.config.memory_size import parse_bytes
from penstock.config.option import REQUIRED, Option, Options
from penstock.config.secret import SECRET_MARK, Secret, is_secret_key, secrets_within, shown_value

__all__ = [
    "REQUIRED",
    "SECRET_MARK",
    "Option",
    "Options",
    "Secret",
    "is_secret_key",
    "parse_bytes",
    "parse_duration_ms",
    "secrets_within",
    "shown_value",
]
