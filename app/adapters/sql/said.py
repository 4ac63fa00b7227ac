"""What happened, and what runs used: events, samples. As lines (`logs.py`), all of it is only ever added.

Events are followed by their number: whoever has seen one must never have missed a smaller one. On PostgreSQL numbers
are given before transactions commit, so they are written at the very end, after the lines, behind a lock that lasts
until the commit. Being last, these locks cannot close a circle with others.
"""

from collections.abc import Sequence

import orjson
from sqlalchemy import bindparam, select

from app.adapters.sql.log_adding import lock_log
from app.adapters.sql.logs import LogReads, LogWrites
from app.adapters.sql.part import FIRST
from app.adapters.sql.runs import usage_of, usage_text
from app.adapters.sql.session import Row, Session, dump
from app.adapters.sql.statement import Insert, Statement
from app.adapters.sql.tables import events, samples
from app.ports.records import Event, Page
from app.wire.usage import Sample, Usage

_EVENTS = 2 << 48

_insert_samples = Insert(samples, unless_there=True)
_insert_events = Insert(events, without="seq")
_samples = Statement(
    select(samples.c.at_us, samples.c.usage)
    .where(samples.c.run_id == bindparam("run_id"), samples.c.at_us > bindparam("after"))
    .order_by(samples.c.at_us)
    .limit(bindparam("most"))
)
_events = select(events).where(events.c.seq > bindparam("after")).order_by(events.c.seq).limit(bindparam("most"))
_events_of_org = Statement(_events.where(events.c.org_id == bindparam("org_id")))
_events_of_job = Statement(
    _events.where(events.c.org_id == bindparam("org_id"), events.c.job_id == bindparam("job_id"))
)


def event_of(row: Row) -> Event:
    seq, org_id, job_id, at_us, kind, data = row
    return Event(seq=seq, org_id=org_id, job_id=job_id, at_us=at_us, kind=kind, data=orjson.loads(data))


class SaidReads(LogReads):
    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._events: list[Event] = []

    def samples(self, run_id: str, page: Page) -> list[Sample]:
        after = page.after[0] if page.after else FIRST
        rows = self._session.rows(_samples, run_id=run_id, after=after, most=page.limit)
        return [Sample(at_us=row[0], usage=usage_of(row[1]) or Usage()) for row in rows]

    def events(self, org_id: str, page: Page, job_id: str | None = None) -> list[Event]:
        self.finish()
        values = {"org_id": org_id, "after": page.after[0] if page.after else FIRST, "most": page.limit}
        if job_id is None:
            return [event_of(row) for row in self._session.rows(_events_of_org, **values)]
        return [event_of(row) for row in self._session.rows(_events_of_job, job_id=job_id, **values)]

    def finish(self) -> None:
        """Write what was held back for the end of the transaction."""
        self.finish_lines()
        if self._events:
            if self._session.kind == "postgresql":
                self._session.run(lock_log, number=_EVENTS)
            rows = [(one.org_id, one.job_id, one.at_us, one.kind, dump(one.data)) for one in self._events]
            self._session.insert(_insert_events, rows, len(rows))
            self._events = []


class SaidWrites(SaidReads, LogWrites):
    def add_samples(self, samples: Sequence[tuple[str, Sample]]) -> None:
        rows = [(run_id, sample.at_us, usage_text(sample.usage)) for run_id, sample in samples]
        self._session.insert(_insert_samples, rows, len(rows))

    def add_events(self, events: Sequence[Event]) -> None:
        self._events += events
