"""`flotilla archive`: jobs that were written down before they went, read from where they lie."""

import os
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import click
import orjson

from app.cli.client import Json
from app.cli.columns import NAME, STATE
from app.cli.failures import Failure, NotFound, Usage
from app.cli.output import Column, output_option, show_list
from app.services.archive import ENDING, FORMAT

_SETTING = "FLOTILLA_ARCHIVE_URL"
_GZIP = 31  # zlib's word for: with a gzip header
_PIECE = 1 << 18

COLUMNS = (
    Column(title="id", value=lambda job: job["id"]),
    STATE,
    Column(title="tasks", value=lambda job: sum(job["counts"].values()), right=True),
    Column(title="ended", value=lambda job: _time(job["finished_at_us"])),
    NAME,
)

_place = click.option("--from", "place", metavar="URL", help=f"A folder, s3://... or gs://... [{_SETTING}]")


@click.group()
def archive() -> None:
    """Read jobs from the archive. Asks no server: it runs where the archive can be read."""


@archive.command("list")
@_place
@click.option("--month", metavar="YYYY-MM", help="Those that ended in this month (UTC).")
@output_option
def list_(place: str | None, month: str | None, output: str) -> None:
    """List the archived jobs, by month."""
    files, opened = _files(place, f"{month or '*'}/*{ENDING}")
    show_list((_job(opened, name) for name in sorted(files)), COLUMNS, output, empty="no archived jobs")


@archive.command()
@click.argument("job_id", metavar="JOB")
@_place
def show(job_id: str, place: str | None) -> None:
    """Print an archived job as JSON Lines: the job, its tasks, its runs, and what they said.

    JOB is its id, or the beginning of it.
    """
    if not job_id or not job_id.replace("-", "").isalnum():
        raise Usage("JOB is the id of a job, or the beginning of it")
    files, opened = _files(place, f"*/{job_id}*{ENDING}")
    if not files:
        raise NotFound(f"no archived job has the id {job_id}", "`flotilla archive list` has those that there are")
    if len(files) > 1:
        raise Usage(f"{len(files)} archived jobs begin with {job_id}; give more of the id")
    last = b""
    for line in _lines(opened, files[0]):
        sys.stdout.buffer.write(line)
        last = line
    sys.stdout.buffer.flush()
    if not last.startswith(b'{"tasks"'):
        raise Failure(f"{files[0]} is cut off", "the job was perhaps still being archived; see the engine's log")


def _files(place: str | None, pattern: str) -> tuple[list[str], Callable[[str], BinaryIO]]:
    """Their names, and what opens one."""
    url = place or os.environ.get(_SETTING, "")
    if not url:
        raise Usage(f"where is the archive? Give --from URL, or set {_SETTING}")
    import fsspec  # slow to import, and only wanted here

    try:
        system, root = fsspec.core.url_to_fs(url)
        names = [str(name) for name in system.glob(f"{root.rstrip('/')}/{pattern}")]
    except ImportError as missing:
        raise Usage(f"{url} needs a library that is not installed: {missing}") from None
    except Exception as wrong:  # each store has errors of its own
        raise Failure(f"the archive cannot be read: {wrong}") from None
    return names, lambda name: cast(BinaryIO, system.open(name, "rb"))


def _job(opened: Callable[[str], BinaryIO], name: str) -> Json:
    first: dict[str, Any] = orjson.loads(next(_lines(opened, name), b"{}"))
    if first.get("format") != FORMAT:
        raise Failure(f"{name} is no archived job of a form that is known here")
    return cast(Json, first["job"])


def _lines(opened: Callable[[str], BinaryIO], name: str) -> Iterator[bytes]:
    unpack = zlib.decompressobj(_GZIP)
    rest = b""
    with opened(name) as file:
        while piece := file.read(_PIECE):
            try:
                *lines, rest = (rest + unpack.decompress(piece)).split(b"\n")
            except zlib.error as wrong:
                raise Failure(f"{name} is damaged: {wrong}") from None
            yield from (line + b"\n" for line in lines)


def _time(at_us: int | None) -> str:
    return "" if at_us is None else f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M}"
