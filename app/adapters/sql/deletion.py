"""A job goes, and all that belongs to it: a bounded number of rows a statement, so that no statement is large."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, Table, Text, and_, bindparam, delete, insert, literal_column, select

from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement, among
from app.adapters.sql.tables import (
    asset_uses,
    assets,
    chord_parts,
    chords,
    deliveries,
    events,
    hidden_tasks,
    job_sources,
    jobs,
    log_chunks,
    logs,
    loose_blobs,
    map_sources,
    map_values,
    maps,
    outside_runs,
    runs,
    samples,
    task_ranges,
    task_specs,
    tasks,
)
from app.adapters.sql.tasks import PLAIN_TASK
from app.domain.map import SPAN

_AT_ONCE = 5000


def _some(key: ColumnElement[Any], of_job: ColumnElement[bool]) -> Statement:
    return Statement(select(key).where(of_job).limit(bindparam("most")))


def _these(table: Table, key: ColumnElement[Any]) -> Statement:
    return Statement(delete(table).where(among(key, "keys")))


_ZERO, _EMPTY = literal_column("0", Integer), literal_column("''", Text)
_ONE, _SPAN = literal_column("1", Integer), literal_column(str(SPAN), Integer)
_loosened = select(assets.c.blob, _ZERO, _EMPTY, _ZERO, _ZERO, _EMPTY).where(among(assets.c.seq, "keys"))
_loosen = Statement(insert(loose_blobs).from_select([column.name for column in loose_blobs.columns], _loosened))
_values = Statement(
    select(tasks.c.seq)
    .select_from(maps.join(tasks, tasks.c.seq.between(maps.c.task_seq - _SPAN, maps.c.task_seq - _ONE)))
    .where(maps.c.job_seq == bindparam("job_seq"))
    .limit(bindparam("most"))
)
_of_job = asset_uses.c.job_seq == bindparam("job_seq")

_steps: tuple[tuple[Statement, tuple[Statement, ...]], ...] = (
    (
        _some(assets.c.seq, assets.c.job_seq == bindparam("job_seq")),
        (_loosen, _these(asset_uses, asset_uses.c.asset_seq), _these(assets, assets.c.seq)),
    ),
    (
        _some(asset_uses.c.asset_seq, _of_job),
        (Statement(delete(asset_uses).where(_of_job, among(asset_uses.c.asset_seq, "keys"))),),
    ),
    (
        _some(log_chunks.c.seq, log_chunks.c.job_seq == bindparam("job_seq")),
        (_these(log_chunks, log_chunks.c.seq),),
    ),
    (
        _some(logs.c.run_id, logs.c.job_seq == bindparam("job_seq")),
        (_these(logs, logs.c.run_id),),
    ),
    (
        _some(deliveries.c.seq, deliveries.c.job_seq == bindparam("job_seq")),
        (_these(deliveries, deliveries.c.seq),),
    ),
    (
        _some(events.c.seq, events.c.job_id == bindparam("job_id")),
        (_these(events, events.c.seq),),
    ),
    (
        _some(runs.c.id, runs.c.job_seq == bindparam("job_seq")),
        (_these(samples, samples.c.run_id), _these(outside_runs, outside_runs.c.run_id), _these(runs, runs.c.id)),
    ),
    (
        _values,
        (_these(tasks, tasks.c.seq),),
    ),
    (
        _some(maps.c.task_seq, maps.c.job_seq == bindparam("job_seq")),
        (
            _these(map_sources, map_sources.c.map_seq),
            _these(map_values, map_values.c.map_seq),
            _these(maps, maps.c.task_seq),
        ),
    ),
    (
        _some(tasks.c.seq, and_(tasks.c.job_seq == bindparam("job_seq"), PLAIN_TASK)),
        (
            _these(chord_parts, chord_parts.c.header_seq),
            _these(chords, chords.c.body_seq),
            _these(task_specs, task_specs.c.seq),
            _these(task_ranges, task_ranges.c.first_seq),
            _these(hidden_tasks, hidden_tasks.c.task_seq),
            _these(tasks, tasks.c.seq),
        ),
    ),
)
_job_id = Statement(select(jobs.c.id).where(jobs.c.seq == bindparam("job_seq")).with_for_update())
_source = Statement(delete(job_sources).where(job_sources.c.job_seq == bindparam("job_seq")))
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
                    self._session.run(deletion, keys=keys, job_seq=job_seq)
        self._session.run(_source, job_seq=job_seq)
        self._session.run(_job, job_seq=job_seq)
