"""A script as the command line reads it, and the options of all commands that take one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.hidden import HiddenValues
from penstock.cli.settings import read_script, substitute
from penstock.config import SECRET_MARK
from penstock.errors import OptionError, PenstockError
from penstock.sql.secrets import HiddenRange, masked, secret_ranges, starred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A script with its variables replaced.

    Args:
        text: What is run.
        name: Its file, for messages.
        hidden: What of the text is not to be shown: values of variables, and secrets.
    """

    text: str
    name: str
    hidden: tuple[HiddenRange, ...] = ()

    @property
    def shown(self) -> str:
        """The text for people: secrets starred out, places kept."""
        return starred(self.text, self.hidden)

    def masked(self, start: int, text: str) -> str:
        """A statement's text, to be shown or kept: `${VAR}` as it was written, secrets masked.

        Args:
            start: Its offset in the script.
            text: The statement.
        """
        end = start + len(text)
        return masked(
            text,
            (
                replace(r, start=r.start - start, end=r.end - start)
                for r in self.hidden
                if start <= r.start and r.end <= end
            ),
        )

    def named(self, text: str) -> str:
        """A text made from the script, literals that came from variables as `'${VAR}'` in it."""
        for found in self.hidden:
            value = self.text[found.start : found.end]
            if value and found.shown != SECRET_MARK:
                text = text.replace(f"'{value}'", f"'{found.shown}'")
        return HiddenValues.current().hide(text)

    def compared(self) -> str:
        """What a masked text does not show, and yet makes another job of it: all but passwords."""
        free = [r for r in self.hidden if r.may_change]
        return "\0".join(
            self.text[r.start : r.end]
            for r in self.hidden
            if not any(f.start <= r.start and r.end <= f.end for f in free)
        )

    def secrets(self) -> HiddenValues:
        """The secrets themselves, to be kept out of messages."""
        return HiddenValues.of(self.text, self.hidden)

    @classmethod
    def of(cls, text: str, name: str) -> ScriptFile:
        """A text whose `${VAR}` come from the environment.

        Raises:
            OptionError: A variable is not set.
        """
        try:
            found = substitute(text)
        except OptionError as error:
            shown, span = starred(text, secret_ranges(text)), error.span
            if span is not None:
                # The variable's name is no secret, also where its value would be.
                shown = shown[: span.start] + text[span.start : span.end] + shown[span.end :]
            error.within(shown, name)
            raise
        script = cls(found.text, name, (*found.values, *secret_ranges(found.text)))
        HiddenValues.current().add(script.secrets())
        return script

    @classmethod
    def read(cls, path: Path) -> ScriptFile:
        """A file.

        Raises:
            click.UsageError: It cannot be read.
            OptionError: A variable is not set.
        """
        return cls.of(read_script(path), str(path))

    def rendered(self, error: PenstockError) -> str:
        """An error for people, with its line of this script."""
        return HiddenValues.current().hide(error.within(self.shown, self.name).render())

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
