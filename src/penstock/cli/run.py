"""`penstock run FILE`: a script in the foreground, until all its jobs end."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock.cli.settings import read_script, read_settings, substitute_variables
from penstock.errors import JobError, SqlError


@click.command(name="run")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("-D", "given", multiple=True, metavar="KEY=VALUE", help="A session setting.")
@click.option("--conf", type=click.Path(path_type=Path, exists=True), help="config.yaml of Flink.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the job's state lives.")
@click.option("--fresh", is_flag=True, help="Forget an unfinished job and start anew.")
@click.option("--quiet", is_flag=True, help="No live view.")
def command(
    file: Path,
    given: tuple[str, ...],
    conf: Path | None,
    state_dir: Path | None,
    fresh: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
) -> None:
    """Run a Flink SQL script in this process until all its jobs have ended.

    An unfinished job of the same statements is resumed from its state directory. Ctrl-C commits
    everything read so far and stops; the same command then goes on from there.
    """
    from penstock.cli.results import print_result
    from penstock.cli.script_run import ScriptJobs, run_script

    settings = read_settings(conf, given)
    text = substitute_variables(read_script(file))
    jobs = ScriptJobs(text, file.stem, state_dir, fresh=fresh)
    try:
        for result in run_script(text, str(file), settings, jobs):
            print_result(result)
    except SqlError as error:
        click.echo(error.render(text, str(file)), err=True)
        sys.exit(1)
    if jobs.local is None:
        raise JobError(
            f'script "{file}" has nothing to run',
            code="nothing-to-run",
            hint="A script for `run` needs at least one INSERT INTO.",
        )
    if not jobs.wait(quiet=quiet):
        sys.exit(1)
