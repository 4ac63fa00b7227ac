"""What a run tells by itself, over HTTP and with its own token, beside what its node reports of it.

Both may speak: progress never falls, the last status text counts, and a result told here stands unless the program ends
with one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import structs

from app.domain.errors import Conflict, NotFound
from app.domain.run import Run
from app.ports.records import StoredLine
from app.ports.store import Writer
from app.services import secrets
from app.services.access import Principal
from app.services.core import Core
from app.wire.report import LogLine
from app.wire.states import RunState

SCOPE: Final = "runs:self"
_NO_NUMBER: Final = 0
"""A node counts its lines from 1. Those told here have no number of it, and are in the log where they arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    level: str
    text: str


def progress(
    core: Core, who: Principal, run_id: str, *, fraction: float | None = None, status_text: str | None = None
) -> None:
    def work(tx: Writer) -> None:
        run = _own(tx, who, run_id)
        shown = run.status_text if status_text is None else secrets.mask_of(core, tx, run).text(status_text)
        further = structs.replace(run, progress=max(run.progress, fraction or 0.0), status_text=shown)
        tx.save_runs([further])

    core.store.write(work)


def messages(core: Core, who: Principal, run_id: str, said: Sequence[Said]) -> None:
    def work(tx: Writer) -> None:
        run = _own(tx, who, run_id)
        mask = secrets.mask_of(core, tx, run)
        lines = [
            LogLine(line=_NO_NUMBER, at_us=tx.now_us, stream="system", level=one.level, text=mask.text(one.text))
            for one in said
        ]
        tx.add_lines(
            [
                StoredLine(
                    seq=0, job_seq=run.job_seq, task_seq=run.owner_seq, task_id=run.task_id, run_id=run.id, line=line
                )
                for line in lines
            ]
        )

    core.store.write(work)


def result(core: Core, who: Principal, run_id: str, value: Any) -> None:
    """`value` is JSON."""

    def work(tx: Writer) -> None:
        run = _own(tx, who, run_id)
        tx.save_runs([structs.replace(run, result=secrets.mask_of(core, tx, run).data(value))])

    core.store.write(work)


def _own(tx: Writer, who: Principal, run_id: str) -> Run:
    """Locked. Raises NotFound for another run than the caller's, Conflict once that has ended."""
    who.require(SCOPE)
    run = next(iter(tx.lock_runs([run_id])), None) if run_id == who.run_id else None
    if run is None:
        raise NotFound("there is no such run")
    if run.state is not RunState.RUNNING or run.fence != who.fence:
        raise Conflict(f"the run is {run.state.value}")
    return run
