"""What does one see of the demo: its progress while it runs, and what came of it at the end?"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from app.cli.client import Client, Json
from app.cli.columns import counts_text, done_of
from app.cli.failures import ServerAway
from app.cli.output import duration, paint, size

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

BETWEEN_LINES_S = 1.0
BETWEEN_NODES_S = 0.4
WIDTH = 46
STYLES = {"succeeded": "green", "running": "cyan", "queued": "blue", "failed": "red"}


class View:
    """On a terminal a live panel; elsewhere a line now and then."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._live: Live | None = None
        self._nodes: list[Json] = []
        self._nodes_at = self._line_at = 0.0

    def __enter__(self) -> "View":
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(refresh_per_second=12)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    def see(self, job: Json) -> None:
        now = time.monotonic()
        if self._live:
            if now - self._nodes_at >= BETWEEN_NODES_S:
                self._nodes, self._nodes_at = self._fleet(), now
            self._live.update(panel(job, self._nodes))
        elif now - self._line_at >= BETWEEN_LINES_S or job["finishedAt"]:
            self._line_at = now
            click.echo(f"{done_of(job)} {counts_text(job['counts'])}")

    def _fleet(self) -> list[Json]:
        try:
            return [node for node in self._client.items("/v1/nodes") if node["state"] in ("online", "late")]
        except ServerAway:
            return self._nodes


def panel(job: Json, nodes: list[Json]) -> "RenderableType":
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    counts = job["counts"]
    total = max(1, sum(counts.values()))
    bar, used = Text(), 0
    for state in ("succeeded", "failed", "running", "queued"):
        length = round(WIDTH * counts.get(state, 0) / total)
        bar.append("━" * length, style=STYLES[state])
        used += length
    bar.append("─" * max(0, WIDTH - used), style="bright_black")
    bar.append(f"  {done_of(job)}", style="bold")
    rows = Table.grid(padding=(0, 2))
    rows.add_row("tasks", bar)
    rows.add_row("", Text(counts_text(counts), style="bright_black"))
    for node in nodes:
        taken, whole = node["total"]["cpu"] - node["free"]["cpu"], node["total"]["cpu"]
        filled = round(20 * taken / whole) if whole else 0
        running = len(node.get("running") or ())
        said = f"  {taken:g} of {whole:g} cpu, {running} running"
        load = Text.assemble(("■" * filled, "cyan"), ("·" * (20 - filled), "bright_black"), said)
        rows.add_row(node["name"], load)
    return Panel(Group(rows), title=job["name"], title_align="left", expand=False)


def show_end(client: Client, job: Json, wall_s: float) -> None:
    runs = list(client.items(f"/v1/jobs/{job['id']}/runs"))
    usages = [run["usage"] for run in runs if run.get("usage")]
    report = next(task for task in client.items(f"/v1/jobs/{job['id']}/tasks") if task["name"] == "report")
    found = report["result"]
    cpu_s = sum(usage["cpuUserSeconds"] + usage["cpuSystemSeconds"] for usage in usages)
    imported = ", ".join(f"{name} ({count})" for name, count in found["mostImported"].items())
    longest, tangled = found["longestModule"], found["mostTangled"]
    rows = [
        (
            "read",
            f"Python {found['python']}: {found['files']:,} modules, {found['lines']:,} lines, {size(found['bytes'])}",
        ),
        ("found", f"{found['functions']:,} functions in {found['classes']:,} classes and modules"),
        ("complexity", f"{found['meanComplexity']} on average; {found['simpleShare']:.0%} of functions at 5 or below"),
        ("most tangled", f"{tangled['name']} ({tangled['complexity']})"),
        ("longest", f"{longest['name']} ({longest['lines']:,} lines)"),
        ("most imported", imported),
        ("", ""),
        ("job", f"{job['id']}: {sum(job['counts'].values())} tasks, {len(runs)} runs on {_nodes_of(runs)} nodes"),
        ("time", f"{duration(wall_s)} wall, {duration(cpu_s)} cpu, {sum(job['counts'].values()) / wall_s:.0f} tasks/s"),
        ("memory", f"{size(max((usage['peakRssBytes'] for usage in usages), default=0))} at the peak of one run"),
        ("report", found["report"]),
        ("picture", found["picture"]),
    ]
    click.echo()
    for title, text in rows:
        click.echo(f"{paint(title.ljust(14), 'bright_black')}{text}" if title else "")


def _nodes_of(runs: list[Json]) -> int:
    return len({run["nodeId"] for run in runs if run.get("nodeId")})
