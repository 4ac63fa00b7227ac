"""How far is a map, and what follows from it? One task for each value of a list, counted here as a chord counts parts.

A map is one task of its job's graph. Its values are tasks of their own that nobody sees: opened in order, only so
many ahead as a fleet needs (`room`), and counted as they end; `verdict` says when the map itself has ended and how. The
numbers of its values lie right before the map's own, so that they are found, and locked before it, without an index.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from app.wire.report import Failure
from app.wire.states import TaskState

SPAN: Final = 1 << 20
"""Numbers that each map keeps for its values: part of how the store's data is laid out, never to be changed."""

WINDOW: Final = 2000
"""Values that are open at least, where nothing else bounds them: a fleet takes from these without waiting for more."""

AT_ONCE: Final = 4000
"""Values that one transaction opens at most."""

_REFILL: Final = 4
_AHEAD: Final = 4


class Verdict(Enum):
    GO_ON = "go on"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """`total` is None until its values are known; `fixed` ones were known when the job was submitted.

    Of this round, values before `next` have been opened, and `live` of them have not ended. `made` values have a task,
    from this round or an earlier one; when `keep`, those that succeeded earlier are passed over. `closing`: nothing
    more is opened, and what is open is to be canceled. `route` is that of its values. While its values are to be
    fetched, `fetch_at_us` is when, and `fetches` how often that was begun. `result_bytes` of JSON are in its results.
    """

    task_seq: int
    job_seq: int
    route: str
    total: int | None = None
    fixed: bool = False
    max_concurrency: int | None = None
    max_failed: int | None = None
    window: int = WINDOW
    next: int = 0
    made: int = 0
    keep: bool = False
    live: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    result_bytes: int = 0
    closing: bool = False
    fetch_at_us: int | None = None
    fetches: int = 0

    @property
    def overrun(self) -> bool:
        """More values have failed than its owner allows: the rest is canceled."""
        return self.max_failed is not None and self.failed > self.max_failed

    @property
    def exhausted(self) -> bool:
        """Every value has been opened."""
        return self.total is not None and self.next >= self.total

    @property
    def progress(self) -> float:
        ended = self.succeeded + self.failed + self.canceled
        return ended / self.total if self.total else 0.0


def first_seq(map_seq: int) -> int:
    """The number of the value with index 0."""
    return map_seq - SPAN


def map_seq_of(value_seq: int, index: int) -> int:
    return value_seq - index + SPAN


def room(a_map: Map) -> int:
    """How many values to open now. Not a few at a time, unless its owner allows only so many at once."""
    if a_map.total is None or a_map.closing:
        return 0
    most = a_map.window if a_map.max_concurrency is None else min(a_map.max_concurrency, a_map.window)
    free = min(most - a_map.live, AT_ONCE)
    worth = 1 if a_map.max_concurrency is not None or not a_map.live else min(most // _REFILL, AT_ONCE // _REFILL)
    left = a_map.total - a_map.next
    return max(0, min(free, left)) if free >= min(worth, left) else 0


def widened(a_map: Map, slots: int) -> Map:
    """With a window for a fleet that could run so many of its values at once."""
    return replace(a_map, window=max(WINDOW, _AHEAD * slots))


def counted(a_map: Map, ended: Mapping[TaskState, int], result_bytes: int) -> Map:
    """After so many of its open values have ended in these states."""
    a_map = replace(
        a_map,
        live=a_map.live - sum(ended.values()),
        succeeded=a_map.succeeded + ended.get(TaskState.SUCCEEDED, 0),
        failed=a_map.failed + ended.get(TaskState.FAILED, 0),
        canceled=a_map.canceled + ended.get(TaskState.CANCELED, 0),
        result_bytes=a_map.result_bytes + result_bytes,
    )
    return replace(a_map, closing=a_map.closing or a_map.overrun)


def verdict(a_map: Map, *, cancel: bool) -> Verdict:
    """`cancel`: its owner wants it ended."""
    if a_map.live or not (a_map.exhausted or a_map.closing):
        return Verdict.GO_ON
    if a_map.exhausted and a_map.succeeded == a_map.total:
        return Verdict.SUCCEED
    if cancel:
        return Verdict.CANCEL
    if a_map.failed > (a_map.max_failed or 0):
        return Verdict.FAIL
    return Verdict.CANCEL if a_map.canceled or not a_map.exhausted else Verdict.SUCCEED


def closed(a_map: Map) -> Map:
    """Ended: what was never opened counts as canceled, and nothing is left to do."""
    unopened = 0 if a_map.total is None else a_map.total - a_map.succeeded - a_map.failed - a_map.canceled
    return replace(a_map, canceled=a_map.canceled + unopened, closing=False, fetch_at_us=None)


def failure(a_map: Map) -> Failure:
    allowed = f"; {a_map.max_failed} may" if a_map.max_failed else ""
    return Failure(code="values_failed", message=f"{a_map.failed} of {a_map.total} values failed{allowed}")


def restarted(a_map: Map, *, keep: bool) -> Map:
    """For another round. `keep`: over what did not succeed of the same values; else over all, read anew."""
    fresh = replace(a_map, next=0, keep=keep, live=0, failed=0, canceled=0, closing=False, fetch_at_us=None, fetches=0)
    if keep:
        return fresh
    return replace(fresh, succeeded=0, result_bytes=0, total=a_map.total if a_map.fixed else None)


def counts(a_map: Map, state: TaskState, live: Mapping[TaskState, int]) -> dict[TaskState, int]:
    """Values by state; `live` are those of the open ones. What was never opened waits, or ended with the map."""
    ended = {
        TaskState.SUCCEEDED: a_map.succeeded,
        TaskState.FAILED: a_map.failed,
        TaskState.CANCELED: a_map.canceled,
    }
    found = {each: live.get(each, 0) + ended.get(each, 0) for each in TaskState}
    unopened = (a_map.total or 0) - sum(ended.values()) - a_map.live
    of_unopened = state if state in (TaskState.CANCELED, TaskState.SKIPPED) else TaskState.WAITING
    return found | {of_unopened: found[of_unopened] + unopened}
