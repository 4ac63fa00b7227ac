"""A small world for the services: the store and the broker in memory, a clock that is set by hand, nodes that obey.

Whatever passes between a node and the services passes through the wire, encoded and decoded.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from app.adapters.keyring import Keyring, new_key
from app.adapters.memory import MemoryBlobs, MemoryBroker, MemoryStore
from app.domain.job import Job, JobSpec
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.records import Page
from app.ports.store import Store
from app.services import access, claim, nodes, query, record, submit, sweep
from app.services.core import Clockwork, Core
from app.services.sweep import Sweeper, Swept
from app.wire.claim import Claim, ClaimAnswer, RunSpec
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Held, Registration
from app.wire.protocol import PROTOCOL
from app.wire.report import Ending, Report, ReportAnswer, ReportBatch
from app.wire.resources import NOTHING, Resources, Route
from app.wire.states import RUN_TERMINAL, RunState
from app.wire.usage import Usage
from tests.invariants import World as Moment
from tests.invariants import assert_holds, check_step, check_world, read_world

SECRETS_KEY = new_key()
SECOND = 1_000_000
ALL = Page(limit=1_000_000)
CLOCKWORK = Clockwork(heartbeat_s=5, lease_s=20, sweep_s=2, offer_timeout_s=10, leader_lease_s=10, unfit_grace_s=60)


class Message(Protocol):
    def to_wire(self) -> Any: ...


M = TypeVar("M", bound=Message)


def sent(message: M) -> M:
    """The message as it arrives."""
    arrived: M = type(message).from_wire(json.loads(json.dumps(message.to_wire())))  # type: ignore[attr-defined]
    return arrived


class CountingChance:
    """Ids in the order they were made, and chance from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def new_id(self, now_us: int) -> str:
        return self.new_ids(now_us, 1)[0]

    def new_ids(self, now_us: int, count: int) -> list[str]:
        first = self._count + 1
        self._count += count
        return [f"00000000-0000-7000-8000-{number:012x}" for number in range(first, first + count)]

    def fraction(self) -> float:
        return self._random.random()

    def secret(self) -> str:
        return f"{self._random.getrandbits(256):043x}"[:43]


@dataclass(slots=True)
class Clock:
    now_us: int = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now_us

    def advance(self, seconds: float) -> None:
        self.now_us += int(seconds * SECOND)


def shape(cpu: float = 1, memory_mib: int = 256) -> Resources:
    return Resources(cpu_milli=int(cpu * 1000), memory_mib=memory_mib)


class World:
    def __init__(self, *, handoff: bool = True, max_bundle: int = 64, store: Store | None = None) -> None:
        self.clock = Clock()
        self.broker = MemoryBroker()
        self.store: Store = store or MemoryStore(self.clock)
        self.core = Core(
            store=self.store,
            broker=self.broker,
            chance=CountingChance(),
            blobs=MemoryBlobs(),
            vault=Keyring(lambda: SECRETS_KEY),
            clockwork=CLOCKWORK,
            handoff=handoff,
            max_bundle=max_bundle,
        )
        self.who = access.anonymous("admin")
        self.sweeper = Sweeper(holder="engine-1")
        self._last: Moment | None = None

    # -- people

    def submit(
        self,
        tasks: Mapping[str, Sequence[str]] | Sequence[TaskSpec],
        *,
        queue: str = "@default",
        key: submit.Key | None = None,
        **job: Any,
    ) -> Job:
        """A job of tasks by name with their needs, or of tasks as given."""
        if isinstance(tasks, Mapping):
            tasks = [task(name, *needs) for name, needs in tasks.items()]
        spec = JobSpec(name=job.pop("name", "job"), tasks=tuple(tasks), **job)
        return submit.submit(self.core, self.who, queue, spec, key)

    def job(self, job: Job) -> Job:
        return query.job(self.core, self.who, job.id)

    def tasks(self, job: Job) -> dict[str, Task]:
        return {view.task.name: view.task for view in query.tasks(self.core, self.who, job.id, ALL)}

    def task(self, job: Job, name: str) -> Task:
        return self.tasks(job)[name]

    def states(self, job: Job) -> dict[str, str]:
        return {name: task.state.value for name, task in self.tasks(job).items()}

    def runs(self, job: Job, name: str | None = None) -> list[Run]:
        if name is None:
            return query.runs(self.core, self.who, ALL, job_id=job.id)
        return query.runs(self.core, self.who, ALL, task_id=self.task(job, name).id)

    # -- the engine

    def sweep(self, sweeper: Sweeper | None = None) -> Swept:
        return sweep.step(self.core, sweeper or self.sweeper)

    def pass_time(self, seconds: float, *beating: "Node") -> None:
        """In steps of a second, with the sweep every second one and the beats of these nodes every fifth."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            second = self.clock.now_us // SECOND
            for node in beating if second % 5 == 0 else ():
                node.beat()
            if second % 2 == 0:
                self.sweep()

    # -- the fleet

    def node(self, name: str = "n1", cpu: float = 4, memory_mib: int = 8192, **able: tuple[str, ...]) -> "Node":
        node = Node(world=self, id=name, total=shape(cpu, memory_mib), able=able)
        node.register()
        return node

    def drive(self, *fleet: "Node", turns: int = 100_000) -> list[str]:
        """Every node takes what fits and ends it well, in turn, until nothing is offered; the tasks as they ended."""
        ended: list[str] = []
        for _ in range(turns):
            worked = False
            for node in fleet:
                node.take_all()
                for name in [spec.task for spec in node.held.values()]:
                    ended.append(name)
                    node.finish(name)
                    worked = True
            if not worked:
                return ended
        raise AssertionError("it does not come to rest")

    def check(self) -> Moment:
        """Every invariant, also of what changed since the last time."""
        now = read_world(self.store, access.ORG)
        before, self._last = self._last or now, now
        assert_holds(check_world(now), check_step(before, now))
        return now


def task(name: str, *needs: str, **asked: Any) -> TaskSpec:
    return TaskSpec(name=name, needs=needs, executor=asked.pop("executor", "command"), **asked)


@dataclass(slots=True, kw_only=True)
class Node:
    """A node that does as it is told. What came with one claim or hand-off is one slot's, and charged once."""

    world: World
    id: str
    total: Resources
    able: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held: dict[str, RunSpec] = field(default_factory=dict)
    slots: dict[str, tuple[str, Resources]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    claims: int = 0
    told: set[str] = field(default_factory=set)

    @property
    def core(self) -> Core:
        return self.world.core

    @property
    def free(self) -> Resources:
        charged = dict(self.slots[run_id] for run_id in self.held).values()
        cpu_milli, memory_mib = sum(each.cpu_milli for each in charged), sum(each.memory_mib for each in charged)
        return self.total - Resources(cpu_milli=cpu_milli, memory_mib=memory_mib)

    def register(self) -> None:
        self.held.clear()
        asked = Registration(
            node_id=self.id,
            name=self.id,
            pid=1,
            total=self.total,
            queues=self.able.get("queues", ("@default",)),
            tags=self.able.get("tags", ()),
            executors=self.able.get("executors", ("command",)),
            version="1",
            protocol=PROTOCOL,
        )
        nodes.register(self.core, sent(asked))

    def claim(self, *run_ids: str, claim_id: str | None = None) -> ClaimAnswer:
        self.claims += 1
        claim_id = claim_id or f"{self.id}-{self.claims}"
        known = self.core.store.read(lambda tx: tx.run(run_ids[0])) if run_ids else None
        charge = Route.parse(known.route).shape if known else NOTHING
        asked = Claim(claim_id=claim_id, run_ids=run_ids, free=self.free - charge)
        answer = sent(claim.claim(self.core, self.id, sent(asked)))
        self._hold(claim_id, answer.runs)
        return answer

    def _hold(self, slot: str, specs: Sequence[RunSpec]) -> None:
        for spec in specs:
            self.held[spec.run_id] = spec
            self.slots[spec.run_id] = (slot, spec.shape)

    def take(self) -> list[str]:
        """Pop one message that fits and claim it; the names of the tasks that this gave."""
        offer = self.world.broker.take(self._fitting())
        return [spec.task for spec in self.claim(*offer.run_ids).runs] if offer else []

    def take_all(self) -> list[str]:
        names: list[str] = []
        while (offer := self.world.broker.take(self._fitting())) is not None:
            names += [spec.task for spec in self.claim(*offer.run_ids).runs]
        return names

    def _fitting(self) -> list[str]:
        known = self.core.store.read(lambda tx: tx.node(self.id))
        routes = [Route.parse(key) for key in sorted(self.world.broker.announced | self.told)]
        return [route.key for route in routes if known and known.serves(route) and route.shape.fits(self.free)]

    def run_of(self, name: str) -> RunSpec:
        return next(spec for spec in self.held.values() if spec.task == name)

    def report(self, *reports: Report) -> ReportAnswer:
        batch = ReportBatch(free=self.free, reports=reports)
        answer = sent(record.record(self.core, self.id, sent(batch)))
        for run_id in answer.stale:
            self.held.pop(run_id, None)
        for run_id, specs in answer.handoffs.items():
            self._hold(self.slots[run_id][0], specs)
        return answer

    def news(self, spec: RunSpec, **said: Any) -> Report:
        """The next report on a run."""
        self.sequences[spec.run_id] = self.sequences.get(spec.run_id, 0) + 1
        return Report(run_id=spec.run_id, fence=spec.fence, sequence=self.sequences[spec.run_id], **said)

    def ending(self, spec: RunSpec, state: RunState = RunState.SUCCEEDED, **said: Any) -> Report:
        takes = said.pop("takes", 0)
        wall_s = said.pop("wall_s", 1.0)
        ending = Ending(state=state, at_us=self.world.clock.now_us, **said)
        usage = Usage(wall_s=wall_s)
        return self.news(spec, started_at_us=self.world.clock.now_us, usage=usage, ending=ending, takes=takes)

    def finish(self, name: str, state: RunState = RunState.SUCCEEDED, **said: Any) -> ReportAnswer:
        """End the run of this task and report it."""
        spec = self.run_of(name)
        del self.held[spec.run_id]
        assert state in RUN_TERMINAL
        return self.report(self.ending(spec, state, **said))

    def beat(self, **said: Any) -> HeartbeatAnswer:
        presented = Heartbeat(
            free=self.free,
            held=tuple(Held(run_id=spec.run_id, fence=spec.fence) for spec in self.held.values()),
            draining=said.pop("draining", False),
            cpu_percent=0.0,
            used_memory_bytes=0,
            idle_s=0.0,
            protocol=said.pop("protocol", PROTOCOL),
            **said,
        )
        answer = sent(nodes.beat(self.core, self.id, sent(presented)))
        self.told |= set(answer.queues)
        for run_id in answer.stale:
            self.held.pop(run_id, None)
        return answer
