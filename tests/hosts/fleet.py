"""The fleet of the fault tests on seven hosts: API and engine, Redis, PostgreSQL, three nodes, and the test's own.

The nodes join as a user has them join: by the API's URL and a join token of their own, and nothing else.
"""

import contextlib
import os
import shutil
import sys
import threading
from typing import Any

from app.adapters import sql
from app.adapters.memory import MemoryBlobs
from app.adapters.sql import SqlStore
from app.adapters.system_chance import SystemChance
from app.services import access
from app.services.core import Core
from tests.faults.client import Client
from tests.faults.fleet import Fleet
from tests.faults.process import Process
from tests.hosts.network import Cable, Host, Network
from tests.hosts.servers import PostgresOnHost, RedisOnHost
from tests.servers import short_folder

NODES = ("node-0", "node-1", "node-2")
PORT = 8080
PASSWORD = "a-password-of-the-test"
CPUS, MEMORY_MB = 4, 2048


class FleetOnHosts(Fleet):
    """`api_links` are the cables between each node and the API, `broker_links` those between each node and Redis."""

    def __init__(self) -> None:
        self.folder = self.data = short_folder("fl-hosts-")
        self.ledger = self.folder / "ledger.jsonl"
        self.ledger.touch()
        self.jobs: list[str] = []
        self.canceled: dict[str, int] = {}
        self.samples: list[dict[str, Any]] = []
        self._sampling = threading.Event()
        self._given: dict[str, str] = {}
        self.network = Network("api", "broker", "database", *NODES)
        try:
            self._build(self.network.hosts)
        except BaseException:
            self.network.remove()
            raise

    def _build(self, hosts: dict[str, Host]) -> None:
        self.redis = RedisOnHost(hosts["broker"], PASSWORD)
        self.postgres = PostgresOnHost(hosts["database"])
        self.api_url = f"http://{hosts['api'].address}:{PORT}"
        self._start_servers()
        self.api_links = [Cable(hosts[name], hosts["api"]) for name in NODES]  # type: ignore[assignment,misc]  # cut, heal
        self.broker_links = [Cable(hosts[name], hosts["broker"]) for name in NODES]
        self.database_link = Cable(hosts["api"], hosts["database"])
        self.webs = [self._of_api("web-0", "app.main", FLOTILLA_HOST=hosts["api"].address, FLOTILLA_PORT=str(PORT))]
        self.engines = [self._of_api("engine-0", "app.engine")]
        self.nodes = [self._joining(name) for name in NODES]
        self.clients = [Client(self.api_url, self.admin)]

    def _start_servers(self) -> None:
        self.redis.start()
        self.postgres.start()
        with self.postgres.connect() as connection:
            connection.execute("CREATE DATABASE flotilla")
        sql.upgrade(self.postgres.socket_url("flotilla"))
        with contextlib.closing(self.open_store()) as store:
            core = Core(store=store, broker=None, chance=SystemChance(), blobs=MemoryBlobs())  # type: ignore[arg-type]  # tokens need none
            _, self.admin = access.create_token(core, org_id=access.ORG, name="admin", role="admin")
            self._join_tokens = {
                name: access.create_token(core, org_id=access.ORG, name=name, role="join")[1] for name in NODES
            }

    def open_store(self) -> SqlStore:
        return sql.open_store(self.postgres.socket_url("flotilla"), threads=2)

    def _of_api(self, name: str, module: str, **more: str) -> Process:
        environ = {**self._common(), "FLOTILLA_DATABASE_URL": self.postgres.url("flotilla")}
        environ |= {"FLOTILLA_BROKER_URL": self.redis.url, "FLOTILLA_ASSETS_URL": f"file://{self.data / 'assets'}"}
        command = self.network.hosts["api"].command([sys.executable, "-m", module])
        return Process(name, command, environ | {"FLOTILLA_LOG_LEVEL": "info", **more}, self.folder)

    def _joining(self, name: str) -> Process:
        return self.node(name, "--join", self.api_url, "--token", self._join_tokens[name])

    def node(self, name: str, *words: str) -> Process:
        """`flotilla node` on that host, told nothing by its environment."""
        words += ("--name", name, "--dir", str(self.data / name), "--tags", name)
        words += ("--cpus", str(CPUS), "--memory", str(MEMORY_MB))
        command = self.network.hosts[name].command([sys.executable, "-m", "app.cli.main", "node", *words])
        environ = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        environ |= {"FLOTILLA_CLOCKWORK": self._common()["FLOTILLA_CLOCKWORK"], "PYTHONUNBUFFERED": "1"}
        return Process(name, command, environ, self.folder)

    def start(self) -> None:
        for cable in (*self.api_links, *self.broker_links, self.database_link):
            cable.heal()
        for server in (self.redis, self.postgres):
            if not server.running:
                server.start()
        for each in self.processes:
            if not each.alive:
                each.start()
        self.until(self.ready, 60.0)

    def close(self) -> None:
        self._sampling.clear()
        for each in self.processes:
            each.kill_tree()
        for server in (self.redis, self.postgres):
            server.remove()
        self.network.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
