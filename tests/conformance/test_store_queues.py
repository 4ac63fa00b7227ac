"""Queues: pause, limits, what is under way in each, how many of their runs ended."""

from dataclasses import replace

from app.adapters import sql
from app.domain.job import Desired
from app.domain.map import Map
from app.ports.gauges import Work
from app.ports.queues import Occupancy
from app.ports.records import Queue
from app.ports.store import Store, Writer
from app.wire.resources import Route
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.test_store_crowds import together
from tests.conformance.values import NOW_US, ORG, ROUTE, SHAPE, new_id, node, run, same, start, submit, unset

QUEUE = Queue(org_id=ORG, name="@default", created_at_us=NOW_US)
OTHERS = "org-2"
MINUTE_US = 60_000_000
READY = {"state": TaskState.READY}


def save(store: Store, queue: Queue) -> None:
    store.write(lambda tx: tx.save_queue(queue))
    store.write(lambda tx: tx.save_limits(queue))


def ready(store: Store, limit: int = 10, of: tuple[str, ...] = (ORG, OTHERS)) -> list[int]:
    return [task.seq for one in of for task in store.write(lambda tx, one=one: tx.lock_ready(ROUTE, limit, one))]  # type: ignore[misc]


def test_a_queue_is_kept_whole_and_its_limits_are_taken_off_again(store: Store) -> None:
    assert store.read(lambda tx: (tx.queue(ORG, "@default"), tx.queues(ORG))) == (None, [])
    whole = replace(QUEUE, paused=True, max_running=3, max_starts=60, next_start_us=NOW_US + 5)
    assert unset(whole) == set()
    save(store, whole)
    save(store, replace(QUEUE, org_id=OTHERS))
    save(store, replace(QUEUE, name="a queue, with a comma"))
    assert store.read(lambda tx: tx.queue(ORG, "@default")) == whole
    assert store.read(lambda tx: tx.queues(ORG)) == [whole, replace(QUEUE, name="a queue, with a comma")]
    assert store.write(lambda tx: tx.limited_queues(["@default", "none"])()) == [whole]
    changed = replace(QUEUE, max_running=4, max_starts=None)
    assert same(whole, changed) == {"org_id", "name", "created_at_us"}
    save(store, changed)
    assert store.read(lambda tx: tx.queue(ORG, "@default")) == changed
    save(store, QUEUE)
    assert store.read(lambda tx: tx.queue(ORG, "@default")) == QUEUE
    assert store.write(lambda tx: tx.limited_queues(["@default"])()) == []


def test_a_paused_queue_pauses_the_jobs_of_its_organization_alone(store: Store) -> None:
    save(store, QUEUE)
    save(store, replace(QUEUE, org_id=OTHERS))
    mine, tasks = submit(store, [(), ()], of_all=READY)
    canceled, _ = submit(store, [()], of_job={"desired": Desired.CANCEL}, of_all=READY)
    others, theirs = submit(store, [()], of_job={"org_id": OTHERS}, of_all=READY)
    elsewhere, _ = submit(store, [()], of_job={"queue": "another"}, of_all=READY)
    seqs = [job.seq for job in (mine, canceled, others, elsewhere)]
    wishes = dict(zip(seqs, (Desired.RUN, Desired.CANCEL, Desired.RUN, Desired.RUN), strict=True))
    assert store.write(lambda tx: tx.desired(seqs)) == wishes
    save(store, replace(QUEUE, paused=True))
    assert store.write(lambda tx: tx.desired(seqs)) == {**wishes, mine.seq: Desired.PAUSE}
    route_only = [task.seq for task in theirs]
    assert set(ready(store)) >= set(route_only)
    assert not {task.seq for task in tasks} & set(ready(store))
    assert not {task.seq for task in tasks} & {t.seq for t in store.write(lambda tx: tx.lock_unserved(ROUTE, 9))}
    held = [each for each in store.read(lambda tx: tx.work()) if each.phase == "held"]
    assert held == [Work(route=ROUTE, phase="held", count=3)]
    save(store, replace(QUEUE, org_id=OTHERS, paused=True))
    store.write(lambda tx: tx.save_jobs([replace(elsewhere, desired=Desired.PAUSE)]))
    assert store.write(lambda tx: tx.ready_routes()) == []
    save(store, QUEUE)
    assert store.write(lambda tx: tx.ready_routes()) == [ROUTE]


def test_what_is_ready_is_found_behind_the_tasks_of_other_organizations(store: Store) -> None:
    crowd = [submit(store, [()] * 30, of_all=READY)[1] for _ in range(5)]
    _, theirs = submit(store, [()] * 3, of_job={"org_id": OTHERS}, of_all=READY)
    assert ready(store, limit=2, of=(OTHERS,)) == [task.seq for task in theirs[:2]]
    assert ready(store, limit=500, of=(ORG,)) == [task.seq for tasks in crowd for task in tasks]
    assert store.write(lambda tx: tx.ready_orgs(ROUTE)) == sorted([(ORG, 50), (OTHERS, 50)])


def test_what_is_under_way_is_counted_by_queue(store: Store) -> None:
    assert store.read(lambda tx: tx.occupancies(ORG)) == {}
    host = node()
    store.write(lambda tx: tx.save_node(host))
    job, tasks = submit(store, [()] * 4, of_all=READY)
    other_route = Route(queue="@default", tag="", executor="command", version="", shape=SHAPE).key
    held = {"state": RunState.RUNNING, "node_id": host.id, "claim_id": "c"}
    start(store, tasks[0], **held)
    offered = [start(store, tasks[1]), start(store, tasks[2], route=other_route)]
    start(store, tasks[3], state=RunState.RUNNING)  # from outside of the fleet
    _, theirs = submit(store, [()], of_job={"org_id": OTHERS}, of_all=READY)
    start(store, theirs[0], **held)
    assert store.read(lambda tx: tx.out_of_queue(ORG, "@default")) == 3
    assert store.read(lambda tx: tx.out_of_queue(OTHERS, "@default")) == 1
    assert store.read(lambda tx: tx.out_of_queue(ORG, "another")) == 0
    assert store.read(lambda tx: tx.occupancies(ORG)) == {"@default": Occupancy(running=1)}
    assert store.write(lambda tx: tx.lock_offered(ORG, "@default", 9)) == sorted(offered, key=lambda run: run.id)
    assert len(store.write(lambda tx: tx.lock_offered(ORG, "@default", 1))) == 1
    assert store.write(lambda tx: tx.lock_offered(OTHERS, "@default", 9)) == []
    assert job.org_id == ORG


def test_values_of_open_maps_wait_too(store: Store) -> None:
    early = {"created_at_us": NOW_US - 9, "queue": "maps"}
    job, (task,) = submit(store, [()], of_job=early, of_all={"state": TaskState.RUNNING})
    a_map = Map(task_seq=task.seq, job_seq=job.seq, route=ROUTE, total=100, succeeded=10, failed=3, canceled=2, next=40)
    store.write(lambda tx: tx.insert_maps([a_map], {}))
    store.write(lambda tx: tx.save_maps([a_map]))
    value = run(task, state=RunState.RUNNING, node_id="n", claim_id="c", map_index=5)
    store.write(lambda tx: tx.insert_runs([value]))
    expected = {"maps": Occupancy(running=1, values=84, oldest_us=NOW_US - 9)}
    assert store.read(lambda tx: tx.occupancies(ORG)) == expected
    assert store.read(lambda tx: tx.tasks_since(ORG, NOW_US - 10, 50)) == ({"maps": 101}, NOW_US - 10)
    store.write(lambda tx: tx.save_maps([replace(a_map, closing=True)]))
    assert store.read(lambda tx: tx.occupancies(ORG)) == {"maps": Occupancy(running=1)}


def test_what_came_is_counted_as_far_back_as_was_looked(store: Store) -> None:
    assert store.read(lambda tx: tx.tasks_since(ORG, 5, 10)) == ({}, 5)
    for number in range(6):
        of_job = {"created_at_us": number * 10, "queue": f"q{number % 2}", "state": JobState.SUCCEEDED}
        submit(store, [()] * (number + 1), of_job=of_job)
    submit(store, [()], of_job={"org_id": OTHERS, "created_at_us": 60})
    assert store.read(lambda tx: tx.tasks_since(ORG, 25, 10)) == ({"q0": 5, "q1": 10}, 25)
    assert store.read(lambda tx: tx.tasks_since(ORG, 5, 2)) == ({"q0": 5, "q1": 6}, 40)


def test_ended_runs_are_added_up_by_minute_and_forgotten(store: Store) -> None:
    store.write(lambda tx: tx.add_ended(MINUTE_US, [(ORG, "a", 3), (ORG, "b", 1), (OTHERS, "a", 9)], 0))
    store.write(lambda tx: tx.add_ended(MINUTE_US, [(ORG, "a", 4)], 0))
    store.write(lambda tx: tx.add_ended(2 * MINUTE_US, [(ORG, "a", 10)], 0))
    assert store.read(lambda tx: tx.ended_since(ORG, MINUTE_US)) == {"a": 17, "b": 1}
    assert store.read(lambda tx: tx.ended_since(ORG, MINUTE_US + 1)) == {"a": 10}
    store.write(lambda tx: tx.add_ended(3 * MINUTE_US, [(ORG, "b", 1)], 2 * MINUTE_US))
    assert store.read(lambda tx: tx.ended_since(ORG, 0)) == {"a": 10, "b": 1}
    assert store.read(lambda tx: tx.ended_since(OTHERS, 0)) == {"a": 9}
    store.write(lambda tx: tx.add_ended(3 * MINUTE_US, [], 2 * MINUTE_US))


def test_a_limited_queue_is_one_writer_s_at_a_time(sql_store: sql.SqlStore) -> None:
    """Each looks at what is out and adds one while there is room: together they never pass the limit."""
    most, (job, tasks) = 7, submit(sql_store, [()] * 30, of_all=READY)
    save(sql_store, replace(QUEUE, max_running=most))

    def add(number: int) -> None:
        def work(tx: Writer) -> None:
            (queue,) = tx.limited_queues(["@default"])()
            if tx.out_of_queue(ORG, "@default") < (queue.max_running or 0):
                tx.insert_runs([run(tasks[number], id=new_id())])

        sql_store.write(work)

    together(30, add)
    assert sql_store.read(lambda tx: tx.out_of_queue(ORG, "@default")) == most
    assert job.queue == "@default"
