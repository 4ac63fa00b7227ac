"""One program and everything it starts, from its start to the last of its descendants. Runs in the warden only.

The warden is single-threaded and the subreaper, so whatever lives below it belongs to the one run it has.
It knows nothing of the node, of reports or of what the numbers are for.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from worker import meter
from worker.cgroup import MIB, Group
from worker.lines import Budget, LineCutter

OWN_MEMORY_MIB = 16
READ_BYTES = 256 * 1024
POLL_MEMORY_S = 0.1
REPEAT_KILL_S = 0.05
GIVE_UP_S = 10.0
FIRST_KILLED = 900
FOREVER_S = 1e9
LAST_S = 10.0
Message = dict[str, Any]  # a JSON object of the form that `warden.py` describes


@contextlib.contextmanager
def _first_to_be_killed() -> Iterator[None]:
    """What is started meanwhile inherits that the kernel, out of memory, takes it and never the warden: a killed warden
    could not say which limit was met. Raising the own score and lowering it to what it was is allowed to anybody.
    """
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_RDWR)
    except OSError:  # a system without it
        yield
        return
    try:
        before = os.pread(fd, 16, 0)
        os.pwrite(fd, str(FIRST_KILLED).encode(), 0)
        try:
            yield
        finally:
            os.pwrite(fd, before, 0)
    finally:
        os.close(fd)


class Tree:
    """`tell` sends a message to the node. The constructor starts the program or raises OSError."""

    def __init__(self, order: Message, group: Group, tell: Callable[[Message], None]) -> None:
        self.tell = tell
        self.group = group
        self.run = order["run"]
        self.watched = bool(order["watch"])
        self.memory_bytes = 0
        self.grace_s = float(order["graceS"])
        self.wrapped = bool(order["wrapped"])
        self.last = (order["last"], order["env"])
        self.why: str | None = None
        self.kill_at: float | None = None
        self.tally = meter.Tally()
        self.spacing = meter.Spacing()
        self.reaped_cpu_s = [0.0, 0.0]
        self.reaped_rss = 0
        self.limit(order)
        self.streams: dict[int, tuple[str, LineCutter]] = {}
        self.stdin: int | None = None
        self.given = memoryview((order.get("stdin") or "").encode())
        self.began = time.monotonic()
        self.look_at = self.began + POLL_MEMORY_S
        self.pid = self._start(order)
        self.pidfd = os.pidfd_open(self.pid)
        limit_s = order.get("limitS")
        self.limit_at = self.began + limit_s if limit_s else None

    def limit(self, order: Message) -> None:
        """Memory and cpu from now on."""
        self.memory_bytes = int(order["memoryMib"]) * MIB
        self.group.limit(memory_bytes=self.memory_bytes + OWN_MEMORY_MIB * MIB, cpu_milli=int(order["cpuMilli"]))

    def _start(self, order: Message) -> int:
        theirs = []
        budget = Budget() if self.watched else Budget(limit=1 << 62)
        for name in ("stdout", "stderr"):
            read, write = os.pipe()
            os.set_blocking(read, False)
            self.streams[read] = (name, LineCutter(budget))
            theirs.append(write)
        actions: list[Any] = [(os.POSIX_SPAWN_DUP2, end, 1 + index) for index, end in enumerate(theirs)]
        if self.given:
            source, self.stdin = os.pipe()
            os.set_blocking(self.stdin, False)
            theirs.append(source)
            actions.append((os.POSIX_SPAWN_DUP2, source, 0))
        try:
            os.chdir(order["cwd"])
            os.environ["PATH"] = order["env"].get("PATH", os.defpath)
            defaults = [signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
            argv = order["argv"]
            with _first_to_be_killed():
                return os.posix_spawnp(
                    argv[0], argv, order["env"], file_actions=actions, setsid=True, setsigdef=defaults
                )
        except BaseException:
            for fd in (*self.streams, *([self.stdin] if self.stdin is not None else [])):
                os.close(fd)
            raise
        finally:
            os.chdir("/")
            for end in theirs:
                os.close(end)

    def end(self, why: str, grace_s: float) -> None:
        """SIGTERM to the whole tree; after the grace SIGKILL. A later order may only shorten the grace."""
        kill_at = time.monotonic() + grace_s
        if self.why is None:
            self.why = why
            if grace_s > 0:
                self._signal(signal.SIGTERM)
        self.kill_at = min(self.kill_at or kill_at, kill_at)

    def next_wake_s(self) -> float:
        """Until something is due."""
        now = time.monotonic()
        due = now + FOREVER_S
        if self.watched:
            due = self.began + self.spacing.due
            if not self.group.memory:
                due = min(due, self.look_at)
        if self.limit_at is not None and self.why is None:
            due = min(due, self.limit_at)
        if self.kill_at is not None:
            due = min(due, self.kill_at)
        return max(0.0, due - now)

    def tick(self) -> None:
        now = time.monotonic()
        if self.limit_at is not None and self.why is None and now >= self.limit_at:
            self.end("timed_out", self.grace_s)
        if self.kill_at is not None and now >= self.kill_at:
            self._signal(signal.SIGKILL)
            self.kill_at = now + REPEAT_KILL_S
        if not self.watched:
            return
        if now >= self.began + self.spacing.due:
            self.spacing.taken()
            self._sample()
            self._reap_orphans()
            self.tell({"began": self.began, "sample": [now, *self.tally.as_list()]})
        elif not self.group.memory and now >= self.look_at:
            self._sample()

    def pour(self, fd: int) -> bool:
        """Take what is there from one stream; False at its end."""
        name, cutter = self.streams[fd]
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return True
        texts = cutter.feed(data) if data else cutter.close()
        if texts:
            now = time.monotonic()
            self.tell({"lines": [[now, name, text] for text in texts]})
        return bool(data)

    def drain(self) -> None:
        """Take all output that is there now."""
        for fd in self.streams:
            while select.select([fd], [], [], 0)[0] and self.pour(fd):
                pass

    def push(self) -> bool:
        """Feed standard input as far as it takes it; False when all is given or nobody reads."""
        if self.stdin is None:
            return False
        try:
            self.given = self.given[os.write(self.stdin, self.given) :]
        except BlockingIOError:
            return True
        except OSError:
            self.given = memoryview(b"")
        if not self.given:
            os.close(self.stdin)
            self.stdin = None
        return self.stdin is not None

    def close(self) -> None:
        """The program has ended: count it, end what it left behind, take the last output, tell."""
        at = time.monotonic()
        read, written = meter.disk(self.pid)
        _, status, usage = os.wait4(self.pid, 0)
        os.close(self.pidfd)
        self._count(usage)
        self._clear()
        if self.last[0] and (self.why is not None or os.WIFSIGNALED(status)):
            self._finish(*self.last)
        self.drain()
        for fd in self.streams:
            last = self.streams[fd][1].close()
            if last:
                self.tell({"lines": [[at, self.streams[fd][0], text] for text in last]})
            os.close(fd)
        if self.stdin is not None:
            os.close(self.stdin)
        self.tell({"ended": self._result(at, status, read, written)})

    def _finish(self, argv: list[str], env: dict[str, str]) -> None:
        """What ends that part of the run that is not below the warden."""
        with contextlib.suppress(OSError):
            silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
            pid = os.posix_spawnp(argv[0], argv, env, file_actions=silent, setsid=True)
            ended = os.pidfd_open(pid)
            if not select.select([ended], [], [], LAST_S)[0]:
                os.kill(pid, signal.SIGKILL)
            os.close(ended)
            os.waitpid(pid, 0)

    def _result(self, at: float, status: int, read: int, written: int) -> Message:
        if self.why is None and status and self.group.killed():
            self.why = "out_of_memory"
            self.tally.peak_rss = max(self.tally.peak_rss, self.group.peak())
        tally = self.tally
        tally.cpu_user_s, tally.cpu_system_s = self.reaped_cpu_s
        tally.peak_rss = max(tally.peak_rss, self.reaped_rss)
        tally.read_bytes = max(tally.read_bytes, read)
        tally.written_bytes = max(tally.written_bytes, written)
        tally.current_rss = 0
        tally.processes = max(1, tally.processes)
        return {
            "began": self.began,
            "at": at,
            "exitCode": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "why": self.why,
            "usage": tally.as_list(),
        }

    def _sample(self) -> None:
        self.look_at = time.monotonic() + POLL_MEMORY_S
        seen = meter.look(meter.descendants(os.getpid()))
        seen.cpu_user_s += self.reaped_cpu_s[0]
        seen.cpu_system_s += self.reaped_cpu_s[1]
        self.tally.fold(seen)
        if not self.group.memory and seen.current_rss > self.memory_bytes and self.why is None:
            self.end("out_of_memory", 0)

    def _count(self, usage: Any) -> None:
        """Adds what `wait4` says of a process that has been reaped."""
        self.reaped_cpu_s[0] += usage.ru_utime
        self.reaped_cpu_s[1] += usage.ru_stime
        self.reaped_rss = max(self.reaped_rss, usage.ru_maxrss * 1024)

    def _reap_orphans(self) -> None:
        for pid in meter.children(os.getpid()):
            if pid != self.pid:
                with contextlib.suppress(ChildProcessError):
                    gone, _, usage = os.wait4(pid, os.WNOHANG)
                    if gone:
                        self._count(usage)

    def _clear(self) -> None:
        """Whatever still lives below the warden is of this run: SIGKILL and reap until there is nothing."""
        give_up_at = time.monotonic() + GIVE_UP_S
        while time.monotonic() < give_up_at:
            try:
                pid, _, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid:
                self._count(usage)
                continue
            self._signal(signal.SIGKILL)
            time.sleep(0.001)

    def _signal(self, number: int) -> None:
        """To every descendant; all are known before the first is signalled."""
        for pid in meter.descendants(os.getpid()):
            if pid == self.pid and self.wrapped and number == signal.SIGTERM:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
