"""A script as the command line reads it, and the options of all commands that take one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.settings import Substituted, read_script, substitute, veiled
from penstock.errors import OptionError, PenstockError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A script with its variables replaced.

    Args:
        text: What is run.
        name: Its file, for messages.
        shown: The same text for people: secrets starred out, places kept.
    """

    text: str
    name: str
    shown: str

    @classmethod
    def of(cls, text: str, name: str) -> ScriptFile:
        """A text whose `${VAR}` come from the environment.

        Raises:
            OptionError: A variable is not set.
        """
        try:
            found = substitute(text)
        except OptionError as error:
            shown, span = veiled(Substituted(text)), error.span
            if span is not None:
                # The variable's name is no secret, also where its value would be.
                shown = shown[: span.start] + text[span.start : span.end] + shown[span.end :]
            error.within(shown, name)
            raise
        return cls(found.text, name, veiled(found))

    @classmethod
    def read(cls, path: Path) -> ScriptFile:
        """A file.

        Raises:
            click.UsageError: It cannot be read.
            OptionError: A variable is not set.
        """
        return cls.of(read_script(path), str(path))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors raised inside show their line of this script."""
        try:
            yield
        except PenstockError as error:
            error.within(self.shown, self.name)
            raise


def script_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """FILE, -D and --conf."""
    for decorate in reversed(
        (
            click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True)),
            settings_options,
        )
    ):
        command = decorate(command)
    return command


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """-D and --conf."""
    path = click.Path(path_type=Path, dir_okay=False, exists=True)
    command = click.option("--conf", type=path, help="config.yaml or flink-conf.yaml of Flink.")(
        command
    )
    return click.option(
        "-D", "given", multiple=True, metavar="KEY=VALUE", help="A session setting."
    )(command)
