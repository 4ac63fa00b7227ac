"""How are waiting runs shared out? In bundles worth a message each, and none so long that slots idle meanwhile.

a tenth of a second     of work travels together (`Pace.bundle`), as the job and its route have lately been
twice a fair share      of what waits is the most that a slot takes at once, so that all slots end together
a request's worth       is the least: fewer would cost more than they gain
"""

from collections.abc import Iterator, Sequence

from app.domain.task import Task
from app.services.core import Core

_SHARES = 2
"""A slot that leaves something is soon back for it; one that leaves too much is back too often."""


def fair(core: Core, route: str, waiting: int, slots: int) -> int:
    """The most that one of so many slots may take at once, when no more than this is waiting."""
    share = -(-waiting // max(1, slots))
    return max(_SHARES * share, core.pace.worth(route))


def cut(core: Core, route: str, waiting: Sequence[Task], size: int) -> Iterator[Sequence[Task]]:
    """Bundles of at most `size`, and of a tenth of a second of work, as they are asked for. The order stays."""
    parts: dict[int, float] = {}
    begin, filled = 0, 0.0
    for position, task in enumerate(waiting):
        part = parts.get(task.job_seq)
        if part is None:
            part = parts[task.job_seq] = 1 / core.pace.bundle(route, size, task.job_seq)
        if position > begin and (position - begin >= size or filled + part > 1.0001):
            yield waiting[begin:position]
            begin, filled = position, 0.0
        filled += part
    if waiting:
        yield waiting[begin:]
