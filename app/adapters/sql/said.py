"""What runs say and what happened: lines, samples, events. All of it is only ever added.

Lines and events are followed by their number: whoever has seen one must never have missed a smaller one. On PostgreSQL
numbers are given before transactions commit, so they are written at the very end, behind a lock that lasts until the
commit: one for each job's lines, then one for all events. Being last, these locks cannot close a circle with others.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, func, select

from app.adapters.sql.part import FIRST, Part
from app.adapters.sql.runs import usage_of, usage_text
from app.adapters.sql.session import Row, Session, dump
from app.adapters.sql.statement import Insert, Statement
from app.adapters.sql.tables import events, lines, samples
from app.ports.records import Event, Page, StoredLine
from app.wire.report import LogLine
from app.wire.usage import Sample, Usage

_LINES_OF_JOB = 1 << 48
_EVENTS = 2 << 48

_insert_lines = Insert(lines, without="seq", unless_there=True)
_insert_samples = Insert(samples, unless_there=True)
_insert_events = Insert(events, without="seq")
_lock = Statement(select(func.pg_advisory_xact_lock(bindparam("number"))))
_lines = select(lines).where(lines.c.seq > bindparam("after")).order_by(lines.c.seq).limit(bindparam("most"))
_lines_of_job = Statement(_lines.where(lines.c.job_seq == bindparam("key")))
_lines_of_task = Statement(_lines.where(lines.c.task_seq == bindparam("key")))
_lines_of_run = Statement(_lines.where(lines.c.run_id == bindparam("key")))
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


def _line_of(row: Row) -> StoredLine:
    line = LogLine(line=row[5], at_us=row[6], stream=row[7], level=row[8], text=row[9])
    return StoredLine(seq=row[0], job_seq=row[1], task_seq=row[2], task_id=row[3], run_id=row[4], line=line)


def _event_of(row: Row) -> Event:
    seq, org_id, job_id, at_us, kind, data = row
    return Event(seq=seq, org_id=org_id, job_id=job_id, at_us=at_us, kind=kind, data=orjson.loads(data))


class SaidReads(Part):
    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._lines: list[StoredLine] = []
        self._events: list[Event] = []

    def lines(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> list[StoredLine]:
        self.finish()
        statement, key = _lines_of_run, run_id or ""
        values: dict[str, Any] = {"after": page.after[0] if page.after else FIRST, "most": page.limit, "key": key}
        if job_seq is not None:
            statement, values["key"] = _lines_of_job, job_seq
        elif task_seq is not None:
            statement, values["key"] = _lines_of_task, task_seq
        return [_line_of(row) for row in self._session.rows(statement, **values)]

    def samples(self, run_id: str, page: Page) -> list[Sample]:
        after = page.after[0] if page.after else FIRST
        rows = self._session.rows(_samples, run_id=run_id, after=after, most=page.limit)
        return [Sample(at_us=row[0], usage=usage_of(row[1]) or Usage()) for row in rows]

    def events(self, org_id: str, page: Page, job_id: str | None = None) -> list[Event]:
        self.finish()
        values = {"org_id": org_id, "after": page.after[0] if page.after else FIRST, "most": page.limit}
        if job_id is None:
            return [_event_of(row) for row in self._session.rows(_events_of_org, **values)]
        return [_event_of(row) for row in self._session.rows(_events_of_job, job_id=job_id, **values)]

    def finish(self) -> None:
        """Write what was held back for the end of the transaction."""
        if self._lines:
            for job_seq in sorted({line.job_seq for line in self._lines}):
                self._lock(_LINES_OF_JOB + job_seq)
            self._session.insert(_insert_lines, map(_line_row, self._lines), len(self._lines))
            self._lines = []
        if self._events:
            self._lock(_EVENTS)
            rows = [(one.org_id, one.job_id, one.at_us, one.kind, dump(one.data)) for one in self._events]
            self._session.insert(_insert_events, rows, len(rows))
            self._events = []

    def _lock(self, number: int) -> None:
        if self._session.kind == "postgresql":
            self._session.run(_lock, number=number)


class SaidWrites(SaidReads):
    def add_lines(self, lines: Sequence[StoredLine]) -> None:
        self._lines += lines

    def add_samples(self, samples: Sequence[tuple[str, Sample]]) -> None:
        rows = [(run_id, sample.at_us, usage_text(sample.usage)) for run_id, sample in samples]
        self._session.insert(_insert_samples, rows, len(rows))

    def add_events(self, events: Sequence[Event]) -> None:
        self._events += events


def _line_row(stored: StoredLine) -> Row:
    line = stored.line
    place = (stored.job_seq, stored.task_seq, stored.task_id, stored.run_id)
    return (*place, line.line, line.at_us, line.stream, line.level, line.text)
