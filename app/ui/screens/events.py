"""S12, events and audit: what happened to the jobs of the organization, and who did what, newest first."""

from collections.abc import Mapping, Sequence
from typing import Final

from flask import Blueprint, Response, request

from app.ports.people import Entry
from app.ports.records import Event, Page
from app.ports.store import Reader
from app.services import audit
from app.ui import guard, pages
from app.ui.context import core, who

routes = Blueprint("events", __name__)

_ROWS: Final = 50
_NAMED: Final = 3
_AT_ONCE: Final = 1000
_LOOKED_AT: Final = 5000
"""Entries that one page of the audit looks through for those about an object."""
_READ: Final = 10_000
"""Events that one can go back by hand; a job's own are all on its page."""


@routes.get("/events")
@guard.needs("jobs:read")
def show_events() -> Response:
    back = min(max(0, request.args.get("back", 0, type=int)), _READ)

    def work(tx: Reader) -> tuple[list[Event], bool]:
        after = tx.event_before(who().org_id, back + _ROWS)
        until = tx.event_before(who().org_id, back) if back else None
        found = tx.events(who().org_id, Page(limit=_ROWS, after=(after,)))
        return [event for event in found if until is None or event.seq <= until], after > 0

    events, more = core().store.read(work)
    return pages.page(
        "events.html",
        title="Events",
        active="events",
        events=events[::-1],
        named=_NAMED,
        back=back,
        older=back + _ROWS if more and back + _ROWS < _READ else None,
        newer=max(0, back - _ROWS),
        names=core().store.read(lambda tx: _names(tx, events)),
    )


@routes.get("/audit")
@guard.needs("org:admin")
def show_audit() -> Response:
    about, before = request.args.get("about", "").strip(), request.args.get("before", type=int)
    entries, next_before = _entries(about, before)
    return pages.page(
        "audit.html",
        title="Audit",
        active="events",
        entries=entries,
        about=about,
        before=before,
        next_before=next_before,
        looked_at=_LOOKED_AT,
    )


def _entries(about: str, before: int | None) -> tuple[Sequence[Entry], int | None]:
    """Those about an object (its id, or part of an address or a name), and where the next ones begin."""
    found: list[Entry] = []
    for _ in range(_LOOKED_AT // _AT_ONCE):
        limit = _AT_ONCE if about else _ROWS + 1
        read = audit.listing(core(), who(), Page(limit=limit, after=None if before is None else (before,)))
        found += [entry for entry in read if not about or _is_about(entry, about)]
        if len(found) > _ROWS:
            return found[:_ROWS], found[_ROWS - 1].seq
        if len(read) < limit:
            return found, None
        before = read[-1].seq
    return found, before


def _is_about(entry: Entry, about: str) -> bool:
    return any(about.lower() in text.lower() for text in (entry.resource_id, entry.who, entry.route, entry.address))


def _names(tx: Reader, events: Sequence[Event]) -> Mapping[str, str]:
    """Of the jobs, and of the first tasks of each event."""
    jobs = {job_id: tx.job(job_id) for job_id in {event.job_id for event in events}}
    ids = {change[0] for event in events if event.kind == "tasks" for change in event.data[:_NAMED]}
    tasks = {task_id: tx.task(task_id) for task_id in ids}
    found = {job_id: job.name for job_id, job in jobs.items() if job is not None and not job.removed}
    return found | {task_id: view.task.name for task_id, view in tasks.items() if view is not None}
