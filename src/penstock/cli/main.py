"""The command line: finds its commands by name, loads one when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

import click

from penstock import __version__
from penstock.cli.exit_codes import FAILED, INTERRUPTED
from penstock.cli.hidden import HiddenValues
from penstock.errors import InternalError, PenstockError

HELP = {
    "run": "Run a Flink SQL script in the foreground, with a live view.",
    "sql": "SQL client: a file, a statement, or a prompt.",
    "demo": "The whole pipeline on this machine: MySQL to StarRocks.",
    "check": "What can be known before touching data, each finding with its remedy.",
    "explain": "The plan of a script's statements.",
    "starrocks": "The embedded StarRocks-compatible server.",
}


class LazyGroup(click.Group):
    """Lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name in HELP if find_spec(f"penstock.cli.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"penstock.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, HELP[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penstock")
def cli() -> None:
    """Flink SQL pipelines from MySQL to StarRocks, in one process, without a JVM."""


def main() -> None:
    """Entry point of the `penstock` command; exit codes are those of `cli.exit_codes`."""
    hidden = HiddenValues()
    try:
        cli.main(standalone_mode=False, obj=hidden)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except PenstockError as error:
        _fail(error, hidden)
    except BrokenPipeError:
        # Who reads our output has gone; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001  the edge: users see no traceback
        _fail(_bug(error, hidden), hidden)


def _fail(error: PenstockError, hidden: HiddenValues) -> NoReturn:
    click.echo(hidden.hide(error.render()), err=True)
    if "--json" in sys.argv:
        from penstock.cli.json_output import error_json, print_json

        print_json({"exit_code": FAILED, "errors": [error_json(error, hidden)]})
    sys.exit(FAILED)


def _bug(error: Exception, hidden: HiddenValues) -> InternalError:
    """Our own mistake: the traceback goes to a file, to be sent to us."""
    from penstock.cli.bug_file import write_traceback

    return InternalError(
        f"penstock failed: {type(error).__name__}",
        detail=f"The traceback is in {write_traceback(error, hidden)}.",
    )
