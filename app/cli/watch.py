"""`flotilla watch`: one job while it goes on: how far it is, what runs now, what has just ended."""

import sys
import time

import click

from app.cli import find, glyphs
from app.cli.client import Client, Json, connect
from app.cli.columns import counts_text, done_of
from app.cli.events import Source
from app.cli.failures import JOB_FAILED, ServerAway
from app.cli.following import follow, is_over, succeeded
from app.cli.output import COLOURS, cell, error_text, paint, took
from app.cli.screen import Screen
from app.cli.screen import size as screen_size
from app.cli.wait import INTERRUPTED, interrupted, wait_for

BETWEEN_LOOKS_S = 0.5
SHOWN_RUNNING = 12
SHOWN_ENDED = 6
BAR = 40


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Give up after so long; exit code 124.")
def watch(job: str, timeout: float | None) -> int:
    """Watch a job until it has ended; exit with 0 when it succeeded, 1 when it did not. Ctrl-C leaves it alone.

    Off a terminal it says a line now and then, as `flotilla wait` does.
    """
    client = connect()
    job_id = find.job_id(client, job)
    if not sys.stdout.isatty():
        return wait_for(client, [job_id], timeout_s=timeout, cancel_on_interrupt=False, output="table")
    try:
        last = _watch(client, job_id, timeout)
    except KeyboardInterrupt:
        interrupted(client, [job_id], cancel=False)
        return INTERRUPTED
    return 0 if succeeded([last]) else JOB_FAILED


def _watch(client: Client, job_id: str, timeout_s: float | None) -> Json:
    view, painted_at = View(client, job_id), 0.0
    with Screen(whole=False) as screen:
        for last in follow(client, [job_id], timeout_s, lambda _: None):
            if is_over(last) or time.monotonic() - painted_at >= BETWEEN_LOOKS_S:
                screen.paint(view.lines(last))
                painted_at = time.monotonic()
    return last


class View:
    """Knows each task's state from the job's events, so that a look costs as much as has happened since the last."""

    def __init__(self, client: Client, job_id: str) -> None:
        self._client = client
        self._events = Source(client, job_id)
        graph = client.get(f"/v1/jobs/{job_id}/graph")
        self._names: dict[str, str] = {task["id"]: task["name"] for task in graph["nodes"]}
        self._states: dict[str, str] = {}
        self._running: dict[str, None] = {}
        self._ended: list[str] = []
        self._told: dict[str, Json] = {}

    def lines(self, job: Json) -> list[str]:
        for event in self._events.fresh(wait=True):
            if event["kind"] == "tasks":
                for task_id, state in event["data"]:
                    self._note(task_id, state)
        state = job["state"]
        width = screen_size()[0]
        return [
            paint(f"{glyphs.sign(state)} {cell(job['name'])}  {state}  {took(job)}", COLOURS.get(state, "reset")),
            f"{glyphs.bar(job['progress'], BAR)} {job['progress']:.0%}  {done_of(job)}",
            paint(counts_text(job["counts"]), "bright_black"),
            *(self._line(task_id)[:width] for task_id in self._ended[-SHOWN_ENDED:]),
            *(self._line(task_id)[:width] for task_id in list(self._running)[:SHOWN_RUNNING]),
            *([f"  and {len(self._running) - SHOWN_RUNNING} more run"] if len(self._running) > SHOWN_RUNNING else ()),
        ]

    def _note(self, task_id: str, state: str) -> None:
        self._states[task_id] = state
        self._running.pop(task_id, None)
        if state == "running":
            self._running[task_id] = None
        elif state in ("succeeded", "failed", "canceled"):
            self._ended = [*(one for one in self._ended if one != task_id), task_id][-SHOWN_ENDED:]

    def _line(self, task_id: str) -> str:
        """What has ended is asked for once."""
        state = self._states[task_id]
        task = self._told.get(task_id)
        if task is None or task["state"] != state or state == "running":
            try:
                task = self._told[task_id] = self._client.get(f"/v1/tasks/{task_id}")
            except ServerAway:
                task = task or {}
        name = cell(task.get("name") or self._names.get(task_id, task_id))[:40]
        far = f"{glyphs.bar(task['progress'], 10)} {task['progress']:>4.0%}" if state == "running" and task else ""
        said = cell(error_text(task) or task.get("statusText") or "") if task else ""
        return f"  {glyphs.sign(state)} {name:40} {took(task) if task else '':>8}  {far}  {said}".rstrip()
