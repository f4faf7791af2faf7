"""`penstock run FILE`: a script in the foreground, until all its jobs end."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock.cli.exit_codes import FAILED, INTERRUPTED
from penstock.cli.log import log_options
from penstock.cli.script_file import ScriptFile, script_options
from penstock.cli.settings import read_settings
from penstock.errors import JobError, PenstockError

_AT_START = (
    "Stopped while the script was being started: what was not committed is rolled back. The same"
    " command starts it again, from what was committed."
)


@click.command(name="run")
@script_options
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the job's state lives.")
@log_options
@click.option("--fresh", is_flag=True, help="Forget an unfinished job and start anew.")
@click.option("--quiet", is_flag=True, help="No live view.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def command(
    file: Path,
    given: tuple[str, ...],
    conf: Path | None,
    state_dir: Path | None,
    fresh: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run a Flink SQL script in this process until all its jobs have ended.

    An unfinished job of the same statements is resumed from its state directory. Ctrl-C commits
    everything read so far and stops; the same command then goes on from there.

    Exit codes: 0 all jobs finished, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM.
    """
    from penstock.cli.json_output import print_json
    from penstock.cli.results import print_result
    from penstock.cli.script_run import Ended, ScriptJobs, plan_all, run_script

    settings = read_settings(conf, given)
    script = ScriptFile.read(file)
    jobs = ScriptJobs(script, file.stem, state_dir, fresh=fresh)
    try:
        if not plan_all(script, settings):
            raise _nothing(file)
        for result in run_script(script, settings, jobs):
            print_result(result, told_ok=False, to_stderr=as_json)
        ended = jobs.wait(quiet=quiet or as_json)
    except PenstockError as error:
        if not as_json:
            raise
        ended = Ended(FAILED, (error,))
    except KeyboardInterrupt:
        click.echo(f"\n[INFO] {_AT_START}", err=True)
        ended = Ended(INTERRUPTED)
    for failure in ended.errors:
        click.echo(script.rendered(failure), err=True)
    if as_json:
        print_json(jobs.as_json(ended))
    sys.exit(ended.exit_code)


def _nothing(file: Path) -> JobError:
    return JobError(
        f'script "{file}" has nothing to run',
        code="nothing-to-run",
        hint="A script for `run` needs at least one INSERT INTO.",
    )
