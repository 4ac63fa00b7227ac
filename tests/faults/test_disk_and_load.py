"""Disks that are full, databases that are busy, joins that are wide."""

import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.client import ApiError, call, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import PRODUCTION, Fleet
from tests.servers import short_folder

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def volume() -> Iterator[Path]:
    """A disk of 64 MB for the database, the scratch folders and the spools."""
    folder = short_folder("fl-disk-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "flotilla-test", str(folder)], capture_output=True)
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


@pytest.fixture(scope="module")
def shared(volume: Path) -> Iterator[Fleet]:
    with fleet_of(nodes=1, cpus=8, memory=4096, data=volume) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    (shared.data / "filler").unlink(missing_ok=True)
    settle(shared, request)


def fill(folder: Path) -> Path:
    """Every last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"f" * size)
            except OSError:
                continue
    return filler


def test_f19_a_run_fills_the_disk_of_its_scratch_folder(fleet: Fleet) -> None:
    job = fleet.submit([command(fleet.ledger, "filling", "fill", 200, memory=512)], name="f19 run")
    fleet.finish(job)
    (task,) = fleet.client.tasks(job)
    assert task["state"] == "failed"
    (run,) = fleet.client.runs(job)
    texts = [line["text"] for line in fleet.client.items(f"/v1/runs/{run['id']}/messages")]
    assert any("No space left" in text for text in texts)
    after = fleet.submit([command(fleet.ledger, "after", "ok")], name="f19 after")
    fleet.finish(after)
    assert fleet.state(after) == "succeeded"


def test_f19_the_disk_of_everything_is_full(fleet: Fleet, figures: Figures) -> None:
    job = fleet.submit([command(fleet.ledger, f"before-{n}", "ok", 0.5) for n in range(20)], name="f19 all")
    fleet.running(job, 2)
    filler = fill(fleet.data)
    statuses: set[int] = set()
    for number in range(100):
        try:
            tasks = [command(fleet.ledger, f"t{n}", "ok") for n in range(4)]
            for task in tasks:
                task["payload"]["stdin"] = "s" * 200_000
            fleet.jobs.append(fleet.client.submit(tasks, name=f"f19 full {number}"))
            statuses.add(201)
        except ApiError as refused:
            statuses.add(refused.status)
            if number > 5:
                break
        fill(fleet.data)
    assert statuses <= {201, 503, 507}
    assert statuses & {503, 507}
    filler.unlink()
    figures.restart()
    fleet.finish(*fleet.jobs, within_s=60)
    figures.note(
        f"answers on a full disk: {sorted(statuses)}; all ended {figures.elapsed_s():.2f} s after there was room"
    )
    with closing(sqlite3.connect(fleet.data / "flotilla.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_f30_a_busy_sqlite(fleet: Fleet, figures: Figures) -> None:
    """A reader that stays, a copy of the database while it runs, and somebody else's write that takes its time."""
    stop = threading.Event()
    path = fleet.data / "flotilla.db"

    def read_long() -> None:
        with closing(sqlite3.connect(path)) as database:
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM tasks").fetchone()
            stop.wait(30)

    def copy() -> None:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(":memory:")) as target:
            while not stop.wait(0.05):
                source.backup(target, pages=16, sleep=0.001)

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
            while not stop.wait(0.02):
                database.execute("BEGIN IMMEDIATE")
                stop.wait(0.3)
                database.execute("COMMIT")

    threads = [threading.Thread(target=target) for target in (read_long, copy, write)]
    for each in threads:
        each.start()
    try:
        times = []
        for number in range(20):
            began = time.monotonic()
            fleet.submit([command(fleet.ledger, "one", "ok")], name=f"f30-{number}")
            times.append(time.monotonic() - began)
        fleet.finish(*fleet.jobs[-20:], within_s=60)
    finally:
        stop.set()
        for each in threads:
            each.join()
    figures.note(f"slowest of 20 submits {max(times):.2f} s; no refusal")
    for each in fleet.processes:
        assert "is locked" not in each.log.read_text()


def test_f23_a_wide_join(fleet: Fleet, figures: Figures) -> None:
    width = 10_000 if PRODUCTION else 2000
    names = [f"w{n}" for n in range(width)]
    tasks = [call("top", "noop")] + [call(name, "noop", needs=["top"]) for name in names]
    figures.restart()
    job = fleet.submit([*tasks, call("join", "noop", needs=names)], name="f23")
    submitted_s = figures.elapsed_s()
    fleet.finish(job, within_s=100)
    elapsed_s = figures.elapsed_s() - submitted_s
    assert fleet.state(job) == "succeeded"
    figures.note(f"{width} wide: submit {submitted_s:.2f} s, run {elapsed_s:.2f} s, {width / elapsed_s:.0f} tasks/s")
