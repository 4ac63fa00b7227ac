"""`flotilla logs`: what programs said, and what nodes said about them."""

import json
import time
from collections.abc import Iterator

import click

from app.cli import find
from app.cli.client import Client, Json, connect
from app.cli.following import Lines, is_over
from app.cli.output import cell, paint
from app.wire.states import RUN_TERMINAL, TASK_TERMINAL

PAUSE_S = 0.5


@click.command()
@click.argument("what", metavar="JOB|TASK|RUN")
@click.option("-f", "--follow", is_flag=True, help="Stay until it has ended.")
@click.option("-t", "--times", is_flag=True, help="With the time of each line.")
@click.option("--names", is_flag=True, help="With the task of each line.")
@click.option("-o", "--output", type=click.Choice(("table", "json")), default="table", show_default=True)
def logs(what: str, follow: bool, times: bool, names: bool, output: str) -> None:
    """Show what a job, a task or a run has said: its standard output and error, and notices of its node.

    Notices and standard error go to standard error. With -o json each line is one JSON object.
    """
    client = connect()
    kind, item = find.thing(client, what)
    path = f"/v1/{kind}/{item['id']}"
    source = _Source(client, kind, item["id"])
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

    def __init__(self, client: Client, kind: str, of: str) -> None:
        self._client = client
        self._of = of
        self._parts = {} if kind == "tasks" else {of: Lines(client, f"/v1/{kind}/{of}/messages")}
        self._grows = kind == "tasks"

    def fresh(self) -> Iterator[Json]:
        if self._grows:
            for run in self._client.items(f"/v1/tasks/{self._of}/runs"):
                self._parts.setdefault(run["id"], Lines(self._client, f"/v1/runs/{run['id']}/messages"))
        for part in self._parts.values():
            yield from part.fresh()


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
    if output == "json":
        click.echo(json.dumps(message, ensure_ascii=False))
        return
    prefix = f"{message['time']} " if times else ""
    prefix += f"{tasks.get(message['taskId'], message['taskId'])}: " if tasks else ""
    text = paint(message["text"], "yellow") if message["stream"] == "system" else message["text"]
    click.echo(f"{cell(prefix)}{text}", err=message["stream"] != "stdout")
