"""What this process has counted: how runs ended, why, how long they took, what was refused, what was sent.

Counting is an entry in a list; every few seconds the entries are added up and put into the store's tallies, so that
whoever is asked for measurements knows what all processes have counted, those too that have ended since. What was
counted in the last moment before a crash is lost, and a transaction that is run again counts again: these are figures
for graphs, and nothing is decided by them.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Final

from app.domain.run import Run
from app.ports.gauges import TallyKey
from app.ports.store import Store, Writer
from app.wire.resources import Route
from app.wire.states import RunState

OTHER: Final = "other"
MOST_NAMES: Final = 100
"""Different words that one thing is counted by; those that come later are `other`."""

BUCKETS_S: Final = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 172_800)
"""Upper bounds of the durations of runs."""

ABOVE: Final = "+Inf"
_LABELS: Final = (*(f"{bound:g}" for bound in BUCKETS_S), ABOVE)
ENDED: Final = "runs_ended"
CAUSES: Final = "runs_unsuccessful"
RETRIES: Final = "task_retries"
DURATIONS: Final = "run_seconds"
TIME: Final = "run_milliseconds_total"
REPORTS: Final = "reports"
DELIVERIES: Final = "deliveries"

_MOST_WAITING: Final = 200_000
_MINUTE_US: Final = 60_000_000
_MINUTES_KEPT: Final = 60


class Tally:
    """From any thread; a list that is too long loses its oldest entries."""

    def __init__(self) -> None:
        self._entries: deque[tuple[TallyKey, int]] = deque(maxlen=_MOST_WAITING)
        self._ended: deque[tuple[int, str]] = deque(maxlen=_MOST_WAITING)
        self._names: dict[str, set[str]] = {}

    def count(self, name: str, one: str, two: str = "", *, count: int = 1) -> None:
        self._entries.append(((name, one, two), count))

    def ended(self, run: Run) -> None:
        """A run has ended, however it did."""
        route = Route.parse(run.route)
        executor = route.executor
        self._ended.append((run.job_seq, route.queue))
        self.count(ENDED, executor, run.state.value)
        if run.state is not RunState.SUCCEEDED:
            self.count(CAUSES, cause_of(run), run.state.value)
        if run.usage is not None:
            self.count(DURATIONS, executor, bucket(run.usage.wall_s))
            self.count(TIME, executor, count=int(run.usage.wall_s * 1000))

    def flush(self, store: Store) -> None:
        """Into the store. Raises Unavailable, and then what was counted is kept."""
        taken = [self._entries.popleft() for _ in range(len(self._entries))]
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        if not taken and not ended:
            return

        def work(tx: Writer) -> None:
            self._write(tx, taken)
            _write_ended(tx, ended)

        try:
            store.write(work)
        except BaseException:
            self._entries.extendleft(reversed(taken))
            self._ended.extendleft(reversed(ended))
            raise

    def _write(self, tx: Writer, taken: Iterable[tuple[TallyKey, int]]) -> None:
        sums: Counter[TallyKey] = Counter()
        for key, count in taken:
            sums[key] += count
        if any(key[1] not in self._names.get(key[0], ()) for key in sums):
            self._names = _known(tx)
        bounded: Counter[TallyKey] = Counter()
        for (name, one, two), count in sorted(sums.items()):
            bounded[name, self._bounded(name, one), two] += count
        tx.add_tallies(list(bounded.items()))

    def _bounded(self, name: str, one: str) -> str:
        names = self._names.setdefault(name, set())
        if one in names:
            return one
        if len(names) >= MOST_NAMES:
            return OTHER
        names.add(one)
        return one


def _write_ended(tx: Writer, ended: Sequence[tuple[int, str]]) -> None:
    """By organization and queue, in this minute; of jobs that have gone since it is not known whose they were."""
    owners = tx.owners({job_seq for job_seq, _ in ended})
    counts = Counter((owners[job_seq], queue) for job_seq, queue in ended if job_seq in owners)
    rows = [(org_id, queue, count) for (org_id, queue), count in counts.items()]
    tx.add_ended(tx.now_us // _MINUTE_US * _MINUTE_US, rows, tx.now_us - _MINUTES_KEPT * _MINUTE_US)


def _known(tx: Writer) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for name, one, _ in tx.tallies():
        names.setdefault(name, set()).add(one)
    return names


def cause_of(run: Run) -> str:
    return run.failure.code if run.failure else run.state.value


def bucket(seconds: float) -> str:
    return _LABELS[bisect_left(BUCKETS_S, seconds)]
