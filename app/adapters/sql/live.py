"""Events in the order of their numbers, for those who follow them (`said.py` has why none is ever missed)."""

from sqlalchemy import bindparam, func, select

from app.adapters.sql.part import Part
from app.adapters.sql.said import event_of
from app.adapters.sql.statement import ONE, Statement
from app.adapters.sql.tables import events
from app.ports.records import Event

_last = Statement(select(func.max(events.c.seq)))
_after = Statement(
    select(events).where(events.c.seq > bindparam("after")).order_by(events.c.seq).limit(bindparam("most"))
)
_of_org = events.c.org_id == bindparam("org_id")
_back = select(events.c.seq).order_by(events.c.seq.desc()).limit(ONE).offset(bindparam("newest"))
_org_before = Statement(_back.where(_of_org))
_job_before = Statement(_back.where(_of_org, events.c.job_id == bindparam("job_id")))


class EventReads(Part):
    def last_event(self) -> int:
        row = self._session.row(_last)
        return (row[0] if row else None) or 0

    def events_after(self, seq: int, limit: int) -> list[Event]:
        return [event_of(row) for row in self._session.rows(_after, after=seq, most=limit)]

    def event_before(self, org_id: str, newest: int, job_id: str | None = None) -> int:
        if job_id is None:
            row = self._session.row(_org_before, org_id=org_id, newest=newest)
        else:
            row = self._session.row(_job_before, org_id=org_id, newest=newest, job_id=job_id)
        return row[0] if row else 0
