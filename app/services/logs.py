"""What a run's program has said, as one file: standard output and error, in the order they came."""

from collections.abc import Collection, Iterator
from typing import Final

from app.domain.errors import NotFound, Unauthorized
from app.domain.run import Run
from app.ports.records import Page, StoredLine
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

_PURPOSE: Final = "log"
_AT_ONCE: Final = 1000
_ITS_OWN: Final = frozenset({"stdout", "stderr"})


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


def text(core: Core, run_id: str, streams: Collection[str] = _ITS_OWN) -> Iterator[bytes]:
    """Read while it is read from. Whoever calls this may."""
    after: tuple[int] | None = None
    while True:
        found = _lines(core, run_id, Page(limit=_AT_ONCE, after=after))
        yield "".join(f"{one.line.text}\n" for one in found if one.line.stream in streams).encode()
        if len(found) < _AT_ONCE:
            return
        after = (found[-1].seq,)


def _lines(core: Core, run_id: str, page: Page) -> list[StoredLine]:
    return core.store.read(lambda tx: tx.lines(page, run_id=run_id))
