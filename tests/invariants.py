"""Does the history hold? The invariants of the whole, checked on what the store says and on what others saw.

    read_world(store, org)       everything of an organization as it is now
    check_world(world)           what must hold at every moment
    check_step(before, after)    what must hold between two moments
    check_seen(world, seen)      what the store says against what clients, nodes and tasks saw
    check_ended(world)           what must hold once everything has come to rest

Each answers with sentences, none when all is well; `assert_holds` fails with all of them. I1 to I14 name the invariant.
Only the port of the store is used, so the same checks serve memory, SQLite and PostgreSQL.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.chords import Count, RunWhen, Verdict, judge
from app.domain.job import Desired, Job
from app.domain.map import Map
from app.domain.node import Node
from app.domain.run import OUTSIDE, RUN_TABLE, TASK_TABLE, Run
from app.domain.task import Task
from app.ports.records import Event, JobFilter, Page
from app.ports.store import Store, Writer
from app.wire.resources import NOTHING, Resources
from app.wire.states import JOB_TERMINAL, RUN_ACTIVE, RUN_TERMINAL, TASK_TERMINAL, RunState, TaskState

_ALL = Page(limit=1_000_000)
_AFTER_RESET = frozenset({TaskState.WAITING, TaskState.READY, TaskState.QUEUED, TaskState.SKIPPED})
"""Where one transaction may bring a task that had ended."""
_OF_MAP = frozenset(TaskState) - {TaskState.QUEUED}
"""Where it may bring a map: one that is run again is open at once, and over when it has no values."""
_ALLOWED = frozenset({TaskState.READY, TaskState.QUEUED, TaskState.RUNNING})
"""Open states that a task reaches only when its needs allow it to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The store at one moment. Tasks, runs and chords are by what the store knows them by. `values` has the tasks of
    maps' values that have been opened, by map; `tasks` has none of them.
    """

    now_us: int
    jobs: Mapping[int, Job]
    tasks: Mapping[int, Task]
    needs: Mapping[int, tuple[int, ...]]
    chords: Mapping[int, Count]
    runs: Mapping[str, Run]
    nodes: Mapping[str, Node]
    events: tuple[Event, ...]
    queue_counts: Mapping[str, Mapping[TaskState, int]]
    maps: Mapping[int, Map]
    values: Mapping[int, Sequence[Task]]

    @property
    def running(self) -> Iterator[Task]:
        """All that has runs of its own: tasks, and in place of maps their values."""
        yield from (task for task in self.tasks.values() if not task.is_map)
        yield from (task for values in self.values.values() for task in values)

    def runs_of(self, task: Task) -> list[Run]:
        return [run for run in self.runs.values() if run.task_seq == task.seq]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations:
    """One sample of a node's ledger."""

    node: str
    total: Resources
    free: Resources
    taken: tuple[Resources, ...]


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen from outside. Times are on the database's clock.

    `accepted`: jobs whose submit was answered. `stopped`: those whose cancel or pause was answered, and when, until
    they are resumed or run again. `started`: what the tasks themselves noted at their start, run id and fence.
    `reported`: the highest sequence of each run that was answered and not refused. `said`: the log lines in those
    reports, by run id and number.
    """

    accepted: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    stopped: dict[str, int] = field(default_factory=dict)
    started: list[tuple[str, int]] = field(default_factory=list)
    reported: dict[str, int] = field(default_factory=dict)
    said: set[tuple[str, int]] = field(default_factory=set)


def read_world(store: Store, org_id: str) -> World:
    """In one transaction."""

    def work(tx: Writer) -> World:
        jobs = {job.seq: job for job in tx.jobs(JobFilter(org_id=org_id), _ALL)}
        tasks: dict[int, Task] = {}
        needs: dict[int, list[int]] = defaultdict(list)
        runs: dict[str, Run] = {}
        maps: dict[int, Map] = {}
        for seq in jobs:
            mine = [view.task for view in tx.tasks(seq, _ALL)]
            tasks |= {task.seq: task for task in mine}
            places = {task.position: task.seq for task in mine}
            for header, body in tx.edges(seq):
                needs[places[body]].append(places[header])
            runs |= {run.id: run for run in tx.runs(seq, _ALL)}
            maps |= tx.maps([task.seq for task in mine if task.is_map])
        return World(
            now_us=tx.now_us,
            jobs=jobs,
            tasks=tasks,
            needs={body: tuple(headers) for body, headers in needs.items()},
            chords={chord.body_seq: chord.count for chord in tx.chord_states(list(tasks))},
            runs=runs,
            nodes={node.id: node for node in tx.nodes()},
            events=tuple(tx.events(org_id, _ALL)),
            queue_counts=tx.queue_counts(org_id),
            maps=maps,
            values={seq: [view.task for view in tx.values(seq, _ALL)] for seq in maps},
        )

    return store.write(work)


def assert_holds(*found: Iterable[str]) -> None:
    wrong = [sentence for sentences in found for sentence in sentences]
    assert not wrong, "\n".join(wrong)


# -- at every moment


def check_world(world: World, *, orphans: bool = False) -> Iterator[str]:
    """`orphans`: a process died between the two halves of a cancel or a pause, and the sweep has not come by since."""
    yield from _counts(world)
    yield from _needs(world)
    yield from _parts(world)
    yield from _maps(world)
    yield from _runs(world, orphans)
    yield from _times(world)
    yield from _log(world)


def _counts(world: World) -> Iterator[str]:
    queues: dict[str, Counter[TaskState]] = defaultdict(Counter)
    recount: dict[int, Counter[TaskState]] = defaultdict(Counter)
    for task in world.tasks.values():
        recount[task.job_seq][task.state] += 1
    for job in world.jobs.values():
        if +Counter(job.counts) != recount[job.seq]:
            yield f"I5: job {job.id} counts {_plain(job.counts)}, but its tasks are {_plain(recount[job.seq])}"
        ended = sum(recount[job.seq][state] for state in TASK_TERMINAL) == job.total and not job.awaits_tasks
        if ended != (job.state in JOB_TERMINAL):
            yield f"I5: job {job.id} is {job.state}, but its tasks are {_plain(recount[job.seq])}"
        if job.state not in JOB_TERMINAL:
            queues[job.queue] += recount[job.seq]
    for queue in {*queues, *world.queue_counts}:
        if +Counter(world.queue_counts.get(queue, {})) != queues[queue]:
            yield f"I5: queue {queue} counts {world.queue_counts.get(queue)}, but its tasks are {_plain(queues[queue])}"


def _needs(world: World) -> Iterator[str]:
    for body, headers in world.needs.items():
        task = world.tasks[body]
        verdict = judge(task.run_when, _recount(world, headers))
        if task.state in _ALLOWED and verdict is not Verdict.RELEASE and not _is_to_follow(world, task):
            yield f"I4: task {_name(world, task)} is {task.state}, but its needs say {verdict.value}"
        canceling = world.jobs[task.job_seq].desired is Desired.CANCEL
        if task.state is TaskState.WAITING and verdict is not Verdict.WAIT and not canceling:
            yield f"I4: task {_name(world, task)} still waits, but its needs say {verdict.value}"
        if task.state is TaskState.SKIPPED and verdict is Verdict.RELEASE and task.run_when is RunWhen.ALL_DONE:
            yield f"I4: task {_name(world, task)} was skipped, but it runs whatever its needs come to"
    for task in world.tasks.values():
        if task.seq not in world.needs and task.state in (TaskState.WAITING, TaskState.SKIPPED):
            yield f"I4: task {_name(world, task)} is {task.state} and needs nothing"


def _is_to_follow(world: World, task: Task) -> bool:
    """Given out along with what it needs, and not begun yet."""
    run = world.runs.get(task.run_id or "")
    if run is None or run.follows is None or run.started_at_us is not None or task.state is not TaskState.RUNNING:
        return False
    before = world.runs[run.follows]
    return world.needs[task.seq] == (before.task_seq,) and before.claim_id == run.claim_id


def _parts(world: World) -> Iterator[str]:
    for body, headers in world.needs.items():
        expected = _recount(world, headers)
        if world.chords.get(body) != expected:
            name = _name(world, world.tasks[body])
            yield f"I12: the chord of {name} has {world.chords.get(body)}, but its needs come to {expected}"


def _recount(world: World, headers: Sequence[int]) -> Count:
    states = [world.tasks[header].state for header in headers]
    succeeded = states.count(TaskState.SUCCEEDED)
    ended = sum(state in TASK_TERMINAL for state in states)
    return Count(size=len(headers), succeeded=succeeded, unsuccessful=ended - succeeded)


def _maps(world: World) -> Iterator[str]:
    for seq, a_map in world.maps.items():
        task = world.tasks[seq]
        name = _name(world, task)
        rows = [value for value in world.values[seq] if (value.map_index or 0) < (a_map.total or 0)]
        this_round = [value for value in rows if a_map.keep or (value.map_index or 0) < a_map.next]
        states = Counter(value.state for value in this_round)
        live = sum(count for state, count in states.items() if state not in TASK_TERMINAL)
        passed = Counter(value.state for value in this_round if (value.map_index or 0) < a_map.next)
        canceled = passed[TaskState.CANCELED]
        if task.ended and task.started_at_us is not None and a_map.total is not None:
            canceled = a_map.total - a_map.succeeded - a_map.failed
        counted = (a_map.live, a_map.succeeded, a_map.failed, a_map.canceled)
        recount = (live, states[TaskState.SUCCEEDED], passed[TaskState.FAILED], canceled)
        if task.state is not TaskState.WAITING and counted != recount:
            yield f"I5: map {name} counts {counted} live, succeeded, failed, canceled, but its values are {recount}"
        if task.state is not TaskState.RUNNING and any(not value.ended for value in world.values[seq]):
            yield f"I4: map {name} is {task.state}, but values of it are open"
        if a_map.max_concurrency is not None and live > a_map.max_concurrency:
            yield f"I7: {live} values of map {name} are open, but {a_map.max_concurrency} may be"
        if task.state is TaskState.RUNNING and a_map.total is not None and a_map.exhausted and not live:
            yield f"I1: all values of map {name} have ended, and it has not"
        if task.state is TaskState.SUCCEEDED and a_map.failed > (a_map.max_failed or 0):
            yield f"I2: map {name} succeeded with {a_map.failed} failed values"
        if task.state is TaskState.SUCCEEDED and a_map.succeeded + a_map.failed != a_map.total:
            yield f"I2: map {name} succeeded with {counted} of {a_map.total} values"


_RUN_OF = {
    TaskState.QUEUED: frozenset({RunState.QUEUED}),
    TaskState.RUNNING: frozenset({RunState.RUNNING}),
    TaskState.SUCCEEDED: frozenset({RunState.SUCCEEDED}),
}
"""The states of a task's newest run, where the task's state leaves no choice."""


def _runs(world: World, orphans: bool) -> Iterator[str]:
    by_task: dict[int, list[Run]] = defaultdict(list)
    for run in world.runs.values():
        by_task[run.task_seq].append(run)
    for task in world.running:
        mine = sorted(by_task[task.seq], key=lambda run: run.number)
        name = _name(world, task)
        newest = world.runs.get(task.run_id) if task.run_id else None
        if task.state in _RUN_OF and (newest is None or newest.state not in _RUN_OF[task.state]):
            yield f"I12: task {name} is {task.state}, its newest run is {newest and newest.state}"
        if [run.number for run in mine] != list(range(1, len(mine) + 1)) or task.runs != len(mine):
            yield f"I14: the runs of {name} are numbered {[run.number for run in mine]}; it says {task.runs}"
        if mine and newest is not mine[-1]:
            yield f"I12: the newest run of {name} is not the one it names"
        for run in mine:
            if run.fence != run.number:
                yield f"I14: run {run.id} has number {run.number} and fence {run.fence}"
            right = task.state in _RUN_OF and run is newest and run.state in _RUN_OF[task.state]
            if run.state in RUN_ACTIVE and not right and not (orphans and run.state is RunState.QUEUED):
                yield f"I12: run {run.id} of {name} is {run.state}, but the task is {task.state}"
            nowhere = run.node_id is None and run.claim_id != OUTSIDE
            if (run.state is RunState.RUNNING) and (nowhere or run.claim_id is None):
                yield f"I14: run {run.id} is running on no node"


def _times(world: World) -> Iterator[str]:
    for run in world.runs.values():
        known = [at for at in (run.created_at_us, run.claimed_at_us, run.started_at_us, run.finished_at_us) if at]
        if known != sorted(known):
            yield f"I6: the times of run {run.id} are not in order: {known}"
        if (run.finished_at_us is not None) != (run.state in RUN_TERMINAL):
            yield f"I6: run {run.id} is {run.state} and has finished at {run.finished_at_us}"
        if not 0 <= run.progress <= 1:
            yield f"I6: run {run.id} has come {run.progress} of its way"
    for task in world.tasks.values():
        if (task.finished_at_us is not None) != (task.state in TASK_TERMINAL):
            yield f"I6: task {_name(world, task)} is {task.state} and has finished at {task.finished_at_us}"
    for body, headers in world.needs.items():
        newest = world.runs.get(world.tasks[body].run_id or "")
        if world.tasks[body].state is not TaskState.RUNNING or newest is None or newest.started_at_us is None:
            continue
        for header in headers:
            if (world.tasks[header].finished_at_us or 0) > newest.started_at_us:
                yield f"I4: {_name(world, world.tasks[body])} started before {world.tasks[header].name} had finished"


def _log(world: World) -> Iterator[str]:
    """The event log leads, by steps of the table only, to what is so."""
    state = {t.id: TaskState.WAITING if t.seq in world.needs else TaskState.READY for t in world.tasks.values()}
    successes: Counter[str] = Counter()
    jobs = {job.id: job.state for job in world.jobs.values()}
    maps = {task.id for task in world.tasks.values() if task.is_map}
    said: dict[str, str] = {}
    for event in world.events:
        if event.kind == "job":
            said[event.job_id] = event.data["state"]
            continue
        for task_id, name in event.data:
            after = TaskState(name)
            if task_id in state:
                if after not in _WITHIN[state[task_id]] and not (task_id in maps and after in _OF_MAP):
                    yield f"I6: the log brings task {task_id} from {state[task_id]} to {after}"
                state[task_id] = after
                successes[task_id] += after is TaskState.SUCCEEDED
    accepted = Counter(run.task_id for run in world.runs.values() if run.state is RunState.SUCCEEDED)
    for task in world.tasks.values():
        if task.is_map:
            accepted[task.id] = successes[task.id]  # which succeeds by its values
    for task in world.tasks.values():
        if state[task.id] is not task.state:
            yield f"I6: the log says that task {_name(world, task)} is {state[task.id]}, but it is {task.state}"
        if accepted[task.id] != successes[task.id]:
            yield f"I2: task {_name(world, task)} succeeded {successes[task.id]} times by {accepted[task.id]} runs"
    for job_id, job_state in jobs.items():
        if said.get(job_id) != job_state:
            yield f"I6: the log says that job {job_id} is {said.get(job_id)}, but it is {job_state}"


def _within(state: TaskState) -> frozenset[TaskState]:
    """Where one transaction may bring a task, over any number of steps."""
    if state in TASK_TERMINAL:
        return _AFTER_RESET
    found, walk = {state}, [state]
    for here in walk:  # grows while it is walked
        fresh = set(TASK_TABLE[here].values()) - found if here not in TASK_TERMINAL else set()
        found |= fresh
        walk += sorted(fresh)
    return frozenset(found)


_WITHIN = {state: _within(state) for state in TaskState}


# -- between two moments


def check_step(before: World, after: World) -> Iterator[str]:
    for run_id, old in before.runs.items():
        new = after.runs.get(run_id)
        if new is None:
            continue
        if old.state in RUN_TERMINAL and new != old:
            yield f"I2: run {run_id} had ended {old.state} and was changed after it"
        if old.state is not new.state and new.state not in _runs_within(old.state):
            yield f"I6: run {run_id} went from {old.state} to {new.state}"
        if new.progress < old.progress:
            yield f"I6: the progress of run {run_id} fell from {old.progress} to {new.progress}"
        if (new.fence, new.number, new.route) != (old.fence, old.number, old.route):
            yield f"I14: run {run_id} changed its fence, number or route"
        if new.sequence < old.sequence:
            yield f"I14: run {run_id} went back from report {old.sequence} to {new.sequence}"
        if old.state is RunState.RUNNING and (new.node_id, new.claim_id) != (old.node_id, old.claim_id):
            yield f"I14: run {run_id} changed hands while it ran"
    for job_id in set(before.jobs) & set(after.jobs):
        if after.jobs[job_id].version < before.jobs[job_id].version:
            yield f"I6: the version of job {job_id} went back"


def _runs_within(state: RunState) -> set[RunState]:
    here = set(RUN_TABLE.get(state, {}).values())
    return here | {after for step in here for after in RUN_TABLE.get(step, {}).values()}


# -- what others saw


def check_seen(world: World, seen: Seen, lines: Collection[tuple[str, int]] | None = None) -> Iterator[str]:
    """`lines`: (run id, number) of every log line in the store, where that is to be checked too."""
    jobs = {job.id: job for job in world.jobs.values()}
    for job_id in seen.accepted - seen.deleted - set(jobs):
        yield f"I1: job {job_id} was accepted and is gone"
    noted = set(seen.started)
    for run in world.runs.values():
        if run.state is RunState.SUCCEEDED and (run.id, run.fence) not in noted:
            yield f"I3: run {run.id} has an accepted result, but its task never noted a start"
        stopped_us = seen.stopped.get(run.job_id)
        if stopped_us is not None and (run.claimed_at_us or 0) > stopped_us:
            yield f"I8: run {run.id} was claimed after its job's cancel or pause had been answered"
        if run.sequence < seen.reported.get(run.id, 0):
            yield f"I13: run {run.id} knows report {run.sequence}, but {seen.reported[run.id]} was answered"
    missing = {said for said in seen.said if said[0] in world.runs} - set(lines or ())
    if missing and lines is not None:
        yield f"I13: log lines that were answered are not in the store: {sorted(missing)[:5]}"
    twice = [run_id for run_id, count in Counter(seen.started).items() if count > 1]
    if twice:
        yield f"I2: started more than once: {twice}"


def check_reservations(samples: Iterable[Reservations]) -> Iterator[str]:
    for sample in samples:
        taken = sum(sample.taken, NOTHING)
        if not taken.fits(sample.total):
            yield f"I7: node {sample.node} has given out {taken} of {sample.total}"
        if sample.total - taken != sample.free:
            yield f"I7: node {sample.node} says that {sample.free} is free, but it is {sample.total - taken}"


# -- with time


def check_swept(world: World, *, lease_us: int, offer_us: int) -> Iterator[str]:
    """After a pass of a sweep that leads, listens, and has its broker."""
    for run in world.runs.values():
        node = world.nodes.get(run.node_id or "")
        if run.state is RunState.RUNNING and (node is None or node.lease_until_us + lease_us < world.now_us):
            yield f"I10: run {run.id} is running, but the lease of its node is long over"
        job = world.jobs[run.job_seq]
        if run.state is RunState.QUEUED and run.offered_at_us + offer_us < world.now_us and job.desired is Desired.RUN:
            yield f"I11: run {run.id} was offered {(world.now_us - run.offered_at_us) / 1e6:.1f} s ago"


def check_ended(world: World) -> Iterator[str]:
    """Everything is at rest: each job is terminal, each run has ended, each task that succeeded did so once."""
    for job in world.jobs.values():
        if job.state not in JOB_TERMINAL:
            yield f"I1: job {job.id} is {job.state}: {_plain(job.counts)}"
    for run in world.runs.values():
        if run.state in RUN_ACTIVE:
            yield f"I1: run {run.id} is {run.state}"
    for task in world.running:
        if not task.ended:
            yield f"I1: {_name(world, task)} ({task.map_index}) is {task.state}"


def _name(world: World, task: Task) -> str:
    return f"{world.jobs[task.job_seq].name}/{task.name}"


def _plain(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(state): count for state, count in sorted(counts.items()) if count}
