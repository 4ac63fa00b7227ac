"""W9: many nodes that only talk. Each beats, claims what the broker offers, and reports runs that take so long.

One web process, one engine, one broker; the nodes are coroutines of this process, each with a connection of its own
and a pace of its own, so that they are spread as those of a fleet are. What they ask is timed from the first byte of
the request to the last of the answer.
"""

import asyncio
import base64
import contextlib
import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import redis.asyncio as redis

from app.adapters.celery_broker import KEY_PREFIX
from app.domain.task import DEFAULT_SHAPE
from app.wire.claim import Claim, ClaimAnswer, RunSpec
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Held, Registration
from app.wire.report import Ending, Report, ReportAnswer, ReportBatch
from app.wire.resources import NOTHING, Resources, Route
from app.wire.states import RunState
from app.wire.usage import Usage
from tests.benchmarks.figures import percentile
from tests.benchmarks.measure import Repeat
from tests.benchmarks.service import Service

BEAT_S: Final = 5.0
EXECUTOR: Final = "command"
_QUEUE: Final = "@default"
_POP_S: Final = 1
_LOOKS: Final = 12
_PROCESSES: Final = ("app.main", "app.engine")


@dataclass(slots=True)
class Tally:
    """Milliseconds by kind of request, from when all nodes are there."""

    took: dict[str, list[float]] = field(default_factory=lambda: {"beat": [], "claim": [], "report": []})
    counting: bool = False
    runs: int = 0
    idle_s: float = 0.0
    failures: int = 0


class Wire:
    """One connection that is kept open."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, message: Any) -> Any:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place)
        reader, writer = self._streams
        body = orjson.dumps(message)
        writer.write(f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = int(head.lower().partition("content-length:")[2].split()[0])
        answer = await reader.readexactly(length)
        if int(head.split(" ", 2)[1]) >= 300:
            raise ValueError(f"{path}: {head.splitlines()[0]} {answer[:300]!r}")
        return orjson.loads(answer)

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()


class Node:
    def __init__(
        self, wire: Wire, tally: Tally, offers: "asyncio.Queue[list[str]]", number: int, task_s: float
    ) -> None:
        self._wire, self._tally, self._offers = wire, tally, offers
        self._id, self._name, self._task_s = str(uuid.uuid4()), f"swarm-{number}", task_s
        self._held: dict[str, RunSpec] = {}
        self.began = False
        self._lock = asyncio.Lock()  # one connection, one request at a time

    async def register(self) -> None:
        asked = Registration(
            node_id=self._id,
            name=self._name,
            pid=1,
            total=DEFAULT_SHAPE,
            queues=(_QUEUE,),
            tags=(),
            executors=(EXECUTOR,),
            version="0",
        )
        await self._wire.post("/v1/nodes", asked.to_wire())

    async def beat(self) -> None:
        await asyncio.sleep(random.random() * BEAT_S)  # spreads nodes
        while True:
            held = tuple(Held(run_id=spec.run_id, fence=spec.fence) for spec in self._held.values())
            said = Heartbeat(
                free=self._free,
                held=held,
                draining=False,
                cpu_percent=1.0,
                used_memory_bytes=1 << 28,
                idle_s=0.0,
            )
            answer = HeartbeatAnswer.from_wire(await self._ask("beat", "heartbeat", said.to_wire()))
            for run_id in answer.stale:
                self._held.pop(run_id, None)
            await asyncio.sleep(BEAT_S)

    async def work(self) -> None:
        while True:
            began = time.perf_counter()
            run_ids = await self._offers.get()
            asked = Claim(claim_id=str(uuid.uuid4()), run_ids=tuple(run_ids), free=NOTHING)
            answer = ClaimAnswer.from_wire(await self._ask("claim", "claims", asked.to_wire()))
            if self._tally.counting:
                self._tally.idle_s += time.perf_counter() - began
            specs = list(answer.runs)
            while specs:
                specs = await self._run(specs)

    async def _run(self, specs: list[RunSpec]) -> list[RunSpec]:
        """These one after the other, each as long as it takes; the next ones that the last answer hands over."""
        self._held = {spec.run_id: spec for spec in specs}
        self.began = True
        handed: list[RunSpec] = []
        for spec in specs:
            began_us = time.time_ns() // 1000
            await asyncio.sleep(self._task_s * random.uniform(0.8, 1.2))
            ending = Ending(state=RunState.SUCCEEDED, at_us=time.time_ns() // 1000)
            news = Report(
                run_id=spec.run_id,
                fence=spec.fence,
                sequence=1,
                started_at_us=began_us,
                usage=Usage(wall_s=self._task_s),
                ending=ending,
                takes=1 if spec is specs[-1] else 0,
            )
            batch = ReportBatch(free=NOTHING, reports=(news,))
            asked_at = time.perf_counter()
            answer = ReportAnswer.from_wire(await self._ask("report", "reports", batch.to_wire()))
            self._held.pop(spec.run_id, None)
            handed += [each for runs in answer.handoffs.values() for each in runs]
            if self._tally.counting:
                self._tally.runs += 1
                self._tally.idle_s += time.perf_counter() - asked_at
        return handed

    @property
    def _free(self) -> Resources:
        return NOTHING if self._held else DEFAULT_SHAPE

    async def _ask(self, kind: str, path: str, message: Any) -> Any:
        async with self._lock:
            began = time.perf_counter()
            answer = await self._wire.post(f"/v1/nodes/{self._id}/{path}", message)
            if self._tally.counting:
                self._tally.took[kind].append((time.perf_counter() - began) * 1e3)
        return answer


def swarm(service: Service, count: int, task_s: float, length_s: float) -> Repeat:
    """`count` is of requests, `seconds` of the time in which they were made."""
    tasks = int(count * (length_s / task_s + 4))
    payload = {"argv": ["true"]}
    names = [{"name": f"t{number}", "executor": EXECUTOR, "payload": payload} for number in range(tasks)]
    service.submit({"name": "swarm", "tasks": names})
    processes = [service.process(module) for module in _PROCESSES]

    def cpu_s() -> float:
        return sum(sum(each.cpu_times()[:2]) for each in processes)

    tally, used_s = asyncio.run(_live(service, count, task_s, length_s, cpu_s))
    everything = [each for took in tally.took.values() for each in took]
    extra = {f"{kind}_p99_ms": percentile(took, 99) for kind, took in tally.took.items() if took}
    extra |= {f"{kind}_p50_ms": percentile(took, 50) for kind, took in tally.took.items() if took}
    extra |= {
        "p99_ms": percentile(everything, 99),
        "cores": used_s / length_s,
        "cpu_ms_a_request": used_s * 1e3 / len(everything),
        "idle": tally.idle_s / (count * length_s),
        "runs_per_s": tally.runs / length_s,
        "failures": float(tally.failures),
    }
    return Repeat(count=len(everything), seconds=length_s, extra=extra)


async def _live(
    service: Service, count: int, task_s: float, length_s: float, cpu_s: Callable[[], float]
) -> tuple[Tally, float]:
    tally, offers = Tally(), asyncio.Queue[list[str]]()
    token = service.node_token()
    wires = [Wire(service.url, token) for _ in range(count)]
    fleet = [Node(wire, tally, offers, number, task_s) for number, wire in enumerate(wires)]
    for node in fleet:
        await node.register()
    loops = [node.beat() for node in fleet] + [node.work() for node in fleet]
    lives = [asyncio.create_task(loop) for loop in [*loops, _pop(service.broker_url, offers)]]
    for _ in range(_LOOKS):  # a fleet that comes all at once is another question
        await asyncio.sleep(max(BEAT_S, task_s))
        if all(node.began for node in fleet):
            break
    tally.counting = True
    before_s = cpu_s()
    await asyncio.sleep(length_s)
    used_s, tally.counting = cpu_s() - before_s, False
    for life in lives:
        tally.failures += life.done()
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    for wire in wires:
        wire.close()
    return tally, used_s


async def _pop(url: str, offers: "asyncio.Queue[list[str]]") -> None:
    """What the broker offers, for whichever node is free: one connection in place of one a node."""
    client: Any = redis.Redis.from_url(url.replace("redis+socket:", "unix:"))  # Any: its stubs say less than it does
    route = Route(queue=_QUEUE, tag="", executor=EXECUTOR, version="", shape=DEFAULT_SHAPE)
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            found = await client.brpop([KEY_PREFIX + route.key], timeout=_POP_S)
            if found:
                ((run_ids,), _, _) = json.loads(base64.b64decode(json.loads(found[1])["body"]))
                offers.put_nowait(run_ids)
    await client.aclose()
