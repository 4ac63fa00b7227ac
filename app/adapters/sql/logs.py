"""What runs have said: many lines a row (`log_pack.py`), and for each run one row that counts them.

Lines of a job are followed by their number: whoever has seen one must never have missed a smaller one. Hence they are
written at the very end of a transaction, on PostgreSQL behind a lock of their job that lasts until the commit.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql import log_pack
from app.adapters.sql.log_pack import LEVEL_BITS, LINES, STREAM_BITS
from app.adapters.sql.part import Part
from app.adapters.sql.session import Row, Session
from app.adapters.sql.statement import Insert, Statement, among
from app.adapters.sql.tables import log_chunks, logs
from app.ports.logs import FAR, STREAMS, LinesFound, LinesWanted, known_stream, levels_from
from app.ports.records import Page, StoredLine
from app.wire.report import LogLine

_LINES_OF_JOB = 1 << 48
_MOST_ROWS = 64
_BYTES = tuple(f"{stream}_bytes" for stream in STREAMS)

_put = insert(logs)
_insert_chunks = Insert(log_chunks, without="seq")
_save_logs = Statement(
    _put.on_conflict_do_update(index_elements=["run_id"], set_=dict(_put.excluded)),
    sets=[column.name for column in logs.columns],
)
_logs = Statement(select(logs).where(among(logs.c.run_id, "ids")))
_length = Statement(select(logs.c.lines).where(logs.c.run_id == bindparam("run_id")))
_place = Statement(select(log_chunks.c.first_place).where(log_chunks.c.seq == bindparam("seq")))
_numbers = Statement(
    select(log_chunks.c.first_number, log_chunks.c.lines).where(
        log_chunks.c.run_id == bindparam("run_id"),
        log_chunks.c.first_number.between(bindparam("low"), bindparam("high")),
    )
)
lock_log = Statement(select(func.pg_advisory_xact_lock(bindparam("number"))))


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


class LogReads(Part):
    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._lines: list[StoredLine] = []

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
        rows = self._session.rows(_logs, ids=self._session.listed(run_ids)) if run_ids else []
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

    def finish_lines(self) -> None:
        """Write what was held back for the end of the transaction."""
        if not self._lines:
            return
        by_run: dict[str, list[StoredLine]] = defaultdict(list)
        for line in self._lines:
            by_run[line.run_id].append(line)
        if self._session.kind == "postgresql":
            for job_seq in sorted({line.job_seq for line in self._lines}):
                self._session.run(lock_log, number=_LINES_OF_JOB + job_seq)
        self._lines = []
        known = {row[0]: row for row in self._session.rows(_logs, ids=self._session.listed(by_run))}
        chunks: list[Row] = []
        heads: list[dict[str, Any]] = []
        for run_id, lines in by_run.items():
            head = known.get(run_id) or (run_id, lines[0].job_seq, 0, 0, 0, 0, 0)
            fresh = self._fresh_lines(run_id, [line.line for line in lines], head[3])
            if fresh:
                chunks += _chunk_rows(lines[0], fresh, head[2] + 1)
                heads.append(_head(head, fresh))
        self._session.insert(_insert_chunks, chunks, len(chunks))
        self._session.each(_save_logs, heads)

    def _fresh_lines(self, run_id: str, lines: list[LogLine], highest: int) -> list[LogLine]:
        """Those of them that are not there. As a rule all have larger numbers than what is there, and rise."""
        last = highest
        for line in lines:
            if line.line:
                if line.line <= last:
                    return self._sifted_lines(run_id, lines)
                last = line.line
        return lines

    def _sifted_lines(self, run_id: str, lines: list[LogLine]) -> list[LogLine]:
        numbers = [line.line for line in lines if line.line]
        low, high = max(1, min(numbers) - LINES + 1), max(numbers)
        seen: set[int] = {0}
        for first, count in self._session.rows(_numbers, run_id=run_id, low=low, high=high):
            seen.update(range(first, first + count))
        fresh: dict[int, LogLine] = {}
        for at, line in enumerate(lines):
            if line.line not in seen or not line.line:
                fresh.setdefault(line.line or -at - 1, line)
        return list(fresh.values())


class LogWrites(LogReads):
    def add_lines(self, lines: Sequence[StoredLine]) -> None:
        self._lines += lines


def _chunk_rows(owner: StoredLine, lines: list[LogLine], place: int) -> Iterator[Row]:
    for part in log_pack.cut(lines):
        whose = (owner.job_seq, owner.task_seq, owner.task_id, owner.run_id)
        yield (*whose, place, len(part), part[0].line, log_pack.kinds(part), log_pack.pack(part))
        place += len(part)


def _head(before: Row, lines: list[LogLine]) -> dict[str, Any]:
    sizes = Counter[str]()
    for line in lines:
        sizes[known_stream(line.stream)] += log_pack.size(line.text)
    said = {name: before[at] + sizes[stream] for at, (name, stream) in enumerate(zip(_BYTES, STREAMS, strict=True), 4)}
    highest = max(before[3], max(line.line for line in lines))
    return {"run_id": before[0], "job_seq": before[1], "lines": before[2] + len(lines), "highest": highest, **said}


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
