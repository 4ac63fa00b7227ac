"""An upgrade without a stop: processes of the version before and of this one side by side, and work all the while.

Nothing is lost or doubled, whoever serves whom: old nodes a new API, new nodes an old one.
"""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from app.adapters import sql
from tests.conftest import missing
from tests.faults.client import TERMINAL, ApiError, Client, call, command
from tests.faults.conftest import Figures, settle
from tests.faults.fleet import Fleet, free_port
from tests.faults.old_version import export
from tests.faults.process import Process
from tests.servers import ServerMissingError
from tests.wait import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

JOB = 10
MOST_OPEN = 60
"""Tasks that wait at a time at most: load, and no queue that would outlast the test."""


class TwoVersions(Fleet):
    """Starts as the old version; `web`, `engine` and `node` add processes of this one."""

    def __init__(self, old: Path, *, postgres: bool, nodes: int = 2) -> None:
        self._old = old
        super().__init__(nodes=nodes, postgres=postgres, cpus=4, memory=2048)

    def _start_servers(self) -> None:
        self.redis.start()
        if self.postgres:
            self.postgres.start()
            with self.postgres.connect() as connection:
                connection.execute("CREATE DATABASE flotilla")
        self.flotilla("db", "upgrade", old=True)

    def flotilla(self, *words: str, old: bool = False) -> str:
        """What a command says that works on the database."""
        environ = {**self._common(), "FLOTILLA_DATABASE_URL": self.database_url}
        done = subprocess.run(
            [sys.executable, "-m", "app.cli.main", *words],
            env={**environ, **(self._of_old() if old else {})},
            cwd=self._old if old else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _of_old(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self._old)}

    def _process(self, name: str, module: str, **more: str) -> Process:
        """Anybody may do anything at a web process here: there is no token before the first one has been asked for."""
        made = super()._process(name, module, **{"FLOTILLA_ANONYMOUS_ROLE": "admin", **more})
        made.environ |= self._of_old()
        made.cwd = self._old
        return made

    def renewed(self, process: Process) -> Process:
        """The same process of this version, not started."""
        environ = {key: value for key, value in process.environ.items() if key != "PYTHONPATH"}
        return Process(process.name, process.command, environ, self.folder)

    def open_nodes(self) -> None:
        """The fleet's nodes get a token, which a running web process makes."""
        self._node_token = self.client.post("/v1/tokens", {"name": "nodes", "role": "node"})["token"]
        for node in self.nodes:
            node.environ["FLOTILLA_NODE_TOKEN"] = self._node_token

    def begin(self) -> None:
        for each in (*self.webs, *self.engines):
            each.start()
        self.until(lambda: self.answers(self.client), 60)
        self.open_nodes()
        self.start()

    def answers(self, client: Client) -> bool:
        try:
            client.get("/readyz")
        except (ApiError, urllib3.exceptions.HTTPError):
            return False
        return True


class Load:
    """Submits jobs one after another, whenever there is room, at whichever web process answers."""

    def __init__(self, fleet: TwoVersions, chance: random.Random) -> None:
        self._fleet, self._chance = fleet, chance
        self.ended = 0
        self.refused: list[str] = []

    def turn(self) -> None:
        """Called again and again: one look, one job."""
        fleet = self._fleet
        client = self._chance.choice(fleet.clients)
        try:
            open_ = [job for job in fleet.jobs[-12:] if client.job(job)["state"] not in TERMINAL]
            self.ended = JOB * (len(fleet.jobs) - len(open_))
            if len(open_) * JOB < MOST_OPEN:
                key = f"upgrade-{len(fleet.jobs)}"
                fleet.jobs.append(client.submit(self._tasks(), name=key, key=key))
        except ApiError as error:
            self.refused.append(str(error))
        except urllib3.exceptions.HTTPError:
            pass  # that web process is going, or not yet there; the job is submitted to another one with the same key

    def until(self, condition: Callable[[], Any], within_s: float = 60.0) -> None:
        def look() -> bool:
            self.turn()
            return bool(condition())

        wait_until(look, within_s, dump=self._fleet.dump)

    def more(self, tasks: int) -> None:
        goal = self.ended + tasks
        self.until(lambda: self.ended >= goal)

    def _tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = []
        ledger = self._fleet.ledger
        for number in range(JOB):
            above = [task["name"] for task in tasks]
            needs = self._chance.sample(above, k=min(len(above), self._chance.choice((0, 1, 2))))
            name, seconds = f"t{number}", self._chance.choice((0, 0, 0.02, 0.2))
            if self._chance.random() < 0.3:
                tasks.append(command(ledger, name, "ok", seconds, needs=needs, attempts=3))
            else:
                tasks.append(call(name, "noted", needs=needs, ledger=str(ledger), seconds=seconds))
        return tasks


@contextmanager
def two_versions(folder: Path, **options: Any) -> Iterator[TwoVersions]:
    old = export(folder)
    try:
        made = TwoVersions(old, **options)
    except ServerMissingError as error:
        missing(error)
    with closing(made):
        made.begin()
        yield made


@pytest.fixture
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TwoVersions]:
    with two_versions(tmp_path, postgres=True) as made:
        made.watch()
        yield made
        settle(made, request)


@pytest.fixture
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TwoVersions]:
    """On SQLite, which has one web process."""
    with two_versions(tmp_path, postgres=False, nodes=1) as made:
        yield made
        settle(made, request)


def test_one_process_after_another(fleet: TwoVersions, figures: Figures) -> None:
    load = Load(fleet, random.Random(1))
    old_web, old_engine, old_nodes = fleet.webs[0], fleet.engines[0], list(fleet.nodes)
    load.more(50)
    before = sql.current(fleet.database_url)

    said = fleet.flotilla("db", "upgrade")
    assert said.startswith(f"at version {sql.head()}, was {before}")
    assert all(each.alive for each in fleet.processes)
    load.more(30)  # the old processes, on the new tables

    port = free_port()
    new_web = fleet.renewed(old_web)
    new_web.environ["FLOTILLA_PORT"] = str(port)
    new_engine = fleet.renewed(old_engine)
    for each in (new_web, new_engine):
        each.start()
    fleet.webs.append(new_web)
    fleet.engines.append(new_engine)
    fleet.clients.append(Client(f"http://127.0.0.1:{port}", ""))
    load.until(lambda: fleet.answers(fleet.clients[1]))
    fleet.api_links[0].target = ("127.0.0.1", port)
    fleet.api_links[0].reset_all()
    load.more(30)  # one old node talks to the new web process, the other to the old one; two engines, one leads

    old_nodes[1].end(30)
    fleet.nodes[1] = fleet.renewed(old_nodes[1])
    fleet.nodes[1].start()
    load.more(30)  # a new node at the old web process

    old_engine.end(30)
    fleet.engines.remove(old_engine)
    fleet.api_links[1].target = ("127.0.0.1", port)
    fleet.api_links[1].reset_all()
    fleet.clients.pop(0)
    old_web.end(30)
    fleet.webs.remove(old_web)
    load.more(30)  # an old node and a new one at the new web process alone

    old_nodes[0].end(30)
    fleet.nodes[0] = fleet.renewed(old_nodes[0])
    fleet.nodes[0].start()
    load.more(20)
    fleet.flotilla("db", "contract")
    load.more(20)
    assert "there is nothing to take away" in fleet.flotilla("db", "contract")
    fleet.finish(*fleet.jobs)
    assert not load.refused
    states = {fleet.state(job_id) for job_id in fleet.jobs}
    figures.note(f"{len(fleet.jobs) * JOB} tasks in {figures.elapsed_s():.1f} s, from {before} to {sql.head()}")
    assert states == {"succeeded"}


def test_all_processes_at_once_with_work_under_way(small: TwoVersions) -> None:
    load = Load(small, random.Random(2))
    load.more(20)
    small.flotilla("db", "upgrade")
    load.more(20)
    for each in small.processes:
        each.kill_tree()
    small.webs, small.engines, small.nodes = (
        [small.renewed(each) for each in group] for group in (small.webs, small.engines, small.nodes)
    )
    small.start()
    load.more(20)
    small.finish(*small.jobs)
    assert {small.state(job_id) for job_id in small.jobs} == {"succeeded"}
