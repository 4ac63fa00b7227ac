"""A node of a site that does what a test says: it takes what is offered and tells how it went."""

import time
from types import SimpleNamespace
from typing import Any

from app.services import nodes
from app.wire.heartbeat import Registration
from app.wire.report import Failure, LogLine
from app.wire.resources import Resources
from app.wire.states import RunState
from app.wire.usage import Sample, Usage
from tests.services.world import Node
from tests.ui.site import Site

FAILED = Failure(code="failed", message="the program ended with exit code 3; success is 0")


def hand(site: Site, node_id: str = "n1", *, name: str = "", cpu: int = 4, **able: tuple[str, ...]) -> Node:
    world: Any = SimpleNamespace(core=site.core, broker=site.broker, clock=Clock())
    total = Resources(cpu_milli=cpu * 1000, memory_mib=8192)
    known = Registration(
        node_id=node_id,
        name=name or node_id,
        pid=1,
        total=total,
        queues=able.get("queues", ("@default",)),
        tags=able.get("tags", ()),
        executors=able.get("executors", ("python", "command")),
        version="1",
    )
    nodes.register(site.core, known)
    return Node(world=world, id=node_id, total=total)


class Clock:
    @property
    def now_us(self) -> int:
        return time.time_ns() // 1000


def say(node: Node, task: str, *texts: str, stream: str = "stdout", first: int = 1) -> None:
    lines = tuple(
        LogLine(line=first + at, at_us=Clock().now_us, stream=stream, level="info", text=text)
        for at, text in enumerate(texts)
    )
    node.report(node.news(node.run_of(task), started_at_us=Clock().now_us, lines=lines))


def measure(node: Node, task: str, *memory_mib: int) -> None:
    """Samples a second apart, ending now."""
    now_us = Clock().now_us
    samples = tuple(
        Sample(
            at_us=now_us + at * 1_000_000,
            usage=Usage(wall_s=at + 1, cpu_user_s=at * 0.5, current_rss_bytes=each << 20, read_bytes=at << 20),
        )
        for at, each in enumerate(memory_mib)
    )
    node.report(node.news(node.run_of(task), started_at_us=now_us, samples=samples))


def finish(node: Node, task: str, state: RunState = RunState.SUCCEEDED, **said: Any) -> None:
    node.finish(task, state, **said)
