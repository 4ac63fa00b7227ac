"""How runs go and end: node to API, batched; the answer may hand a slot its next runs.

Times are microseconds since the epoch, UTC, on the database's clock. A node never sends its own wall clock for
ordering: it adds its monotonic clock to the `now_us` of the answer that gave it the run.
"""

from dataclasses import dataclass

from app.wire.claim import RunSpec
from app.wire.codec import Json, WireError, each, maybe, part, take, text
from app.wire.resources import Resources
from app.wire.states import RUN_TERMINAL, RunState
from app.wire.usage import Sample, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run or task did not succeed: a code for programs, a sentence for people."""

    code: str
    message: str

    def to_wire(self) -> Json:
        return {"code": self.code, "message": self.message}

    @classmethod
    def from_wire(cls, source: Json) -> "Failure":
        return cls(code=take(source, "code", str), message=take(source, "message", str))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a run (`stdout`, `stderr`) or of the node about it (`system`); `line` counts from 1 in a run."""

    line: int
    at_us: int
    stream: str
    level: str
    text: str

    def to_wire(self) -> Json:
        return [self.line, self.at_us, self.stream, self.level, self.text]

    @classmethod
    def from_wire(cls, source: Json) -> "LogLine":
        if not isinstance(source, list):
            raise WireError("", "must be an array: line, atUs, stream, level, text")
        if tuple(map(type, source)) == (int, int, str, str, str):  # as it always is, and there are many of them
            line, at_us, stream, level, said = source
            return cls(line=line, at_us=at_us, stream=stream, level=level, text=said)
        fields = dict(zip(("line", "atUs", "stream", "level", "text"), source, strict=False))
        return cls(
            line=take(fields, "line", int),
            at_us=take(fields, "atUs", int),
            stream=take(fields, "stream", str),
            level=take(fields, "level", str),
            text=take(fields, "text", str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended. `state` is a terminal run state; `result` is JSON; `released` marks a hand-back, not a fault."""

    state: RunState
    at_us: int
    exit_code: int | None = None
    signal: int | None = None
    failure: Failure | None = None
    result: Json = None
    released: bool = False

    def to_wire(self) -> Json:
        return {
            "state": self.state.value,
            "atUs": self.at_us,
            "exitCode": self.exit_code,
            "signal": self.signal,
            "error": self.failure.to_wire() if self.failure else None,
            "result": self.result,
            "released": self.released,
        }

    @classmethod
    def from_wire(cls, source: Json) -> "Ending":
        state = take(source, "state", str)
        if state not in RUN_TERMINAL:
            raise WireError("/state", f"must be one of {', '.join(sorted(RUN_TERMINAL))}")
        return cls(
            state=RunState(state),
            at_us=take(source, "atUs", int),
            exit_code=maybe(source, "exitCode", int),
            signal=maybe(source, "signal", int),
            failure=part(source, "error", Failure.from_wire) if source.get("error") else None,
            result=source.get("result"),
            released=bool(source.get("released")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """News of one run since its last report. `sequence` grows within (run, fence); a repeat changes nothing.

    `takes` is said with an ending by a slot that would take up to that many next runs of the same route; 0 is none.
    """

    run_id: str
    fence: int
    sequence: int
    started_at_us: int | None = None
    progress: float | None = None
    status_text: str | None = None
    usage: Usage | None = None
    samples: tuple[Sample, ...] = ()
    lines: tuple[LogLine, ...] = ()
    ending: Ending | None = None
    takes: int = 0

    def to_wire(self) -> Json:
        out: dict[str, Json] = {"runId": self.run_id, "fence": self.fence, "sequence": self.sequence}
        if self.started_at_us is not None:
            out["startedAtUs"] = self.started_at_us
        if self.progress is not None:
            out["progress"] = self.progress
        if self.status_text is not None:
            out["statusText"] = self.status_text
        if self.usage is not None:
            out["usage"] = self.usage.to_wire()
        if self.samples:
            out["samples"] = [sample.to_wire() for sample in self.samples]
        if self.lines:
            out["lines"] = [line.to_wire() for line in self.lines]
        if self.ending is not None:
            out["ending"] = self.ending.to_wire()
        if self.takes:
            out["takes"] = self.takes
        return out

    @classmethod
    def from_wire(cls, source: Json) -> "Report":
        usage, ending = maybe(source, "usage", dict), maybe(source, "ending", dict)
        return cls(
            run_id=take(source, "runId", str),
            fence=take(source, "fence", int),
            sequence=take(source, "sequence", int),
            started_at_us=maybe(source, "startedAtUs", int),
            progress=maybe(source, "progress", float),
            status_text=maybe(source, "statusText", str),
            usage=part(source, "usage", Usage.from_wire) if usage else None,
            samples=each(source, "samples", Sample.from_wire),
            lines=each(source, "lines", LogLine.from_wire),
            ending=part(source, "ending", Ending.from_wire) if ending else None,
            takes=maybe(source, "takes", int) or 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBatch:
    free: Resources
    reports: tuple[Report, ...]

    def to_wire(self) -> Json:
        return {"free": self.free.to_wire(), "reports": [report.to_wire() for report in self.reports]}

    @classmethod
    def from_wire(cls, source: Json) -> "ReportBatch":
        return cls(free=part(source, "free", Resources.from_wire), reports=each(source, "reports", Report.from_wire))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAnswer:
    """`stale`: runs whose fence is old, unknown or ended; the node kills their trees and drops their reports.
    `handoffs`: next runs, by the id of the run whose ending said `takes`.
    """

    now_us: int
    stale: tuple[str, ...] = ()
    handoffs: dict[str, tuple[RunSpec, ...]]

    def to_wire(self) -> Json:
        handoffs = {run_id: [run.to_wire() for run in runs] for run_id, runs in self.handoffs.items()}
        return {"nowUs": self.now_us, "stale": list(self.stale), "handoffs": handoffs}

    @classmethod
    def from_wire(cls, source: Json) -> "ReportAnswer":
        return cls(
            now_us=take(source, "nowUs", int),
            stale=each(source, "stale", text),
            handoffs=part(source, "handoffs", _handoffs) if source.get("handoffs") else {},
        )


def _handoffs(source: Json) -> dict[str, tuple[RunSpec, ...]]:
    if not isinstance(source, dict):
        raise WireError("", "must be an object")
    return {run_id: each(source, run_id, RunSpec.from_wire) for run_id in source}
