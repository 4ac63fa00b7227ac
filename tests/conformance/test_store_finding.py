"""Lists by pattern and in any order: the same from every store, whatever the patterns hold."""

import pytest

from app.domain.job import Job, Source
from app.domain.search import Sort, Term, parse
from app.domain.task import Task, TaskSpec
from app.ports.finding import ASSET_KEYS, JOB_KEYS, PROJECT_KEYS, TASK_KEYS, Seek, Tally, Wanted
from app.ports.records import Asset, Project, TaskView
from app.ports.store import Store, Writer
from app.wire.states import TaskState
from tests.conformance import values
from tests.conformance.values import NOW_US, ORG
from tests.replacing import replace

ALL = Seek(limit=1000)
HERE = "project-1"
NAMES = ("mesh", "Mesh 2", "a_b", "a%b", "axb", "back\\slash", 'quo"te', "ÄRGER", "", "50%", "m*sh")


def wanted(q: str = "", keys: object = TASK_KEYS, **more: object) -> Wanted:
    terms = parse(q, list(keys)) if q else ()  # type: ignore[call-overload]
    return Wanted(**{"org_id": ORG, "project_id": HERE, "terms": terms, **more})  # type: ignore[arg-type]


def submit(store: Store, *names: str, executor: str = "command", **of_job: object) -> tuple[Job, list[Task]]:
    """A job of these tasks, one of which has a state, a time and an executor of its own."""

    def work(tx: Writer) -> tuple[Job, list[Task]]:
        job = values.job(tx.reserve("job", 1), **of_job)
        first = tx.reserve("task", len(names))
        tasks = [values.task(first + place, job, place, name=name) for place, name in enumerate(names)]
        tx.insert_job(job)
        tx.insert_tasks(tasks, [TaskSpec(name=name, executor=executor) for name in names])
        return job, tasks

    return store.write(work)


def names_of(views: list[TaskView]) -> list[str]:
    return [view.task.name for view in views]


def found(store: Store, q: str = "", seek: Seek = ALL, **more: object) -> list[str]:
    return names_of(store.read(lambda tx: tx.find_tasks(wanted(q, **more), seek)))


def test_the_tasks_of_a_project_come_newest_first_across_its_jobs(store: Store) -> None:
    submit(store, "a", "b")
    submit(store, "elsewhere", project_id="project-2")
    submit(store, "foreign", org_id="org-2")
    submit(store, "c")
    assert found(store) == ["c", "b", "a"]
    assert found(store, sort=Sort(field="id", descending=False)) == ["a", "b", "c"]


def test_numbers_and_not_submission_decide_the_order(store: Store) -> None:
    """Two jobs whose numbers were reserved crosswise, and a task that joined its job later."""

    def work(tx: Writer) -> None:
        jobs = [values.job(tx.reserve("job", 1)) for _ in range(2)]
        for place, (job, seq) in enumerate([(jobs[0], 7), (jobs[1], 5), (jobs[0], 9)]):
            if place < 2:
                tx.insert_job(job)
            tx.insert_tasks([values.task(seq, job, place, name=str(seq))], [TaskSpec(name=str(seq), executor="x")])

    store.write(work)
    assert found(store) == ["9", "7", "5"]


def test_pages_of_any_order_join_to_the_whole(store: Store) -> None:
    submit(store, "b", "a", "C")
    submit(store, "d", "e")
    for field, key in TASK_KEYS.items():
        for descending in (True, False):
            sort = Sort(field=field, descending=descending)
            whole = found(store, sort=sort)
            pages: list[str] = []
            after = None
            while page := store.read(lambda tx: tx.find_tasks(wanted(sort=sort), Seek(limit=2, after=after))):  # noqa: B023
                pages += names_of(page)
                after = (key(page[-1]), page[-1].task.seq)
            assert pages == whole, field
            assert len(whole) == 5


def test_what_has_not_happened_comes_last(store: Store) -> None:
    _, tasks = submit(store, "never", "late", "early")
    started = {"late": NOW_US + 2, "early": NOW_US + 1}
    store.write(
        lambda tx: tx.save_tasks([replace(t, started_at_us=started[t.name]) for t in tasks if t.name in started])
    )
    assert found(store, sort=Sort(field="started", descending=False)) == ["early", "late", "never"]
    assert found(store, sort=Sort(field="started")) == ["never", "late", "early"]


@pytest.mark.parametrize(
    "pattern",
    [
        *NAMES,
        "*",
        "*a*",
        "a?b",
        "a*b",
        "*%*",
        "*_*",
        "M*",
        "*SH",
        "ärger",
        "*\\*",
        "mesh*2",
        "me*esh",
        "''",
        "*2*",
        "**",
    ],
)
@pytest.mark.parametrize("negated", [False, True])
def test_a_pattern_means_the_same_everywhere(store: Store, pattern: str, negated: bool) -> None:
    """Case is left alone where the database's own locale decides it."""
    submit(store, *NAMES)
    term = Term(field="name", pieces=tuple(pattern.split("*")) if "**" not in pattern else ("", ""), negated=negated)
    expected = [name for name in reversed(NAMES) if term.holds(name)]
    got = names_of(store.read(lambda tx: tx.find_tasks(wanted(terms=(term,)), ALL)))
    assert [n for n in got if n != "ÄRGER"] == [n for n in expected if n != "ÄRGER"]


def test_terms_are_all_asked_for(store: Store) -> None:
    submit(store, "mesh one", "other", executor="implicit/from-mesh")
    _, tasks = submit(store, "mesh two", executor="command")
    assert found(store, "name:*MESH* AND type:Implicit/*") == ["mesh one"]
    assert found(store, "name:*mesh* AND !type:command") == ["mesh one"]
    assert found(store, f"id:{tasks[0].seq}") == ["mesh two"]
    assert found(store, f"!id:{tasks[0].seq}") == ["other", "mesh one"]
    assert found(store, "id:*") == ["mesh two", "other", "mesh one"]
    assert found(store, "id:01") == []


def test_states(store: Store) -> None:
    _, tasks = submit(store, "a", "b")
    store.write(lambda tx: tx.save_tasks([replace(tasks[0], state=TaskState.FAILED)]))
    assert found(store, states=frozenset({"failed", "canceled"})) == ["a"]
    assert found(store, states=frozenset()) == []


def test_a_hidden_task_and_those_of_a_removed_job_are_not_found(store: Store) -> None:
    job, tasks = submit(store, "a", "b")
    gone, _ = submit(store, "c")
    store.write(lambda tx: tx.hide_task(tasks[0]))
    store.write(lambda tx: tx.hide_task(tasks[0]))
    store.write(lambda tx: tx.save_jobs([replace(gone, removed=True)]))
    assert found(store) == ["b"]
    assert store.read(lambda tx: tx.task_at(tasks[0].seq)) is None
    view = store.read(lambda tx: tx.task_at(tasks[1].seq))
    assert view
    assert view.task.name == "b"
    shown = store.read(lambda tx: tx.shown_tasks([job.seq, 999]))
    assert shown == {job.seq: (tasks[1].seq,)}
    assert [each.seq for each in store.read(lambda tx: tx.find_jobs(wanted(), ALL))] == [job.seq]
    named = store.read(lambda tx: tx.named_tasks(job.seq, ["a", "b", "x"]))
    assert named == {task.name: task.seq for task in tasks}


def test_a_job_of_one_task_alone_is_no_job_to_be_shown(store: Store) -> None:
    whole, _ = submit(store, "a")
    single, _ = submit(store, "b")
    store.write(lambda tx: tx.insert_source(whole.seq, Source(text="jobs:\n  a: ü")))
    store.write(lambda tx: tx.insert_source(single.seq, Source(single=True)))
    assert [each.seq for each in store.read(lambda tx: tx.find_jobs(wanted(), ALL))] == [whole.seq]
    assert store.read(lambda tx: tx.sources([whole.seq, single.seq, 99])) == {
        whole.seq: Source(text="jobs:\n  a: ü"),
        single.seq: Source(single=True),
    }
    assert found(store) == ["b", "a"]
    assert store.read(lambda tx: tx.job_at(single.seq)) == store.read(lambda tx: tx.job(single.id))
    store.write(lambda tx: tx.delete_job(single.seq))
    assert store.read(lambda tx: tx.sources([single.seq])) == {}
    assert found(store) == ["a"]


def test_jobs_in_every_order(store: Store) -> None:
    jobs = [submit(store, created_at_us=NOW_US - n, finished_at_us=n or None)[0] for n in range(3)]
    for field in JOB_KEYS:
        sort = Sort(field=field, descending=False)
        got = store.read(lambda tx: tx.find_jobs(wanted(keys=JOB_KEYS, sort=sort), ALL))  # noqa: B023
        assert [one.seq for one in got] == [one.seq for one in sorted(jobs, key=JOB_KEYS[field])], field


def project(seq: int, **changed: object) -> Project:
    plain = Project(seq=seq, id=values.new_id(), org_id=ORG, name=f"p{seq}", created_at_us=NOW_US, created_by="ann")
    return replace(plain, **changed)  # type: ignore[arg-type]


def test_projects_are_kept_whole_changed_and_deleted(store: Store) -> None:
    full = project(2, access="public", kind="k", data={"a": [1, None]}, graph=[], modified_at_us=NOW_US + 5)
    store.write(lambda tx: [tx.insert_project(each) for each in (project(1), full, project(3, org_id="org-2"))])
    assert store.read(lambda tx: tx.project_at(2)) == full
    assert values.unset(full) == {"removed"}
    changed = replace(full, name="new", data=None, removed=True)
    store.write(lambda tx: tx.save_project(changed))
    assert store.read(lambda tx: (tx.project_at(2), tx.removed_projects(5))) == (changed, [changed])
    assert [one.seq for one in store.read(lambda tx: tx.projects(ORG))] == [1]
    got = store.read(lambda tx: tx.find_projects(wanted("user:AN* AND name:p*", PROJECT_KEYS), ALL))
    assert [one.seq for one in got] == [1]
    store.write(lambda tx: tx.delete_project(2))
    assert store.read(lambda tx: tx.project_at(2)) is None


def test_projects_in_order_of_their_last_change(store: Store) -> None:
    store.write(
        lambda tx: [tx.insert_project(project(n, modified_at_us=NOW_US + 9 if n == 1 else None)) for n in (1, 2)]
    )
    got = store.read(lambda tx: tx.find_projects(wanted(sort=Sort(field="modified")), ALL))
    assert [one.seq for one in got] == [1, 2]


def asset(seq: int, filename: str, **changed: object) -> Asset:
    plain = Asset(
        seq=seq, id=values.new_id(), org_id=ORG, project_id=HERE, filename=filename, size=seq * 10, checksum="sha256:0",
        media_type="x/y", created_at_us=NOW_US, modified_at_us=NOW_US - seq, created_by="ann", blob=f"blob {seq}",
    )  # fmt: skip
    return replace(plain, **changed)  # type: ignore[arg-type]


def test_assets_by_name_and_in_every_order(store: Store) -> None:
    stored = [asset(1, "Part.STL"), asset(2, "part_b.stl"), asset(3, "other.bin")]
    others = [asset(4, "part.stl", project_id="project-2"), asset(5, "part.stl", org_id="org-2")]
    store.write(lambda tx: [tx.insert_asset(each) for each in (*stored, *others)])
    got = store.read(lambda tx: tx.find_assets(wanted('filename:"part*"', ASSET_KEYS), ALL))
    assert [one.seq for one in got] == [2, 1]
    assert store.read(lambda tx: tx.asset_at(3)) == stored[2]
    for field in ASSET_KEYS:
        sort = Sort(field=field, descending=False)
        got = store.read(lambda tx: tx.find_assets(wanted(keys=ASSET_KEYS, sort=sort), ALL))  # noqa: B023
        assert got == sorted(stored, key=lambda one: (ASSET_KEYS[field](one), one.seq)), field  # type: ignore[arg-type]


def test_of_files_with_one_name_the_newest_is_meant(store: Store) -> None:
    stored = [asset(1, "a.stl"), asset(2, "a.stl"), asset(3, "A.stl"), asset(4, "a.stl", project_id="project-2")]
    store.write(lambda tx: [tx.insert_asset(each) for each in stored])
    found = store.read(lambda tx: tx.assets_called(ORG, HERE, ["a.stl", "none"]))
    assert found == {"a.stl": stored[1]}
    assert store.read(lambda tx: tx.assets_called(ORG, HERE, [])) == {}


def test_a_task_by_itself_can_be_renamed(store: Store) -> None:
    job, (task,) = submit(store, "before")
    store.write(lambda tx: tx.rename_task(task, "after"))
    view = store.read(lambda tx: tx.task_at(task.seq))
    assert view
    assert (view.task.name, view.spec.name) == ("after", "after")
    assert found(store, "name:after") == ["after"]
    assert store.read(lambda tx: tx.named_tasks(job.seq, ["before", "after"])) == {"after": task.seq}


def test_what_an_organization_has_is_counted(store: Store) -> None:
    submit(store, "a")
    submit(store, "b", org_id="org-2")
    store.write(lambda tx: [tx.insert_project(project(n)) for n in (1, 2)])
    store.write(lambda tx: tx.insert_asset(asset(1, "up")))
    store.write(lambda tx: tx.insert_asset(asset(2, "out", run_id="r", name="o")))
    assert store.read(lambda tx: tx.tally(ORG)) == Tally(projects=2, uploads=1, outputs=1, jobs=1)
