"""How a run reports back.

 1. A slot that has claimed runs opens a journal for each (`Reporter.open`). The executor writes into it what happens:
    begun, progress, status, usage samples, lines of output (`worker/journal.py`).
 2. Twice a second a background thread turns what is new in open journals into reports. Reports have a sequence number
    within (run, fence), so the API can drop a repeat (`app/services/record.py` is the other end).
 3. A run that ends makes its last report at once (`Reporter.finish`), with all that was still to be said. It may ask
    for next runs: `takes`.
 4. Every report is first appended to the spool, a file on this node's disk (`worker/spool.py`), then put into the
    outbox. It leaves both when the API has answered 200: an outage delays reports and loses none.
 5. Sending is leader and follower. The slot that wants its ending known (`Reporter.settle`) sends all that is in the
    outbox itself, when nobody else is sending. Those who come meanwhile wait, and what they brought goes with the next
    batch, sent by one of them. No timer and no second thread stands between the end of a run and the request.
 6. The answer may bring the slot's next runs (`handoffs`); `settle` returns them.
 7. A run that the API calls stale is no longer this node's: its reports are dropped and the slot is told to kill its
    tree (`on_stale`).
 8. Nobody answers: the batch goes back to the head of the outbox and is sent again after a pause that doubles up to
    5 s. When the outbox grows too large, usage series, progress and then log lines are thinned. Endings never.
 9. A batch that is refused as malformed is a bug: it is sent again one by one, and what is refused is logged and
    dropped. One that the API breaks on (500) three times is taken apart too, and what it still breaks on goes to the
    end of the outbox. So neither can hold up the others.
10. After a restart the spool's leftovers go out first, before the node registers (`Reporter.send_left`).

This file knows no executor, no process and no broker.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from app.wire.claim import RunSpec
from app.wire.report import LogLine, Report, ReportAnswer
from app.wire.resources import Resources
from worker.api_client import Api, AwayError, Clock, RefusedError
from worker.journal import RunJournal
from worker.outcome import Outcome
from worker.spool import COMPACT_BYTES, Spool

log = logging.getLogger(__name__)
FLUSH_S = 0.5
PUSH_S = 0.02
"""Runs that end in quick succession share a request: the next one is made no sooner after the last."""
PUSH_SHARE = 8
"""Nor sooner than so many times as long as the last one took: where the API is busy, or far, more share one."""
BATCH_BYTES = 1024 * 1024
BATCH_REPORTS = 500
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
FAULTS_BORNE = 3
OUTBOX_BYTES = 64 * 1024 * 1024
"""Beyond this the outbox is thinned."""


@dataclass(slots=True, kw_only=True)
class Item:
    """A report on its way. `alone`: it was in a batch that the API broke on again and again, and travels by itself."""

    run_id: str
    data: bytes
    ending: bool
    thinned: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The answer to an ending: the slot's next runs, none as a rule, on whose clock."""

    runs: tuple[RunSpec, ...]
    clock: Clock


@dataclass(slots=True, kw_only=True)
class Reporter:
    """One for the node; safe for threads. `free` is asked for every batch, `on_stale` told the ids of lost runs."""

    api: Api
    folder: Path
    free: Callable[[], Resources]
    on_stale: Callable[[str], None]
    on_handoff: Callable[[tuple[RunSpec, ...], Clock], None]
    outbox_bytes: int = OUTBOX_BYTES
    _spool: Spool = field(init=False)
    _outbox: deque[Item] = field(default_factory=deque)
    _size: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _sending: bool = False
    _pause_s: float = 0.0
    _faults: int = 0
    _wanted: set[str] = field(default_factory=set)
    _settled: dict[str, Settled] = field(default_factory=dict)
    _journals: dict[str, RunJournal] = field(default_factory=dict)
    _opened: threading.Condition = field(default_factory=threading.Condition)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _sent_at: float = 0.0
    _push_s: float = PUSH_S
    _asleep: bool = False
    _closed: bool = False

    def __post_init__(self) -> None:
        self._spool = Spool(self.folder / "spool.jsonl")
        for line in self._spool.left():
            report = orjson.loads(line)
            report.pop("takes", None)
            self._put(Item(run_id=report["runId"], data=orjson.dumps(report), ending="ending" in report))

    def open(self, spec: RunSpec, clock: Clock) -> RunJournal:
        journal = RunJournal(spec, clock, self.tell)
        self._journals[spec.run_id] = journal
        if self._asleep:
            with self._opened:
                self._opened.notify()
        return journal

    def finish(self, journal: RunJournal, outcome: Outcome, takes: int = 0, wanted: bool = False) -> None:
        """The run's last report, into spool and outbox. Whoever says `wanted` calls `settle` afterwards."""
        self._journals.pop(journal.spec.run_id, None)
        if journal.gone:
            return
        if wanted:
            self._wanted.add(journal.spec.run_id)
        self._post(journal.ending(outcome, takes))

    def forget(self, journal: RunJournal) -> None:
        """Nothing of this run is to be said any more."""
        journal.gone = True
        self._journals.pop(journal.spec.run_id, None)

    def settle(self, run_id: str) -> Settled | None:
        """Sends, or waits for who sends, until the API has answered this run's ending. None when the node stops."""
        while True:
            with self._changed:
                if run_id not in self._wanted:
                    return self._settled.pop(run_id, None)
                if self._closed:
                    return None
                if self._sending:
                    self._changed.wait()
                    continue
                self._sending = True
            self._send_once()

    def push(self) -> None:
        """Sends what is in the outbox, unless somebody is sending or the API was away just now. Soon after the last
        batch it is left to the background thread, so that a slot with many short runs does not stop for each.
        """
        with self._changed:
            if self._sending or not self._outbox or self._pause_s or self._closed:
                return
            if time.monotonic() - self._sent_at < self._push_s:
                self._hurry.set()
                return
            self._sending = True
        self._send_once()

    def send_left(self, patience_s: float) -> None:
        """Sends until the outbox is empty or the patience is at its end."""
        give_up_at = time.monotonic() + patience_s
        while self._outbox and time.monotonic() < give_up_at and not self._closed:
            with self._changed:
                if self._sending:
                    self._changed.wait(0.1)
                    continue
                self._sending = True
            self._send_once(give_up_at)

    @property
    def waiting(self) -> int:
        """Reports that the API has not answered yet."""
        return len(self._outbox)

    def step(self) -> None:
        """What is new in open journals becomes reports, and whatever is in the outbox is sent."""
        for journal in list(self._journals.values()):
            self.tell(journal)
        with self._changed:
            if self._sending or not self._outbox or self._closed:
                return
            self._sending = True
        self._send_once()

    def tell(self, journal: RunJournal) -> None:
        report = None if journal.gone else journal.news()
        if report is not None:
            self._post(report)

    def flush_for_ever(self) -> None:
        """The background thread. It sleeps without a timer while nothing is open."""
        told_at = 0.0
        while not self._closed:
            with self._opened:
                self._asleep = True
                if not self._journals and not self._outbox:
                    self._opened.wait()
                self._asleep = False
            hurry = self._hurry.wait(FLUSH_S)
            self._hurry.clear()
            if hurry:
                time.sleep(self._push_s)
            try:
                if hurry and time.monotonic() - told_at < FLUSH_S:
                    self.push()
                else:
                    told_at = time.monotonic()
                    self.step()
            except Exception:  # a bug of ours must not end all reporting
                log.exception("reports could not be flushed")

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with self._opened:
            self._opened.notify()

    def _post(self, report: Report) -> None:
        item = Item(run_id=report.run_id, data=report.encoded(), ending=report.ending is not None)
        with self._changed:
            try:
                self._spool.add(item.data)
            except OSError as problem:
                log.error("a report is only in memory, the spool cannot be written: %s", problem)
            self._put(item)
            if self._size > self.outbox_bytes:
                self._thin()

    def _put(self, item: Item) -> None:
        self._outbox.append(item)
        self._size += len(item.data)

    def _send_once(self, give_up_at: float | None = None) -> None:
        """One batch by the leader, who gives up the lead afterwards whatever happens."""
        batch: list[Item] = []
        began = time.monotonic()
        try:
            with self._changed:
                batch = self._batch()
            if batch:
                self._deliver(batch)
            self._pause_s = 0.0
            self._faults = 0
        except AwayError as away:
            with self._changed:
                self._put_back(batch, away.fault)
            self._wait_out(away, give_up_at)
        finally:
            with self._changed:
                self._sending = False
                self._sent_at = time.monotonic()
                self._push_s = max(PUSH_S, min(FLUSH_S, PUSH_SHARE * (self._sent_at - began)))
                try:
                    self._tidy()
                finally:
                    self._changed.notify_all()

    def _put_back(self, batch: list[Item], fault: bool) -> None:
        """What has not been answered. Called with the lock held."""
        self._faults = self._faults + 1 if fault else 0
        self._size += sum(len(item.data) for item in batch)
        if fault and batch[0].alone:
            self._outbox.extend(batch)
            return
        for item in batch if self._faults >= FAULTS_BORNE else ():
            item.alone = True
        self._outbox.extendleft(reversed(batch))

    def _tidy(self) -> None:
        """The spool holds what is in the outbox, and not much more. Called with the lock held."""
        if not self._outbox:
            self._spool.clear()
        elif self._spool.size > COMPACT_BYTES + self._size:
            self._rewrite()

    def _rewrite(self) -> None:
        try:
            self._spool.rewrite([item.data for item in self._outbox])
        except OSError as problem:
            log.error("the spool cannot be rewritten: %s", problem)

    def _batch(self) -> list[Item]:
        batch: list[Item] = []
        size = 0
        while self._outbox and size < BATCH_BYTES and len(batch) < BATCH_REPORTS:
            if batch and (batch[0].alone or self._outbox[0].alone):
                break
            item = self._outbox.popleft()
            self._size -= len(item.data)
            size += len(item.data)
            batch.append(item)
        return batch

    def _deliver(self, batch: list[Item]) -> None:
        try:
            answer, clock = self.api.report(self._body(batch))
        except RefusedError as refused:
            if refused.stranger:
                raise AwayError(f"the API does not know this node or its token: {refused}", 1.0) from refused
            if len(batch) > 1:
                for item in batch:
                    self._deliver([item])
                return
            log.error("the API refused a report, which is dropped: %s", refused, extra={"run_id": batch[0].run_id})
            answer, clock = ReportAnswer(now_us=0, handoffs={}), Clock(now_us=0, received=time.monotonic())
        self._answered(batch, answer, clock)

    def _body(self, batch: list[Item]) -> bytes:
        free = self.free().encoded()
        return b'{"free":%b,"reports":[%b]}' % (free, b",".join(item.data for item in batch))

    def _answered(self, batch: list[Item], answer: ReportAnswer, clock: Clock) -> None:
        left = dict(answer.handoffs)
        with self._changed:
            if answer.stale:
                self._drop(set(answer.stale))
            for item in batch:
                if item.ending and item.run_id in self._wanted:
                    self._wanted.discard(item.run_id)
                    runs = left.pop(item.run_id, ())
                    if runs:
                        self._settled[item.run_id] = Settled(runs=runs, clock=clock)
        for run_id in answer.stale:
            journal = self._journals.pop(run_id, None)
            if journal is not None:
                journal.gone = True
            self.on_stale(run_id)
        for runs in left.values():
            self.on_handoff(runs, clock)

    def _drop(self, stale: set[str]) -> None:
        kept = [item for item in self._outbox if item.run_id not in stale]
        self._wanted -= stale
        self._outbox.clear()
        self._outbox.extend(kept)
        self._size = sum(len(item.data) for item in kept)

    def _wait_out(self, away: AwayError, give_up_at: float | None) -> None:
        """The leader's pause; others wait with it. Endings that come meanwhile are in the outbox when it is over."""
        if not self._pause_s:
            log.warning("reports wait for the API: %s", away)
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, self._pause_s * 2))
        until = time.monotonic() + min(LONGEST_PAUSE_S, away.after_s or self._pause_s)
        if give_up_at is not None:
            until = min(until, give_up_at)
        with self._changed:
            while not self._closed and (left_s := until - time.monotonic()) > 0:
                self._changed.wait(left_s)

    def _thin(self) -> None:
        """Make room: first usage series and progress, then log lines. Called with the lock held."""
        for without_lines in (False, True):
            for item in self._outbox:
                if self._size <= self.outbox_bytes // 2:
                    break
                if not (item.thinned and not without_lines):
                    before = len(item.data)
                    item.data = thinned(item.data, without_lines)
                    item.thinned = True
                    self._size += len(item.data) - before
        self._rewrite()


def thinned(data: bytes, without_lines: bool) -> bytes:
    """A report with less in it. The ending and what is counted stay; where lines are left out a line says so."""
    report = orjson.loads(data)
    for key in ("samples", "progress"):
        report.pop(key, None)
    if "ending" not in report:
        report.pop("usage", None)
    if without_lines and len(report.get("lines", ())) > 1:
        first = report["lines"][0]
        text = f"[{len(report['lines'])} lines dropped: the server was away for too long]"
        mark = LogLine(line=first[0], at_us=first[1], stream="system", level="warning", text=text)
        report["lines"] = [mark.to_wire()]
    return orjson.dumps(report)
