"""A job as a text that outlives it: JSON Lines, packed with gzip, with all that the store has of it but its files.

    {"format": 1, "job": {...}}             the first line
    {"task": {...}, "spec": {...}}          each task, in order of submission; `needs` of its spec are the edges
    {"run": {...}}                          each run, by task, then number
    {"line": {...}}                         each line that its runs have said, where lines are wanted
    {"tasks": 3, "runs": 4, "lines": 12}    the last line: without it the text is cut off

The words are those of the records (`Job`, `Task`, `TaskSpec`, `Run`, `StoredLine`), times are microseconds. It is read
from the store page by page, so that a job of any size takes little memory and keeps nobody from writing.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import orjson

from app.domain.job import Job
from app.ports.records import Page
from app.ports.store import Reader
from app.services.core import MICROSECONDS, Core

T = TypeVar("T")

FORMAT: Final = 1
ENDING: Final = ".jsonl.gz"
_PAGE: Final = 1000
_GZIP: Final = 31  # zlib's word for: with a gzip header
_PIECE: Final = 1 << 18
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
MOST: Final = 1 << 40
"""Bytes of one archived job."""


def key_of(job: Job) -> str:
    """Where it is put: a folder a month, by the job's end."""
    ended = datetime.fromtimestamp((job.finished_at_us or job.created_at_us) / MICROSECONDS, UTC)
    return f"{ended:%Y-%m}/{job.id}{ENDING}"


def packed(core: Core, job: Job, *, lines: bool) -> Iterator[bytes]:
    """In pieces of some size, as `Blobs.put` takes them."""
    pack = zlib.compressobj(wbits=_GZIP)
    piece = b""
    for text in texts(core, job, lines=lines):
        piece += pack.compress(text)
        if len(piece) >= _PIECE:
            yield piece
            piece = b""
    yield piece + pack.flush()


def texts(core: Core, job: Job, *, lines: bool) -> Iterator[bytes]:
    """Line by line, each with its end."""
    yield _line({"format": FORMAT, "job": job})
    counts = {"tasks": 0, "runs": 0, "lines": 0}
    for view in _all(core, lambda tx, page: tx.tasks(job.seq, page), lambda view: (view.task.position,)):
        counts["tasks"] += 1
        yield _line({"task": view.task, "spec": view.spec})
    for run in _all(core, lambda tx, page: tx.runs(job.seq, page), lambda run: (run.task_seq, _index(run), run.number)):
        counts["runs"] += 1
        yield _line({"run": run})
    for line in _all(core, lambda tx, page: tx.lines(page, job_seq=job.seq), lambda line: (line.seq,)) if lines else ():
        counts["lines"] += 1
        yield _line({"line": line})
    yield _line(counts)


def _all(core: Core, ask: Callable[[Reader, Page], Sequence[T]], key: Callable[[T], tuple[int, ...]]) -> Iterable[T]:
    """Page by page, a transaction each: an ended job does not change meanwhile, and if it does it is not deleted."""
    page = Page(limit=_PAGE)
    while found := core.store.read(lambda tx: ask(tx, page)):  # noqa: B023  # called before the page changes
        yield from found
        page = Page(limit=_PAGE, after=key(found[-1]))


def _index(run: Any) -> int:
    return -1 if run.map_index is None else run.map_index


def _line(value: Any) -> bytes:
    return orjson.dumps(value, _fields, _OPTIONS)


def _fields(record: Any) -> dict[str, Any]:
    """Of a record that is no dataclass, for orjson."""
    return {name: getattr(record, name) for name in record.__struct_fields__}
