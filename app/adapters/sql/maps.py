"""Maps: how far each is, the values they are over, and the tasks of those values.

A value's task is found by its number, in the range before its map's, and until it has ended by the index of such tasks.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, select, text, update

from app.adapters.sql.by_state import IS_OPEN
from app.adapters.sql.part import Part
from app.adapters.sql.runs import run_of
from app.adapters.sql.session import Row, dump, load_or_none
from app.adapters.sql.statement import Insert, Statement, among
from app.adapters.sql.tables import LAGGING, PLAIN, map_sources, map_values, maps, runs, tasks
from app.adapters.sql.tasks import TASK_WIDTH, insert_tasks, task_of
from app.domain.map import SPAN, Map, first_seq
from app.domain.task import Task
from app.ports.records import Page, ValueChunk, ValueView
from app.wire.states import TaskState

_STATES = {state.value: state for state in TaskState}
_AT_ONCE = 20_000
_SAVED = (
    *("total", "max_concurrency", "max_failed", "window_size", "next_index", "made", "keep", "live", "succeeded"),
    *("failed", "canceled", "result_bytes", "closing", "fetch_at_us", "fetches"),
)

_between = tasks.c.seq.between(bindparam("first"), bindparam("last"))
_these = select(maps).where(among(maps.c.task_seq, "seqs")).order_by(maps.c.task_seq)

_insert = Insert(maps)
_insert_sources = Insert(map_sources)
_insert_chunks = Insert(map_values)
_found = Statement(_these)
_locked = Statement(_these.with_for_update())
_save = Statement(update(maps).where(maps.c.task_seq == bindparam("k_seq")), sets=_SAVED)
_source = Statement(select(map_sources.c.source).where(map_sources.c.map_seq == bindparam("map_seq")))
_chunk = Statement(
    select(map_values.c.first_index, map_values.c.chunk)
    .where(map_values.c.map_seq == bindparam("map_seq"), map_values.c.first_index <= bindparam("index"))
    .order_by(map_values.c.first_index.desc())
    .limit(bindparam("most"))
)
_clear = Statement(delete(map_values).where(map_values.c.map_seq == bindparam("map_seq")))
_results = Statement(
    select(tasks.c.seq, tasks.c.state, runs.c.result)
    .select_from(tasks.outerjoin(runs, runs.c.id == tasks.c.run_id))
    .where(_between)
    .order_by(tasks.c.seq)
)
_live = Statement(
    select(tasks.c.state, func.count())
    .where(tasks.c.job_seq == bindparam("job_seq"), _between, IS_OPEN)
    .group_by(tasks.c.state)
)
_live_in = Statement(
    select(tasks)
    .where(
        tasks.c.job_seq == bindparam("job_seq"),
        _between,
        IS_OPEN,
        tasks.c.state == bindparam("state"),
    )
    .order_by(tasks.c.seq)
    .limit(bindparam("most"))
)
_views = Statement(
    select(*tasks.columns, *runs.columns)
    .select_from(tasks.outerjoin(runs, runs.c.id == tasks.c.run_id))
    .where(_between)
    .order_by(tasks.c.seq)
    .limit(bindparam("most"))
)
_in_range = select(tasks).where(_between).order_by(tasks.c.seq).limit(bindparam("most")).with_for_update()
_any_values = Statement(_in_range)
_unsuccessful = Statement(_in_range.where(tasks.c.state != bindparam("succeeded")))
_seqs = Statement(
    select(tasks.c.seq).where(tasks.c.job_seq == bindparam("job_seq"), text(PLAIN)).order_by(tasks.c.position)
)
_lagging = Statement(select(maps).where(text(LAGGING)).order_by(maps.c.task_seq).limit(bindparam("most")))
_due = Statement(
    select(maps)
    .where(maps.c.fetch_at_us.is_not(None), maps.c.fetch_at_us <= bindparam("now_us"))
    .order_by(maps.c.fetch_at_us)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def _map_of(row: Row) -> Map:
    return Map(
        task_seq=row[0],
        job_seq=row[1],
        route=row[2],
        total=row[3],
        fixed=bool(row[4]),
        max_concurrency=row[5],
        max_failed=row[6],
        window=row[7],
        next=row[8],
        made=row[9],
        keep=bool(row[10]),
        live=row[11],
        succeeded=row[12],
        failed=row[13],
        canceled=row[14],
        result_bytes=row[15],
        closing=bool(row[16]),
        fetch_at_us=row[17],
        fetches=row[18],
    )


def _values(a_map: Map) -> dict[str, Any]:
    return {
        "k_seq": a_map.task_seq,
        "task_seq": a_map.task_seq,
        "job_seq": a_map.job_seq,
        "route": a_map.route,
        "total": a_map.total,
        "fixed": a_map.fixed,
        "max_concurrency": a_map.max_concurrency,
        "max_failed": a_map.max_failed,
        "window_size": a_map.window,
        "next_index": a_map.next,
        "made": a_map.made,
        "keep": a_map.keep,
        "live": a_map.live,
        "succeeded": a_map.succeeded,
        "failed": a_map.failed,
        "canceled": a_map.canceled,
        "result_bytes": a_map.result_bytes,
        "closing": a_map.closing,
        "fetch_at_us": a_map.fetch_at_us,
        "fetches": a_map.fetches,
    }


class MapReads(Part):
    def maps(self, seqs: Collection[int]) -> Mapping[int, Map]:
        if not seqs:
            return {}
        return {row[0]: _map_of(row) for row in self._session.rows(_found, seqs=self._session.listed(seqs))}

    def map_source(self, map_seq: int) -> Any:
        row = self._session.row(_source, map_seq=map_seq)
        return None if row is None else orjson.loads(row[0])

    def map_values(self, map_seq: int, indexes: Collection[int]) -> Mapping[int, Any]:
        found: dict[int, Any] = {}
        for index in sorted(indexes, reverse=True):
            if index in found:
                continue
            row = self._session.row(_chunk, map_seq=map_seq, index=index, most=1)
            if row is None:
                break
            found |= dict(enumerate(orjson.loads(row[1]), start=row[0]))
        return {index: found[index] for index in indexes if index in found}

    def value_results(self, a_map: Map) -> list[Any]:
        first, total = first_seq(a_map.task_seq), a_map.total or 0
        results: list[Any] = [None] * total
        for start in range(0, total, _AT_ONCE):
            last = first + min(start + _AT_ONCE, total) - 1
            for seq, state, result in self._session.rows(_results, first=first + start, last=last):
                if state == TaskState.SUCCEEDED:
                    results[seq - first] = load_or_none(result)
        return results

    def live_counts(self, a_map: Map) -> Mapping[TaskState, int]:
        first, last = first_seq(a_map.task_seq), a_map.task_seq - 1
        rows = self._session.rows(_live, job_seq=a_map.job_seq, first=first, last=last)
        return {_STATES[state]: count for state, count in rows}

    def live_values(self, a_map: Map, state: TaskState, limit: int) -> list[Task]:
        wanted = {"first": first_seq(a_map.task_seq), "last": a_map.task_seq - 1, "state": state.value, "most": limit}
        return [task_of(row) for row in self._session.rows(_live_in, job_seq=a_map.job_seq, **wanted)]

    def values(self, map_seq: int, page: Page) -> list[ValueView]:
        first = first_seq(map_seq) + (page.after[0] + 1 if page.after else 0)
        rows = self._session.rows(_views, first=first, last=map_seq - 1, most=page.limit)
        return [value_view(row) for row in rows]

    def lagging_maps(self, limit: int) -> list[Map]:
        return [_map_of(row) for row in self._session.rows(_lagging, most=limit)]

    def task_seqs(self, job_seq: int) -> list[int]:
        return [row[0] for row in self._session.rows(_seqs, job_seq=job_seq)]


class MapWrites(MapReads):
    def insert_maps(self, maps: Sequence[Map], sources: Mapping[int, Any]) -> None:
        rows = (tuple(_values(each)[name] for name in _insert.columns) for each in maps)
        self._session.insert(_insert, rows, len(maps))
        self._session.insert(_insert_sources, ((seq, dump(source)) for seq, source in sources.items()), len(sources))

    def lock_maps(self, seqs: Collection[int]) -> list[Map]:
        if not seqs:
            return []
        return [_map_of(row) for row in self._session.rows(_locked, seqs=self._session.listed(seqs))]

    def save_maps(self, maps: Sequence[Map]) -> None:
        self._session.each(_save, [_values(each) for each in maps])

    def put_values(self, map_seq: int, chunks: Sequence[ValueChunk]) -> None:
        rows = ((map_seq, chunk.first, chunk.count, chunk.text) for chunk in chunks)
        self._session.insert(_insert_chunks, rows, len(chunks))

    def clear_values(self, map_seq: int) -> None:
        self._session.run(_clear, map_seq=map_seq)

    def insert_values(self, tasks: Sequence[Task]) -> None:
        insert_tasks(self._session, tasks)

    def lock_values(self, map_seq: int, first: int, below: int, limit: int, *, unsuccessful: bool) -> list[Task]:
        start = first_seq(map_seq)
        wanted = {"first": start + first, "last": start + min(below, SPAN) - 1, "most": limit}
        if unsuccessful:
            rows = self._session.rows(_unsuccessful, succeeded=TaskState.SUCCEEDED.value, **wanted)
        else:
            rows = self._session.rows(_any_values, **wanted)
        return [task_of(row) for row in rows]

    def lock_due_map(self) -> Map | None:
        rows = self._session.rows(_due, now_us=self.now_us, most=1)
        return _map_of(rows[0]) if rows else None


def value_view(row: Row) -> ValueView:
    run = row[TASK_WIDTH:]
    return ValueView(task=task_of(row), run=None if run[0] is None else run_of(run))
