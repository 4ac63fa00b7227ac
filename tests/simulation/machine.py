"""The whole system in one process on virtual time, and everything that can happen to it as rules.

After each step every invariant is checked. At the end all faults are mended, and everything must come to rest with
each job ended, each task accepted once, and nothing left over.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.adapters.memory import MemoryBlobs, MemoryBroker, MemoryStore
from app.domain.chords import RunWhen
from app.domain.errors import Conflict
from app.domain.job import Desired, Job, JobSpec
from app.domain.task import TaskSpec
from app.ports.records import TaskView
from app.services import access, control, explain, query, rerun, submit, sweep
from app.services.core import Core
from app.services.sweep import Sweeper
from app.wire import claim
from app.wire.resources import Resources
from app.wire.states import JOB_TERMINAL, TASK_OPEN, RunState, TaskState
from tests.invariants import (
    Seen,
    World,
    assert_holds,
    check_ended,
    check_reservations,
    check_seen,
    check_step,
    check_swept,
    check_world,
    read_world,
)
from tests.services.world import ALL, CLOCKWORK, SECOND, CountingChance
from tests.simulation.faults import Fuse, MortalBroker, MortalStore, ProcessDied
from tests.simulation.node import Fate, SimNode, Slot

HANDOFF = os.environ.get("FLOTILLA_HANDOFF", "1") != "0"
MAX_BUNDLE = int(os.environ.get("FLOTILLA_MAX_BUNDLE", claim.MAX_BUNDLE))

fates = st.sampled_from([Fate.OK, Fate.OK, Fate.OK, Fate.TWICE, Fate.ANSWER_LOST, Fate.LOST])
endings = st.sampled_from(
    [
        *[RunState.SUCCEEDED] * 4,
        RunState.FAILED,
        RunState.TIMED_OUT,
        RunState.OUT_OF_MEMORY,
        RunState.LOST,
        RunState.CANCELED,
    ]
)
any_index = st.integers(0, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of a node."""

    index: int
    what: str
    fate: Fate
    state: RunState
    takes: int
    quick: bool
    progress: float


acts = st.builds(
    Act,
    index=any_index,
    what=st.sampled_from([*["pop"] * 4, *["end"] * 5, "say", "claim", "send", "beat", "echo"]),
    fate=fates,
    state=endings,
    takes=st.sampled_from([0, 1, 8, 8]),
    quick=st.sampled_from([*[True] * 7, False]),
    progress=st.floats(0, 1),
)


maps = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries(
        {
            "type": st.just("map"),
            "values": st.integers(0, 7).map(lambda size: list(range(size))),
            "payload": st.just({"x": "${{ map.value }}"}),
            "max_concurrency": st.sampled_from([None, 1, 2]),
            "max_failed": st.sampled_from([None, None, 0, 1]),
        }
    ),
)


@st.composite
def specs(draw: st.DrawFn) -> tuple[TaskSpec, ...]:
    size = draw(st.integers(1, 6))
    tasks = []
    for n in range(size):
        above = draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set()
        tasks.append(
            TaskSpec(
                **draw(maps),
                name=f"t{n}",
                needs=tuple(f"t{need}" for need in sorted(above)),
                run_when=draw(st.sampled_from([RunWhen.ALL_SUCCEEDED, RunWhen.ALL_SUCCEEDED, *RunWhen])),
                executor=draw(st.sampled_from(["command", "command", "python"])),
                shape=Resources(cpu_milli=draw(st.sampled_from([1000, 1000, 2000])), memory_mib=256),
                max_attempts=draw(st.sampled_from([1, 1, 3])),
                retry_delay_s=draw(st.sampled_from([0, 3])),
                memory_growth=draw(st.sampled_from([1.0, 2.0])),
                priority=draw(st.sampled_from([10, 50])),
            )
        )
    return tuple(tasks)


@st.composite
def lines(draw: st.DrawFn) -> tuple[TaskSpec, ...]:
    """Tasks of one kind, each below the one before: what follows on one slot."""
    size = draw(st.integers(2, 6))
    return tuple(
        TaskSpec(
            name=f"t{n}",
            needs=(f"t{n - 1}",) if n else (),
            executor="command",
            shape=Resources(cpu_milli=1000, memory_mib=256),
            max_attempts=draw(st.sampled_from([1, 1, 2])),
        )
        for n in range(size)
    )


graphs = st.one_of(specs(), lines())


@dataclass(slots=True)
class FlowingClock:
    """Every reading is a microsecond later, so that no two transactions share a time."""

    now_us: int = 1_000_000_000_000

    def __call__(self) -> int:
        self.now_us += 1
        return self.now_us

    @property
    def now(self) -> float:
        return self.now_us / SECOND


class Fleet(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FlowingClock()
        self.fuse = Fuse()
        self.broker = MortalBroker(self.fuse)
        self.plain = MemoryStore(self.clock)
        self.core = Core(
            store=MortalStore(self.plain, self.fuse),
            broker=self.broker,
            chance=CountingChance(),
            blobs=MemoryBlobs(),
            clockwork=CLOCKWORK,
            handoff=HANDOFF,
            max_bundle=MAX_BUNDLE,
        )
        self.who = access.anonymous("admin")
        self.seen = Seen()
        self.engines = [Sweeper(holder="one"), Sweeper(holder="two")]
        self.nodes: list[SimNode] = []
        self.last: World | None = None
        self.orphans = False

    # -- helpers

    def attempt(self, act: Callable[[], object]) -> bool:
        """Whether it was answered; the process may die at it, or the request be refused."""
        try:
            act()
        except ProcessDied:
            self.orphans = True
            note("the process died")
            return False
        except Conflict as refused:
            note(f"refused: {refused}")
            return False
        return True

    def pick_job(self, index: int) -> Job | None:
        jobs = query.jobs(self.core, self.who, ALL)
        return jobs[index % len(jobs)] if jobs else None

    def pick_task(self, index: int) -> TaskView | None:
        job = self.pick_job(index)
        views = query.tasks(self.core, self.who, job.id, ALL) if job else []
        return views[index // 7 % len(views)] if views else None

    def pick_node(self, index: int) -> SimNode:
        return self.nodes[index % len(self.nodes)]

    @initialize(tasks=graphs)
    def begin(self, tasks: tuple[TaskSpec, ...]) -> None:
        for name, cpu, executors in [
            ("n1", 2, ("command",)),
            ("n2", 3, ("command", "python")),
            ("n3", 1, ("command", "python")),
        ]:
            total = Resources(cpu_milli=1000 * cpu, memory_mib=4096)
            self.nodes.append(
                SimNode(
                    id=name,
                    core=self.core,
                    clock=self.clock,
                    broker=self.broker,
                    seen=self.seen,
                    total=total,
                    executors=executors,
                )
            )
        self.pass_time(24)  # from here on the engine reaps
        self.submit(tasks, None)

    # -- people

    @precondition(lambda self: len(self.seen.accepted) < 5)
    @rule(tasks=graphs, limit=st.sampled_from([None, None, None, 0]))
    def submit_a_job(self, tasks: tuple[TaskSpec, ...], limit: int | None) -> None:
        self.submit(tasks, limit)

    def submit(self, tasks: tuple[TaskSpec, ...], limit: int | None) -> None:
        spec = JobSpec(name=f"job{len(self.seen.accepted)}", tasks=tasks, max_failed_tasks=limit)
        key = submit.Key(route="jobs", key=spec.name, body_hash=spec.name)

        def act() -> None:
            job = submit.submit(self.core, self.who, "@default", spec, key)
            self.seen.accepted.add(job.id)

        if not self.attempt(act):
            assert self.attempt(act), "the repeat with its key is accepted"

    @rule(
        what=st.sampled_from(
            ["cancel", "pause", "pause", "resume", "resume", "retry", "retry all", "priority", "delete"]
        ),
        index=any_index,
    )
    def change_a_job(self, what: str, index: int) -> None:
        job = self.pick_job(index)
        if job is None:
            return
        ended = job.state in JOB_TERMINAL
        if what in ("cancel", "pause"):
            act = control.cancel_job if what == "cancel" else control.pause_job
            if self.attempt(lambda: act(self.core, self.who, job.id)):
                self.seen.stopped.setdefault(job.id, self.clock.now_us)
        elif what == "resume" and job.desired is Desired.PAUSE:
            self.seen.stopped.pop(job.id, None)
            self.attempt(lambda: control.resume_job(self.core, self.who, job.id))
        elif what.startswith("retry") and ended:
            self.seen.stopped.pop(job.id, None)
            scope = "all" if what == "retry all" else "failed"
            self.attempt(lambda: rerun.retry_job(self.core, self.who, job.id, scope))
        elif what == "priority":
            self.attempt(lambda: control.change_job(self.core, self.who, job.id, None, priority=index % 100))
        elif what == "delete" and ended and index % 3 == 0:
            self.seen.deleted.add(job.id)
            self.attempt(lambda: control.delete_job(self.core, self.who, job.id))

    @rule(what=st.sampled_from(["explain", "cancel", "retry", "retry"]), index=any_index)
    def change_a_task(self, what: str, index: int) -> None:
        view = self.pick_task(index)
        if view is None:
            return
        task_id, job = view.task.id, query.job(self.core, self.who, view.task.job_id)
        if what == "explain":
            self.explain(job, task_id)
        elif what == "cancel":
            self.attempt(lambda: control.cancel_task(self.core, self.who, task_id))
        else:
            if job.state in JOB_TERMINAL:
                self.seen.stopped.pop(job.id, None)
            self.attempt(lambda: rerun.retry_task(self.core, self.who, task_id))

    def explain(self, job: Job, task_id: str) -> None:
        told = explain.explain(self.core, self.who, task_id)
        codes = {reason.code for reason in told.reasons}
        if told.state in TASK_OPEN:
            assert told.reasons or told.state is TaskState.RUNNING, f"{told.state} and no reason why"
            assert ("paused" in codes) <= (job.desired is Desired.PAUSE)
            assert not ("starting" in codes and job.desired is not Desired.RUN)

    # -- nodes

    @rule(acts=st.lists(acts, min_size=1, max_size=10))
    def work(self, acts: list[Act]) -> None:
        for act in acts:
            self.act(act)
            self.holds()

    @rule(acts=st.lists(acts, min_size=1, max_size=10))
    def work_on(self, acts: list[Act]) -> None:
        """The same again: most of what happens is work."""
        for act in acts:
            self.act(act)
            self.holds()

    def act(self, act: Act) -> None:
        acting = [node for node in self.nodes if node.acts]
        slots = [(node, slot) for node in acting for slot in node.slots]
        if act.what == "pop":
            for node in acting[act.index % 3 :] + acting[: act.index % 3]:
                if node.pop(self.clock.now):
                    node.send_claim(node.slots[-1], act.fate)
                    break
        elif act.what in ("end", "say", "claim") and slots:
            self.act_on(*slots[act.index % len(slots)], act)
        elif acting:
            node = acting[act.index % len(acting)]
            if act.what == "send":
                node.send_reports(act.fate, 64 if act.quick else 1)
            elif act.what == "beat":
                node.beat(act.fate)
            elif act.what == "echo":
                node.echo(act.index)

    def act_on(self, node: SimNode, slot: Slot, act: Act) -> None:
        node.send_claim(slot, Fate.OK if act.what == "end" else act.fate)
        node.begin(slot)
        if act.what == "say":
            node.say(slot, act.progress)
        elif act.what == "end":
            released = act.quick and act.state is RunState.LOST
            node.end(slot, act.state, takes=act.takes, wall_s=0.001 if act.quick else 3.0, released=released)
            node.send_reports(act.fate)

    # -- what goes wrong

    @rule(
        what=st.sampled_from(
            [
                *("crash", "crash", "restart", "restart", "stop", "continue", "continue", "leave"),
                *("drain", "undrain", "undrain", "empty", "lose one", "double one", "away", "back", "back", "back"),
                *("die", "die", "die", "die", "die", "die", "silence", "silence"),
            ]
        ),
        index=any_index,
    )
    def disturb(self, what: str, index: int) -> None:
        if what == "die":
            self.fuse.left = index % 60
        elif what == "silence":
            self.clock.now_us += (1, 5, 12, 25, 70)[index % 5] * SECOND
        elif what in ("empty", "lose one", "double one", "away", "back"):
            self.disturb_the_broker(what)
        else:
            busy = [node for node in self.nodes if node.slots] or self.nodes
            self.disturb_a_node(busy[index % len(busy)] if index % 4 else self.pick_node(index), what)

    def disturb_a_node(self, node: SimNode, what: str) -> None:
        if what == "crash":
            node.crash()
        elif what == "restart" and not node.alive:
            node.start()
        elif what in ("stop", "continue"):
            node.stopped = what == "stop"
        elif what in ("drain", "undrain"):
            self.attempt(lambda: control.drain_node(self.core, self.who, node.id, what == "drain"))
        elif what == "leave" and node.acts:
            for slot in list(node.slots):
                node.end(slot, RunState.LOST, takes=0, wall_s=1.0, released=True)
            node.send_reports(Fate.OK)
            node.beat(Fate.OK, leaving=True)
            node.crash()

    def disturb_the_broker(self, what: str) -> None:
        if what == "empty":
            self.broker.empty()
        elif what in ("away", "back"):
            self.broker.away = what == "away"
        elif not self.broker.away and (offer := self.broker.take()) is not None and what == "double one":
            MemoryBroker.publish(self.broker, [offer, offer])

    @rule(seconds=st.sampled_from([2, 10, 30, 30]))
    def time(self, seconds: int) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: int) -> None:
        """With beats and passes of the engine."""
        for second in range(0, seconds, 2):
            self.clock.now_us += 2 * SECOND
            for node in self.nodes if second % 4 == 0 else ():
                if node.acts:
                    node.beat(Fate.OK)
            self.pass_of(0)

    @rule(which=st.sampled_from([0, 0, 1]))
    def sweep(self, which: int) -> None:
        self.pass_of(which)

    def pass_of(self, which: int) -> None:
        engine = self.engines[which]
        swept: list[sweep.Swept] = []
        if not self.attempt(lambda: swept.append(sweep.step(self.core, engine))):
            self.engines[which] = Sweeper(holder=engine.holder)
            return
        if not swept[0].led:
            return
        world = read_world(self.plain, access.ORG)
        listening = world.now_us - (engine.listening_since_us or 0) > CLOCKWORK.lease_s * SECOND
        offer_us = int(CLOCKWORK.offer_timeout_s * SECOND) + 1000
        assert_holds(
            check_swept(
                world,
                lease_us=1000 if listening else 1 << 60,
                offer_us=1 << 60 if self.broker.away else offer_us,
            )
        )

    # -- what must hold

    @invariant()
    def holds(self) -> None:
        world = read_world(self.plain, access.ORG)
        lines = self.plain.read(
            lambda tx: {(line.run_id, line.line.line) for seq in world.jobs for line in tx.lines(ALL, job_seq=seq)}
        )
        assert_holds(
            check_world(world, orphans=self.orphans),
            check_step(self.last or world, world),
            check_seen(world, self.seen, lines),
            check_reservations([node.sample() for node in self.nodes if node.alive]),
        )
        self.last = world

    def teardown(self) -> None:
        if not self.nodes:
            return
        self.mend()
        for _ in range(400):
            self.turn()
            world = read_world(self.plain, access.ORG)
            if not list(check_ended(world)):
                break
        self.orphans = False
        self.holds()
        assert_holds(check_ended(read_world(self.plain, access.ORG)))
        for node in (node for node in self.nodes if node.alive):
            assert not node.slots, "a charge was not given back"
            assert node.intake.free == node.total

    def mend(self) -> None:
        self.fuse.left = None
        self.broker.away = False
        """All but dead nodes: `n2` alone can run everything, and what the others held must be found."""
        for node in self.nodes:
            if not node.alive and node.id == "n2":
                node.start()
            node.stopped = False
            control.drain_node(self.core, self.who, node.id, False)
        for job in query.jobs(self.core, self.who, ALL):
            if job.desired is Desired.PAUSE and job.state not in JOB_TERMINAL:
                self.seen.stopped.pop(job.id, None)
                with suppress(Conflict):
                    control.resume_job(self.core, self.who, job.id)

    def turn(self) -> None:
        """A second of a world without faults."""
        self.clock.now_us += SECOND
        for node in (node for node in self.nodes if node.alive):
            node.beat(Fate.OK)
            while node.pop(self.clock.now):
                pass
            for slot in list(node.slots):
                node.send_claim(slot, Fate.OK)
                while slot.todo or slot.doing:
                    node.begin(slot)
                    node.end(slot, RunState.SUCCEEDED, takes=8, wall_s=0.001)
                    node.send_reports(Fate.OK)
            node.send_reports(Fate.OK)
        sweep.step(self.core, self.engines[0])
