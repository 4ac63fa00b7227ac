"""Amounts of cpu and memory, exact, and the route a run travels.

Amounts are whole milli-cpu and MiB, so that what was taken is what is given back.
"""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from app.wire.codec import Int, Message


class Resources(Message, frozen=True, kw_only=True):
    """Cpu in thousandths of a core, memory in MiB. A task's requirement is called its shape."""

    cpu_milli: Int
    memory_mib: Int

    def fits(self, free: "Resources") -> bool:
        return self.cpu_milli <= free.cpu_milli and self.memory_mib <= free.memory_mib

    def times_in(self, total: "Resources") -> int:
        """How many of these `total` holds at once; 0 when not even one."""
        return min(total.cpu_milli // max(1, self.cpu_milli), total.memory_mib // max(1, self.memory_mib))

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(cpu_milli=self.cpu_milli + other.cpu_milli, memory_mib=self.memory_mib + other.memory_mib)

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(cpu_milli=self.cpu_milli - other.cpu_milli, memory_mib=self.memory_mib - other.memory_mib)

    def times(self, count: int) -> "Resources":
        return Resources(cpu_milli=self.cpu_milli * count, memory_mib=self.memory_mib * count)


NOTHING = Resources(cpu_milli=0, memory_mib=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """(queue, worker tag, executor, shape): one broker queue. No tag and no version are ''."""

    queue: str
    tag: str
    executor: str
    version: str
    shape: Resources

    @property
    def key(self) -> str:
        """The broker queue's name; `Route.parse` reads it back. Parts are percent-encoded, so any name is safe."""
        return _key(self.queue, self.tag, self.executor, self.version, self.shape.cpu_milli, self.shape.memory_mib)

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, key: str) -> "Route":
        """Raises ValueError when `key` is not the name of a route's queue. Kept: every run of a route asks."""
        parts = key.split("/")
        if len(parts) != 5:
            raise ValueError(f"not a route: {key!r}")
        cpu, _, memory = parts[4].partition("m")
        queue, tag, executor, version = (unquote(part) for part in parts[:4])
        shape = Resources(cpu_milli=int(cpu), memory_mib=int(memory))
        return cls(queue=queue, tag=tag, executor=executor, version=version, shape=shape)


@lru_cache(maxsize=4096)
def _key(queue: str, tag: str, executor: str, version: str, cpu_milli: int, memory_mib: int) -> str:
    """Kept, as many tasks of a job have the same."""
    names = (quote(name, safe="@") for name in (queue, tag, executor, version))
    return "/".join([*names, f"{cpu_milli}m{memory_mib}"])
