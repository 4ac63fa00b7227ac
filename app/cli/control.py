"""`flotilla cancel`, `pause`, `resume` and `retry`: what is wanted of jobs is changed."""

from collections.abc import Sequence

import click

from app.cli import find
from app.cli.client import Json, connect
from app.cli.columns import JOBS
from app.cli.failures import Usage
from app.cli.output import output_option, show_list

many = click.argument("jobs", metavar="JOB...", nargs=-1, required=True)


@click.command()
@many
@output_option
def cancel(jobs: tuple[str, ...], output: str) -> None:
    """Cancel jobs: nothing more of them starts, and what runs is ended."""
    _each(jobs, "cancel", None, output)


@click.command()
@many
@output_option
def pause(jobs: tuple[str, ...], output: str) -> None:
    """Pause jobs: what runs ends as it will, nothing more starts."""
    _each(jobs, "pause", None, output)


@click.command()
@many
@output_option
def resume(jobs: tuple[str, ...], output: str) -> None:
    """Let paused jobs go on."""
    _each(jobs, "resume", None, output)


@click.command()
@many
@click.option("--failed/--all", "only_failed", default=True, show_default=True, help="Which tasks run again.")
@click.option("--from", "task", metavar="TASK", help="This task and what needs it, by name or id; of one job.")
@output_option
def retry(jobs: tuple[str, ...], only_failed: bool, task: str | None, output: str) -> None:
    """Run the failed tasks of ended jobs again, and what waited for them; with --all every task.

    With --from, whatever became of it, one task runs again, and all that needs it; the rest stays as it is.
    """
    if task is None:
        _each(jobs, "retry", {"scope": "failed" if only_failed else "all"}, output)
        return
    if len(jobs) > 1 or not only_failed:
        raise Usage("--from names a task of one job", "give one job, and neither --all nor another one")
    client = connect()
    job_id = find.job_id(client, jobs[0])
    client.post(f"/v1/tasks/{find.task_id(client, job_id, task)}/retry")
    show_list([client.get(f"/v1/jobs/{job_id}")], JOBS, output, empty="")


def _each(texts: Sequence[str], verb: str, body: Json, output: str) -> None:
    client = connect()
    ids = [find.job_id(client, text) for text in texts]
    show_list([client.post(f"/v1/jobs/{job_id}/{verb}", body) for job_id in ids], JOBS, output, empty="")
