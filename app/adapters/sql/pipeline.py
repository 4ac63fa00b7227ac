"""One transaction's statements, straight over PostgreSQL's client library in its pipeline mode (`psycopg.pq`).

What nobody waits for travels with the next question, so that a transaction costs a round trip for each answer that is
read and not for each statement. Only what has much to say goes at once, and the server is at it meanwhile.

The driver's cursors can do the same, and ask themselves for every statement what may have changed: of a transaction of
16 statements they took 2.1 ms of cpu, this takes 0.6. Values and rows are still the driver's to translate.
"""

import re
import select
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from psycopg import Connection, InterfaceError, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from app.adapters.sql.copying import texts
from app.adapters.sql.session import Row

_GOOD = frozenset((ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK))
_KEPT = 500
"""Statements that a connection knows. There are fewer, but for the kinds of searches that people think of."""

_MUCH = 512
"""Bytes of values from which a statement takes the server longer than it takes to send it by itself."""

_PLACE = re.compile(r"%\((\w+)\)s|%(s)|%(%)")


Prepared = tuple[str, tuple[int, ...]]
"""A statement that the server has prepared: its text and the types of its values."""


class Known:
    """What a connection keeps from one transaction to the next: the statements that its server has prepared, and how
    values are translated.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self.names: dict[Prepared, bytes] = {}
        self.numbers = count(1)
        self.transformer = Transformer(connection)
        self.poll = select.poll()
        self.poll.register(connection.fileno(), select.POLLIN)


class Answer:
    __slots__ = ("_pipeline", "coming", "result")

    def __init__(self, pipeline: "Pipeline") -> None:
        self._pipeline = pipeline
        self.result: PGresult | None = None
        self.coming = False
        """The server sends it as soon as it has it."""

    def rows(self) -> list[Row]:
        """Waited for, where nothing that came later has been."""
        if self.result is None:
            self._pipeline.receive(self)
        if self.result is None:
            raise InterfaceError("this was not asked")
        return self._pipeline.rows_of(self.result)


class Pipeline:
    """The cursor of a `Session`. Statements take their values by name (`%(name)s`) or in order (`%s`). What a statement
    without an answer was refused for is raised with the next answer, at the latest by `end`: the driver's errors.
    """

    def __init__(self, connection: Connection[Any], known: Known) -> None:
        self._connection = connection
        self._line = connection.pgconn
        self._known = known
        self._told: deque[Prepared | Answer] = deque()
        """What is not answered yet, in order."""
        self._last = Answer(self)
        self._syncs = 0
        self._line.enter_pipeline_mode()

    def execute(self, text: str, values: Mapping[str, Any] | Sequence[Any] = (), /) -> None:
        if self._tell(text, values) > _MUCH:
            self._flush()

    def _tell(self, text: str, values: Mapping[str, Any] | Sequence[Any]) -> int:
        """How many bytes there are of values."""
        statement, names = _parsed(text)
        known = self._known
        given = [values[name] for name in names] if isinstance(values, Mapping) else values
        sent = known.transformer.dump_sequence(given, [PyFormat.AUTO] * len(given)) if given else ()
        types = (known.transformer.types or ()) if given else ()
        name = known.names.get((text, types))
        if name is None:
            name = self._prepare(text, statement, types)
        self._line.send_query_prepared(name, sent, known.transformer.formats if given else None)
        self._last = Answer(self)
        self._told.append(self._last)
        return sum([len(value) for value in sent if value])

    def executemany(self, text: str, rows: Iterable[Mapping[str, Any] | Sequence[Any]], /) -> None:
        for row in rows:
            self.execute(text, row)

    def fetchall(self) -> list[Row]:
        """The rows of the statement that was told last."""
        return self._last.rows()

    def fetchone(self) -> Row | None:
        rows = self._last.rows()
        return rows[0] if rows else None

    def ask(self, text: str, values: Mapping[str, Any]) -> Callable[[], list[Row]]:
        """The rows when they are wanted: the answer comes with any later one. To a question of many it is on its way
        while more is told.
        """
        if self._tell(text, values) > _MUCH:
            self._line.send_flush_request()
            self._flush()
            self._last.coming = True
        return self._last.rows

    def receive(self, answer: Answer) -> None:
        """The answers to all that was told up to this."""
        if not answer.coming:
            self._line.send_flush_request()
        self._answers(answer)

    def rows_of(self, result: PGresult) -> list[Row]:
        transformer = self._known.transformer
        transformer.set_pgresult(result)
        rows: list[Row] = transformer.load_rows(0, result.ntuples, tuple)
        return rows

    def copy(self, text: str, rows: Iterable[Row]) -> None:
        """A pipeline cannot have this in it, so it ends before and begins anew behind."""
        self.end()
        with self._connection.cursor() as cursor, cursor.copy(text.encode()) as copy:
            for piece in texts(rows):
                copy.write(piece)
        self._line.enter_pipeline_mode()

    def end(self) -> None:
        """Everything was answered, and the connection is the driver's again."""
        self._sync()
        self._answers()
        self._take_syncs()
        self._line.exit_pipeline_mode()

    def abandon(self) -> None:
        """After an error: what is still under way is not looked at, and all is rolled back. Raises OperationalError on
        a dead connection.
        """
        self._forget(self._told)
        self._sync()
        self._take_syncs()
        # Not through the driver, which then has the server forget all that was prepared.
        if self._line.transaction_status != TransactionStatus.IDLE:
            self._line.send_query_params(b"ROLLBACK", None)
            self._sync()
            self._take_syncs()
        self._line.exit_pipeline_mode()

    def _prepare(self, text: str, statement: bytes, types: tuple[int, ...]) -> bytes:
        """Known from now on; forgotten again if it is refused."""
        known = self._known
        if len(known.names) >= _KEPT:
            oldest = known.names.pop(next(iter(known.names)))
            self._line.send_query_params(b"DEALLOCATE " + oldest, None)
            self._told.append(Answer(self))
        name = known.names[text, types] = b"s%d" % next(known.numbers)
        self._line.send_prepare(name, statement, types)
        self._told.append((text, types))
        return name

    def _answers(self, last: Answer | None = None) -> None:
        """Up to the last that is wanted, or to all."""
        self._flush()
        while self._told and (last is None or last.result is None):
            result = self._next()
            if result is None or result.status not in _GOOD:
                self._forget(self._told)
                if result is None or self._line.status != ConnStatus.OK:
                    raise OperationalError(self._line.get_error_message())
                raise error_from_result(result)
            self._next()  # says that there is no more of this one
            told = self._told.popleft()
            if isinstance(told, Answer):
                told.result = result

    def _forget(self, told: Iterable[Prepared | Answer]) -> None:
        """These may not have been prepared."""
        for each in told:
            if isinstance(each, tuple):
                self._known.names.pop(each, None)
        self._told.clear()

    def _sync(self) -> None:
        self._line.pipeline_sync()
        self._syncs += 1

    def _take_syncs(self) -> None:
        """What is in front of them is not looked at."""
        self._flush()
        while self._syncs:
            result = self._next()
            if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
                self._syncs -= 1
            elif self._line.status != ConnStatus.OK:
                raise OperationalError(self._line.get_error_message())

    def _next(self) -> PGresult | None:
        line = self._line
        while line.is_busy():
            self._known.poll.poll()
            line.consume_input()
        return line.get_result()

    def _flush(self) -> None:
        """Of much that is told, the server may want to be rid of answers before it hears the rest."""
        while self._line.flush():
            both = select.poll()
            both.register(self._connection.fileno(), select.POLLIN | select.POLLOUT)
            if any(event & ~select.POLLOUT for _, event in both.poll()):
                self._line.consume_input()


@lru_cache(maxsize=2 * _KEPT)
def _parsed(text: str) -> tuple[bytes, tuple[str, ...]]:
    """The text as the server wants it, and the names of its values where they have some, each once."""
    names: dict[str, int] = {}
    places = count(1)

    def place(match: re.Match[str]) -> str:
        if match[3]:
            return "%"
        if match[2]:
            return f"${next(places)}"
        return f"${names.setdefault(match[1], len(names) + 1)}"

    statement = _PLACE.sub(place, text)
    return statement.encode(), tuple(names)
