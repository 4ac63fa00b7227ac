"""What runs have said, to be read: a stretch of a log, a search in it, its end, all of it as one file.

For a viewer of one run's log: `window` gives the lines at some places and how many there are, `search` those that hold
a text, with where to go on when it has looked at enough, and `find` anything that `LinesWanted` can say, for a job or a
task as well. A line's place in its run's log is `StoredLine.place`, from 1 without gaps. What a log has grown by is
asked for by going on behind the last line one has: nobody waits in here.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.domain.errors import NotFound, Unauthorized
from app.domain.run import Run
from app.ports.logs import FAR, LEVELS, LinesFound, LinesWanted
from app.ports.records import StoredLine
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.wire.states import RUN_TERMINAL

LOOK_AT: Final = 100_000
"""Lines that one search looks at before it says where to go on."""
MOST: Final = 5000
_PURPOSE: Final = "log"
_AT_ONCE: Final = 2000
_ITS_OWN: Final = frozenset({"stdout", "stderr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWindow:
    """Lines of a run's log in order; `total` is the place of the last line there is by now. `over`: none will come."""

    lines: Sequence[StoredLine]
    total: int
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Lines that were found, in the order of the search; `next_line` is the place to go on at, None at the end."""

    lines: Sequence[StoredLine]
    next_line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Lines that fit. Up to `last`, a `seq`, all has been looked at; `more`: something follows it already."""

    lines: Sequence[StoredLine]
    last: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A run's log as text, as long as it is now. `pieces` are read from the store while they are read from here."""

    size: int
    pieces: Iterator[bytes]


def window(core: Core, who: Principal, run_id: str, first: int, last: int) -> LogWindow:
    """Those at the places from `first` to `last`, at most MOST of them. A negative `first` counts from the end."""
    who.require("messages:read")

    def work(tx: Reader) -> LogWindow:
        run = query.find_run(tx, who, run_id)
        total = tx.log_length(run.id)
        start = max(1, total + first + 1 if first < 0 else first)
        found = tx.find_lines(LinesWanted(run_id=run.id, first=start, last=last, limit=MOST))
        return LogWindow(lines=found.lines, total=total, over=run.state in RUN_TERMINAL)

    return core.store.read(work)


def search(
    core: Core,
    who: Principal,
    run_id: str,
    text: str,
    *,
    match_case: bool = False,
    level: str = LEVELS[0],
    streams: Collection[str] = (),
    start: int | None = None,
    backwards: bool = False,
    limit: int = 1000,
) -> Hits:
    """From `start` on, else from the beginning; with `backwards` from there to the beginning, else from the end."""
    who.require("messages:read")
    wanted = LinesWanted(
        run_id=run_id,
        first=1 if backwards or start is None else start,
        last=start if backwards and start is not None else FAR,
        streams=frozenset(streams),
        level=level,
        text=text,
        match_case=match_case,
        newest_first=backwards,
        limit=limit,
        look_at=LOOK_AT,
    )

    def work(tx: Reader) -> Hits:
        query.find_run(tx, who, run_id)
        found = tx.find_lines(wanted)
        if found.looked is None:
            return Hits(lines=found.lines, next_line=None)
        beyond = replace(wanted, after=found.looked, streams=frozenset(), level=LEVELS[0], text="", limit=1)
        following = tx.find_lines(beyond).lines
        return Hits(lines=found.lines, next_line=following[0].place if following else None)

    return core.store.read(work)


def find(
    core: Core,
    who: Principal,
    wanted: LinesWanted,
    *,
    job_id: str | None = None,
    task_id: str | None = None,
    run_id: str | None = None,
) -> Found:
    """Of a job, a task or a run, in order of arrival. With `newest_first` those at the end, in this order, too."""
    who.require("messages:read")

    def work(tx: Reader) -> Found:
        if run_id is not None:
            whose = replace(wanted, run_id=query.find_run(tx, who, run_id).id)
        elif task_id is not None:
            whose = replace(wanted, task_seq=query.find_task(tx, who, task_id).task.seq)
        else:
            whose = replace(wanted, job_seq=query.find_job(tx, who, job_id or "").seq)
        return _ended_at_the_end(tx, whose) if wanted.newest_first else _forward(tx, whose)

    return core.store.read(work)


def _forward(tx: Reader, wanted: LinesWanted) -> Found:
    """One more is looked for than is wanted, so that the last window knows that it is the last."""
    found = tx.find_lines(replace(wanted, limit=wanted.limit + 1))
    if len(found.lines) > wanted.limit:
        return Found(lines=found.lines[:-1], last=found.lines[-2].seq, more=True)
    if found.looked is not None:
        return Found(lines=found.lines, last=found.looked, more=True)
    return Found(lines=found.lines, last=_end(tx, wanted), more=False)


def _ended_at_the_end(tx: Reader, wanted: LinesWanted) -> Found:
    lines = tx.find_lines(wanted).lines
    return Found(lines=lines[::-1], last=_end(tx, wanted), more=False)


def _end(tx: Reader, wanted: LinesWanted) -> int:
    """The `seq` of the last line there is, whatever is wanted of it."""
    scope = LinesWanted(
        job_seq=wanted.job_seq, task_seq=wanted.task_seq, run_id=wanted.run_id, newest_first=True, limit=1
    )
    last = tx.find_lines(scope).lines
    return last[0].seq if last else 0


def sign(core: Core, who: Principal, job_id: str, run_id: str, lifetime_s: int) -> str:
    """What `by_link` takes for so long, without a token. Raises NotFound, also for another job's run."""
    who.require("messages:read")

    def work(tx: Reader) -> tuple[Run, int]:
        return query.find_run(tx, who, run_id), tx.now_us

    run, now_us = core.store.read(work)
    if run.job_id != job_id:
        raise NotFound("there is no such log")
    return core.signer.sign(_PURPOSE, run.id, now_us + lifetime_s * MICROSECONDS)


def by_link(core: Core, signed: str) -> Iterator[bytes]:
    """Raises NotFound, in the same words whatever is wrong; reads while it is read from."""

    def work(tx: Reader) -> Run | None:
        try:
            return tx.run(core.signer.check(_PURPOSE, signed, tx.now_us))
        except Unauthorized:
            return None

    run = core.store.read(work)
    if run is None:
        raise NotFound("this link leads nowhere: it has expired, was changed, or its job is gone")
    return text(core, run.id)


def file(core: Core, who: Principal, run_id: str, streams: Collection[str] = _ITS_OWN) -> LogFile:
    who.require("messages:read")

    def work(tx: Reader) -> tuple[int, int]:
        run = query.find_run(tx, who, run_id)
        sizes = tx.said_bytes([run.id])
        return tx.log_length(run.id), sum(sizes.get((run.id, stream), 0) for stream in streams)

    last, size = core.store.read(work)
    return LogFile(size=size, pieces=text(core, run_id, streams, last=last))


def text(core: Core, run_id: str, streams: Collection[str] = _ITS_OWN, *, last: int = FAR) -> Iterator[bytes]:
    """Read while it is read from. Whoever calls this may."""
    wanted = LinesWanted(run_id=run_id, last=last, streams=frozenset(streams), limit=_AT_ONCE)
    while True:
        found = _found(core, wanted)
        yield "".join(f"{one.line.text}\n" for one in found.lines).encode()
        if found.looked is None:
            return
        wanted = replace(wanted, after=found.looked)


def _found(core: Core, wanted: LinesWanted) -> LinesFound:
    return core.store.read(lambda tx: tx.find_lines(wanted))
