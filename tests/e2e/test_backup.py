"""A backup of an installation at work, put back somewhere else: what was accepted goes on, what ran runs again."""

import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests

from app.adapters import sql
from app.adapters.archive import NoBackupError, unpack
from app.services.access import ORG
from tests.e2e.fleet import Fleet
from tests.e2e.jobs import Task, command, noop, sleep
from tests.invariants import assert_holds, check_ended, check_world, read_world
from tests.servers import PostgresServer, find_postgres
from tests.wait import wait_until

OPTIONS = ("--cpus", "2", "--memory", "1024")
SECRET = "a value nobody sees"
TELL = {"argv": ["sh", "-c", "echo ${#S}"], "env": {"S": "${{ secrets.S }}"}}


def offline(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command that works on the data folder itself."""
    return Fleet(data).offline(*words)


def with_a_file(fleet: Fleet) -> str:
    """A job that has ended and left one."""
    write = command("write", "sh", "-c", "echo kept > f") | {"outputs": [{"source": {"path": "f"}, "name": "f"}]}
    job_id = fleet.submit([write])
    assert fleet.ended(job_id)["state"] == "succeeded"
    return job_id


def under_way(fleet: Fleet, gate: Path, *more: Task) -> tuple[str, str]:
    """A job that is at work until there is a gate and has more to do, and its run that is running."""
    wait = "until [ -e gate ]; do sleep 0.05; done".replace("gate", str(gate))
    job_id = fleet.submit([command("long", "sh", "-c", wait), noop("after", "long"), *more])
    running = wait_until(lambda: [run for run in fleet.runs(job_id) if run["state"] == "running"], 30, fleet.logs)
    return job_id, running[0]["id"]


@pytest.mark.timeout(300)
def test_backup_while_it_runs_and_restore(tmp_path: Path, start: Callable[..., Fleet]) -> None:
    fleet = start(*OPTIONS)
    fleet.client.put("/v1/secrets/S", {"value": SECRET})
    done = with_a_file(fleet)
    tell = {"name": "tell", "executor": "command", "payload": TELL, "needs": ["big"]}
    open_, run_id = under_way(fleet, gate := tmp_path / "gate", sleep("big", 0.1, cpu=2), tell)
    file = tmp_path / "backup.tar.gz"
    said = offline(fleet.data, "backup", str(file), "--data", str(fleet.data))
    assert said.returncode == 0, said.stderr
    assert "1 stored files" in said.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = offline(fleet.data, "backup", str(file), "--data", str(fleet.data))
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert fleet.client.get(f"/v1/runs/{run_id}")["state"] == "running"
    after = fleet.submit([noop("too late")])  # accepted after the backup
    node_token = (fleet.data / "node-token").read_text().strip()
    node_id = fleet.client.get(f"/v1/runs/{run_id}")["nodeId"]
    fleet.remove()

    data = tmp_path / "elsewhere" / "data"
    refused = offline(data, "restore", str(file), "--data", str(fleet.data))
    assert (refused.returncode, "is not empty" in refused.stderr) == (1, True)
    restored = offline(data, "restore", str(file), "--data", str(data))
    assert restored.returncode == 0, restored.stderr
    assert "1 runs were under way" in restored.stdout

    second = Fleet(data, *OPTIONS)
    try:
        second.start()
        gate.touch()
        assert second.ended(open_)["state"] == "succeeded"
        assert second.client.get(f"/v1/runs/{run_id}")["state"] == "lost"
        long = second.tasks(open_)["long"]["id"]
        assert sorted(run["state"] for run in second.runs(open_) if run["taskId"] == long) == ["lost", "succeeded"]
        assert not [job for job in second.client.items("/v1/jobs") if job["id"] == after]
        asset = next(iter(second.client.items(f"/v1/jobs/{done}/outputs")))
        assert b"".join(second.client.fetch(f"/v1/assets/{asset['assetId']}/content")) == b"kept\n"
        lines = second.client.items(f"/v1/jobs/{open_}/messages")
        assert str(len(SECRET)) in [line["text"] for line in lines if "text" in line]
        # The node of the time before the backup tells how its run went on.
        report = {"runId": run_id, "fence": 1, "sequence": 99, "ending": {"state": "succeeded", "atUs": 1}}
        answer = requests.post(
            f"{second.url}/v1/nodes/{node_id}/reports",
            json={"free": {"cpuMilli": 1000, "memoryMib": 100}, "reports": [report]},
            headers={"Authorization": f"Bearer {node_token}"},
            timeout=10,
        )
        assert (answer.status_code, answer.json()["stale"]) == (409, [run_id])
        assert second.client.get(f"/v1/runs/{run_id}")["state"] == "lost"
    finally:
        second.remove()
    with closing(sql.open_store(f"sqlite:///{data / 'flotilla.db'}", threads=1)) as store:
        world = read_world(store, ORG)
    assert_holds(check_world(world), check_ended(world))


def test_what_is_no_backup_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    file, data = tmp_path / "x.tar", tmp_path / "data"
    file.write_bytes(os.urandom(2000))
    said = offline(data, "restore", str(file), "--data", str(data))
    assert (said.returncode, "is no backup of Flotilla" in said.stderr) == (1, True)
    evil = tmp_path / "evil.tar"
    (tmp_path / "passwd").write_text("x")
    with tarfile.open(evil, "w") as packed:
        packed.add(tmp_path / "passwd", "../passwd")
    with pytest.raises(NoBackupError, match="which no backup has"):
        unpack(evil, tmp_path)
    assert not data.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".data")]


@pytest.mark.timeout(300)
def test_dump_and_restore_of_a_database_server(
    tmp_path: Path, start: Callable[..., Fleet], postgres_server: PostgresServer
) -> None:
    """As `deploy/README.md` says: pg_dump while it runs, pg_restore into an empty database, `flotilla db restored`."""
    where = ["-h", str(postgres_server.folder), "-U", "postgres"]
    dump = tmp_path / "flotilla.dump"
    with postgres_server.database() as first, postgres_server.database() as second:
        fleet = start(*OPTIONS, FLOTILLA_DATABASE_URL=postgres_server.url(first))
        open_, run_id = under_way(fleet, gate := tmp_path / "gate")
        subprocess.run([find_postgres("pg_dump"), *where, "-Fc", "-f", str(dump), first], check=True, timeout=60)
        fleet.remove()
        subprocess.run([find_postgres("pg_restore"), *where, "-d", second, str(dump)], check=True, timeout=60)
        other = Fleet(fleet.data, *OPTIONS, FLOTILLA_DATABASE_URL=postgres_server.url(second))
        try:
            said = other.offline("db", "restored")
            assert said.returncode == 0, said.stderr
            assert "1 runs were under way" in said.stdout
            other.start()
            gate.touch()
            assert other.ended(open_)["state"] == "succeeded"
            assert other.client.get(f"/v1/runs/{run_id}")["state"] == "lost"
        finally:
            other.remove()
        with closing(sql.open_store(postgres_server.url(second), threads=1)) as store:
            world = read_world(store, ORG)
        assert_holds(check_world(world), check_ended(world))
