"""`flotilla up` and all that it started are killed at one blow; the next one on the folder ends what was accepted."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.client import TERMINAL, Client, command
from tests.faults.conftest import Figures
from tests.faults.fleet import CLOCKWORK_NAME, free_port
from tests.faults.process import Process
from tests.servers import short_folder
from tests.wait import wait_until

pytestmark = pytest.mark.fault


@pytest.fixture
def folder() -> Iterator[Path]:
    made = short_folder("fl-up-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def up(folder: Path) -> Iterator[Process]:
    port = free_port()
    options = ["--data", str(folder / "data"), "--port", str(port), "--cpus", "4", "--memory", "1024", "--nodes", "2"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("FLOTILLA_")}
    environ |= {"FLOTILLA_CLOCKWORK": CLOCKWORK_NAME, "XDG_CONFIG_HOME": str(folder / "config")}
    environ |= {"PORT_OF_TEST": str(port)}
    start = [sys.executable, "-c", "from app.cli.main import main; main()", "up", *options]
    process = Process("up", start, environ, folder)
    process.start()
    yield process
    process.end(20)


def client_of(up: Process, folder: Path) -> Client:
    ready = f"ready http://127.0.0.1:{up.environ['PORT_OF_TEST']}"
    wait_until(lambda: up.log.read_text().count(ready) == up.log.read_text().count("---- up"), 60, dump=up.tail)
    token = (folder / "data" / "token").read_text().strip()
    return Client(ready.removeprefix("ready "), token)


def marked(folder: Path) -> set[int]:
    """Every process that has the folder in its environment or on its command line."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(folder) in " ".join([*process.cmdline(), *process.environ().values()]):
                found.add(process.pid)
    return found - {os.getpid()}


def test_up_is_killed_with_everything_and_starts_again(up: Process, folder: Path, figures: Figures) -> None:
    client = client_of(up, folder)
    ledger = folder / "ledger"
    ledger.touch()
    stubborn = client.submit([command(ledger, "stubborn", "stubborn")], name="stubborn")
    wait_until(lambda: client.running(stubborn), 30, dump=up.tail)
    names = [f"part-{n}" for n in range(16)]
    jobs = [
        client.submit(
            [command(ledger, name, "ok", 0.5) for name in names] + [command(ledger, "join", "ok", needs=names)],
            name=f"job-{n}",
        )
        for n in range(3)
    ]
    wait_until(lambda: len(client.running(jobs[0])) >= 2, 30, dump=up.tail)
    old = marked(folder)
    assert len(old) >= 6
    up.kill()  # first, so that no node lives to see its programs die
    for pid in old:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    wait_until(lambda: not (marked(folder) & old), 10)
    figures.restart()
    up.start()
    client = client_of(up, folder)
    figures.note(f"ready again after {figures.elapsed_s():.2f} s")
    wait_until(lambda: all(client.job(job)["state"] in TERMINAL for job in jobs), 60, dump=up.tail)
    figures.note(f"every accepted job ended {figures.elapsed_s():.2f} s after the start")
    assert {client.job(job)["state"] for job in jobs} == {"succeeded"}
    client.post(f"/v1/jobs/{stubborn}/cancel")
    wait_until(lambda: client.job(stubborn)["state"] == "canceled", 10, dump=up.tail)


def test_up_alone_is_killed_and_nothing_outlives_it(up: Process, folder: Path, figures: Figures) -> None:
    client = client_of(up, folder)
    ledger = folder / "ledger"
    ledger.touch()
    job = client.submit([command(ledger, f"stubborn-{n}", "stubborn") for n in range(3)], name="stubborn")
    wait_until(lambda: len(client.running(job)) == 3 and len(ledger.read_text().splitlines()) == 3, 30, dump=up.tail)
    old = marked(folder)
    figures.restart()
    up.kill()
    wait_until(lambda: not (marked(folder) & old), 10)
    figures.note(f"all {len(old)} processes were gone {figures.elapsed_s():.2f} s after `up` was killed")
