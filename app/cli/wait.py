"""`flotilla wait`: until jobs have ended, however that is left; and the same for the commands that submit."""

from collections.abc import Sequence

import click

from app.cli import find
from app.cli.client import Client, Json, connect
from app.cli.columns import JOBS
from app.cli.failures import JOB_FAILED
from app.cli.following import follow, is_over, succeeded
from app.cli.output import output_option, show_list
from app.cli.progress import Lookout

INTERRUPTED = 130


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Give up after so long; exit code 124.")
@click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C cancels the jobs. Without it they go on.")
@output_option
def wait(jobs: tuple[str, ...], timeout: float | None, cancel_on_interrupt: bool, output: str) -> int:
    """Wait until jobs have ended; exit with 0 when all succeeded, 1 when one did not.

    Ctrl-C leaves the jobs alone: they go on, and so may you with the same command.
    """
    client = connect()
    ids = [find.job_id(client, text) for text in jobs]
    return wait_for(client, ids, timeout_s=timeout, cancel_on_interrupt=cancel_on_interrupt, output=output)


def wait_for(
    client: Client, ids: Sequence[str], *, timeout_s: float | None, cancel_on_interrupt: bool, output: str
) -> int:
    """The exit code."""
    over: dict[str, Json] = {}
    try:
        with Lookout(quiet=output == "id") as lookout:
            for job in follow(client, ids, timeout_s, lookout.note):
                lookout.see(job)
                if is_over(job):
                    over[job["id"]] = job
    except KeyboardInterrupt:
        return interrupted(client, [job_id for job_id in ids if job_id not in over], cancel=cancel_on_interrupt)
    ended = [over[job_id] for job_id in dict.fromkeys(ids)]
    show_list(ended, JOBS, output, empty="")
    return 0 if succeeded(ended) else JOB_FAILED


def interrupted(client: Client, ids: Sequence[str], *, cancel: bool) -> int:
    for job_id in ids if cancel else ():
        client.post(f"/v1/jobs/{job_id}/cancel")
    if cancel:
        click.echo(f"canceled {', '.join(ids)}", err=True)
    else:
        click.echo(f"the job goes on; come back with: flotilla wait {' '.join(ids)}", err=True)
    return INTERRUPTED
