"""How does a node log? As the processes of the API do (`app/adapters/logs.py`): one line an event on stdout, with the
same fields, JSON or, on a terminal, text. The node's own modules and Celery's use `logging`; what a thread works on
(`of_run`) and what comes as `extra` is in the line. Nothing that looks like a token or a password is.

Not structlog: importing it takes a quarter of a second of cpu, which every start of a node would pay.
"""

import contextvars
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import orjson

from app.wire import masking
from app.wire.claim import RunSpec

_OF_EVERY_RECORD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "data"}
"""What `logging` puts into a record, and Celery's `data`, whose text is in the message; all else came as `extra`."""
_NOTHING: Final[Mapping[str, str]] = {}
_ABOUT: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("about", default=_NOTHING)


def start(node: str, level: str) -> None:
    """`node` is what people call it."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Line(node, for_people=sys.stdout.isatty()))
    logging.basicConfig(handlers=[handler], level=level, force=True)


@contextmanager
def of_run(*specs: RunSpec) -> Iterator[None]:
    """What this thread logs meanwhile is about this run; of a bundle, about this job."""
    about = {"job_id": specs[0].job_id}
    if len(specs) == 1:
        about |= {"task_id": specs[0].task_id, "run_id": specs[0].run_id}
    token = _ABOUT.set(about)
    try:
        yield
    finally:
        _ABOUT.reset(token)


class Line(logging.Formatter):
    def __init__(self, node: str, *, for_people: bool) -> None:
        super().__init__()
        self._node, self._for_people = node, for_people

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in record.__dict__.items() if key not in _OF_EVERY_RECORD}
        line = {
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": "node",
            "node": self._node,
            "event": record.getMessage(),
            **_ABOUT.get(),
            **extra,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return masking.patterns(self._text(line) if self._for_people else _json(line))

    def _text(self, line: dict[str, object]) -> str:
        first = f"{line.pop('timestamp')} [{line.pop('level'):9}] {line.pop('event')}"
        trace = line.pop("exception", None)
        rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in ("process", "node"))
        return f"{first} {rest}" + (f"\n{trace}" if trace else "")


def _json(line: dict[str, object]) -> str:
    return orjson.dumps(line, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
