"""Templates, their versions, and the jobs that were started from them: what every store promises."""

from dataclasses import fields

from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.domain.template import Kind, Question, QuestionType, Template, Version, VersionNote
from app.ports.records import Page
from app.ports.store import Store
from app.ports.templates import JobsWanted
from app.wire.resources import Resources
from app.wire.states import JobState
from tests.conformance.values import NOW_US, ORG, ROUTE, submit, unset
from tests.replacing import replace

ALL = Page(limit=100)
TEMPLATE = Template(
    seq=1,
    id="t1",
    org_id=ORG,
    name="mesh",
    description="makes meshes",
    kind=Kind.MODULE,
    created_by="somebody",
    created_at_us=NOW_US,
    changed_at_us=NOW_US + 1,
    version=2,
    runs=7,
)
TASK = TaskSpec(
    name="a",
    executor="command",
    payload={"argv": ["echo", "${{ job.parameters.x }}"]},
    shape=Resources(cpu_milli=2000, memory_mib=512),
    priority=70,
    tag="linux",
    max_attempts=2,
)
JOB = JobSpec(
    name="the job",
    tasks=(TASK, replace(TASK, name="b", needs=("a",))),
    priority=60,
    project_id="p1",
    parameters={"fixed": [1, {"a": None}]},
    labels={"team": "\u00e4"},
    max_failed_tasks=3,
    continue_on_failure=False,
    webhooks=({"url": "https://example.org"},),
)
QUESTIONS = (
    Question(
        name="x",
        type=QuestionType.CHOICE,
        description="which",
        default=["one"],
        required=True,
        choices=("one", "two"),
        multiple=True,
    ),
    Question(name="y"),
)
VERSION = Version(
    template_id="t1",
    number=2,
    created_by="somebody else",
    created_at_us=NOW_US + 2,
    comment="better",
    job=JOB,
    questions=QUESTIONS,
)


def test_a_template_comes_back_whole(store: Store) -> None:
    store.write(lambda tx: (tx.insert_template(TEMPLATE), tx.insert_template_version(VERSION)))
    assert unset(TEMPLATE) == set()
    assert unset(QUESTIONS[0]) == set()
    assert unset(JOB, "template_id", "template_version", "id", "open", "submitted", "source") == set()
    assert store.read(lambda tx: tx.template("t1")) == TEMPLATE
    assert store.write(lambda tx: tx.lock_template("t1")) == TEMPLATE
    assert store.read(lambda tx: tx.template_version("t1", 2)) == VERSION
    assert store.read(lambda tx: (tx.template("t2"), tx.template_version("t1", 1))) == (None, None)
    assert store.write(lambda tx: tx.lock_template("t2")) is None


def test_templates_are_listed_newest_first_and_by_name(store: Store) -> None:
    made = [replace(TEMPLATE, seq=n, id=f"t{n}", name=f"n{n % 2}") for n in range(1, 6)]
    other = replace(TEMPLATE, seq=9, id="t9", org_id="org-2")
    store.write(lambda tx: [tx.insert_template(each) for each in (*made, other)])
    assert [each.seq for each in store.read(lambda tx: tx.templates(ORG, ALL))] == [5, 4, 3, 2, 1]
    assert [each.seq for each in store.read(lambda tx: tx.templates(ORG, Page(limit=2, after=(4,))))] == [3, 2]
    assert [each.seq for each in store.read(lambda tx: tx.templates(ORG, ALL, "n1"))] == [5, 3, 1]
    assert [each.seq for each in store.read(lambda tx: tx.templates("org-2", ALL))] == [9]


def test_a_change_leaves_the_number_of_runs(store: Store) -> None:
    store.write(lambda tx: tx.insert_template(TEMPLATE))
    store.write(lambda tx: tx.count_start("t1"))
    changed = replace(TEMPLATE, name="new", description="", kind=Kind.APP, changed_at_us=NOW_US + 9, version=3, runs=99)
    store.write(lambda tx: tx.save_template(changed))
    assert store.read(lambda tx: tx.template("t1")) == replace(changed, runs=8)
    store.write(lambda tx: (tx.count_start("t9"), tx.save_template(replace(TEMPLATE, id="t9"))))
    assert store.read(lambda tx: tx.template("t9")) is None


def test_versions_are_listed_newest_first_and_go_with_their_template(store: Store) -> None:
    other = replace(TEMPLATE, seq=2, id="t2")
    made = [replace(VERSION, number=n) for n in (1, 2, 3)]
    notes = [VersionNote(**{field.name: getattr(one, field.name) for field in fields(VersionNote)}) for one in made]
    store.write(lambda tx: [tx.insert_template(each) for each in (TEMPLATE, other)])
    store.write(lambda tx: [tx.insert_template_version(each) for each in (*made, replace(VERSION, template_id="t2"))])
    assert store.read(lambda tx: tx.template_versions("t1", ALL)) == notes[::-1]
    assert store.read(lambda tx: tx.template_versions("t1", Page(limit=1, after=(3,)))) == [notes[1]]
    store.write(lambda tx: tx.delete_template("t1"))
    assert store.read(lambda tx: (tx.template("t1"), tx.template_versions("t1", ALL))) == (None, [])
    assert store.read(lambda tx: len(tx.template_versions("t2", ALL))) == 1


def test_jobs_remember_their_template_and_are_found_by_place(store: Store) -> None:
    started = {"template_id": "t1", "template_version": 2}
    made = [
        submit(store, of_job={**started, "priority": priority, "state": state, "created_by": by})[0]
        for priority, state, by in (
            (50, JobState.SUCCEEDED, "ann"),
            (90, JobState.FAILED, "ann"),
            (50, JobState.RUNNING, "bob"),
            (10, JobState.PENDING, "ann"),
        )
    ]
    alone, _ = submit(store)
    submit(store, of_job={**started, "org_id": "org-2"})
    gone, _ = submit(store, of_job={**started, "removed": True})

    def found(**wanted: object) -> list[int]:
        asked = JobsWanted(**{"org_id": ORG, "limit": 10, "template_id": "t1", **wanted})  # type: ignore[arg-type]
        seqs = [job.seq for job in made]
        return [seqs.index(job.seq) for job in store.read(lambda tx: tx.jobs_wanted(asked))]

    assert store.read(lambda tx: tx.job(made[0].id)) == made[0]
    assert gone.template_version == 2
    assert found() == [3, 2, 1, 0]
    assert found(descending=False) == [0, 1, 2, 3]
    assert found(order="priority") == [1, 2, 0, 3]
    assert found(order="priority", descending=False) == [3, 0, 2, 1]
    assert found(offset=1, limit=2) == [2, 1]
    assert found(offset=9) == []
    assert found(created_by="ann") == [3, 1, 0]
    assert found(states=frozenset({JobState.SUCCEEDED, JobState.FAILED})) == [1, 0]
    assert found(states=frozenset()) == []
    assert found(states=frozenset({JobState.FAILED}), created_by="bob") == []
    assert found(template_id="t9") == []
    everything = JobsWanted(org_id=ORG, limit=1)
    assert store.read(lambda tx: tx.jobs_wanted(everything)) == [alone]


def test_first_routes_and_places(store: Store) -> None:
    job, tasks = submit(store, [[], [0], [1]])
    empty, _ = submit(store, [])
    assert store.read(lambda tx: tx.first_routes([job.seq, empty.seq, 99])) == {job.seq: ROUTE}
    assert store.read(lambda tx: tx.places([tasks[2].seq, tasks[0].seq, 999])) == {tasks[2].seq: 2, tasks[0].seq: 0}
    assert store.read(lambda tx: (tx.first_routes([]), tx.places([]))) == ({}, {})
