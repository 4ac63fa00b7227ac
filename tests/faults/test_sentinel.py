"""The primary Redis dies under load: Sentinels make its replica the primary, and the fleet follows them."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.deploy.brokers import PortRedis, Sentinel, remove
from tests.e2e.apart import Apart
from tests.faults.conftest import Figures
from tests.servers import ServerMissingError
from tests.wait import wait_until

pytestmark = pytest.mark.fault

TASKS = 120


class Watched:
    """A primary, its replica, and three Sentinels of which two decide."""

    def __init__(self) -> None:
        self.primary = PortRedis("--repl-diskless-sync-delay", "0")
        self.replica = PortRedis("--replicaof", "127.0.0.1", str(self.primary.port))
        self.sentinels = [Sentinel(self.primary.port, quorum=2, down_after_ms=500) for _ in range(3)]

    @property
    def all(self) -> list[PortRedis | Sentinel]:
        return [self.primary, self.replica, *self.sentinels]

    @property
    def url(self) -> str:
        return ";".join(f"sentinel://127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)

    def start(self) -> None:
        for server in self.all:
            server.start()
        wait_until(lambda: all(each.knows(replicas=1, sentinels=2) for each in self.sentinels), 20)


@pytest.fixture
def watched() -> Iterator[Watched]:
    try:
        made = Watched()
    except ServerMissingError as error:
        missing(error)
    with contextlib.ExitStack() as undo:
        undo.callback(remove, made.all)
        made.start()
        yield made


def task(name: str, ledger: Path, *needs: str) -> dict[str, object]:
    line = json.dumps(name)
    argv = ["sh", "-c", f"echo {line} >> {ledger}; sleep 0.05"]
    return {"name": name, "executor": "command", "needs": list(needs), "payload": {"argv": argv}}


def test_dispatch_follows_the_new_primary_and_no_task_is_lost_or_done_twice(
    watched: Watched, tmp_path: Path, figures: Figures
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    servers = {"FLOTILLA_DATABASE_URL": f"sqlite:///{tmp_path / 'flotilla.db'}", "FLOTILLA_BROKER_URL": watched.url}
    able = {"FLOTILLA_CPUS": "2", "FLOTILLA_MEMORY_MB": "1024"}
    fleet = Apart(tmp_path / "data", nodes=2, node=able, FLOTILLA_HANDOFF="0", **servers)
    with contextlib.ExitStack() as undo:
        undo.callback(fleet.remove)
        fleet.start()
        jobs = [fleet.submit([task(f"a{number}", ledger) for number in range(TASKS)], name="before")]
        wait_until(lambda: len(ledger.read_text().splitlines()) > TASKS // 6, 20, fleet.logs)
        watched.primary.kill()
        figures.restart()
        jobs.append(fleet.submit([task("b", ledger), task("c", ledger, "b")], name="meanwhile"))
        wait_until(lambda: watched.sentinels[0].primary() == watched.replica.port, 20)
        elected_s = figures.elapsed_s()
        jobs.append(fleet.submit([task("d", ledger)], name="after"))
        assert [fleet.ended(job, 40)["state"] for job in jobs] == ["succeeded"] * 3
        figures.note(
            f"a new primary after {elected_s:.1f} s, all {TASKS + 3} tasks done after {figures.elapsed_s():.1f} s"
        )
        assert set(Counter(ledger.read_text().split()).values()) == {1}
        assert len(ledger.read_text().split()) == TASKS + 3
        assert {len(list(fleet.runs(job))) for job in jobs[1:]} == {2, 1}
        codes = fleet.stop()
    assert set(codes.values()) == {0}
