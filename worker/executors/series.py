"""Programs of one slot, one after another below one warden, which is told of the next one ahead.

So the warden goes from one program to the next without asking, and what the node has to do for each, before it and
after it, is done while another one runs. One at a time runs: the next begins when nothing of the one before is left.
A warden that dies costs the run that it was at and no other: what is ahead and has not begun goes to the next warden.
What is ahead and is told to end does not begin: it is skipped when its turn comes.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from worker.executors.news import follow, refused
from worker.executors.order import Order
from worker.outcome import Finished, Outcome, Work, failed, told_to_end
from worker.stage import folder
from worker.supervise import Launch, Message, Warden, Wardens

AHEAD = 1
"""Programs that the warden knows of beside the one that runs."""

Launcher = Callable[[Work, Order], Launch]


class NotThereError(Exception):
    """There is no such program."""


@dataclass(slots=True)
class _Place:
    """In line. With an outcome it needs no program any more."""

    work: Work
    order: Order | None
    outcome: Outcome | None = None


class Series:
    """`outcomes` is gone through once. `orders` may have outcomes of runs for which there is nothing to start."""

    def __init__(self, wardens: Wardens, launch: Launcher, orders: Iterable[tuple[Work, Order | Outcome]]) -> None:
        self._wardens, self._launch = wardens, launch
        self._coming = iter(orders)
        self._line: deque[_Place] = deque()
        self._warden: Warden | None = None
        self._news: Iterator[Message] = iter(())

    def outcomes(self) -> Generator[Finished | None, None, None]:
        """As `Executor.run`."""
        try:
            self._fill()
            while self._line:
                place = self._line[0]
                yield None
                outcome = place.outcome or self._follow(place)
                self._line.popleft()
                _leave(place.work)
                self._fill()
                yield place.work, outcome
        finally:
            self._end()

    def _fill(self) -> None:
        while len(self._line) <= AHEAD and (coming := next(self._coming, None)):
            work, order = coming
            if isinstance(order, Outcome):
                self._line.append(_Place(work, None, order))
                continue
            place = _Place(work, order)
            self._line.append(place)
            place.outcome = _without_folder(work) or self._start(work, order)

    def _start(self, work: Work, order: Order) -> Outcome | None:
        """An outcome where nothing was started."""
        if work.why is not None:
            return told_to_end(work, time.monotonic())
        try:
            launch = self._launch(work, order)
        except NotThereError as absent:
            return refused(order, {"at": time.monotonic(), "text": str(absent), "place": None})
        warden = self._warden
        if warden is None:
            warden = self._warden = self._wardens.get()
            self._news = _news(warden)
        warden.start(launch)
        # After it was started: an end that reaches the warden before the program would be for nobody.
        end = partial(warden.end, run=launch.run)
        if not work.attach(end) and work.why is not None:
            end(work.why.value, work.grace_s(work.why))
        return None

    def _follow(self, place: _Place) -> Outcome:
        if place.order is None:
            raise ValueError(f"run {place.work.spec.run_id} has neither an order nor an outcome")
        outcome = follow(place.work, place.order, self._news)
        if outcome is not None:
            return outcome
        self._warden = None
        for each in list(self._line)[1:]:
            if each.outcome is None and each.order is not None:
                each.outcome = self._start(each.work, each.order)
        text = "the process that watched the run was killed, and the run with it"
        return failed(time.monotonic(), "runner_died", text)

    def _end(self) -> None:
        """Nobody wants what is still in line; as a rule nothing is."""
        if self._warden is not None:
            if any(place.outcome is None for place in self._line):
                self._warden.close()
            self._wardens.put(self._warden)
        for place in self._line:
            _leave(place.work)


def _without_folder(work: Work) -> Outcome | None:
    if folder.has_files(work.spec):
        return None
    try:
        folder.prepare(work.folder)
    except OSError as problem:
        return failed(time.monotonic(), "no_scratch", f"no scratch folder {work.folder}: {problem.strerror}")
    return None


def _leave(work: Work) -> None:
    work.attach(lambda why, grace_s: None)
    if not folder.has_files(work.spec):
        folder.remove(work.folder)


def _news(warden: Warden) -> Iterator[Message]:
    """Until the warden has died."""
    while messages := warden.told():
        yield from messages
