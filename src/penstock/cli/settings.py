"""Settings from Flink configuration files and `-D key=value`, and `${VAR}` from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from penstock.errors import OptionError, Span
from penstock.sql.secrets import HiddenRange

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_settings(conf: Path | None, given: tuple[str, ...]) -> dict[str, str]:
    """Settings of a `config.yaml` or `flink-conf.yaml`, overridden by `-D key=value`.

    Raises:
        OptionError: The file cannot be read, or a `-D` is not `key=value`.
    """
    settings = _read_file(conf) if conf else {}
    for text in given:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise OptionError(f"'-D {text}' is not key=value", key=text, code="usage")
        settings[key.strip()] = value.strip()
    return settings


def _read_file(path: Path) -> dict[str, str]:
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(
            f"could not read '{path}'", key=str(path), code="conf", detail=f"{reason}."
        ) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise OptionError(f"'{path}' holds no settings", key=str(path), code="conf")
    return dict(_flatten("", loaded))


def _flatten(prefix: str, tree: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += _flatten(f"{prefix}{key}.", value)
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            found.append((f"{prefix}{key}", text))
    return found


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text with its variables replaced.

    Args:
        text: The text.
        values: Ranges of it that came from variables, to be shown as `${VAR}`.
    """

    text: str
    values: tuple[HiddenRange, ...] = ()


def substitute(text: str) -> Substituted:
    """`${VAR}` replaced from the environment.

    Raises:
        OptionError: A variable is not set.
    """
    parts: list[str] = []
    values: list[HiddenRange] = []
    length = last = 0
    for match in _VARIABLE.finditer(text):
        value = _variable(match, text)
        parts += [text[last : match.start()], value]
        length += match.start() - last + len(value)
        values.append(HiddenRange(length - len(value), length, match.group()))
        last = match.end()
    parts.append(text[last:])
    return Substituted("".join(parts), tuple(values))


def _variable(match: re.Match[str], text: str) -> str:
    name = match[1]
    if name not in os.environ:
        before = text[: match.start()]
        line, column = before.count("\n") + 1, match.start() - before.rfind("\n")
        raise OptionError(
            f"environment variable '{name}' is not set",
            key=name,
            code="unset-variable",
            hint=f"Set it before the command: {name}=... penstock ...",
        ).at(Span(*match.span(), line, column))
    return os.environ[name].replace("'", "''")


def read_script(path: Path) -> str:
    """The text of a script.

    Raises:
        click.UsageError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"could not read {path}: {error.strerror}"
        raise click.UsageError(message) from error
    except UnicodeDecodeError as error:
        message = f"could not read {path}: not UTF-8 at byte {error.start}"
        raise click.UsageError(message) from error
