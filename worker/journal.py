"""What has happened in one run since its last report? Collected here, taken as a `Report` when somebody sends.

Executors write into it (`outcome.Journal`), `report.py` takes from it; the two are different threads.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import structs

from app.wire.claim import RunSpec
from app.wire.report import Ending, LogLine, Report
from app.wire.usage import Sample, Usage
from worker.api_client import Clock
from worker.confidential import clean, mask_of
from worker.lines import CUT_MARK, LOG_LIMIT, LOG_MARK
from worker.outcome import Outcome

FULL_BYTES = 256 * 1024
"""So much text is worth a report of its own."""


class RunJournal:
    """News of one run. `sequence` grows by one with every report; progress never falls."""

    __slots__ = (
        "_at_progress",
        "_lines",
        "_lock",
        "_log_bytes",
        "_mask",
        "_number",
        "_on_full",
        "_progress",
        "_said",
        "_samples",
        "_sequence",
        "_shown",
        "_started",
        "_status",
        "_usage",
        "bytes",
        "clock",
        "gone",
        "spec",
    )

    def __init__(self, spec: RunSpec, clock: Clock, on_full: Callable[["RunJournal"], None]) -> None:
        self.spec = spec
        self.clock = clock
        self.gone = False
        self._on_full = on_full
        self._mask = mask_of(spec)
        self.bytes = 0
        self._lock = threading.Lock()
        self._sequence = 0
        self._number = 0
        self._log_bytes = 0
        self._started: float | None = None
        self._progress: float | None = None
        self._at_progress = -1.0
        self._status: str | None = None
        self._said = self._shown = ""
        self._usage: Usage | None = None
        self._samples: list[Sample] = []
        self._lines: list[LogLine] = []

    def clean(self, large: Path) -> None:
        """What may not be seen goes from a result in a file, before it leaves."""
        clean(large, self._mask)

    def begin(self, at: float) -> None:
        self._started = at if self._started is None else self._started

    def line(self, at: float, stream: str, level: str, text: str) -> None:
        if text.endswith(CUT_MARK):
            text = self._mask.text(text.removesuffix(CUT_MARK), cut=True) + CUT_MARK
        else:
            text = self._mask.text(text)
        with self._lock:
            if self._log_bytes > LOG_LIMIT:
                return
            self._log_bytes += len(text) + 1
            if self._log_bytes > LOG_LIMIT:
                text = LOG_MARK
            self._number += 1
            self.bytes += len(text) + 40
            at_us = self.clock.at(at)
            self._lines.append(LogLine(line=self._number, at_us=at_us, stream=stream, level=level, text=text))
        if self.bytes > FULL_BYTES:
            self._on_full(self)

    def progress(self, share: float) -> None:
        with self._lock:
            if share > self._at_progress:
                self._at_progress = self._progress = share

    def status(self, text: str) -> None:
        text = self._mask.text(text)
        with self._lock:
            self._status = self._said = text[:1000]

    def passing(self, text: str) -> None:
        """What was not reported in time is not reported at all: quick transfers pass unseen."""
        text = self._mask.text(text) if text else text
        with self._lock:
            now = text[:1000] or self._said
            self._status = None if now == self._shown else now

    def sample(self, at: float, usage: Usage) -> None:
        with self._lock:
            self._usage = usage
            self._samples.append(Sample(at_us=self.clock.at(at), usage=usage))

    def news(self) -> Report | None:
        """What is new, or None."""
        with self._lock:
            quiet = self._progress is None and self._status is None and not self._samples and not self._lines
            if quiet and (self._started is None or self._sequence):
                return None
            return self._take(None, 0, self._usage)

    def ending(self, outcome: Outcome, takes: int) -> Report:
        """The last report, with all that was still to be said."""
        failure = outcome.failure
        if failure is not None:
            failure = structs.replace(failure, message=self._mask.text(failure.message))
        ending = Ending(
            state=outcome.state,
            at_us=self.clock.at(outcome.ended),
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            failure=failure,
            result=self._mask.data(outcome.result),
            released=outcome.released,
        )
        with self._lock:
            return self._take(ending, takes, outcome.usage)

    def _take(self, ending: Ending | None, takes: int, usage: Usage | None) -> Report:
        self._sequence += 1
        report = Report(
            run_id=self.spec.run_id,
            fence=self.spec.fence,
            sequence=self._sequence,
            started_at_us=None if self._started is None else self.clock.at(self._started),
            progress=self._progress,
            status_text=self._status,
            usage=usage,
            samples=tuple(self._samples),
            lines=tuple(self._lines),
            ending=ending,
            takes=takes,
        )
        self._shown = self._shown if self._status is None else self._status
        self._progress = self._status = self._usage = None
        self._samples, self._lines, self.bytes = [], [], 0
        return report
