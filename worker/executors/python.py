"""How is a `python` callable run? In a warm runner process, several quick ones in a row without waiting in between.

A runner (`warm.py`, `runner.py`) lives below a warden of its own and belongs to one slot at a time. A run that must be
killed takes its runner along; the runs that were already written to it and had not begun go to the next runner.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from app.wire.codec import Json
from app.wire.report import Failure
from app.wire.states import RunState
from app.wire.usage import Usage
from worker import meter
from worker.executors.news import note, usage_of
from worker.executors.warm import Runner
from worker.outcome import Finished, Outcome, Why, Work, failed, over_memory, over_time, told_to_end
from worker.stage.folder import has_files, large_result
from worker.supervise import IDLE_KEEP_S, Message

MOST_AHEAD = 64
MOST_AHEAD_BYTES = 32 * 1024
"""Less than a pipe holds, so that writing ahead does not wait."""
QUICK_S = 0.005
"""Runs of a bundle are written ahead as long as they end within this."""
PEEK_S = 0.005
MEMORY_CHECK_S = 0.2
RETIRE_RSS_BYTES = 256 * 1024 * 1024
OWN_MEMORY_MIB = 16
"""What the runner itself needs is not counted against a run."""


class Python:
    """The node's warm runners. One stays warm for ever; others end when they have been idle for long."""

    name = "python"

    def __init__(self, *, mark: dict[str, str], api_url: str, callables: str, folder: Path) -> None:
        self._mark, self._callables, self._folder = mark, callables, folder
        self.api_url = api_url
        self._idle: deque[Runner] = deque()
        self._made = 0

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        session = Session(works, self)
        try:
            yield from session.run()
        finally:
            session.close()

    def warm(self) -> None:
        """Starts one runner ahead of the first run."""
        self.put(self._make())

    def get(self) -> Runner:
        while True:
            try:
                runner = self._idle.pop()
            except IndexError:
                return self._make()
            if not meter.readable(runner.warden.socket.fileno()) or (runner.heard() and runner.alive):
                return runner
            runner.close()

    def put(self, runner: Runner) -> None:
        if runner.alive and runner.peak_rss < RETIRE_RSS_BYTES:
            runner.used_at = time.monotonic()
            self._idle.append(runner)
        else:
            runner.close()

    def trim(self, now: float) -> None:
        for runner in list(self._idle)[:-1]:
            if now - runner.used_at > IDLE_KEEP_S:
                with contextlib.suppress(ValueError):  # a slot has taken it meanwhile
                    self._idle.remove(runner)
                    runner.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _make(self) -> Runner:
        self._made += 1
        return Runner(self._mark, self._callables, self._folder / f"runner-{os.getpid()}-{self._made}-{id(self):x}")


class Session:
    """The runs of one offer in one runner: `ahead` are written to it, the first of them runs."""

    def __init__(self, works: Sequence[Work], owner: Python) -> None:
        self._owner = owner
        self._todo = deque(works)
        self._ahead: deque[Work] = deque()
        self._window = 1
        self._bytes = 0
        self._runner: Runner | None = None
        self._began = 0.0
        self._peek_s = PEEK_S
        self._spacing = meter.Spacing()
        self._tally = meter.Tally()
        self._over: tuple[Why, float] | None = None

    def run(self) -> Iterator[Finished | None]:
        while self._todo or self._ahead:
            runner = self._runner = self._runner or self._owner.get()
            yield from self._write(runner)
            if not self._ahead:
                continue
            done = list(self._read(runner))
            if done:
                yield from done
                continue
            if not runner.alive:
                yield from self._bury(runner)
                continue
            yield None
            for message in runner.wait(self._patience_s()):
                self._hear(message)
            self._watch(runner)

    def close(self) -> None:
        if self._runner is not None:
            if self._ahead:
                self._runner.alive = False
            self._owner.put(self._runner)

    def _write(self, runner: Runner) -> Iterator[Finished]:
        while self._todo and len(self._ahead) < self._window:
            work = self._todo.popleft()
            line = _request(work, self._owner.api_url)
            if self._ahead and (isinstance(line, Outcome) or self._bytes + len(line) > MOST_AHEAD_BYTES):
                self._todo.appendleft(work)
                return
            if isinstance(line, Outcome):
                yield work, line
                continue
            shape = work.spec.shape
            runner.shaped(shape.memory_mib + OWN_MEMORY_MIB, shape.cpu_milli)
            if not work.attach(_Ender(runner, work, self._ahead)):
                if self._ahead:
                    self._todo.appendleft(work)
                    return
                yield work, told_to_end(work, time.monotonic())
                continue
            if not self._ahead:
                self._first(time.monotonic())
                self._bytes = 0
            self._ahead.append(work)
            self._bytes += len(line)
            runner.send(line)

    def _first(self, now: float) -> None:
        """Another run is now the first of those ahead."""
        self._began, self._over = now, None
        self._spacing, self._tally = meter.Spacing(), meter.Tally()
        self._peek_s = PEEK_S

    def _read(self, runner: Runner) -> Iterator[Finished]:
        for answer in runner.answers():
            if not self._ahead or answer["id"] != self._ahead[0].spec.run_id:
                continue
            work = self._ahead[0]
            if "level" in answer:
                for at, stream, line in answer["lines"]:
                    work.journal.line(at, stream, answer["level"], line)
            elif "lines" in answer:
                for at, stream, line in answer["lines"]:
                    note(work, at, stream, line)
            elif "progress" in answer:
                work.journal.progress(answer["progress"])
            elif "status" in answer:
                work.journal.status(answer["status"])
            else:
                self._ahead.popleft()
                yield work, self._finish(runner, work, answer)
                self._first(time.monotonic())

    def _finish(self, runner: Runner, work: Work, answer: Message) -> Outcome:
        work.attach(_ignore)
        if "skipped" in answer:
            return told_to_end(work, answer["skipped"])
        began, ended = answer["began"], answer["ended"]
        if answer["bred"] or ended - began >= QUICK_S:
            self._take_output(runner, work)
        self._window = min(self._window * 2, MOST_AHEAD) if ended - began < QUICK_S else 1
        runner.cpu_s = (answer["cpu"][0], answer["cpu"][1])
        runner.peak_rss = max(runner.peak_rss, int(answer["usage"][2]))
        work.journal.begin(began)
        large = large_result(runner.folder, work.spec.run_id) if answer.get("large") else None
        return _answered(work, answer, large, usage_of(answer["usage"], ended - began))

    def _take_output(self, runner: Runner, work: Work) -> None:
        """What the run's own children, or code below Python, wrote has come another way than the answer."""
        runner.warden.sync()
        while runner.alive:
            messages = runner.heard()
            for message in messages:
                self._hear(message, work)
            if any("synced" in message for message in messages):
                return

    def _hear(self, message: Message, work: Work | None = None) -> None:
        """Output that did not go through `sys.stdout`: of the run that is first."""
        work = work or (self._ahead[0] if self._ahead else None)
        for at, stream, line in message.get("lines", ()):
            if work is not None:
                note(work, at, stream, line)

    def _patience_s(self) -> float:
        """How long to wait for the bell before looking again."""
        now = time.monotonic()
        patience_s = self._began + self._spacing.due - now
        first = self._ahead[0]
        patience_s = min(patience_s, self._began + first.spec.time_limit_s - now, MEMORY_CHECK_S)
        if len(self._ahead) > 1:
            patience_s = min(patience_s, self._peek_s)
            self._peek_s = min(self._peek_s * 2, 0.1)
        return max(0.0, patience_s)

    def _watch(self, runner: Runner) -> None:
        """Limits and samples of the first run."""
        now, work = time.monotonic(), self._ahead[0]
        if now - self._began < meter.FIRST_SAMPLE_S / 2 or not runner.pid:
            return
        if self._over is None and now - self._began >= work.spec.time_limit_s:
            self._over = (Why.TIMED_OUT, now)
            runner.warden.end(Why.TIMED_OUT, work.grace_s(Why.TIMED_OUT))
        seen = meter.look([runner.pid, *meter.descendants(runner.pid)])
        seen.cpu_user_s = max(0.0, seen.cpu_user_s - runner.cpu_s[0])
        seen.cpu_system_s = max(0.0, seen.cpu_system_s - runner.cpu_s[1])
        self._tally.fold(seen)
        if now - self._began >= self._spacing.due:
            self._spacing.taken()
            work.journal.begin(self._began)
            work.journal.sample(now, usage_of(self._tally.as_list(), now - self._began))
        most = (work.spec.shape.memory_mib + OWN_MEMORY_MIB) * 1024 * 1024
        if self._over is None and seen.current_rss > most:
            self._over = (Why.OUT_OF_MEMORY, now)
            runner.warden.end(Why.OUT_OF_MEMORY, 0)

    def _bury(self, runner: Runner) -> Iterator[Finished]:
        """The runner is dead: the first of those ahead is what it died of, the others have not begun."""
        yield from self._read(runner)
        ended = next((m["ended"] for m in runner.last if "ended" in m), None)
        self._runner, self._window = None, 1
        runner.close()
        if not self._ahead:
            return
        work = self._ahead.popleft()
        work.attach(_ignore)
        for other in reversed(self._ahead):
            other.attach(_ignore)
        self._todo.extendleft(reversed(self._ahead))
        self._ahead.clear()
        large_result(runner.folder, work.spec.run_id).unlink(missing_ok=True)
        yield work, self._died(work, ended)

    def _died(self, work: Work, ended: Message | None) -> Outcome:
        now = time.monotonic()
        at = ended["at"] if ended else now
        usage = usage_of(self._tally.as_list(), at - self._began)
        why = self._over[0] if self._over else (ended or {}).get("why")
        work.journal.begin(self._began)
        if why == Why.TIMED_OUT:
            return over_time(work, at, usage)
        if why == Why.OUT_OF_MEMORY:
            return over_memory(work, at, usage)
        if work.why is not None:
            return told_to_end(work, at, usage)
        how = "was killed with everything that watched it"
        if ended is not None:
            how = f"ended with exit code {ended['exitCode']}"
            if ended["signal"] is not None:
                how = f"was killed by signal {ended['signal']}"
        text = f"the process that ran the callable {how}"
        return Outcome(
            state=RunState.FAILED,
            ended=at,
            exit_code=ended["exitCode"] if ended else None,
            signal=ended["signal"] if ended else None,
            failure=Failure(code="runner_died", message=text),
            usage=usage,
        )


class _Ender:
    """Ends a run in a runner: kills the runner when the run is the first, else has it skipped."""

    def __init__(self, runner: Runner, work: Work, ahead: deque[Work]) -> None:
        self._runner, self._work, self._ahead = runner, work, ahead

    def __call__(self, why: str, grace_s: float) -> None:
        self._runner.send(_line({"cancel": self._work.spec.run_id}))
        if self._ahead and self._ahead[0] is self._work:
            self._runner.warden.end(why, grace_s)


def _ignore(why: str, grace_s: float) -> None:
    """The run has ended or has not begun: there is nothing to end."""


def _line(message: Message) -> bytes:
    return orjson.dumps(message) + b"\n"


def _request(work: Work, api_url: str) -> bytes | Outcome:
    spec, payload = work.spec, work.spec.payload
    wrong = _wrong(payload)
    if wrong:
        return failed(time.monotonic(), "bad_payload", f"the payload of the callable is wrong: {wrong}")
    return _line(
        {
            "id": spec.run_id,
            "callable": payload["callable"],
            "arguments": payload.get("arguments") or {},
            "attempt": spec.attempt,
            "cwd": str(work.folder) if has_files(spec) else None,
            "apiUrl": api_url,
            "token": spec.token,
            "trace": spec.trace,
        }
    )


def _wrong(payload: Json) -> str | None:
    if not isinstance(payload, dict) or not isinstance(payload.get("callable"), str):
        return 'must be an object such as {"callable": "noop", "arguments": {}}'
    if not isinstance(payload.get("arguments") or {}, dict):
        return "/arguments: must be an object"
    return None


def _answered(work: Work, answer: Message, large: Path | None, usage: Usage) -> Outcome:
    at, error = answer["ended"], answer.get("error")
    failure = None
    if work.why is not None and error is not None:
        return told_to_end(work, at, usage)
    if error is not None:
        code, text, trace = error
        failure = Failure(code=code, message=text)
        for line in trace:
            work.journal.line(at, "system", "error", line)
    elif work.failure_said is not None:
        failure = Failure(code="openjd_fail", message=work.failure_said)
    return Outcome(
        state=RunState.FAILED if failure else RunState.SUCCEEDED,
        ended=at,
        failure=failure,
        result=answer.get("result"),
        large=large,
        usage=usage,
    )
