"""`flotilla logs`: what programs said, and what nodes said about them."""

import time
from collections.abc import Iterator, Mapping

import click

from app.cli import find
from app.cli.client import Client, Json, connect
from app.cli.following import Lines, is_over
from app.cli.output import as_line, cell, paint
from app.wire.states import RUN_TERMINAL, TASK_TERMINAL

PAUSE_S = 0.5
LEVELS = ("debug", "info", "warning", "error")
STREAMS = ("stdout", "stderr", "system")
OUTPUT = "table for people; json and ndjson: one JSON object a line."


@click.command()
@click.argument("what", metavar="JOB|TASK|RUN")
@click.option("-f", "--follow", is_flag=True, help="Stay until it has ended.")
@click.option("--tail", type=click.IntRange(1, 1000), metavar="N", help="Begin with the last N lines.")
@click.option("--level", type=click.Choice(LEVELS), help="Only lines of this level and graver ones.")
@click.option("--grep", metavar="TEXT", help="Only lines that hold this text; ignores case if it is in lower case.")
@click.option("--stream", "streams", type=click.Choice(STREAMS), multiple=True, help="Only this; may be repeated.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of a task only its run of this number.")
@click.option("-t", "--times", is_flag=True, help="With the time of each line.")
@click.option("--names", is_flag=True, help="With the task of each line.")
@click.option(
    "-o", "--output", type=click.Choice(("table", "json", "ndjson")), default="table", show_default=True, help=OUTPUT
)
def logs(
    what: str,
    follow: bool,
    tail: int | None,
    level: str | None,
    grep: str | None,
    streams: tuple[str, ...],
    attempt: int | None,
    times: bool,
    names: bool,
    output: str,
) -> None:
    """Show what a job, a task or a run has said: its standard output and error, and notices of its node.

    Notices and standard error go to standard error.
    """
    client = connect()
    kind, item = find.thing(client, what)
    path = f"/v1/{kind}/{item['id']}"
    wanted = {"tail": tail, "level": level, "stream": list(streams) or None, "q": grep or None}
    wanted["matchCase"] = "true" if grep and grep != grep.lower() else None
    source = _Source(client, kind, item["id"], wanted, attempt)
    tasks = _names(client, kind, item) if names else {}
    while True:
        ended = not follow or _is_over(kind, client.get(path))
        for message in source.fresh():
            _print(message, times, tasks, output)
        if ended:
            return
        time.sleep(PAUSE_S)


class _Source:
    """The messages of a job or run; those of a task are its runs' messages, one run after the other."""

    def __init__(self, client: Client, kind: str, of: str, wanted: Mapping[str, object], attempt: int | None) -> None:
        self._client = client
        self._of = of
        self._wanted = wanted
        self._attempt = attempt
        self._parts = {} if kind == "tasks" else {of: self._lines(kind, of)}
        self._grows = kind == "tasks"

    def fresh(self) -> Iterator[Json]:
        if self._grows:
            for run in self._client.items(f"/v1/tasks/{self._of}/runs"):
                if run["id"] not in self._parts and self._attempt in (None, run["number"]):
                    self._parts[run["id"]] = self._lines("runs", run["id"])
        for part in self._parts.values():
            yield from part.fresh()

    def _lines(self, kind: str, of: str) -> Lines:
        return Lines(self._client, f"/v1/{kind}/{of}/messages", **self._wanted)


def _is_over(kind: str, item: Json) -> bool:
    if kind == "jobs":
        return is_over(item)
    return item["state"] in (TASK_TERMINAL if kind == "tasks" else RUN_TERMINAL)


def _names(client: Client, kind: str, item: Json) -> dict[str, str]:
    """The tasks' names by their ids."""
    if kind == "jobs":
        return {task["id"]: task["name"] for task in client.items(f"/v1/jobs/{item['id']}/tasks")}
    task = item if kind == "tasks" else client.get(f"/v1/tasks/{item['taskId']}")
    return {task["id"]: task["name"]}


def _print(message: Json, times: bool, tasks: dict[str, str], output: str) -> None:
    if output != "table":
        click.echo(as_line(message))
        return
    prefix = f"{message['time']} " if times else ""
    prefix += f"{tasks.get(message['taskId'], message['taskId'])}: " if tasks else ""
    text = paint(message["text"], "yellow") if message["stream"] == "system" else message["text"]
    click.echo(f"{cell(prefix)}{text}", err=message["stream"] != "stdout")
