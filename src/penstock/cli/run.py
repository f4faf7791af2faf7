"""`penstock run FILE`: a script in the foreground, until all its jobs end."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock.cli.script_file import ScriptFile, script_options
from penstock.cli.settings import read_settings
from penstock.errors import JobError


@click.command(name="run")
@script_options
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
    script = ScriptFile.read(file)
    jobs = ScriptJobs(script.text, file.stem, state_dir, fresh=fresh)
    for result in run_script(script, settings, jobs):
        print_result(result)
    if jobs.local is None:
        raise JobError(
            f'script "{file}" has nothing to run',
            code="nothing-to-run",
            hint="A script for `run` needs at least one INSERT INTO.",
        )
    if not jobs.wait(quiet=quiet):
        sys.exit(1)
