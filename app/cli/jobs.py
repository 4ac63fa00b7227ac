"""`flotilla jobs`, `show` and `explain`: what is there, how far it is, and why it does not go on."""

from itertools import islice

import click

from app.cli import find
from app.cli.client import Client, Json, connect
from app.cli.columns import JOB, JOBS, RUN, RUNS, TASK, TASKS
from app.cli.failures import NotFound
from app.cli.output import cell, document, document_option, output_option, paint, show_list, show_one
from app.wire.states import JobState

SHOWN_TASKS = 30


@click.command()
@click.option("--state", type=click.Choice([state.value for state in JobState]), help="Only those in this state.")
@click.option("--project", metavar="ID", help="Only those of this project.")
@click.option("--label", metavar="KEY=VALUE", help="Only those with this label.")
@click.option("-q", "--query", metavar="WORDS", help="Only those that match, as in the API's parameter q.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@output_option
def jobs(state: str | None, project: str | None, label: str | None, query: str | None, limit: int, output: str) -> None:
    """List jobs, the newest first."""
    found = connect().items("/v1/jobs", limit=limit, state=state, projectId=project, label=label, q=query)
    show_list(found, JOBS, output, empty="no jobs; try: flotilla run -- echo hello")


@click.command()
@click.argument("what", metavar="JOB|TASK|RUN")
@output_option
def show(what: str, output: str) -> None:
    """Show a job with its tasks, a task with its runs, or a run."""
    client = connect()
    kind, item = find.thing(client, what)
    show_one(item, {"jobs": JOB, "tasks": TASK, "runs": RUN}[kind], output)
    if output != "table":
        return
    if kind == "jobs":
        _show_tasks(client, item)
    elif kind == "tasks":
        click.echo()
        show_list(client.items(f"/v1/tasks/{what}/runs"), RUNS, "table", empty="no runs yet")


def _show_tasks(client: Client, job: Json) -> None:
    """Those that failed or run first: they are why one looks."""
    tasks = sorted(islice(client.items(f"/v1/jobs/{job['id']}/tasks"), 10_000), key=_urgency)
    click.echo()
    show_list(tasks[:SHOWN_TASKS], TASKS, "table", empty="no tasks")
    if len(tasks) > SHOWN_TASKS:
        click.echo(paint(f"and {sum(job['counts'].values()) - SHOWN_TASKS} more", "bright_black"))


def _urgency(task: Json) -> int:
    order = ("failed", "running", "queued", "ready", "waiting", "canceled", "skipped", "succeeded")
    return order.index(task["state"])


@click.command()
@click.argument("task", metavar="TASK")
@document_option
def explain(task: str, output: str) -> None:
    """Say why a task is not running: every reason, and what would change it. Of a job: of its first open task."""
    client = connect()
    try:
        answer = client.get(f"/v1/tasks/{task}/explain")
    except NotFound:
        answer = client.get(f"/v1/tasks/{_open_task(client, task)}/explain")
    if output != "table":
        click.echo(document(answer, output))
        return
    click.echo(answer["state"])
    for reason in answer["reasons"]:
        click.echo(f"  {reason['code']}: {cell(reason['message'])}")
        if reason.get("change"):
            click.echo(f"    {paint(cell(reason['change']), 'bright_black')}")


def _open_task(client: Client, text: str) -> str:
    """The first task of a job that has not ended."""
    job_id = find.job_id(client, text)
    ended = ("succeeded", "failed", "canceled", "skipped")
    try:
        tasks = client.items(f"/v1/jobs/{job_id}/tasks")
        found = next((task["id"] for task in tasks if task["state"] not in ended), None)
    except NotFound:
        raise NotFound(f"there is no task or job {text}", "see `flotilla show JOB`") from None
    if found is None:
        raise NotFound(f"every task of job {job_id} has ended", f"see `flotilla show {job_id}`")
    return str(found)
