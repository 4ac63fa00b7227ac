"""`flotilla submit` and `flotilla run`: a job from a document, a job of one program."""

from pathlib import Path
from typing import Any

import click

from app.cli import local_files
from app.cli.client import Client, Json, connect
from app.cli.columns import JOB
from app.cli.documents import folder_of, read_document, with_parameters
from app.cli.failures import JOB_FAILED
from app.cli.following import Lines, follow
from app.cli.output import DOCUMENTS, Column, document, output_option, show_list, show_one
from app.cli.progress import Lookout
from app.cli.wait import interrupted, wait_for

QUEUE = "@default"
LONGEST_NAME = 200
SHAPES = (
    Column(title="tasks", value=lambda shape: shape["tasks"], right=True),
    Column(title="executor", value=lambda shape: shape["executor"]),
    Column(title="cpu", value=lambda shape: f"{shape['requirements']['cpu']:g}", right=True),
    Column(title="memory", value=lambda shape: f"{shape['requirements']['memory']} MB", right=True),
    Column(title="at once", value=lambda shape: shape["atOnce"], right=True),
    Column(title="nodes that fit", value=lambda shape: ", ".join(shape["nodes"]) or "none"),
)


@click.command()
@click.argument("file", metavar="FILE|-")
@click.option("--queue", default=QUEUE, show_default=True)
@click.option("--name", help="In place of the document's.")
@click.option("--priority", type=click.IntRange(0, 100), help="In place of the document's; higher goes first.")
@click.option(
    "-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="In place of the document's, or more."
)
@click.option("--wait", "waits", is_flag=True, help="Wait until it has ended; exit code 1 when it did not succeed.")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="With --wait: give up after so long.")
@click.option("--cancel-on-interrupt", is_flag=True, help="With --wait: Ctrl-C cancels the job.")
@click.option("--dry-run", is_flag=True, help="Check it and show its plan; nothing is submitted.")
@output_option
def submit(
    file: str,
    queue: str,
    name: str | None,
    priority: int | None,
    parameters: tuple[str, ...],
    waits: bool,
    timeout: float | None,
    cancel_on_interrupt: bool,
    dry_run: bool,
    output: str,
) -> int:
    """Submit a job: a JSON document {"name": ..., "tasks": [...]}, from a file or from standard input.

    An input's source may be a file of this machine, {"file": "render.py"}, relative to the document: it is stored
    first, unless the server has it already, and the run finds it as it finds any input.
    """
    document = with_parameters(read_document(file), parameters)
    document |= {key: value for key, value in (("name", name), ("priority", priority)) if value is not None}
    client = connect()
    path = f"/v1/queues/{queue}/jobs"
    if dry_run:
        _show_plan(client.post(path, local_files.unsent(document, folder_of(file)), dryRun="true"), output)
        return 0
    job = client.post(path, local_files.stored(client, document, folder_of(file)))
    if not waits:
        show_one(job, JOB, output)
        return 0
    return wait_for(client, [job["id"]], timeout_s=timeout, cancel_on_interrupt=cancel_on_interrupt, output=output)


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--cpu", type=click.IntRange(1), default=1, show_default=True, help="Cores it may use.")
@click.option(
    "--memory", type=click.IntRange(1), default=256, show_default=True, metavar="MB", help="Memory it may use."
)
@click.option("--name", help="The job's name. [default: the program's]")
@click.option("--queue", default=QUEUE, show_default=True)
@click.option("--tag", help="Only nodes with this tag.")
@click.option("--time-limit", type=click.IntRange(1), metavar="SECONDS", help="How long it may take.")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Wait no longer; the job goes on.")
@click.option("--wait/--detach", "waits", default=True, show_default=True, help="Show its output until it has ended.")
@click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C cancels the job. Without it the job goes on.")
@click.argument("argv", metavar="-- PROGRAM [ARGUMENT]...", nargs=-1, required=True)
@output_option
def run(
    cpu: int,
    memory: int,
    name: str | None,
    queue: str,
    tag: str | None,
    time_limit: int | None,
    timeout: float | None,
    waits: bool,
    cancel_on_interrupt: bool,
    argv: tuple[str, ...],
    output: str,
) -> int:
    """Run one program as a job, show its output, and exit with 0 when it succeeded and 1 when it did not.

    It runs on a node, in a scratch folder of its own.
    """
    program = Path(argv[0]).name
    task: dict[str, Any] = {  # JSON
        "name": program[:LONGEST_NAME],
        "executor": "command",
        "payload": {"argv": list(argv)},
        "requirements": {"cpu": cpu, "memory": memory},
    }
    task |= {"tag": tag} if tag else {}
    task |= {"limitations": {"maxExecutionTimeInSeconds": time_limit}} if time_limit else {}
    client = connect()
    job = client.post(f"/v1/queues/{queue}/jobs", {"name": (name or program)[:LONGEST_NAME], "tasks": [task]})
    if not waits:
        show_one(job, JOB, "id" if output == "table" else output)
        return 0
    try:
        return _show_output(client, job["id"], timeout, output)
    except KeyboardInterrupt:
        return interrupted(client, [job["id"]], cancel=cancel_on_interrupt)


def _show_output(client: Client, job_id: str, timeout_s: float | None, output: str) -> int:
    """What the program says, as it says it; with another output than a table the job alone, once it is over."""
    lines = Lines(client, f"/v1/jobs/{job_id}/messages")
    with Lookout(quiet=True) as lookout:
        for job in follow(client, [job_id], timeout_s, lookout.note):
            started = job["state"] != "pending"
            if output == "table" and started:
                _print_lines(lines)
    if output != "table":
        show_one(job, JOB, output)
    if job["state"] == "succeeded":
        return 0
    if output == "table":
        _say_why(client, job)
    return JOB_FAILED


def _print_lines(lines: Lines) -> None:
    for message in lines.fresh():
        click.echo(message["text"], err=message["stream"] != "stdout")


def _say_why(client: Client, job: Json) -> None:
    error = next((task["error"] for task in client.items(f"/v1/jobs/{job['id']}/tasks") if task["error"]), job["error"])
    why = f": {error['message']}" if error else ""
    click.echo(f"job {job['id']} {job['state']}{why}", err=True)


def _show_plan(plan: Json, output: str) -> None:
    if output in DOCUMENTS:
        click.echo(document(plan, output))
        return
    levels = plan["levels"]
    whole = plan["total"]
    click.echo(f"{plan['tasks']} tasks, {plan['edges']} edges; nothing was submitted")
    click.echo(f"levels    {len(levels)}, up to {max(levels, default=0)} wide")
    click.echo(f"in all    {whole['cpu']:g} cpu and {whole['memory']} MB, were everything to run at once")
    click.echo()
    show_list(plan["shapes"], SHAPES, "table", empty="no tasks")
