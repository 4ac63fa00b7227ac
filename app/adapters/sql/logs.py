"""What runs have said: many lines a row (`log_pack.py`), and for each run one row that counts them. How they come in is
in `log_adding.py`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, literal_column, select

from app.adapters.sql import log_pack
from app.adapters.sql.log_adding import LOGS, HeldLines
from app.adapters.sql.log_pack import LEVEL_BITS, LINES, STREAM_BITS
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement
from app.adapters.sql.tables import log_chunks, logs
from app.ports.logs import FAR, STREAMS, LinesFound, LinesWanted, levels_from
from app.ports.records import Page, StoredLine

_MOST_ROWS = 64

_length = Statement(select(logs.c.lines).where(logs.c.run_id == bindparam("run_id")))
_place = Statement(select(log_chunks.c.first_place).where(log_chunks.c.seq == bindparam("seq")))


def _kinds_of(name: str) -> ColumnElement[bool]:
    return log_chunks.c.kinds.op("&")(bindparam(name)) != literal_column("0", Integer)


def _chunks(scope: ColumnElement[Any], place: ColumnElement[Any], newest_first: bool) -> Statement:
    return Statement(
        select(log_chunks)
        .where(
            scope == bindparam("key"),
            place.between(bindparam("low"), bindparam("high")),
            _kinds_of("streams"),
            _kinds_of("levels"),
        )
        .order_by(place.desc() if newest_first else place)
        .limit(bindparam("most"))
    )


_found = {
    (name, newest_first): _chunks(scope, place, newest_first)
    for name, scope, place in (
        ("job", log_chunks.c.job_seq, log_chunks.c.seq),
        ("task", log_chunks.c.task_seq, log_chunks.c.seq),
        ("run", log_chunks.c.run_id, log_chunks.c.first_place),
    )
    for newest_first in (False, True)
}


class LogReads(HeldLines):
    def lines(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> Sequence[StoredLine]:
        after = page.after[0] if page.after else None
        asked = LinesWanted(job_seq=job_seq, task_seq=task_seq, run_id=run_id, after=after, limit=page.limit)
        return self.find_lines(asked).lines

    def find_lines(self, wanted: LinesWanted) -> LinesFound:
        self.finish_lines()
        found: list[StoredLine] = []
        looked_at = 0
        for count, last_seq, lines in self._log_rows(wanted):
            for line in lines:
                found.append(line)
                if len(found) == wanted.limit:
                    return LinesFound(lines=found, looked=line.seq)
            looked_at += count
            if looked_at >= wanted.look_at:
                return LinesFound(lines=found, looked=last_seq)
        return LinesFound(lines=found)

    def log_length(self, run_id: str) -> int:
        self.finish_lines()
        row = self._session.row(_length, run_id=run_id)
        return int(row[0]) if row else 0

    def said_bytes(self, run_ids: Collection[str]) -> Mapping[tuple[str, str], int]:
        self.finish_lines()
        rows = self._session.rows(LOGS, ids=self._session.listed(run_ids)) if run_ids else []
        return {(row[0], stream): row[at] for row in rows for at, stream in enumerate(STREAMS, 4) if row[at]}

    def _log_rows(self, wanted: LinesWanted) -> Iterator[tuple[int, int, Iterator[StoredLine]]]:
        """Of each row how many lines it has, the last `seq` that was looked at, and those of its lines that fit."""
        values = self._log_bounds(wanted)
        if values is None:
            return
        name = "run" if wanted.run_id is not None else "task" if wanted.task_seq is not None else "job"
        moving, step = ("high", -1) if wanted.newest_first else ("low", 1)
        place_at = 5 if name == "run" else 0
        most = 1 + min(wanted.limit, _MOST_ROWS * LINES) // LINES
        while True:
            rows = self._session.rows(_found[name, wanted.newest_first], most=most, **values)
            for row in rows:
                seq, count = row[0] * LINES, row[6]
                yield count, seq if wanted.newest_first else seq + count - 1, _lines_of(row, wanted)
            if len(rows) < most:
                return
            values[moving] = rows[-1][place_at] + step
            most = min(most * 2, _MOST_ROWS)

    def _log_bounds(self, wanted: LinesWanted) -> dict[str, Any] | None:
        bits = {
            "streams": sum(STREAM_BITS[stream] for stream in wanted.streams or STREAMS),
            "levels": sum(LEVEL_BITS[level] for level in levels_from(wanted.level)),
        }
        if wanted.run_id is None:
            key = wanted.task_seq if wanted.task_seq is not None else wanted.job_seq
            at = None if wanted.after is None else wanted.after // LINES
            low, high = (0, FAR if at is None else at) if wanted.newest_first else (at or 0, FAR)
            return {"key": key, "low": low, "high": high, **bits}
        low, high = max(1, wanted.first), wanted.last
        if wanted.after:
            row = self._session.row(_place, seq=wanted.after // LINES)
            if row is None:
                return None
            place = row[0] + wanted.after % LINES
            low, high = (low, min(high, place - 1)) if wanted.newest_first else (max(low, place + 1), high)
        return {"key": wanted.run_id, "low": low - LINES + 1, "high": high, **bits}


class LogWrites(LogReads):
    def add_lines(self, lines: Sequence[StoredLine]) -> None:
        self._lines += lines


def _lines_of(row: Row, wanted: LinesWanted) -> Iterator[StoredLine]:
    seq, job_seq, task_seq, task_id, run_id, first_place, _, number, _, body = row
    found = log_pack.unpack(body, number, wanted)
    for at, line in reversed(found) if wanted.newest_first else found:
        place, at_seq = first_place + at, seq * LINES + at
        if not wanted.first <= place <= wanted.last or _before(at_seq, wanted):
            continue
        yield StoredLine(
            seq=at_seq, job_seq=job_seq, task_seq=task_seq, task_id=task_id, run_id=run_id, place=place, line=line
        )


def _before(seq: int, wanted: LinesWanted) -> bool:
    """Whether this has been given before."""
    if wanted.after is None:
        return False
    return seq >= wanted.after if wanted.newest_first else seq <= wanted.after
