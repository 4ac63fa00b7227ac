"""`flotilla events`: what happened to jobs and their tasks, and with -f what happens."""

import time
from collections.abc import Iterator, Mapping

import click

from app.cli import find, glyphs
from app.cli.client import Client, Json, connect
from app.cli.failures import ServerAway
from app.cli.following import is_over
from app.cli.output import COLOURS, as_line, cell, paint

PAUSE_S = 0.5
PAGE = 1000
OUTPUT = "table for people; json and ndjson: one JSON object a line; id: the events' numbers."


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Stay and say what comes; with --job until it has ended.")
@click.option("--job", metavar="JOB", help="Only those of this job.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="NUMBER", help="Only those after this event.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="COUNT", help="End after so many.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(("table", "json", "ndjson", "id")),
    default="table",
    show_default=True,
    help=OUTPUT,
)
def events(follow: bool, job: str | None, after: int, limit: int | None, output: str) -> None:
    """Say what happened, the oldest first: jobs and tasks that changed their state, each event with its number.

    --after goes on where one has stopped. A server that goes away meanwhile is waited for, and nothing is left out.
    """
    client = connect()
    job_id = find.job_id(client, job) if job else None
    names = _names(client, job_id) if job_id and output == "table" else {}
    source = Source(client, job_id, after)
    left = limit
    while True:
        ended = not follow or source.is_over()
        for event in source.fresh(wait=follow):
            _show(event, names, output)
            left = None if left is None else left - 1
            if left == 0:
                return
        if ended:
            return
        time.sleep(PAUSE_S)


class Source:
    """Events in order, each once. `after` is the number of the last one."""

    def __init__(self, client: Client, job_id: str | None, after: int = 0) -> None:
        self._client = client
        self._job_id = job_id
        self._path = f"/v1/jobs/{job_id}/events" if job_id else "/v1/events"
        self.after = after

    def fresh(self, *, wait: bool = False) -> Iterator[Json]:
        """Those since the last call. `wait`: none, while the server is away."""
        while True:
            try:
                page = self._client.get(self._path, after=self.after, limit=PAGE)
            except ServerAway:
                if not wait:
                    raise
                return
            for event in page["items"]:
                self.after = event["seq"]
                yield event
            if not page.get("nextCursor"):
                return

    def is_over(self) -> bool:
        try:
            return bool(self._job_id) and is_over(self._client.get(f"/v1/jobs/{self._job_id}"))
        except ServerAway:
            return False


def _names(client: Client, job_id: str) -> dict[str, str]:
    """The tasks', by their ids."""
    return {task["id"]: task["name"] for task in client.get(f"/v1/jobs/{job_id}/graph")["nodes"]}


def _show(event: Json, names: Mapping[str, str], output: str) -> None:
    if output == "id":
        click.echo(event["seq"])
    elif output != "table":
        click.echo(as_line(event))
    else:
        head = paint(f"{event['seq']:>8}  {event['time']}  {event['jobId']}", "bright_black")
        for line in _lines(event, names):
            click.echo(f"{head}  {line}")


def _lines(event: Json, names: Mapping[str, str]) -> Iterator[str]:
    data = event["data"]
    if event["kind"] == "tasks" and isinstance(data, list):
        for task_id, state in data:
            yield f"task {cell(names.get(task_id, task_id))}  {_state(state)}"
    elif isinstance(data, dict) and "state" in data:
        yield f"{cell(event['kind'])}  {_state(data['state'])}"
    else:
        yield cell(f"{event['kind']}  {as_line(data)}")


def _state(state: str) -> str:
    return paint(f"{glyphs.sign(state)} {cell(state)}", COLOURS.get(state, "reset"))
