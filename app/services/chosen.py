"""Ids that callers choose: free, or their own request once more.

The same id with the same body is a repeat, and gets what the first one made; with another body it is refused. Whoever
asks for an id holds it until his transaction ends, so that of two at once the second one finds what the first one made.
`submitted` of what was made has the body's hash, under `BODY`.
"""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from app.domain.errors import Invalid, Problem
from app.domain.job import Job
from app.domain.run import Run
from app.ports.records import TaskView
from app.ports.store import Writer
from app.services.access import Principal

BODY: Final = "body"


def job(tx: Writer, who: Principal, job_id: str, submitted: Mapping[str, Any]) -> Job | None:
    """The job that the same request made before; None when the id is free. Raises Invalid."""
    tx.hold_name(job_id)
    known = tx.job(job_id)
    if known is None:
        return None
    if known.org_id != who.org_id or known.removed or not _same(known.submitted, submitted):
        _refuse()
    return known


def task(tx: Writer, who: Principal, task_id: str, submitted: Mapping[str, Any]) -> TaskView | None:
    tx.hold_name(task_id)
    known = tx.task(task_id)
    if known is None:
        return None
    if not _owned(tx, who, known.task.job_id) or not _same(known.spec.submitted, submitted):
        _refuse()
    return known


def run(tx: Writer, who: Principal, run_id: str, said: Mapping[str, Any]) -> Run | None:
    tx.hold_name(run_id)
    known = tx.run(run_id)
    if known is None:
        return None
    if not _owned(tx, who, known.job_id) or not _same(tx.said_outside([run_id]).get(run_id, {}), said):
        _refuse()
    return known


def _owned(tx: Writer, who: Principal, job_id: str) -> bool:
    owner = tx.job(job_id)
    return owner is not None and owner.org_id == who.org_id and not owner.removed


def _same(first: Mapping[str, Any], again: Mapping[str, Any]) -> bool:
    return BODY in first and first[BODY] == again.get(BODY)


def _refuse() -> NoReturn:
    raise Invalid([Problem("/id", "this id is taken; leave it out to be given one, or send the first body again")])
