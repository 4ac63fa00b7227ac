"""A job goes, and all that belongs to it: a bounded number of rows a statement, and a transaction where that is asked
for, so that no statement is large and no writer waits for long.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    tuple_,
)

from app.adapters.sql.by_state import LEAVE, UNFAIL
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
_LARGE = 10
"""Small rows that one with a chunk of a log or of a list of values costs as much as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """`some` finds keys, `these` delete by them. `hanging` deletes some of the many rows that may hang on a key, and
    has to be at its end before the keys themselves go. `weight` is what a row costs.
    """

    some: Statement
    these: tuple[Statement, ...]
    hanging: Statement | None = None
    weight: int = 1


def _some(key: ColumnElement[Any], of_job: ColumnElement[bool]) -> Statement:
    return Statement(select(key).where(of_job).limit(bindparam("most")))


def _these(table: Table, key: ColumnElement[Any]) -> Statement:
    return Statement(delete(table).where(among(key, "keys")))


def _hanging(table: Table, key: ColumnElement[Any], other: ColumnElement[Any]) -> Statement:
    """Some of the rows of a table whose primary key is both, by the first of them."""
    both = tuple_(key, other)
    some = select(key, other).where(among(key, "keys")).limit(bindparam("most"))
    return Statement(delete(table).where(both.in_(some)).returning(key))


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
_tasks = (LEAVE, UNFAIL, _these(tasks, tasks.c.seq))

_steps = (
    _Step(
        some=_some(assets.c.seq, assets.c.job_seq == bindparam("job_seq")),
        these=(_loosen, _these(asset_uses, asset_uses.c.asset_seq), _these(assets, assets.c.seq)),
    ),
    _Step(
        some=_some(asset_uses.c.asset_seq, _of_job),
        these=(Statement(delete(asset_uses).where(_of_job, among(asset_uses.c.asset_seq, "keys"))),),
    ),
    _Step(
        some=_some(log_chunks.c.seq, log_chunks.c.job_seq == bindparam("job_seq")),
        these=(_these(log_chunks, log_chunks.c.seq),),
        weight=_LARGE,
    ),
    _Step(
        some=_some(logs.c.run_id, logs.c.job_seq == bindparam("job_seq")),
        these=(_these(logs, logs.c.run_id),),
    ),
    _Step(
        some=_some(deliveries.c.seq, deliveries.c.job_seq == bindparam("job_seq")),
        these=(_these(deliveries, deliveries.c.seq),),
    ),
    _Step(
        some=_some(events.c.seq, events.c.job_id == bindparam("job_id")),
        these=(_these(events, events.c.seq),),
    ),
    _Step(
        some=_some(runs.c.id, runs.c.job_seq == bindparam("job_seq")),
        hanging=_hanging(samples, samples.c.run_id, samples.c.at_us),
        these=(_these(outside_runs, outside_runs.c.run_id), _these(runs, runs.c.id)),
    ),
    _Step(some=_values, these=_tasks),
    _Step(
        some=_some(maps.c.task_seq, maps.c.job_seq == bindparam("job_seq")),
        hanging=_hanging(map_values, map_values.c.map_seq, map_values.c.first_index),
        these=(_these(map_sources, map_sources.c.map_seq), _these(maps, maps.c.task_seq)),
        weight=_LARGE,
    ),
    _Step(
        some=_some(tasks.c.seq, and_(tasks.c.job_seq == bindparam("job_seq"), PLAIN_TASK)),
        hanging=_hanging(chord_parts, chord_parts.c.header_seq, chord_parts.c.body_seq),
        these=(
            _these(chords, chords.c.body_seq),
            _these(task_specs, task_specs.c.seq),
            _these(task_ranges, task_ranges.c.first_seq),
            _these(hidden_tasks, hidden_tasks.c.task_seq),
            *_tasks,
        ),
    ),
)
_job_id = Statement(select(jobs.c.id).where(jobs.c.seq == bindparam("job_seq")).with_for_update())
_source = Statement(delete(job_sources).where(job_sources.c.job_seq == bindparam("job_seq")))
_job = Statement(delete(jobs).where(jobs.c.seq == bindparam("job_seq")))


class Deletion(Part):
    def delete_job(self, job_seq: int) -> None:
        while not self.delete_some(job_seq, _AT_ONCE):
            pass

    def delete_some(self, job_seq: int, most: int) -> bool:
        job = self._session.row(_job_id, job_seq=job_seq)
        if job is None:
            return True
        left = most
        for step in _steps:
            left = self._take(step, left, job_seq, job[0])
            if left <= 0:
                return False
        self._session.run(_source, job_seq=job_seq)
        self._session.run(_job, job_seq=job_seq)
        return True

    def _take(self, step: _Step, left: int, job_seq: int, job_id: str) -> int:
        """What is left of the rows that may go; none is left unless the step is at its end."""
        while left > 0:
            most = max(1, left // step.weight)
            found = self._session.rows(step.some, job_seq=job_seq, job_id=job_id, most=most)
            if not found:
                return left
            keys = self._session.listed([row[0] for row in found])
            if step.hanging is not None:
                gone = len(self._session.rows(step.hanging, keys=keys, most=most))
                left -= gone * step.weight
                if gone == most:
                    continue
            for statement in step.these:
                self._session.run(statement, keys=keys, job_seq=job_seq)
            left -= len(found) * step.weight
        return left
