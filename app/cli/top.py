"""`flotilla top`: what the fleet does now, node by node and job by job, as a picture that is renewed."""

import time
from datetime import UTC, datetime
from typing import Any

import click

from app.cli import glyphs
from app.cli.client import Client, Json, connect
from app.cli.columns import counts_text, done_of
from app.cli.failures import ServerAway, Usage
from app.cli.output import COLOURS, age, cell, document, document_option, duration, paint, size, took
from app.cli.screen import keep_painting
from app.cli.screen import size as screen_size
from app.wire.states import JOB_TERMINAL, JobState

ACTIVE = (JobState.RUNNING, JobState.PENDING, JobState.PAUSED)
BAR = 10
LONGEST_NODE = 24
SHORT_ID = 13
"""Of a job's id; the beginning is as good as all of it."""


@click.command()
@click.option("--once", is_flag=True, help="Print it once and end.")
@click.option("-n", "--jobs", "most", type=click.IntRange(1, 1000), default=15, show_default=True, help="Jobs shown.")
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, metavar="SECONDS")
@document_option
def top(once: bool, most: int, interval: float, output: str) -> None:
    """Show the nodes, what is reserved and used of each, and the jobs with how far they are. Ctrl-C ends it.

    Off a terminal one picture follows the other. With -o json the answers of the API that it is made from.
    """
    client = connect()
    if output != "table":
        if not once:
            raise Usage(f"-o {output} is one document", "add --once")
        click.echo(document(look(client, most), output))
    elif once:
        click.echo("\n".join(frame(client.url, look(client, most), 0.0)))
    else:
        glance = Glance(client, most)
        keep_painting(glance.lines, interval)


def look(client: Client, most: int) -> dict[str, Any]:
    """JSON: jobs that are under way, and where there is room the newest that have ended."""
    active = [job for state in ACTIVE for job in client.items("/v1/jobs", limit=most, state=state.value)][:most]
    shown = {job["id"] for job in active}
    newest = client.items("/v1/jobs", limit=most) if len(active) < most else ()
    ended = [job for job in newest if job["id"] not in shown and JobState(job["state"]) in JOB_TERMINAL]
    return {
        "nodes": sorted(client.items("/v1/nodes"), key=lambda node: (str(node["name"]), str(node["id"]))),
        "queues": list(client.items("/v1/queues")),
        "jobs": [*active, *ended[: most - len(active)]],
    }


class Glance:
    """The last look stays, with its age, while the server is away."""

    def __init__(self, client: Client, most: int) -> None:
        self._client, self._most = client, most
        self._seen: dict[str, Any] | None = None
        self._at = 0.0

    def lines(self) -> list[str]:
        try:
            self._seen, self._at = look(self._client, self._most), time.monotonic()
        except ServerAway:
            if self._seen is None:
                raise
        assert self._seen is not None  # noqa: S101  # else it has raised
        return frame(self._client.url, self._seen, time.monotonic() - self._at)


def frame(url: str, seen: Json, old_s: float) -> list[str]:
    width = screen_size()[0]
    badge = paint(f"no answer for {duration(old_s)}", "red") if old_s > 1 else paint("live", "green")
    moment = datetime.now(UTC).strftime("%H:%M:%S UTC")
    alive = [node for node in seen["nodes"] if node["state"] in ("online", "late", "draining")]
    cpu, memory = (_sum(alive, amount) for amount in ("cpu", "memory"))
    running = sum(len(node["running"]) for node in alive)
    head = [
        f"flotilla {url}  {moment}  {badge}",
        f"{len(alive)} nodes  {running} running  {_share(cpu)} cpu reserved  {_share(memory)} MB reserved",
        *(f"queue {cell(queue['name'])}: {text}" for queue in seen["queues"] if (text := _queue(queue))),
    ]
    return [*head, "", *_nodes(seen["nodes"]), "", *_jobs(seen["jobs"], width)]


def _queue(queue: Json) -> str:
    held = [paint("paused", "yellow")] if queue.get("paused") else []
    return ", ".join([*held, *filter(None, [counts_text(queue["counts"])])])


def _sum(nodes: list[Json], amount: str) -> tuple[float, float]:
    total = sum(node["total"][amount] for node in nodes)
    return total - sum(node["free"][amount] for node in nodes), total


def _share(amount: tuple[float, float]) -> str:
    return f"{amount[0]:g} of {amount[1]:g}"


def _nodes(nodes: list[Json]) -> list[str]:
    if not nodes:
        return [paint("no nodes; start one with: flotilla node", "bright_black")]
    wide = min(LONGEST_NODE, max(4, *(len(cell(node["name"])) for node in nodes)))
    title = (
        f"{'NODE':{wide}}  {'STATE':10} {'CPU RESERVED':{BAR + 12}} {'USED':>5}  {'MEMORY RESERVED':{BAR + 16}}"
        f" {'USED':>9}  RUNNING  HEARD"
    )
    return [paint(title, "bright_black"), *(_node(node, wide) for node in nodes)]


def _node(node: Json, wide: int) -> str:
    state, total, free, load = node["state"], node["total"], node["free"], node["load"]
    cpu, memory = total["cpu"] - free["cpu"], total["memory"] - free["memory"]
    cpu_text = f"{_bar(cpu, total['cpu'])} {cpu:g}/{total['cpu']:g}"
    memory_text = f"{_bar(memory, total['memory'])} {memory}/{total['memory']} MB"
    name = cell(node["name"])[:wide].ljust(wide)
    return (
        f"{name}  {paint(state.ljust(10), COLOURS.get(state, 'reset'))} {cpu_text:{BAR + 12}}"
        f" {load['cpuPercent']:>4.0f}%  {memory_text:{BAR + 16}} {size(load['usedMemoryBytes']):>9}"
        f"  {len(node['running']):>7}  {age(node['heartbeatAt'])}"
    )


def _bar(part: float, whole: float) -> str:
    return glyphs.bar(part / whole if whole else 0.0, BAR)


def _jobs(jobs: list[Json], width: int) -> list[str]:
    if not jobs:
        return [paint("no jobs; try: flotilla run -- echo hello", "bright_black")]
    title = f"{'JOB':{SHORT_ID}}  {'STATE':11} {'PROGRESS':{BAR + 16}} {'AGE':>7} {'TOOK':>7}  NAME"
    return [paint(title, "bright_black"), *(_job(job, width) for job in jobs)]


def _job(job: Json, width: int) -> str:
    state = job["state"]
    sign = paint(f"{glyphs.sign(state)} {state}".ljust(11), COLOURS.get(state, "reset"))
    far = f"{glyphs.bar(job['progress'], BAR)} {job['progress']:>4.0%} {done_of(job)}"
    counts = ", ".join(part for part in counts_text(job["counts"]).split(", ") if not part.endswith(" succeeded"))
    room = max(10, width - 80)
    name = cell(job["name"])[:room]
    more = f"  {paint(counts, 'bright_black')}" if counts else ""
    return f"{job['id'][:SHORT_ID]}  {sign} {far:{BAR + 16}} {age(job['createdAt']):>7} {took(job):>7}  {name}{more}"
