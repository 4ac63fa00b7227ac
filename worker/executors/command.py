"""How is a `command` run? A program with its arguments, in its scratch folder, with an environment built for it."""

import errno
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.wire.codec import Json, WireError, each, escape, maybe
from app.wire.report import Failure
from app.wire.states import RunState
from app.wire.usage import Usage
from worker.executors.sandbox import Sandbox
from worker.lines import directive, fraction
from worker.meter import Tally
from worker.outcome import Finished, Outcome, Why, Work, failed, over_memory, over_time, told_to_end
from worker.stage import folder
from worker.supervise import Launch, Message, Wardens, borrowed

LOADER = ("LD_", "DYLD_")
"""Variables that change how programs are loaded. A task may not set them, an operator may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be started: the payload of a `command`, or what a declared executor made of its parameters.

    `network` and `readable` are for the sandbox: None is what the node allows, `readable` are more folders to see.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    stdin: str | None
    success_codes: tuple[int, ...]
    network: bool | None = None
    readable: tuple[str, ...] = ()

    @classmethod
    def from_payload(cls, payload: Json) -> "Order":
        """Raises WireError."""
        if not isinstance(payload, dict):
            raise WireError("", 'must be an object such as {"argv": ["program", "argument"]}')
        argv = each({"argv": _list(payload.get("argv"))}, "argv", _word)
        if not argv or not argv[0]:
            raise WireError("/argv", "must be a list of strings that begins with the program")
        env = maybe(payload, "env", dict) or {}
        for name, value in env.items():
            if not isinstance(value, str) or "=" in name or "\0" in name + value:
                raise WireError(f"/env/{escape(name)}", "must be a string, and a name has no '='")
            if name.startswith(LOADER):
                raise WireError(f"/env/{escape(name)}", f"must not begin with {', '.join(LOADER)}")
        codes = payload.get("successCodes", [0])
        if not isinstance(codes, list) or not all(type(code) is int for code in codes):
            raise WireError("/successCodes", "must be a list of integers")
        if any("\0" in word for word in argv):
            raise WireError("/argv", "must not hold a zero byte")
        return cls(argv=argv, env=env, stdin=_text(payload.get("stdin")), success_codes=tuple(codes))


def _word(value: Json) -> str:
    """An argument. A reference may have brought in what is no string: it is written as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _list(value: Json) -> Json:
    """The arguments. A reference may have brought in a text that holds them in JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _text(value: Json) -> str | None:
    return None if value is None else _word(value)


class Command:
    """Each run gets a warden for its time; wardens are kept for the next run."""

    name = "command"

    def __init__(self, *, mark: dict[str, str], api_url: str, sandbox: Sandbox | None = None) -> None:
        self.mark = mark
        self._api_url = api_url
        self._sandbox = sandbox
        self._wardens = Wardens(mark)

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        for work in works:
            yield None
            yield work, self._one(work)

    def trim(self, now: float) -> None:
        self._wardens.trim(now)

    def close(self) -> None:
        self._wardens.close()

    def _one(self, work: Work) -> Outcome:
        try:
            order = Order.from_payload(work.spec.payload)
        except WireError as wrong:
            return failed(time.monotonic(), "bad_payload", f"the payload of the command is wrong: {wrong}")
        return self.perform(work, order)

    def perform(self, work: Work, order: Order, launch: "Launcher | None" = None) -> Outcome:
        """The order, in the run's folder; `launch` says how, when it is no program of this machine."""
        launch = launch or self._launch
        if folder.has_files(work.spec):
            return self._in_folder(work, order, launch)
        try:
            folder.prepare(work.folder)
        except OSError as problem:
            return failed(time.monotonic(), "no_scratch", f"no scratch folder {work.folder}: {problem.strerror}")
        try:
            return self._in_folder(work, order, launch)
        finally:
            folder.remove(work.folder)

    def _in_folder(self, work: Work, order: Order, launch: "Launcher") -> Outcome:
        try:
            started = launch(work, order)
            with borrowed(self._wardens) as warden:
                if not work.attach(warden.end):
                    return told_to_end(work, time.monotonic())
                warden.start(started)
                return _follow(work, order, warden.told)
        except NotThereError as absent:
            return _refused(order, {"at": time.monotonic(), "text": str(absent), "place": None})
        finally:
            work.attach(lambda why, grace_s: None)

    def environment(self, work: Work, order: Order) -> dict[str, str]:
        return {**environment(work, self._api_url), **order.env, **self.mark, "FLOTILLA_RUN_ID": work.spec.run_id}

    def _launch(self, work: Work, order: Order) -> Launch:
        spec, env, argv = work.spec, self.environment(work, order), order.argv
        if self._sandbox is not None:
            if (
                shutil.which(os.path.join(work.folder, argv[0]) if "/" in argv[0] else argv[0], path=env["PATH"])
                is None
            ):
                raise NotThereError(os.strerror(errno.ENOENT))
            argv = self._sandbox.wrap(
                argv, work.folder, network=order.network, readable=order.readable, memory_mib=spec.shape.memory_mib
            )
        return Launch(
            argv=argv,
            env=env,
            cwd=str(work.folder),
            stdin=order.stdin,
            memory_mib=spec.shape.memory_mib,
            cpu_milli=spec.shape.cpu_milli,
            limit_s=spec.time_limit_s,
            grace_s=spec.grace_s,
            wrapped=self._sandbox is not None,
        )


Launcher = Callable[[Work, Order], Launch]


class NotThereError(Exception):
    """There is no such program."""


def environment(work: Work, api_url: str) -> dict[str, str]:
    """What a program finds; nothing of the node's own environment but where programs are found."""
    spec = work.spec
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work.folder),
        "TMPDIR": str(work.folder),
        "LANG": "C.UTF-8",
        "FLOTILLA_RESULT": str(work.folder / folder.RESULT_NAME),
        "FLOTILLA_RUN_ID": spec.run_id,
        "FLOTILLA_TASK": spec.task,
        "FLOTILLA_JOB_ID": spec.job_id,
        "FLOTILLA_ATTEMPT": str(spec.attempt),
        "FLOTILLA_CPUS": f"{spec.shape.cpu_milli / 1000:g}",
        "FLOTILLA_MEMORY_MB": str(spec.shape.memory_mib),
        "FLOTILLA_API_URL": api_url,
        "FLOTILLA_RUN_TOKEN": spec.token,
        **({"TRACEPARENT": spec.trace} if spec.trace else {}),
    }


def _follow(work: Work, order: Order, told: Any) -> Outcome:
    """The run's news into its journal until it has ended."""
    while messages := told():
        for message in messages:
            if "lines" in message:
                for at, stream, line in message["lines"]:
                    note(work, at, stream, line)
            elif "sample" in message:
                began, (at, *totals) = message["began"], message["sample"]
                work.journal.begin(began)
                work.journal.sample(at, usage_of(totals, at - began))
            elif "refused" in message:
                return _refused(order, message["refused"])
            elif "ended" in message:
                return _ended(work, order, message["ended"])
    return failed(time.monotonic(), "runner_died", "the process that watched the run was killed, and the run with it")


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


def _refused(order: Order, refused: Message) -> Outcome:
    place = f" (in {refused['place']})" if refused["place"] not in (None, order.argv[0]) else ""
    text = (
        f"cannot start the program {order.argv[0]!r}: {refused['text']}{place}; "
        "it must be a program on the node's PATH, or the path of one"
    )
    return failed(refused["at"], "cannot_start", text)


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
