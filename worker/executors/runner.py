"""The warm runner: a process that has the callables imported and runs one after another. Started by `python.py`.

One JSON line each way: requests come in by one pipe, answers and news go out by another. A third, the bell, is rung
when the node should look: after the last request at hand, at news, and not in between, so that a bundle of quick runs
costs one wake-up. Standard output and error of a callable are news too. What a callable leaves running is ended.
"""

import contextlib
import inspect
import io
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

import orjson

from worker import meter
from worker.executors.callables import Table, UnknownCallableError, from_environment
from worker.lines import Budget, LineCutter, fraction

RESULT_LIMIT = 256 * 1024
LARGEST_RESULT = 64 * 1024 * 1024
PR_SET_CHILD_SUBREAPER = 36
TRACEBACK_LINES = 200
LEVELS = ("debug", "info", "warning", "error")
QUICK_S = 0.005
"""A run that took longer is worth a wake-up of its own."""
Message = dict[str, Any]  # a JSON line, in the form that `python.py` reads and writes


class Wire:
    """The three pipes."""

    def __init__(self, requests: int, answers: int, bell: int) -> None:
        self._requests, self._answers, self._bell = requests, answers, bell
        self._rest = b""
        self._waiting: list[bytes] = []
        self.canceled: set[str] = set()

    def next(self) -> Message | None:
        """The next request; waits for it, after ringing the bell. None when the node is gone."""
        if not self._waiting:
            self.ring()
        while not self._waiting:
            if not self._fill():
                return None
        return orjson.loads(self._waiting.pop(0))  # type: ignore[no-any-return]  # requests are objects

    def peek(self) -> None:
        """Takes in what has come meanwhile, without waiting."""
        if meter.readable(self._requests):
            self._fill()

    def tell(self, message: Message) -> None:
        data = memoryview(orjson.dumps(message) + b"\n")
        while data:
            data = data[os.write(self._answers, data) :]
            if data:
                self.ring()

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell, b"!")

    def _fill(self) -> bool:
        data = os.read(self._requests, 1 << 16)
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            if line.startswith(b'{"cancel":'):
                self.canceled.add(orjson.loads(line)["cancel"])
            else:
                self._waiting.append(line)
        return bool(data)


class Output(io.TextIOBase):
    """`sys.stdout` and `sys.stderr` of a callable: whole lines become news of the run."""

    def __init__(self, stream: str, wire: Wire, behind: TextIO) -> None:
        self._stream, self._wire, self._behind = stream, wire, behind
        self._cutter = LineCutter(Budget())
        self.run_id = ""

    def begin(self, run_id: str, budget: Budget) -> None:
        self.run_id, self._cutter = run_id, LineCutter(budget)

    def write(self, text: str) -> int:
        self._tell(self._cutter.feed(text.encode("utf-8", "replace")))
        return len(text)

    def end(self) -> None:
        self._tell(self._cutter.close())
        self.run_id = ""

    def _tell(self, lines: list[str]) -> None:
        if lines and self.run_id:
            now = time.monotonic()
            self._wire.tell({"id": self.run_id, "lines": [[now, self._stream, line] for line in lines]})

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._behind.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase has it writable
        return "utf-8"


class Context:
    """What a callable gets that has a parameter named `context`."""

    def __init__(self, wire: Wire, request: Message) -> None:
        self._wire = wire
        self.run_id: str = request["id"]
        self.attempt: int = request["attempt"]
        self.folder: str = os.getcwd()
        self.api_url: str = request["apiUrl"]
        self.token: str = request["token"]
        self.trace: str | None = request["trace"]
        """The W3C trace context to go on in, if there is one; as TRACEPARENT in the environment."""

    def progress(self, percent: float) -> None:
        """0 to 100."""
        share = fraction(percent)
        if share is None:
            raise ValueError(f"progress must be from 0 to 100, not {percent!r}")
        self._wire.tell({"id": self.run_id, "progress": share})
        self._wire.ring()

    def status(self, text: str) -> None:
        self._wire.tell({"id": self.run_id, "status": clean(str(text))})
        self._wire.ring()

    def log(self, text: str, level: str = "info") -> None:
        """A line of output with a level: debug, info, warning or error."""
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        cutter = LineCutter(Budget())
        lines = cutter.feed(str(text).encode("utf-8", "replace")) + cutter.close()
        now = time.monotonic()
        self._wire.tell({"id": self.run_id, "level": level, "lines": [[now, "stdout", line] for line in lines or [""]]})

    @property
    def canceled(self) -> bool:
        """Whether the run has been told to end; SIGTERM comes at the same time."""
        self._wire.peek()
        return self.run_id in self._wire.canceled


class Gauge:
    """What a run used, as the difference of this process's own counters."""

    def __init__(self) -> None:
        self._io = os.open("/proc/self/io", os.O_RDONLY)
        self._children = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        self._peaks = os.open("/proc/self/clear_refs", os.O_WRONLY)
        self._bred = 0.0
        self._last = self._read()
        self.bred = False

    def reset_peak(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._peaks, b"5")

    def take(self) -> list[float]:
        """Since the last call: user s, system s, peak and current RSS, read, written, processes.

        `bred` then says whether there were children.
        """
        before, bred = self._last, self._bred
        self._last = self._read()
        self.bred = self._bred > bred
        user, system, read, written = (now - then for now, then in zip(self._last, before, strict=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return [user, system, peak, 0, read, written, 1]

    def spent(self) -> tuple[float, float]:
        """Cpu seconds of this process so far, user and system."""
        return self._last[0], self._last[1]

    def strays(self) -> list[int]:
        return list(map(int, os.pread(self._children, 4096, 0).split()))

    def _read(self) -> tuple[float, float, int, int]:
        own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        fields = os.pread(self._io, 512, 0).split()
        self._bred = below.ru_utime + below.ru_stime
        return (
            own.ru_utime + below.ru_utime,
            own.ru_stime + below.ru_stime,
            int(fields[1]),
            int(fields[3]),
        )


def serve(wire: Wire, table: Table, outputs: tuple[Output, Output]) -> None:
    gauge = Gauge()
    home = os.getcwd()
    takes_context: dict[Callable[..., Any], bool] = {}
    while (request := wire.next()) is not None:
        if request["id"] in wire.canceled:
            wire.canceled.discard(request["id"])
            wire.tell({"id": request["id"], "skipped": time.monotonic()})
            continue
        gauge.reset_peak()
        budget = Budget()
        for output in outputs:
            output.begin(request["id"], budget)
        _enter_trace(request["trace"])
        began = time.monotonic()
        answer = _call(request, table, wire, takes_context, f"{home}{request['id']}.result")
        _clear(gauge, home)
        for output in outputs:
            output.end()
        usage = gauge.take()
        answer.update(id=request["id"], began=began, ended=time.monotonic(), usage=usage)
        answer.update(cpu=gauge.spent(), bred=gauge.bred)
        wire.tell(answer)
        if answer["ended"] - began > QUICK_S:
            wire.ring()


def _enter_trace(trace: str | None) -> None:
    if trace is not None:
        os.environ["TRACEPARENT"] = trace
    else:
        os.environ.pop("TRACEPARENT", None)


def _call(
    request: Message, table: Table, wire: Wire, takes_context: dict[Callable[..., Any], bool], large: str
) -> Message:
    try:
        function = table.get(request["callable"])
        arguments = request["arguments"]
        if function not in takes_context:
            takes_context[function] = "context" in inspect.signature(function).parameters
        if request["cwd"] is not None:
            os.chdir(request["cwd"])
        if takes_context[function]:
            arguments = {**arguments, "context": Context(wire, request)}
        return _answer(function(**arguments), large)
    except UnknownCallableError as unknown:
        return {"error": ["unknown_callable", clean(str(unknown)), []]}
    except BaseException as raised:  # also SystemExit: whatever a callable raises is its outcome
        return {"error": ["exception", clean(f"{type(raised).__name__}: {raised}"), _traceback(raised)]}


def _answer(result: Any, large: str) -> Message:
    """`large` names the file for a result that is too large for a report."""
    try:
        data = orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as problem:
        return {"error": ["bad_result", f"the callable returned what is not JSON: {problem}", []]}
    if len(data) > LARGEST_RESULT:
        most = LARGEST_RESULT >> 20
        text = f"the result has {len(data)} bytes and at most {most} MiB are taken; write larger ones to an output"
        return {"error": ["bad_result", text, []]}
    if len(data) > RESULT_LIMIT:
        with open(large, "wb") as target:
            target.write(data)
        return {"large": True}
    return {"result": orjson.Fragment(data)}


def clean(text: str) -> str:
    """Names of files may bring in what is no Unicode."""
    return text.encode("utf-8", "replace").decode()


def _traceback(raised: BaseException) -> list[str]:
    """Without the frame of this file."""
    inner = raised.__traceback__.tb_next if raised.__traceback__ else None
    text = "".join(traceback.format_exception(type(raised), raised, inner))
    return clean(text).rstrip().splitlines()[-TRACEBACK_LINES:]


def _clear(gauge: Gauge, home: str) -> None:
    """Ends what the run left running, goes home and empties the runner's own folder."""
    while strays := gauge.strays():
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    os.chdir(home)
    if os.listdir(home):
        import shutil

        for name in os.listdir(home):
            path = os.path.join(home, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def main() -> None:
    """argv: the descriptors of requests, answers and bell."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    descriptors = [int(word) for word in sys.argv[1:4]]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    os.set_blocking(descriptors[2], False)
    wire = Wire(*descriptors)
    outputs = (Output("stdout", wire, sys.stdout), Output("stderr", wire, sys.stderr))
    sys.stdout, sys.stderr = outputs
    table = from_environment()
    table.get("noop")
    serve(wire, table, outputs)


if __name__ == "__main__":
    main()
