"""What a tree of processes uses: read from /proc, without third-party code.

It runs in the warden and in the node, so it imports next to nothing and costs one pass over the tree a sample.
Exact totals come from `wait4` (the kernel's own count of what has been reaped); this file adds what still lives.
"""

import os
import select

from worker.kernel import contents

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
FIRST_SAMPLE_S = 0.2
SAMPLE_S = 1.0
THIN_AFTER = 120
"""So many samples a run at one spacing; then the spacing doubles."""


class Tally:
    """Running totals of one run's tree: `fold` in what a sample saw; peaks only rise."""

    __slots__ = ("cpu_system_s", "cpu_user_s", "current_rss", "peak_rss", "processes", "read_bytes", "written_bytes")

    def __init__(self) -> None:
        self.cpu_user_s = 0.0
        self.cpu_system_s = 0.0
        self.peak_rss = 0
        self.current_rss = 0
        self.read_bytes = 0
        self.written_bytes = 0
        self.processes = 0

    def fold(self, seen: "Tally") -> None:
        self.cpu_user_s = max(self.cpu_user_s, seen.cpu_user_s)
        self.cpu_system_s = max(self.cpu_system_s, seen.cpu_system_s)
        self.peak_rss = max(self.peak_rss, seen.peak_rss)
        self.current_rss = seen.current_rss
        self.read_bytes = max(self.read_bytes, seen.read_bytes)
        self.written_bytes = max(self.written_bytes, seen.written_bytes)
        self.processes = max(self.processes, seen.processes)

    def as_list(self) -> list[float]:
        """In the order of the slots of `from_list`; how it crosses a pipe."""
        return [
            self.cpu_user_s,
            self.cpu_system_s,
            self.peak_rss,
            self.current_rss,
            self.read_bytes,
            self.written_bytes,
            self.processes,
        ]

    @classmethod
    def from_list(cls, values: list[float]) -> "Tally":
        out = cls()
        out.cpu_user_s, out.cpu_system_s = values[0], values[1]
        out.peak_rss, out.current_rss, out.read_bytes, out.written_bytes, out.processes = map(int, values[2:])
        return out


class Spacing:
    """When the next sample is due, in seconds since the start: soon at first, then every second, thinner later."""

    __slots__ = ("_taken", "due", "step")

    def __init__(self) -> None:
        self.due = FIRST_SAMPLE_S
        self.step = SAMPLE_S
        self._taken = 0

    def taken(self) -> None:
        self._taken += 1
        if self._taken % THIN_AFTER == 0:
            self.step *= 2
        self.due += self.step


def children(pid: int) -> list[int]:
    """The living (or unreaped) children of all threads of `pid`."""
    out: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as source:
                out.extend(map(int, source.read().split()))
    except OSError:
        pass
    return out


def descendants(pid: int) -> list[int]:
    """Everything below `pid`, parents before children; `pid` itself is not in it."""
    out = children(pid)
    for each in out:
        out.extend(children(each))
    return out


def look(pids: list[int]) -> Tally:
    """The totals of these processes now; one that vanishes meanwhile counts nothing."""
    out = Tally()
    for pid in pids:
        try:
            fields = contents(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        except OSError:
            continue
        out.processes += 1
        out.cpu_user_s += (int(fields[11]) + int(fields[13])) / TICK
        out.cpu_system_s += (int(fields[12]) + int(fields[14])) / TICK
        out.current_rss += int(fields[21]) * PAGE
        read, written = disk(pid)
        out.read_bytes += read
        out.written_bytes += written
    out.peak_rss = out.current_rss
    return out


def disk(pid: int | str) -> tuple[int, int]:
    """Bytes read and written through storage and pipes by `pid` and its reaped children; zeros when not to be seen."""
    try:
        fields = contents(f"/proc/{pid}/io").split()
    except OSError:
        return 0, 0
    return int(fields[1]), int(fields[3])


def readable(fd: int) -> bool:
    """Whether a read of `fd` would not wait."""
    return bool(select.select([fd], [], [], 0)[0])
