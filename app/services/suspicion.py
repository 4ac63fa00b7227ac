"""Where in a run's log did it begin to go wrong? At the first line that is an error by its level or by its words."""

import re
from collections.abc import Iterator
from typing import Final

from app.ports.logs import LinesWanted
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core

_HINTS: Final = ("error", "traceback", "exception", "fatal", "panic", "segmentation fault")
_TELLING: Final = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception)\b|(?i:\b(?:error|traceback|exception|fatal|panic|segmentation fault)\b)"
)
_HARMLESS: Final = re.compile(r"(?i)\b(?:0|no|without)\s+(?:\w+\s+)?(?:errors?|exceptions?)\b")
_LOOK_AT: Final = 100_000
_AT_ONCE: Final = 200
"""Lines with a hint that are looked at more closely, for each hint."""


def first_error(core: Core, who: Principal, run_id: str) -> int | None:
    """The line's place; None where nothing looks like it, among the lines that one search looks at. Raises NotFound."""
    who.require("messages:read")

    def work(tx: Reader) -> int | None:
        run = query.find_run(tx, who, run_id)
        return min(_candidates(tx, run.id), default=None)

    return core.store.read(work)


def _candidates(tx: Reader, run_id: str) -> Iterator[int]:
    by_level = LinesWanted(run_id=run_id, level="error", limit=1, look_at=_LOOK_AT)
    yield from (each.place for each in tx.find_lines(by_level).lines)
    for hint in _HINTS:
        wanted = LinesWanted(run_id=run_id, text=hint, limit=_AT_ONCE, look_at=_LOOK_AT)
        told = (each.place for each in tx.find_lines(wanted).lines if is_error(each.line.text))
        yield from (place for place, _ in zip(told, range(1), strict=False))


def is_error(text: str) -> bool:
    return _TELLING.search(text) is not None and not _HARMLESS.search(text)
