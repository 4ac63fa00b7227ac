"""What a warden tells of a program becomes the run's journal and, at its end, the outcome."""

import signal
from collections.abc import Iterator

from app.wire.report import Failure
from app.wire.states import RunState
from app.wire.usage import Usage
from worker.executors.order import Order
from worker.lines import directive, fraction
from worker.meter import Tally
from worker.outcome import Outcome, Why, Work, failed, over_memory, over_time, told_to_end
from worker.stage import folder
from worker.supervise import Message


def follow(work: Work, order: Order, news: Iterator[Message]) -> Outcome | None:
    """The run's news into its journal until it has ended; None when the warden has died over it."""
    for message in news:
        if "lines" in message:
            for at, stream, line in message["lines"]:
                note(work, at, stream, line)
        elif "sample" in message:
            began, (at, *totals) = message["began"], message["sample"]
            work.journal.begin(began)
            work.journal.sample(at, usage_of(totals, at - began))
        elif "refused" in message:
            return refused(order, message["refused"])
        elif "skipped" in message:
            return told_to_end(work, message["skipped"]["at"])
        elif "ended" in message:
            return _ended(work, order, message["ended"])
    return None


def note(work: Work, at: float, stream: str, line: str) -> None:
    """A line of output: kept as a message, and obeyed when it is an Open Job Description directive."""
    work.journal.line(at, stream, "info", line)
    told = directive(line) if stream == "stdout" else None
    if told is None:
        return
    kind, value = told
    if kind == "progress":
        share = fraction(value)
        if share is not None:
            work.journal.progress(share)
    elif kind == "status":
        work.journal.status(value)
    else:
        work.failure_said = value


def usage_of(totals: list[float], wall_s: float) -> Usage:
    tally = Tally.from_list(totals)
    return Usage(
        wall_s=max(0.0, wall_s),
        cpu_user_s=tally.cpu_user_s,
        cpu_system_s=tally.cpu_system_s,
        peak_rss_bytes=tally.peak_rss,
        current_rss_bytes=tally.current_rss,
        read_bytes=tally.read_bytes,
        written_bytes=tally.written_bytes,
        max_processes=tally.processes,
    )


def refused(order: Order, told: Message) -> Outcome:
    place = f" (in {told['place']})" if told["place"] not in (None, order.argv[0]) else ""
    text = (
        f"cannot start the program {order.argv[0]!r}: {told['text']}{place}; "
        "it must be a program on the node's PATH, or the path of one"
    )
    return failed(told["at"], "cannot_start", text)


def _ended(work: Work, order: Order, ended: Message) -> Outcome:
    at, code, number = ended["at"], ended["exitCode"], ended["signal"]
    work.journal.begin(ended["began"])
    usage = usage_of(ended["usage"], at - ended["began"])
    if ended["why"] == Why.TIMED_OUT:
        return over_time(work, at, usage)
    if ended["why"] == Why.OUT_OF_MEMORY:
        return over_memory(work, at, usage)
    if ended["why"] is not None:
        return told_to_end(work, at, usage)
    failure, result, large = None, None, None
    if work.failure_said is not None:
        failure = Failure(code="openjd_fail", message=work.failure_said)
    elif number is not None:
        failure = Failure(code="signal", message=f"the program was killed by {_signal_name(number)}")
    elif code not in order.success_codes:
        allowed = ", ".join(map(str, order.success_codes))
        failure = Failure(code="exit_code", message=f"the program ended with exit code {code}; success is {allowed}")
    else:
        try:
            result, large = folder.read_result(work.folder)
        except folder.ResultError as wrong:
            failure = Failure(code="bad_result", message=str(wrong))
    return Outcome(
        state=RunState.FAILED if failure else RunState.SUCCEEDED,
        ended=at,
        exit_code=code,
        signal=number,
        failure=failure,
        result=result,
        large=large,
        usage=usage,
    )


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"
