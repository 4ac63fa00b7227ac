"""`flotilla up`: it keeps its processes alive, ends without leaving any, and goes on where it was killed."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Start
from tests.e2e.fleet import Fleet, alive, kill, order_violations
from tests.e2e.jobs import fan, noop, sleep
from tests.wait import wait_until

pytestmark = pytest.mark.fault


def up(*options: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """An `up` that is expected to refuse."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FLOTILLA_")}
    command = [sys.executable, "-m", "app.cli.main", "up", "--no-profile", *options]
    return subprocess.run(command, env=kept | environ, capture_output=True, text=True, timeout=30, check=False)


def test_it_says_where_everything_is_and_keeps_it_to_its_owner(start: Start) -> None:
    fleet = start("--no-node")
    text = "\n".join(fleet.said)
    assert f"ready {fleet.url}" in fleet.said
    assert str(fleet.data / "token") in text
    assert "Ctrl-C" in text
    assert stat.S_IMODE((fleet.data / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(fleet.data.stat().st_mode) == 0o700
    assert fleet.cli("nodes", "-o", "id").stdout == ""


def test_an_interrupt_ends_everything_within_seconds(start: Start) -> None:
    fleet = start("--nodes", "2", "--cpus", "1")
    assert fleet.cli("run", "--", "true").returncode == 0
    tree = fleet.tree()
    assert len(tree) >= 6
    assert fleet.interrupt() < 5
    wait_until(lambda: not alive(tree), 5, lambda: alive(tree))


def test_a_second_interrupt_does_not_wait_for_what_runs(start: Start) -> None:
    fleet = start("--cpus", "1", FLOTILLA_GRACE_S="50")
    job_id = fleet.submit([sleep("long", 50)])
    wait_until(lambda: fleet.tasks(job_id)["long"]["state"] == "running", 20)
    tree = fleet.tree()
    assert fleet.process
    fleet.process.send_signal(signal.SIGINT)
    wait_until(lambda: any("draining" in line for line in fleet.said))
    assert fleet.interrupt() < 5
    wait_until(lambda: not alive(tree), 10, lambda: alive(tree))


def test_nothing_of_it_outlives_an_up_that_was_killed(start: Start) -> None:
    fleet = start("--nodes", "2", "--cpus", "1")
    job_id = fleet.submit([sleep("long", 60)])
    wait_until(lambda: fleet.tasks(job_id)["long"]["state"] == "running", 20)
    tree = fleet.tree()
    kill(tree[:1])
    wait_until(lambda: not alive(tree), 10, lambda: alive(tree))


@pytest.mark.parametrize("name", ["broker", "web", "engine", "node-1"])
def test_a_process_that_was_killed_is_started_again_and_the_work_goes_on(start: Start, name: str) -> None:
    fleet = start("--cpus", "2", "--memory", "1024")
    wait_until(lambda: name in fleet.children(), 20)
    job_id = fleet.submit([*(sleep(f"s{n}", 0.1) for n in range(10)), noop("join", *(f"s{n}" for n in range(10)))])
    old = fleet.children()[name]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: fleet.children().get(name, old) != old, 20, fleet.logs)
    assert fleet.ended(job_id)["state"] == "succeeded"
    assert order_violations(fleet, job_id) == []
    assert any(line.startswith(f"{name} ended (SIGKILL)") for line in fleet.said)


def test_a_new_up_finishes_what_was_left_when_everything_was_killed(start: Start) -> None:
    fleet = start("--cpus", "2", "--memory", "1024")
    names = [f"s{n}" for n in range(30)]
    job_id = fleet.submit([*(sleep(name, 0.1) for name in names), noop("join", *names)])
    wait_until(lambda: fleet.client.get(f"/v1/jobs/{job_id}")["counts"]["succeeded"] >= 5, 30, fleet.logs)
    tree = fleet.tree()
    kill(tree)
    wait_until(lambda: not alive(tree), 10, lambda: alive(tree))
    again = start("--cpus", "2", "--memory", "1024")
    job = again.ended(job_id)
    assert (job["state"], job["counts"]["succeeded"]) == ("succeeded", 31)
    succeeded = [run["taskId"] for run in again.runs(job_id) if run["state"] == "succeeded"]
    assert len(succeeded) == len(set(succeeded)) == 31
    assert order_violations(again, job_id) == []


def test_a_second_up_on_the_same_data_is_refused(start: Start) -> None:
    fleet = start("--no-node")
    assert fleet.process
    refused = up("--data", str(fleet.data), "--port", "0")
    assert refused.returncode == 1
    assert str(fleet.process.pid) in refused.stderr


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        refused = up("--data", str(tmp_path / "data"), "--port", str(busy.getsockname()[1]))
    assert refused.returncode == 1
    assert "is taken" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_it_is_never_open_to_the_network_for_everybody(tmp_path: Path) -> None:
    refused = up("--data", str(tmp_path), "--host", "0.0.0.0", FLOTILLA_ANONYMOUS_ROLE="admin")
    assert refused.returncode == 2
    assert "FLOTILLA_ANONYMOUS_ROLE" in refused.stderr


def test_a_data_folder_with_a_long_path_works_and_leaves_nothing_outside(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / ("d" * 70) / ("e" * 70), "--cpus", "1")
    try:
        fleet.start()
        assert fleet.cli("run", "--", "echo", "far").stdout == "far\n"
        elsewhere = Path((fleet.data / "broker-socket").read_text().strip())
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        fleet.interrupt()
        assert not elsewhere.exists()
    finally:
        fleet.remove()


def test_the_broker_is_a_server_on_a_socket_that_nobody_else_may_open(start: Start) -> None:
    fleet = start("--no-node")
    broker = psutil.Process(fleet.children()["broker"])
    assert broker.name() in ("redis-server", "valkey-server")
    assert not [one for one in broker.net_connections() if one.family != socket.AF_UNIX]


def test_a_broker_that_cannot_read_its_file_is_started_empty_and_no_task_is_lost(start: Start) -> None:
    fleet = start("--no-node")
    job_id = fleet.submit(fan(20))
    fleet.interrupt()
    (file,) = (fleet.data / "broker" / "appendonlydir").glob("*.base.rdb")
    file.write_bytes(b"not what a broker wrote")
    again = start("--cpus", "2", "--memory", "1024")
    assert again.ended(job_id)["counts"]["succeeded"] == 22
    assert list(again.data.glob("broker.unreadable-*"))
