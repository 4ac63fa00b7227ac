"""Lines, samples, events, nodes, accounts and leases: what every store promises."""

import pytest

from app.ports.records import Event, Page, Project, Queue, StoredLine, Token
from app.ports.store import Store, Writer
from app.wire.report import LogLine
from app.wire.resources import Resources
from app.wire.states import JobState, RunState, TaskState
from app.wire.usage import Sample, Usage
from tests.conformance.values import NOW_US, ORG, new_id, node, start, submit, unset
from tests.replacing import replace

ALL = Page(limit=1000)


def line(number: int, run: str = "r1", *, task_seq: int = 1, job_seq: int = 1, text: str = "hello") -> StoredLine:
    said = LogLine(line=number, at_us=NOW_US + number, stream="stdout", level="info", text=text)
    return StoredLine(seq=0, job_seq=job_seq, task_seq=task_seq, task_id=f"t{task_seq}", run_id=run, line=said)


def event(data: object, *, org: str = ORG, job: str = "j1") -> Event:
    return Event(org_id=org, job_id=job, at_us=NOW_US, kind="job", data=data)


def test_lines_come_in_order_of_arrival_and_once(store: Store) -> None:
    store.write(lambda tx: tx.add_lines([line(1), line(2), line(1, "r2", task_seq=2)]))
    store.write(lambda tx: tx.add_lines([line(2, text="again"), line(3), line(1, "r3", task_seq=3, job_seq=2)]))
    of_run = store.read(lambda tx: tx.lines(ALL, run_id="r1"))
    assert [replace(found, seq=0, place=0) for found in of_run] == [line(1), line(2), line(3)]
    of_job = store.read(lambda tx: tx.lines(ALL, job_seq=1))
    assert [(found.run_id, found.line.line) for found in of_job] == [("r1", 1), ("r1", 2), ("r2", 1), ("r1", 3)]
    assert sorted({found.seq for found in of_job}) == [found.seq for found in of_job]
    assert store.read(lambda tx: tx.lines(Page(limit=1, after=(of_job[1].seq,)), job_seq=1)) == [of_job[2]]
    assert len(store.read(lambda tx: tx.lines(ALL, task_seq=1))) == 3
    assert store.read(lambda tx: tx.lines(ALL, task_seq=9)) == []


def test_a_line_said_twice_in_one_batch_is_kept_once(store: Store) -> None:
    store.write(lambda tx: tx.add_lines([line(1), line(1)]))
    assert len(store.read(lambda tx: tx.lines(ALL, run_id="r1"))) == 1


def test_a_line_may_hold_anything_that_is_text(store: Store) -> None:
    store.write(lambda tx: tx.add_lines([line(1, text="a\x00b\r\U0001f9ca%s :x"), line(2, text="")]))
    texts = [found.line.text for found in store.read(lambda tx: tx.lines(ALL, run_id="r1"))]
    assert [text.replace("\x00", "\ufffd") for text in texts] == ["a\ufffdb\r\U0001f9ca%s :x", ""]


def test_samples_come_by_time_and_once(store: Store) -> None:
    samples = [Sample(at_us=NOW_US + n, usage=Usage(wall_s=n / 10, read_bytes=n)) for n in range(4)]
    store.write(lambda tx: tx.add_samples([("r1", sample) for sample in samples[1:]]))
    again = replace(samples[1], usage=Usage())
    store.write(lambda tx: tx.add_samples([("r1", again), ("r1", samples[0]), ("r2", samples[0])]))
    assert store.read(lambda tx: tx.samples("r1", ALL)) == samples
    assert store.read(lambda tx: tx.samples("r1", Page(limit=2, after=(NOW_US,)))) == samples[1:3]


def test_events_come_oldest_first(store: Store) -> None:
    store.write(lambda tx: tx.add_events([event({"a": 1}), event(["b"], job="j2")]))
    store.write(lambda tx: tx.add_events([event("c"), event(None, org="org-2", job="j3")]))
    found = store.read(lambda tx: tx.events(ORG, ALL))
    assert [one.data for one in found] == [{"a": 1}, ["b"], "c"]
    assert [one.seq for one in found] == sorted({one.seq for one in found})
    assert store.read(lambda tx: tx.events(ORG, Page(limit=1, after=(found[0].seq,)))) == [found[1]]
    assert store.read(lambda tx: tx.events(ORG, ALL, job_id="j1")) == [found[0], found[2]]
    assert store.read(lambda tx: tx.events(ORG, ALL, job_id="j3")) == []


def test_a_rolled_back_write_says_nothing(store: Store) -> None:
    def fail(tx: Writer) -> None:
        tx.add_events([event(1)])
        tx.add_lines([line(1)])
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        store.write(fail)
    assert store.read(lambda tx: (tx.events(ORG, ALL), tx.lines(ALL, run_id="r1"))) == ([], [])


def test_deleted_lines_give_their_numbers_to_nobody(store: Store) -> None:
    owner, (task,) = submit(store)
    run = start(store, task)
    said = line(1, run.id, task_seq=task.seq, job_seq=owner.seq)
    store.write(lambda tx: tx.add_lines([said]))
    store.write(lambda tx: tx.add_events([event(1, job=owner.id)]))
    (before,) = store.read(lambda tx: tx.lines(ALL, run_id=run.id))
    (happened,) = store.read(lambda tx: tx.events(ORG, ALL))
    store.write(lambda tx: tx.delete_job(owner.seq))
    assert store.read(lambda tx: (tx.lines(ALL, run_id=run.id), tx.events(ORG, ALL))) == ([], [])
    store.write(lambda tx: tx.add_lines([line(1)]))
    store.write(lambda tx: tx.add_events([event(2)]))
    assert store.read(lambda tx: tx.lines(ALL, run_id="r1"))[0].seq > before.seq
    assert store.read(lambda tx: tx.events(ORG, ALL))[0].seq > happened.seq


def test_nodes_are_kept_whole_and_come_by_name(store: Store) -> None:
    said = {"cpu_percent": 12.5, "used_memory_bytes": 1 << 40, "protocol": 2, "clock_skew_ms": -7}
    first = node(name="b", drain=True, offline=True, draining=True, refused="too old", tags=(), **said)
    second = node(name="a")
    assert not unset(first)
    for one in (first, second, replace(first, incarnation=2)):
        store.write(lambda tx, one=one: tx.save_node(one))  # type: ignore[misc]
    assert store.read(lambda tx: tx.nodes()) == [second, replace(first, incarnation=2)]
    assert store.read(lambda tx: (tx.node(second.id), tx.node("none"))) == (second, None)


def test_a_lease_is_renewed_for_nodes_that_are_there(store: Store) -> None:
    one = node()
    free = Resources(cpu_milli=1, memory_mib=2)
    assert not store.write(lambda tx: tx.renew_lease(one.id, 5, free))
    store.write(lambda tx: tx.save_node(one))
    assert store.write(lambda tx: tx.renew_lease(one.id, 5, free))
    assert store.read(lambda tx: tx.node(one.id)) == replace(one, lease_until_us=5, free=free)
    store.write(lambda tx: tx.keep_lease(one.id, 6, one.free))
    store.write(lambda tx: tx.keep_lease(new_id(), 6, one.free))
    assert store.read(lambda tx: tx.nodes()) == [replace(one, lease_until_us=6)]


def test_reports_begin_with_their_runs(store: Store) -> None:
    one = node()
    owner, tasks = submit(store, [(), ()])
    runs = [start(store, each, node_id=one.id) for each in tasks]
    ids = [run.id for run in runs]
    assert store.write(lambda tx: tx.lock_reported(one.id, ids)) is None
    store.write(lambda tx: tx.save_node(one))

    def work(tx: Writer) -> int:
        found = tx.lock_reported(one.id, [*ids, new_id()])
        assert found == sorted(runs, key=lambda run: run.id)
        known = {task.seq: task for task in tx.lock_tasks([task.seq for task in tasks])}
        tx.save_tasks([replace(known[tasks[0].seq], priority=7)])
        return tx.now_us

    before_us = store.read(lambda tx: tx.now_us)
    now_us = store.write(work)
    assert before_us <= now_us <= store.read(lambda tx: tx.now_us)
    assert store.read(lambda tx: tx.node(one.id)) == one
    assert [view.task.priority for view in store.read(lambda tx: tx.tasks(owner.seq, Page(limit=9)))] == [7, 50]
    assert store.write(lambda tx: tx.lock_reported(one.id, [])) == []


def test_expired_are_silent_nodes_that_hold_runs(store: Store) -> None:
    now_us = store.read(lambda tx: tx.now_us)
    _, tasks = submit(store, [()] * 5)
    past, future = now_us - 10**9, now_us + 10**9
    nodes = [
        node(name="expired", lease_until_us=past),
        node(name="alive", lease_until_us=future),
        node(name="offline", lease_until_us=past, offline=True),
        node(name="idle", lease_until_us=past),
    ]
    for one, task in zip(nodes, tasks, strict=False):
        store.write(lambda tx, one=one: tx.save_node(one))  # type: ignore[misc]
        if one.name != "idle":
            start(store, task, state=RunState.RUNNING, node_id=one.id)
    assert store.write(lambda tx: tx.expired_nodes()) == [nodes[0]]


def test_projects_queues_and_tokens(store: Store) -> None:
    projects = [Project(seq=n, id=f"p{n}", org_id=ORG, name="x", created_at_us=NOW_US) for n in (1, 2)]
    for project in (projects[1], projects[0], replace(projects[0], seq=3, id="p3", org_id="org-2")):
        store.write(lambda tx, project=project: tx.insert_project(project))  # type: ignore[misc]
    assert store.read(lambda tx: tx.projects(ORG)) == projects
    queue = Queue(org_id=ORG, name="b", created_at_us=NOW_US)
    for one in (queue, replace(queue, name="a"), replace(queue, paused=True), replace(queue, org_id="org-2")):
        store.write(lambda tx, one=one: tx.save_queue(one))  # type: ignore[misc]
    assert store.read(lambda tx: tx.queues(ORG)) == [replace(queue, name="a"), replace(queue, paused=True)]
    token = Token(id="t", org_id=ORG, name="n", role="node", scopes=("a",), secret_hash="h", created_at_us=NOW_US)
    store.write(lambda tx: tx.save_token(token))
    store.write(lambda tx: tx.save_token(replace(token, id="u", created_at_us=NOW_US - 1, scopes=())))
    store.write(lambda tx: tx.save_token(replace(token, expires_at_us=4, revoked_at_us=5)))
    assert store.read(lambda tx: tx.token("t")) == replace(token, expires_at_us=4, revoked_at_us=5)
    assert [one.id for one in store.read(lambda tx: tx.tokens(ORG))] == ["u", "t"]
    assert store.read(lambda tx: (tx.token("none"), tx.tokens("org-2"))) == (None, [])


def test_queue_counts_are_of_unfinished_jobs(store: Store) -> None:
    submit(store, [(), (0,)])
    submit(store, [(), ()])
    submit(store, [()], of_job={"queue": "fast"})
    submit(store, [()], of_job={"state": JobState.CANCELED})
    submit(store, [()], of_job={"org_id": "org-2"})
    counts = store.read(lambda tx: tx.queue_counts(ORG))
    assert {queue: (of[TaskState.READY], of[TaskState.WAITING]) for queue, of in counts.items()} == {
        "@default": (3, 1),
        "fast": (1, 0),
    }


def test_one_holder_leads_until_its_lease_is_over(store: Store) -> None:
    now_us = store.read(lambda tx: tx.now_us)
    assert store.write(lambda tx: tx.lead("engine", "a", now_us + 10**9))
    assert not store.write(lambda tx: tx.lead("engine", "b", now_us + 10**9))
    assert store.write(lambda tx: tx.lead("other", "b", now_us + 10**9))
    assert store.write(lambda tx: tx.lead("engine", "a", now_us - 1))
    assert store.write(lambda tx: tx.lead("engine", "b", now_us + 10**9))
    assert not store.write(lambda tx: tx.lead("engine", "a", now_us + 10**9))
    store.write(lambda tx: tx.resign("engine", "a"))
    assert not store.write(lambda tx: tx.lead("engine", "a", now_us + 10**9))
    store.write(lambda tx: tx.resign("engine", "b"))
    assert store.write(lambda tx: tx.lead("engine", "a", now_us + 10**9))


def test_stamps_are_on_the_clock_of_the_store(store: Store) -> None:
    assert store.write(lambda tx: tx.stamped_at_us("web")) is None
    before_us = store.read(lambda tx: tx.now_us)
    for _ in range(2):
        store.write(lambda tx: tx.stamp("web"))
    stamped = store.write(lambda tx: tx.stamped_at_us("web"))
    assert stamped is not None
    assert before_us <= stamped <= store.read(lambda tx: tx.now_us)
