"""A job goes, and all that belongs to it: a bounded number of rows a statement, so that no statement is large."""

from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, delete, select

from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement, among
from app.adapters.sql.tables import chord_parts, chords, events, jobs, lines, runs, samples, task_specs, tasks

_AT_ONCE = 5000


def _some(key: ColumnElement[Any], of_job: ColumnElement[bool]) -> Statement:
    return Statement(select(key).where(of_job).limit(bindparam("most")))


def _these(table: Table, key: ColumnElement[Any]) -> Statement:
    return Statement(delete(table).where(among(key, "keys")))


_steps: tuple[tuple[Statement, tuple[Statement, ...]], ...] = (
    (
        _some(lines.c.seq, lines.c.job_seq == bindparam("job_seq")),
        (_these(lines, lines.c.seq),),
    ),
    (
        _some(events.c.seq, events.c.job_id == bindparam("job_id")),
        (_these(events, events.c.seq),),
    ),
    (
        _some(runs.c.id, runs.c.job_seq == bindparam("job_seq")),
        (_these(samples, samples.c.run_id), _these(runs, runs.c.id)),
    ),
    (
        _some(tasks.c.seq, tasks.c.job_seq == bindparam("job_seq")),
        (
            _these(chord_parts, chord_parts.c.header_seq),
            _these(chords, chords.c.body_seq),
            _these(task_specs, task_specs.c.seq),
            _these(tasks, tasks.c.seq),
        ),
    ),
)
_job_id = Statement(select(jobs.c.id).where(jobs.c.seq == bindparam("job_seq")).with_for_update())
_job = Statement(delete(jobs).where(jobs.c.seq == bindparam("job_seq")))


class Deletion(Part):
    def delete_job(self, job_seq: int) -> None:
        job = self._session.row(_job_id, job_seq=job_seq)
        if job is None:
            return
        for some, deletions in _steps:
            while found := self._session.rows(some, job_seq=job_seq, job_id=job[0], most=_AT_ONCE):
                keys = self._session.listed([row[0] for row in found])
                for deletion in deletions:
                    self._session.run(deletion, keys=keys)
        self._session.run(_job, job_seq=job_seq)
