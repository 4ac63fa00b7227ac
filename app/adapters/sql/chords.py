"""Chords: how many parts of each are in. A part is one row, so that it counts once however often it is returned."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, bindparam, func, null, select, update

from app.adapters.sql.changes import Updates
from app.adapters.sql.part import Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import ONE, Insert, Statement, among, found_by, is_one_of, now_us, still
from app.adapters.sql.tables import chord_parts, chords, tasks
from app.adapters.sql.tasks import locked
from app.domain.chords import Count, RunWhen
from app.domain.task import Task, in_line
from app.ports.records import ChordState
from app.ports.records import Part as ReturnedPart
from app.wire.states import TaskState

_RUN_WHEN = {run_when.value: run_when for run_when in RunWhen}
_WIDTH = len(chords.columns) + 1
_FEW = 16
"""Up to so many chords the tasks below are read with them: else most of what is read may not be wanted yet."""

_of_these = among(chord_parts.c.header_seq, "seqs")

_insert_chords = Insert(chords)
_insert_parts = Insert(chord_parts)
_return = Statement(
    update(chord_parts)
    .where(_of_these, chord_parts.c.outcome.is_(None))
    .values(outcome=bindparam("outcome"))
    .returning(chord_parts.c.body_seq)
)
_outcomes = Statement(
    select(chord_parts.c.body_seq, chord_parts.c.outcome).where(_of_these, chord_parts.c.outcome.is_not(None))
)
_reopen = Statement(update(chord_parts).where(_of_these).values(outcome=null()))
_chords = select(*chords.columns, tasks.c.run_when).select_from(chords.join(tasks, tasks.c.seq == chords.c.body_seq))
_of_bodies = _chords.where(among(chords.c.body_seq, "bodies")).order_by(chords.c.body_seq)
_states = Statement(_of_bodies)


def _held(rows: Select[Any]) -> Statement:
    """Each row with the time at which its lock was had, which may be long after this transaction has begun."""
    held = rows.cte("held")
    return Statement(select(held, now_us()).order_by(held.c.body_seq))


_locked = _held(_of_bodies.with_for_update(of=chords))
_locked_with_bodies = _held(_of_bodies.add_columns(*tasks.columns).with_for_update())


# What PostgreSQL is asked at once: of the chords below, and of the tasks of those that may be complete then.
_below_these = found_by(chords.c.body_seq, select(chord_parts.c.body_seq).where(_of_these))
_locked_below = _held(_chords.where(_below_these).order_by(chords.c.body_seq).with_for_update(of=chords))
_coming = select(func.count()).where(_of_these, chord_parts.c.body_seq == chords.c.body_seq).scalar_subquery()
_complete = select(chords.c.body_seq).where(
    _below_these, chords.c.succeeded + chords.c.unsuccessful + _coming >= chords.c.size
)
_bodies = Statement(select(tasks).where(found_by(tasks.c.seq, _complete)).order_by(tasks.c.seq).with_for_update())
_counts = Updates(chords, "body_seq")


def _line() -> Select[Any]:
    """(place in the line, the task's columns): the walk is short, and ends where a task has more than one below it."""
    walk = select(_only_below(bindparam("seq")).label("seq"), ONE.label("place"))
    line = walk.cte("line", recursive=True)
    here = tasks.alias("here")
    further = select(_only_below(here.c.seq), line.c.place + ONE).select_from(line.join(here, here.c.seq == line.c.seq))
    line = line.union_all(further.where(line.c.place < bindparam("most")))
    found = line.join(tasks, tasks.c.seq == line.c.seq)
    locking = select(line.c.place, *tasks.columns).select_from(found).order_by(line.c.place)
    return locking.with_for_update(of=tasks, skip_locked=True)


def _only_below(seq: ColumnElement[Any]) -> ColumnElement[Any]:
    """The task whose only need this is, if it is the only one below it."""
    below = select(chord_parts.c.body_seq).where(chord_parts.c.header_seq == seq).limit(ONE)
    first, last = (
        below.order_by(order).correlate_except(chord_parts).scalar_subquery()
        for order in (chord_parts.c.body_seq, chord_parts.c.body_seq.desc())
    )
    one = (chords.c.body_seq == first) & (chords.c.body_seq == last) & (chords.c.size == ONE)
    return select(chords.c.body_seq).where(one).scalar_subquery()


_in_line = Statement(_line())
_waiting = still(tasks.c.state, TaskState.WAITING.value)


def _below() -> CTE:
    plain = is_one_of(tasks.c.run_when, RunWhen.ALL_SUCCEEDED.value)
    of_body = tasks.c.seq == chord_parts.c.body_seq
    bodies = chord_parts.join(tasks, of_body)
    first = select(chord_parts.c.body_seq.label("seq")).select_from(bodies).where(_of_these, _waiting, plain)
    below = first.cte("below", recursive=True)
    further = below.join(chord_parts, chord_parts.c.header_seq == below.c.seq).join(tasks, of_body)
    return below.union(select(chord_parts.c.body_seq).select_from(further).where(_waiting, plain))


_waiting_below = Statement(
    select(tasks).where(found_by(tasks.c.seq, select(_below().c.seq)), _waiting).order_by(tasks.c.seq).with_for_update()
)


class ChordWrites(Part):
    def chord_states(self, body_seqs: Collection[int]) -> list[ChordState]:
        rows = self._session.rows(_states, bodies=self._session.listed(body_seqs)) if body_seqs else []
        return [_state_of(row) for row in rows]

    def insert_chords(self, chords: Sequence[tuple[int, Sequence[int]]]) -> None:
        self._session.insert(_insert_chords, ((body, len(header), 0, 0) for body, header in chords), len(chords))
        parts = sorted(_parts(chords))  # in the order in which they lie
        self._session.insert(_insert_parts, parts, len(parts))

    def return_parts(self, parts: Sequence[ReturnedPart]) -> list[ChordState]:
        outcomes = {part.succeeded for part in parts}
        if self._session.kind == "postgresql" and len(parts) <= _FEW and len(outcomes) == 1:
            return self._return_few([part.header_seq for part in parts], int(outcomes.pop()))
        added = Counter[tuple[int, int]]()
        for outcome in (0, 1):
            headers = [part.header_seq for part in parts if part.succeeded == bool(outcome)]
            if headers:
                rows = self._session.rows(_return, seqs=self._session.listed(headers), outcome=outcome)
                added.update((row[0], outcome) for row in rows)
        return self._count({body for body, _ in added}, added)

    def _return_few(self, header_seqs: Sequence[int], outcome: int) -> list[ChordState]:
        seqs = self._session.listed(header_seqs)
        returned = self._session.ask(_return, seqs=seqs, outcome=outcome)
        below = self._session.ask(_locked_below, seqs=seqs)
        locked(self._session, self._session.rows(_bodies, seqs=seqs))
        added = Counter((body, outcome) for (body,) in returned())
        return self._add([row for row in self._in_time(below()) if added[row[0], outcome]], added)

    def reopen_parts(self, header_seqs: Collection[int]) -> None:
        if not header_seqs:
            return
        taken: Counter[tuple[int, int]] = Counter()
        seqs = self._session.listed(header_seqs)
        taken.subtract((row[0], row[1]) for row in self._session.rows(_outcomes, seqs=seqs))
        self._session.run(_reopen, seqs=seqs)
        self._count({body for body, _ in taken}, taken)

    def _count(self, bodies: Collection[int], added: Counter[tuple[int, int]]) -> list[ChordState]:
        """Lock these chords, add to their counts by (body, outcome), and answer with what they are now."""
        if not bodies:
            return []
        listed = self._session.listed(bodies)
        if len(bodies) <= _FEW:
            return self._add(self._held(self._session.rows(_locked_with_bodies, bodies=listed)), added)
        return self._add(self._in_time(self._session.rows(_locked, bodies=listed)), added)

    def _add(self, rows: Iterable[Row], added: Counter[tuple[int, int]]) -> list[ChordState]:
        states, changes = [], []
        for body, size, succeeded, unsuccessful, run_when in rows:
            succeeded += added[body, 1]
            unsuccessful += added[body, 0]
            states.append(_state_of((body, size, succeeded, unsuccessful, run_when)))
            changes.append((body, succeeded, unsuccessful))
        if changes:
            _counts.write(self._session, ("succeeded", "unsuccessful"), changes)
        return states

    def _held(self, rows: Sequence[Row]) -> list[Row]:
        """Chords with their tasks, since these are likely wanted next."""
        locked(self._session, (row[_WIDTH:-1] for row in rows))
        return self._in_time(rows)

    def _in_time(self, rows: Sequence[Row]) -> list[Row]:
        """What is released now comes after the ends that were waited for here, by its times, too."""
        self._session.not_before(max((row[-1] for row in rows), default=0))
        return [row[:_WIDTH] for row in rows]

    def lock_line(self, seq: int, limit: int) -> list[Task]:
        rows = self._session.rows(_in_line, seq=seq, most=limit)
        found = locked(self._session, (row[1:] for row in rows))
        whole = (task for place, (row, task) in enumerate(zip(rows, found, strict=True), 1) if row[0] == place)
        return list(takewhile(in_line, whole))

    def lock_waiting_below(self, seqs: Collection[int]) -> list[Task]:
        if not seqs:
            return []
        return locked(self._session, self._session.rows(_waiting_below, seqs=self._session.listed(seqs)))


def _state_of(row: Row) -> ChordState:
    body, size, succeeded, unsuccessful, run_when = row
    count = Count(size=size, succeeded=succeeded, unsuccessful=unsuccessful)
    return ChordState(body_seq=body, run_when=_RUN_WHEN[run_when], count=count)


def _parts(chords: Sequence[tuple[int, Sequence[int]]]) -> Iterator[Row]:
    for body, header in chords:
        for index, seq in enumerate(header):
            yield seq, body, index, None
