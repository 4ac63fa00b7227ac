"""What does a slot do with an offer? Claim, run one after another, report, go on with what the answer hands over.

A slot is a thread that has been given a charge (`worker/intake.py`); it gives the charge back when nothing is left to
run. Everything about one run is in one record (`outcome.Work`); each step is a small function over it.
"""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import structs

from app.wire.cards import versioned
from app.wire.claim import MAX_BUNDLE, Claim, ClaimAnswer, RunSpec
from app.wire.heartbeat import Held
from app.wire.resources import Resources
from app.wire.states import RunState
from worker.api_client import Api, AwayError, Clock, RefusedError
from worker.confidential import revealed
from worker.journal import RunJournal
from worker.logs import of_run
from worker.outcome import Executor, Finished, Outcome, Why, Work, failed
from worker.report import Reporter, Settled
from worker.run_events import RunEvents
from worker.stage.folder import folder_of, has_files
from worker.stage.staging import Staging

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
MOST_FAULTS = 4
LINE_S = 1.0
"""A line is handed out since its runs are quick, as far as anybody knows. After so long what is left of it goes back:
a pause, a priority or a node with room may have something to say to it by then.
"""


@dataclass(slots=True, kw_only=True)
class Slots:
    """What all slots of a node share. `serve` is called by each in its own thread."""

    api: Api
    reporter: Reporter
    executors: Mapping[str, Executor]
    staging: Staging
    scratch: Path
    handoff: bool
    free: Callable[[], Resources]
    holding: Callable[[], bool] = lambda: False
    on_stranger: Callable[[], None]
    events: RunEvents = field(default_factory=RunEvents)
    most_grace_s: int = 600
    draining: bool = False
    _works: dict[str, Work] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def serve(self, run_ids: Sequence[str], room: Resources) -> None:
        """Works on an offer under a charge of `room` until it and all that follows from it is done."""
        claimed = self._claim(tuple(run_ids))
        if claimed is None:
            return
        answer, clock = claimed
        runs: tuple[RunSpec, ...] = answer.runs
        while runs:
            settled = self._run_all([self._open(spec, clock) for spec in runs], room)
            if settled is None:
                return
            runs, clock = settled.runs, settled.clock

    def held(self) -> tuple[Held, ...]:
        """The runs that are this node's as far as it knows."""
        works = list(self._works.values())
        return tuple(Held(run_id=work.spec.run_id, fence=work.spec.fence) for work in works)

    def stop(self, run_id: str, why: Why) -> None:
        work = self._works.get(run_id)
        if work is not None:
            work.stop(why)

    def give_back(self) -> None:
        """The node ends: every run that has not ended is ended and reported as released."""
        self.draining = True
        self._stopping.set()
        for work in list(self._works.values()):
            work.stop(Why.RELEASED)

    def decline(self, runs: tuple[RunSpec, ...], clock: Clock) -> None:
        """Runs that came with an answer nobody waits for any more go back at once."""
        for spec in runs:
            journal = self.reporter.open(spec, clock)
            self.reporter.finish(journal, _given_back(time.monotonic(), "the slot it was meant for is gone"))

    def _claim(self, run_ids: tuple[str, ...]) -> tuple[ClaimAnswer, Clock] | None:
        """Repeats with the same claim id, so that an answer that was lost is given again. A claim that the API breaks
        on is given up: what it would have brought is offered again, and the slot is free for others.
        """
        claim = Claim(claim_id=os.urandom(16).hex(), run_ids=run_ids, free=self.free())
        pause_s, faults = FIRST_PAUSE_S, 0
        while not self._stopping.is_set():
            try:
                return self.api.claim(claim)
            except AwayError as away:
                faults += away.fault
                if faults >= MOST_FAULTS:
                    log.error("claim of %d runs is given up: %s", len(run_ids), away)
                    return None
                log.warning("claim of %d runs waits for the API: %s", len(run_ids), away)
                self._stopping.wait(min(LONGEST_PAUSE_S, away.after_s or pause_s))
                pause_s *= 2
            except RefusedError as refused:
                log.error("claim of %d runs was refused: %s", len(run_ids), refused)
                if refused.stranger:
                    self.on_stranger()
                return None
        return None

    def _open(self, spec: RunSpec, clock: Clock) -> Work:
        if spec.grace_s > self.most_grace_s:
            spec = structs.replace(spec, grace_s=self.most_grace_s)
        journal = self.reporter.open(spec, clock)
        work = Work(revealed(spec), journal, folder_of(self.scratch, spec))
        self._works[spec.run_id] = work
        self.events.taken(spec)
        if self._stopping.is_set():
            work.stop(Why.RELEASED)
        return work

    def _run_all(self, works: list[Work], room: Resources) -> Settled | None:
        last = works[-1]
        with of_run(*(work.spec for work in works)):
            return self._settled(works, last, room)

    def _settled(self, works: list[Work], last: Work, room: Resources) -> Settled | None:
        try:
            for work, outcome in self._outcomes(works, room):
                if work.why is Why.STALE:
                    self.reporter.forget(_journal(work))
                    continue
                self.events.ended(work.spec, outcome)
                takes = MAX_BUNDLE if work is last and self._goes_on() else 0
                self.reporter.finish(_journal(work), outcome, takes=takes, wanted=work is last)
            return self.reporter.settle(last.spec.run_id)
        finally:
            for work in works:
                if self._works.get(work.spec.run_id) is work:
                    del self._works[work.spec.run_id]

    def _goes_on(self) -> bool:
        """Whether a slot may keep its room for what comes next."""
        return self.handoff and not self.draining and not self.holding()

    def _outcomes(self, works: list[Work], room: Resources) -> Iterator[tuple[Work, Outcome]]:
        """Each run's outcome in order; neighbours of one executor go to it together, but those with files, or that
        follow another run, alone.
        """
        succeeded: set[str] = set()
        give_up_at = time.monotonic() + LINE_S
        for (wanted, _), group in itertools.groupby(works, key=_company):
            batch = list(group)
            if (before := batch[0].spec.follows) and before not in succeeded:
                yield batch[0], _given_back(time.monotonic(), "the run before it did not succeed")
                continue
            if before and time.monotonic() > give_up_at:
                yield batch[0], _given_back(time.monotonic(), "the runs before it were not quick")
                continue
            for work, outcome in self._of_batch(wanted, batch, room):
                if outcome.state is RunState.SUCCEEDED:
                    succeeded.add(work.spec.run_id)
                yield work, outcome

    def _of_batch(self, wanted: str, batch: list[Work], room: Resources) -> Iterator[tuple[Work, Outcome]]:
        executor = self.executors.get(wanted)
        if executor is None:
            for work in batch:
                yield work, _unknown(wanted, sorted(self.executors))
        elif any(not work.spec.shape.fits(room) for work in batch):
            for work in batch:
                yield work, _given_back(time.monotonic(), "it does not fit the slot that it was handed to")
        else:
            yield from self._executed(executor, batch)

    def _executed(self, executor: Executor, batch: list[Work]) -> Iterator[tuple[Work, Outcome]]:
        done = 0
        runs: Iterator[Finished | None] = iter(())
        try:
            first = batch[0]
            runs = self.staging.run(executor, first) if has_files(first.spec) else executor.run(batch)
            for finished in runs:
                if finished is None:
                    self.reporter.push()
                    continue
                work, outcome = finished
                if outcome.large is not None:
                    _journal(work).clean(outcome.large)
                    outcome = self.staging.large(work, outcome)
                done += 1
                yield work, outcome
        except Exception as problem:  # a bug of ours must not cost more than these runs
            log.exception("the executor %s broke", executor.name, extra={"run_id": batch[done].spec.run_id})
            if isinstance(runs, Generator):
                runs.close()  # it may have begun the next one ahead, which goes back
            yield batch[done], failed(time.monotonic(), "node_error", f"{type(problem).__name__}: {problem}")
            for work in batch[done + 1 :]:
                yield work, _given_back(time.monotonic(), "a run before it broke the executor")


def _company(work: Work) -> tuple[str, str]:
    """Runs that go to an executor together have this in common."""
    spec = work.spec
    alone = has_files(spec) or spec.follows is not None
    return versioned(spec.executor, spec.version), spec.run_id if alone else ""


def _journal(work: Work) -> RunJournal:
    journal = work.journal
    if not isinstance(journal, RunJournal):
        raise TypeError(f"run {work.spec.run_id} has no journal of the reporter")
    return journal


def _unknown(name: str, known: list[str]) -> Outcome:
    text = f"this node has no executor {name!r}; it has: {', '.join(known)}"
    return failed(time.monotonic(), "unknown_executor", text)


def _given_back(at: float, reason: str) -> Outcome:
    outcome = Outcome(state=RunState.LOST, ended=at, released=True)
    log.warning("a run goes back: %s", reason)
    return outcome
