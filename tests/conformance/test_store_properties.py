"""Whatever happens in whatever order: parts count once, numbers are new, a rollback leaves nothing, and every store
answers as the one in memory does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.adapters.memory import MemoryStore
from app.domain.chords import Count
from app.domain.job import Desired
from app.domain.task import TaskSpec
from app.ports.records import Event, JobFilter, Page, Part, StoredLine
from app.ports.store import Reader, Store, Writer
from app.wire.report import LogLine
from app.wire.states import TASK_TERMINAL, JobState, RunState, TaskState
from tests.conformance.values import NOW_US, ORG, ROUTE, job, node, run, submit, task
from tests.replacing import replace

ALL = Page(limit=1000)
NODE = node()
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Undone(Exception):
    pass


@st.composite
def dags(draw: st.DrawFn, most: int = 8) -> list[list[int]]:
    size = draw(st.integers(1, most))
    return [draw(st.lists(st.integers(0, at - 1), unique=True, max_size=4)) if at else [] for at in range(size)]


@few
@given(needs=dags(), data=st.data())
def test_parts_count_once_whatever_is_repeated(store: Store, needs: list[list[int]], data: st.DataObject) -> None:
    _, tasks = submit(store, needs)
    said = st.tuples(st.integers(0, len(needs) - 1), st.booleans())
    batches = data.draw(st.lists(st.lists(said, max_size=5), max_size=8))
    first: dict[int, bool] = {}
    completed: list[int] = []
    for batch in batches:
        once = dict(batch)
        parts = [Part(header_seq=tasks[position].seq, succeeded=outcome) for position, outcome in once.items()]
        fresh = {position for position in once if position not in first}
        first |= {position: once[position] for position in fresh}
        changed = store.write(lambda tx, parts=parts: tx.return_parts(parts))  # type: ignore[misc]
        wanted = {tasks[body].seq for body, header in enumerate(needs) if fresh & set(header)}
        assert [chord.body_seq for chord in changed] == sorted(wanted)
        completed += [chord.body_seq for chord in changed if chord.count.complete]
    assert len(completed) == len(set(completed))
    counts = {chord.body_seq: chord.count for chord in store.write(lambda tx: tx.chord_states([t.seq for t in tasks]))}
    assert counts == {
        tasks[body].seq: Count(
            size=len(header),
            succeeded=sum(first.get(position) is True for position in header),
            unsuccessful=sum(first.get(position) is False for position in header),
        )
        for body, header in enumerate(needs)
        if header
    }


@few
@given(asked=st.lists(st.tuples(st.sampled_from(["job", "task"]), st.integers(1, 50), st.booleans()), max_size=12))
def test_numbers_are_new_whoever_gives_up(store: Store, asked: Sequence[tuple[str, int, bool]]) -> None:
    given_out: dict[str, list[int]] = {"job": [], "task": []}
    for kind, count, gives_up in asked:

        def work(tx: Writer, kind: str = kind, count: int = count, gives_up: bool = gives_up) -> None:
            first = tx.reserve(kind, count)
            given_out[kind].extend(range(first, first + count))
            if gives_up:
                raise Undone

        if gives_up:
            with pytest.raises(Undone):
                store.write(work)
        else:
            store.write(work)
    for numbers in given_out.values():
        assert len(numbers) == len(set(numbers))


@dataclass
class Script:
    """Does the same to any store: ids and numbers follow from what was done before, and chance is an argument."""

    made: int = 0
    jobs: int = 0

    def id(self) -> str:
        self.made += 1
        return f"{self.made:036d}"

    def submit(self, tx: Writer, needs: Sequence[Sequence[int]]) -> None:
        self.jobs += 1
        first = self.jobs * 100
        owner = job(self.jobs, id=self.id(), priority=50 + self.jobs % 2)
        tasks = [
            task(
                first + at,
                owner,
                at,
                id=self.id(),
                priority=owner.priority,
                height=at * 7 % 3,
                state=TaskState.WAITING if header else TaskState.READY,
            )
            for at, header in enumerate(needs)
        ]
        counts = {state: sum(one.state is state for one in tasks) for state in TaskState}
        tx.insert_job(replace(owner, counts=counts))
        tx.insert_tasks(tasks, [TaskSpec(name=one.name, executor="python") for one in tasks])
        tx.insert_chords([(first + at, [first + up for up in header]) for at, header in enumerate(needs) if header])

    def offer(self, tx: Writer, limit: int) -> None:
        for ready in tx.lock_ready(ROUTE, limit, ORG):
            fresh = run(ready, ready.runs + 1, id=self.id(), offered_at_us=NOW_US + self.made)
            tx.insert_runs([fresh])
            tx.save_tasks([replace(ready, state=TaskState.QUEUED, run_id=fresh.id, runs=fresh.number)])
            tx.add_counts({ready.job_seq: {TaskState.READY: -1, TaskState.QUEUED: 1}})

    def claim(self, tx: Writer, limit: int) -> None:
        for queued in tx.lock_queued(ROUTE, NOW_US * 2, limit):
            tx.save_runs([replace(queued, state=RunState.RUNNING, node_id=NODE.id, claim_id=self.id())])
            tx.save_tasks([replace(one, state=TaskState.RUNNING) for one in tx.lock_tasks([queued.task_seq])])

    def end(self, tx: Writer, limit: int, well: bool) -> None:
        runs = tx.held([NODE.id])[:limit]
        state = TaskState.SUCCEEDED if well else TaskState.FAILED
        tx.save_runs([replace(one, state=RunState(state.value), result={"n": self.made}) for one in runs])
        tasks = tx.lock_tasks([one.task_seq for one in runs])
        tx.save_tasks([replace(one, state=state) for one in tasks])
        changed = tx.return_parts([Part(header_seq=one.seq, succeeded=well) for one in tasks])
        bodies = tx.lock_tasks([chord.body_seq for chord in changed if chord.count.complete])
        tx.save_tasks([replace(one, state=TaskState.READY) for one in bodies if one.state is TaskState.WAITING])
        if not well:
            below = tx.lock_waiting_below([one.seq for one in tasks])
            tx.save_tasks([replace(one, state=TaskState.SKIPPED) for one in below])
        said = LogLine(line=limit, at_us=NOW_US, stream="stdout", level="info", text="x")
        tx.add_lines(
            [
                StoredLine(seq=0, job_seq=r.job_seq, task_seq=r.task_seq, task_id=r.task_id, run_id=r.id, line=said)
                for r in runs
            ]
        )
        tx.add_events([Event(org_id=ORG, job_id=r.job_id, at_us=NOW_US, kind="tasks", data=[r.id]) for r in runs])

    def work(self, tx: Writer, limit: int, well: bool) -> None:
        self.offer(tx, limit)
        self.claim(tx, limit)
        self.end(tx, limit, well)

    def again(self, tx: Writer, which: int) -> None:
        tasks = tx.lock_tasks_in(which % (self.jobs + 1), TASK_TERMINAL, 99)
        tx.reopen_parts([one.seq for one in tasks])
        tx.save_tasks([replace(one, state=TaskState.READY) for one in tasks])

    def want(self, tx: Writer, which: int, desired: Desired) -> None:
        for owner in tx.lock_jobs([which % (self.jobs + 1)]):
            state = JobState.PAUSED if desired is Desired.PAUSE else JobState.RUNNING
            tx.save_jobs([replace(owner, desired=desired, state=state, version=owner.version + 1)])

    def prefer(self, tx: Writer, which: int, priority: int) -> None:
        tx.set_task_priority(which % (self.jobs + 1), priority)

    def delete(self, tx: Writer, which: int) -> None:
        tx.delete_job(which % (self.jobs + 1))


numbers = st.integers(1, 6)
steps = st.one_of(
    st.tuples(st.just("submit"), dags()),
    st.tuples(st.just("offer"), numbers),
    st.tuples(st.just("work"), numbers, st.booleans()),
    st.tuples(st.just("work"), numbers, st.just(True)),
    st.tuples(st.just("claim"), numbers),
    st.tuples(st.just("end"), numbers, st.booleans()),
    st.tuples(st.just("end"), numbers, st.just(True)),
    st.tuples(st.just("again"), numbers),
    st.tuples(st.just("want"), numbers, st.sampled_from(Desired)),
    st.tuples(st.just("prefer"), numbers, st.integers(40, 60)),
    st.tuples(st.just("delete"), numbers),
)
scripts = st.lists(steps, min_size=8, max_size=25).map(lambda found: [("submit", [[], [0], [0, 1]]), *found])


def play(store: Store, wanted: Sequence[Sequence[Any]]) -> Script:
    script = Script()
    for name, *arguments in wanted:
        step: Callable[..., None] = getattr(script, name)
        store.write(lambda tx, step=step, arguments=arguments: step(tx, *arguments))  # type: ignore[misc]
    return script


def all_there_is(store: Store, jobs: int) -> list[Any]:
    """Numbers of lines and events aside: those may differ, their order not."""

    def look(tx: Reader) -> list[Any]:
        found: list[Any] = [tx.jobs(JobFilter(org_id=ORG), ALL), tx.queue_counts(ORG), tx.held([NODE.id]), tx.nodes()]
        for seq in range(1, jobs + 1):
            said = [replace(one, seq=0) for one in tx.lines(ALL, job_seq=seq)]
            found.append((tx.tasks(seq, ALL), tx.edges(seq), tx.runs(seq, ALL), said))
        found.append([replace(event, seq=0) for event in tx.events(ORG, ALL)])
        return found

    def look_further(tx: Writer) -> list[Any]:
        seqs = range(100, jobs * 100 + 100)
        return [
            tx.lock_ready(ROUTE, 99, ORG),
            tx.lock_ready(ROUTE, 2, ORG),
            tx.ready_routes(),
            tx.stale_offers(NOW_US * 2, 99),
            tx.queued_routes(),
            tx.queued_counts([ROUTE]),
            tx.chord_states(seqs),
            tx.lock_canceling_jobs(99),
        ]

    return store.read(look) + store.write(look_further)


@few
@given(script=scripts)
def test_every_store_answers_as_the_one_in_memory(sql_store: Store, script: list[Any]) -> None:
    for seq in range(1, 40):
        sql_store.write(lambda tx, seq=seq: tx.delete_job(seq))  # type: ignore[misc]  # what the last example left
    model = MemoryStore(lambda: NOW_US)
    done = play(model, script)
    play(sql_store, script)
    assert all_there_is(sql_store, done.jobs) == all_there_is(model, done.jobs)


@few
@given(before=scripts, undone=scripts)
def test_a_rollback_leaves_nothing(store: Store, before: list[Any], undone: list[Any]) -> None:
    for seq in range(1, 80):
        store.write(lambda tx, seq=seq: tx.delete_job(seq))  # type: ignore[misc]
    script = play(store, before)
    seen = all_there_is(store, script.jobs + 40)

    def work(tx: Writer) -> None:
        later = Script(made=script.made, jobs=script.jobs)
        for name, *arguments in undone:
            getattr(later, name)(tx, *arguments)
        tx.save_node(NODE)
        raise Undone

    with pytest.raises(Undone):
        store.write(work)
    assert all_there_is(store, script.jobs + 40) == seen
