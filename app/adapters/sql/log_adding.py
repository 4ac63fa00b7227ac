"""Lines on their way into the database: held back to the end of the transaction, sifted, packed into rows.

Lines of a job are followed by their number: whoever has seen one must never have missed a smaller one. Hence they are
written at the very end of a transaction, on PostgreSQL behind a lock of their job that lasts until the commit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql import log_pack
from app.adapters.sql.log_pack import LINES
from app.adapters.sql.part import Part
from app.adapters.sql.session import Row, Session
from app.adapters.sql.statement import Insert, Statement, among
from app.adapters.sql.tables import log_chunks, logs
from app.ports.logs import STREAMS, known_stream
from app.ports.records import StoredLine
from app.wire.report import LogLine

_LINES_OF_JOB = 1 << 48
_BYTES = tuple(f"{stream}_bytes" for stream in STREAMS)

_put = insert(logs)
_insert_chunks = Insert(log_chunks, without="seq")
_save_logs = Statement(
    _put.on_conflict_do_update(index_elements=["run_id"], set_=dict(_put.excluded)),
    sets=[column.name for column in logs.columns],
)
LOGS = Statement(select(logs).where(among(logs.c.run_id, "ids")))
_numbers = Statement(
    select(log_chunks.c.first_number, log_chunks.c.lines).where(
        log_chunks.c.run_id == bindparam("run_id"),
        log_chunks.c.first_number.between(bindparam("low"), bindparam("high")),
    )
)
lock_log = Statement(select(func.pg_advisory_xact_lock(bindparam("number"))))


class HeldLines(Part):
    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._lines: list[StoredLine] = []

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
        known = {row[0]: row for row in self._session.rows(LOGS, ids=self._session.listed(by_run))}
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
