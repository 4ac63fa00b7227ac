"""How are jobs shown while one waits for them? A bar for each on a terminal, plain lines elsewhere; always on stderr.

Nothing is shown of what is over within a moment: neither worth reading nor worth the import of rich.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from app.cli.client import Json
from app.cli.columns import counts_text, done_of
from app.cli.following import is_over
from app.cli.output import cell, took

if TYPE_CHECKING:
    from rich.progress import TaskID

MOMENT_S = 0.4
BETWEEN_LINES_S = 2.0


class Lookout:
    """Told of each job as it is; `quiet` says nothing at all."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._began = time.monotonic()
        self._bars: _Bars | None = None
        self._said: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> "Lookout":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.close()

    def see(self, job: Json) -> None:
        if self._quiet:
            return
        if sys.stderr.isatty():
            if self._bars is None and time.monotonic() - self._began >= MOMENT_S:
                self._bars = _Bars()
            if self._bars:
                self._bars.see(job)
        else:
            self._line(job)

    def note(self, text: str) -> None:
        if not self._quiet:
            self._bars.note(text) if self._bars else click.echo(text, err=True)

    def _line(self, job: Json) -> None:
        now = time.monotonic()
        text = f"{cell(job['name'])} {job['id']} {job['state']} {done_of(job)}"
        due = now - max(self._began, self._said.get(job["id"], (0.0, ""))[0])
        if is_over(job):
            click.echo(f"{text} in {took(job) or '0s'}", err=True)
        elif due >= BETWEEN_LINES_S and self._said.get(job["id"], (0.0, ""))[1] != text:
            self._said[job["id"]] = (now, text)
            click.echo(f"{text} ({counts_text(job['counts'])})", err=True)


class _Bars:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}", markup=False, style="bright_black"),
            TextColumn("{task.fields[took]}", markup=False),
            console=Console(stderr=True),
        )
        self._bars: dict[str, TaskID] = {}
        self._progress.start()

    def see(self, job: Json) -> None:
        done, _, total = done_of(job).partition("/")
        if job["id"] not in self._bars:
            self._bars[job["id"]] = self._progress.add_task(
                cell(job["name"])[:40], total=int(total), counts="", took=""
            )
        bar = self._bars[job["id"]]
        self._progress.update(bar, completed=int(done), counts=counts_text(job["counts"]), took=took(job))
        if is_over(job):
            self._progress.stop_task(bar)

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._progress.stop()
