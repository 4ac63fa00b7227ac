"""Do ended jobs go when they are old or too many, not before their text is safe, and not while they are needed?"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from app.adapters import sql
from app.adapters.file_blobs import FileBlobs
from app.adapters.memory import MemoryStore
from app.cli.main import flotilla
from app.domain.errors import Unavailable
from app.domain.job import Job
from app.ports.store import Store
from app.services import archive, organizations, retention
from app.services.core import KeepRules
from app.services.retention import Keeper
from tests.services.world import Clock, World

DAY = 86_400


class Away(FileBlobs):
    def put(self, *_: Any) -> Any:
        raise Unavailable("the archive is away")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """With a clock of its own whatever the store is."""
    clock = Clock(now_us=1_790_000_000_000_000)
    store: Store = MemoryStore(clock)
    if request.param != "memory":
        url = f"sqlite:///{tmp_path}/s.db"
        if request.param == "postgresql":
            url = request.getfixturevalue("postgres_url")
        sql.upgrade(url)
        store = sql.open_store(url, threads=2)
    made = World(store=store)
    made.clock = clock
    organizations.ensure_home(made.core)
    yield made
    store.close()


def keeps(world: World, folder: Path | None = None, **rules: Any) -> World:
    archived = FileBlobs(folder, spread=False) if folder else None
    world.core = replace(world.core, keep=KeepRules(**rules), archive=archived)
    return world


def ended(world: World, count: int) -> list[Job]:
    """Jobs of two tasks that ended well, one after the other."""
    node = world.node()
    jobs = [world.submit({"a": [], "b": ["a"]}, name=f"job {n}") for n in range(count)]
    world.drive(node)
    return [world.job(job) for job in jobs]


def age(world: World, job: Job, days: int) -> None:
    def work(tx: Any) -> None:
        (found,) = tx.lock_jobs([job.seq])
        tx.save_jobs([replace(found, finished_at_us=tx.now_us - days * DAY * 1_000_000)])

    world.store.write(work)


def left(world: World, jobs: list[Job]) -> list[str]:
    found = world.store.read(lambda tx: [tx.job(job.id) for job in jobs])
    return [job.name for job in found if job is not None]


def step(world: World) -> int:
    return retention.step(world.core, Keeper(holder="engine"))


def test_without_rules_nothing_goes(world: World) -> None:
    jobs = ended(world, 2)
    age(world, jobs[0], 1000)
    assert step(world) == 0
    assert len(left(world, jobs)) == 2


def test_old_jobs_go_and_leave_their_text(world: World, tmp_path: Path) -> None:
    jobs = ended(keeps(world, tmp_path / "archive", days=30), 3)
    age(world, jobs[0], 31)
    age(world, jobs[1], 29)
    assert step(world) == 1
    assert left(world, jobs) == ["job 1", "job 2"]
    (file,) = (tmp_path / "archive").glob("*/*")
    assert file.name == f"{jobs[0].id}{archive.ENDING}"
    lines = [orjson.loads(line) for line in zlib.decompress(file.read_bytes(), 31).splitlines()]
    assert lines[0]["job"]["name"] == "job 0"
    assert [line["task"]["name"] for line in lines if "task" in line] == ["a", "b"]
    assert [line["spec"]["needs"] for line in lines if "task" in line] == [[], ["a"]]
    assert [line["run"]["state"] for line in lines if "run" in line] == ["succeeded"] * 2
    assert lines[-1] == {"tasks": 2, "runs": 2, "lines": 0}


def test_of_many_only_the_newest_stay(world: World) -> None:
    jobs = ended(keeps(world, jobs=2), 5)
    for job, days in zip(jobs, (5, 4, 3, 2, 1), strict=True):
        age(world, job, days)
    running = world.submit({"a": []}, name="running")
    assert step(world) == 3
    assert left(world, [*jobs, running]) == ["job 3", "job 4", "running"]
    assert step(world) == 0


def test_no_job_goes_while_the_archive_is_away(world: World, tmp_path: Path) -> None:
    jobs = ended(keeps(world, tmp_path / "archive", days=1), 1)
    age(world, jobs[0], 2)
    here = world.core
    world.core = replace(here, archive=Away(tmp_path / "away", spread=False))
    with pytest.raises(Unavailable):
        step(world)
    assert left(world, jobs) == ["job 0"]
    world.core = here
    assert step(world) == 1
    assert left(world, jobs) == []


def test_one_engine_at_a_time_lets_jobs_go(world: World) -> None:
    jobs = ended(keeps(world, days=1), 1)
    age(world, jobs[0], 2)
    world.store.write(lambda tx: tx.lead(retention.LEADER, "another", tx.now_us + 10_000_000))
    assert step(world) == 0
    assert left(world, jobs) == ["job 0"]


def test_a_job_whose_files_are_needed_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = ended(keeps(world, days=1), 2)
    for job in jobs:
        age(world, job, 2)
    needed = {jobs[0].seq}
    reader = type(world.store.read(lambda tx: tx))
    monkeypatch.setattr(reader, "gives_inputs", lambda _, seq: seq in needed)
    assert step(world) == 1
    assert left(world, jobs) == ["job 0"]
    needed.clear()
    assert step(world) == 1


def test_the_archive_is_read_by_people(tmp_path: Path) -> None:
    world = keeps(World(), tmp_path / "archive", days=1)
    organizations.ensure_home(world.core)
    jobs = ended(world, 2)
    for job in jobs:
        age(world, job, 2)
    assert step(world) == 2
    asked = CliRunner(env={"FLOTILLA_ARCHIVE_URL": f"file://{tmp_path}/archive"})
    listed = asked.invoke(flotilla, ["archive", "list"])
    assert listed.exit_code == 0, listed.output
    assert all(job.id in listed.output and job.name in listed.output for job in jobs)
    shown = asked.invoke(flotilla, ["archive", "show", jobs[1].id])
    assert orjson.loads(shown.output.splitlines()[0])["job"]["id"] == jobs[1].id
    assert asked.invoke(flotilla, ["archive", "show", "ffffffff"]).exit_code != 0
