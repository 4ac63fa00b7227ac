"""Where in a run's log did it begin to go wrong? At the first line that is an error by its level or by its words."""

from typing import Final

from app.ports.logs import LinesWanted
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core

_TELLING: Final = ("error", "traceback (most recent call last)", "exception", "fatal", "panic:", "segmentation fault")
_LOOK_AT: Final = 100_000


def first_error(core: Core, who: Principal, run_id: str) -> int | None:
    """The line's place; None where nothing looks like it, among the lines that one search looks at. Raises NotFound."""
    who.require("messages:read")

    def work(tx: Reader) -> int | None:
        run = query.find_run(tx, who, run_id)
        wanted = [LinesWanted(run_id=run.id, level="error", limit=1, look_at=_LOOK_AT)]
        wanted += [LinesWanted(run_id=run.id, text=text, limit=1, look_at=_LOOK_AT) for text in _TELLING]
        found = [tx.find_lines(each).lines for each in wanted]
        return min((lines[0].place for lines in found if lines), default=None)

    return core.store.read(work)
