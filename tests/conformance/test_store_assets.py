"""Assets in every store: found again whole, by what they are asked for, and gone with all that hangs on them."""

from typing import Any

from app.domain.job import Job
from app.domain.task import Task
from app.ports.records import Asset, LooseBlob, Page
from app.ports.store import Store
from app.wire.outputs import RESULT
from app.wire.states import JobState, RunState
from tests.conformance.values import NOW_US, ORG, new_id, same, start, submit, unset
from tests.replacing import replace

PAGE = Page(limit=100)
ENDED = {"state": JobState.SUCCEEDED}


def asset(seq: int, **changed: Any) -> Asset:
    plain = Asset(
        seq=seq,
        id=new_id(),
        org_id=ORG,
        project_id="project-1",
        filename="part.stl",
        size=7,
        checksum="sha256:00",
        media_type="model/stl",
        created_at_us=NOW_US,
        modified_at_us=NOW_US,
        created_by="somebody",
        blob=f"blob-{seq}",
    )
    return replace(plain, **changed)


def put(store: Store, *assets: Asset) -> None:
    for each in assets:
        store.write(lambda tx, each=each: tx.insert_asset(each))  # type: ignore[misc]


def output(
    store: Store, seq: int, job: Job, task: Task, *, state: RunState = RunState.SUCCEEDED, **changed: Any
) -> Asset:
    """A run of the task in this state, and a file of it."""
    ran = start(store, task, state=state)
    return of_run(store, seq, job, task, ran.id, number=ran.number, **changed)


def of_run(store: Store, seq: int, job: Job, task: Task, run_id: str, **changed: Any) -> Asset:
    owner = {"job_seq": job.seq, "job_id": job.id, "task_seq": task.seq, "task_id": task.id, "task_name": task.name}
    made = asset(seq, **owner, run_id=run_id, **{"name": f"file {seq}", **changed})
    put(store, made)
    return made


def ids(found: list[Asset]) -> list[int]:
    return [each.seq for each in found]


def test_an_asset_is_found_again_whole(store: Store) -> None:
    job, (task,) = submit(store)
    whole = asset(
        1,
        space="scratch:@default",
        key="a/b.stl",
        expires_at_us=NOW_US + 1,
        job_seq=job.seq,
        job_id=job.id,
        task_seq=task.seq,
        task_id=task.id,
        task_name="mesh",
        run_id=new_id(),
        number=2,
        map_index=3,
        name="volume",
    )
    assert not unset(whole)
    put(store, whole)
    assert store.read(lambda tx: tx.asset(whole.id)) == whole
    assert store.read(lambda tx: tx.assets_by_id([whole.id, new_id()])) == [whole]
    assert store.read(lambda tx: tx.asset(new_id())) is None
    assert store.read(lambda tx: tx.asset_in_space(ORG, "scratch:@default", "a/b.stl")) == whole
    assert store.read(lambda tx: tx.asset_in_space("other", "scratch:@default", "a/b.stl")) is None
    assert store.write(lambda tx: tx.lock_assets([whole.id])) == [whole]


def test_what_may_change_is_saved(store: Store) -> None:
    first = asset(1)
    put(store, first)
    changed = replace(
        first,
        project_id="other",
        filename="other",
        size=99,
        checksum="sha256:01",
        blob="other",
        media_type="text/plain",
        modified_at_us=NOW_US + 1,
        space="s",
        key="k",
        expires_at_us=5,
    )
    store.write(lambda tx: tx.save_asset(replace(changed, org_id="other", created_by="other")))
    assert store.read(lambda tx: tx.asset(first.id)) == changed
    assert {"org_id", "created_by"} <= same(first, changed)


def test_assets_are_listed_newest_first_by_what_is_wanted(store: Store) -> None:
    put(store, asset(1), asset(2, project_id="p"), asset(3, space="s", key="k", project_id="p"))
    put(store, asset(4, org_id="other"), asset(5, name=RESULT))

    def listed(**wanted: Any) -> list[int]:
        return ids(store.read(lambda tx: tx.assets(ORG, PAGE, **wanted)))

    assert listed() == [3, 2, 1]
    assert listed(project_id="p") == [3, 2]
    assert listed(space="s") == [3]
    assert listed(space="s", project_id="p") == [3]
    assert listed(space="s", project_id="project-1") == []
    assert ids(store.read(lambda tx: tx.assets(ORG, Page(limit=1, after=(3,))))) == [2]


def test_keys_of_a_space_are_asked_for_together(store: Store) -> None:
    put(store, asset(1, space="s", key="a"), asset(2, space="s", key="b"), asset(3, space="t", key="a"), asset(4))
    assert ids(store.read(lambda tx: tx.assets_in_space(ORG, "s", ["b", "a", "absent"]))) == [1, 2]
    assert store.read(lambda tx: tx.assets_in_space(ORG, "", [""])) == []
    assert store.read(lambda tx: tx.assets_in_space(ORG, "s", [])) == []


def test_a_job_shows_the_files_of_each_tasks_newest_run_that_succeeded(store: Store) -> None:
    job, (first, second) = submit(store, [(), ()])
    output(store, 1, job, first)
    output(store, 2, job, first, state=RunState.FAILED)
    output(store, 3, job, first)
    output(store, 4, job, first, state=RunState.RUNNING)
    kept = output(store, 5, job, second)
    of_run(store, 6, job, second, kept.run_id or "", name=RESULT)
    output(store, 7, job, second, state=RunState.LOST)
    assert ids(store.read(lambda tx: tx.outputs(PAGE, job_seq=job.seq))) == [3, 5]
    assert ids(store.read(lambda tx: tx.outputs(PAGE, task_seq=first.seq))) == [3]
    assert ids(store.read(lambda tx: tx.outputs(PAGE, run_id=kept.run_id))) == [5]
    assert ids(store.read(lambda tx: tx.outputs(Page(limit=1), job_seq=job.seq))) == [3]
    assert ids(store.read(lambda tx: tx.outputs(Page(limit=1, after=(3,)), job_seq=job.seq))) == [5]
    assert ids(store.read(lambda tx: tx.outputs_of_runs([kept.run_id or ""]))) == [5, 6]
    assert ids(store.read(lambda tx: tx.outputs_of_tasks(job.seq, [first.name, "absent"]))) == [3]
    assert store.read(lambda tx: tx.outputs_of_tasks(job.seq, [])) == []


def test_each_value_of_a_map_has_files_of_its_own(store: Store) -> None:
    job, (task,) = submit(store)
    for seq, index, number in ((1, 1, 1), (2, 0, 1), (3, 0, 2)):
        ran = start(store, task, state=RunState.SUCCEEDED, map_index=index)
        of_run(store, seq, job, task, ran.id, map_index=index, number=number, name="frame")
    assert ids(store.read(lambda tx: tx.outputs_of_tasks(job.seq, [task.name]))) == [3, 1]
    assert ids(store.read(lambda tx: tx.outputs(PAGE, task_seq=task.seq))) == [1, 3]


def test_an_asset_is_in_use_while_a_job_that_has_it_has_not_ended(store: Store) -> None:
    open_job, (task,) = submit(store)
    ended, (other,) = submit(store, of_job=ENDED)
    output(store, 1, open_job, task)
    output(store, 2, ended, other)
    put(store, *(asset(seq) for seq in (3, 4, 5)))
    store.write(lambda tx: tx.use_assets(open_job.seq, [3]))
    store.write(lambda tx: tx.use_assets(open_job.seq, [3]))
    store.write(lambda tx: tx.use_assets(ended.seq, [3, 4]))
    assert store.read(lambda tx: tx.assets_in_use([1, 2, 3, 4, 5])) == {1, 3}
    assert store.read(lambda tx: tx.assets_in_use([])) == set()


def test_an_expired_asset_waits_for_the_jobs_that_need_it(store: Store) -> None:
    job, _ = submit(store)
    put(store, asset(1, expires_at_us=1), asset(2, expires_at_us=2), asset(3), asset(4, expires_at_us=1 << 60))
    store.write(lambda tx: tx.use_assets(job.seq, [1]))
    assert ids(store.read(lambda tx: tx.expired_assets(10))) == [2]
    store.write(lambda tx: tx.save_jobs([replace(job, state=JobState.FAILED)]))
    assert ids(store.read(lambda tx: tx.expired_assets(10))) == [1, 2]
    assert ids(store.read(lambda tx: tx.expired_assets(1))) == [1]


def test_a_deleted_asset_leaves_a_loose_blob(store: Store) -> None:
    first, second = asset(1), asset(2)
    put(store, first, second)
    store.write(lambda tx: tx.delete_assets([first]))
    assert store.read(lambda tx: tx.assets_by_id([first.id, second.id])) == [second]
    assert store.read(lambda tx: tx.due_blobs(1 << 60, 10)) == ["blob-1"]


def test_a_deleted_job_leaves_the_blobs_of_its_outputs_and_not_of_its_inputs(store: Store) -> None:
    job, (task,) = submit(store)
    other, (kept,) = submit(store)
    output(store, 1, job, task)
    output(store, 2, other, kept)
    put(store, asset(3))
    store.write(lambda tx: tx.use_assets(job.seq, [3]))
    store.write(lambda tx: tx.delete_job(job.seq))
    assert ids(store.read(lambda tx: tx.assets(ORG, PAGE))) == [3, 2]
    assert store.read(lambda tx: tx.assets_in_use([3])) == set()
    assert store.read(lambda tx: tx.due_blobs(1, 10)) == ["blob-1"], "due at once"


def test_loose_blobs_are_kept_found_and_forgotten(store: Store) -> None:
    first = LooseBlob(blob="a", due_at_us=10)
    part = LooseBlob(blob="b", due_at_us=5, upload_id="u", part=2, size=3, checksum="sha256:01")
    assert not unset(part)
    store.write(lambda tx: tx.save_loose([first, part]))
    assert store.write(lambda tx: (tx.lock_loose("a"), tx.lock_loose("b"), tx.lock_loose("c"))) == (first, part, None)
    assert store.read(lambda tx: tx.due_blobs(11, 10)) == ["b", "a"]
    assert store.read(lambda tx: tx.due_blobs(10, 10)) == ["b"]
    assert store.read(lambda tx: tx.due_blobs(11, 1)) == ["b"]
    store.write(lambda tx: tx.save_loose([replace(first, upload_id="u", part=1)]))
    assert store.write(lambda tx: [each.blob for each in tx.lock_parts("u")]) == ["a", "b"]
    assert store.write(lambda tx: tx.lock_parts("")) == []
    store.write(lambda tx: tx.forget_blobs(["a", "c"]))
    assert store.read(lambda tx: tx.due_blobs(1 << 60, 10)) == ["b"]
