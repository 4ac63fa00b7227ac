"""A whole Flotilla in processes of its own: broker, database, web, engine, nodes; each known by its pid, all removed.

Every node reaches the API through a proxy of its own, and the broker through another, so that each link can be broken.
"""

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

from app.adapters import sql
from app.adapters.memory import MemoryBlobs
from app.adapters.sql import SqlStore
from app.adapters.system_chance import SystemChance
from app.config import CLOCKWORKS
from app.ports.records import Page
from app.services import access
from app.services.core import Clockwork, Core
from tests.faults.client import TERMINAL, ApiError, Client
from tests.faults.process import Process
from tests.faults.proxy import Proxy
from tests.servers import PostgresServer, RedisServer, short_folder
from tests.wait import wait_until

CLOCKWORK_NAME = os.environ.get("FLOTILLA_TEST_CLOCKWORK", "fast")
CLOCKWORK: Clockwork = CLOCKWORKS[CLOCKWORK_NAME]
PRODUCTION = CLOCKWORK_NAME == "production"
SLACK_S = 3.0
"""What the fast clockwork's bounds are widened by: processes of a machine with two busy cores start when they can."""
READY_S = 60.0
CLOCK_FOLDER = Path(__file__).with_name("clock")
Json = Any  # as parsed


def bound(production_s: float) -> float:
    """A bound of the design, which holds for the production clockwork; a tenth of it for the fast one."""
    return production_s if PRODUCTION else production_s / 10 + SLACK_S


class DurableRedis(RedisServer):
    """As a broker is set up that is to survive: an append-only file, written every second."""

    def start(self) -> None:
        command = [str(self._program), "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly"]
        command += ["yes", "--appendfsync", "everysec", "--dir", str(self.folder), "--daemonize", "no"]
        self.socket.unlink(missing_ok=True)
        self._spawn(command, self._answers, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Fleet:
    def __init__(
        self,
        *,
        nodes: int = 2,
        webs: int = 1,
        engines: int = 1,
        postgres: bool = False,
        cpus: float = 8,
        memory: int = 4096,
        durable: bool = False,
        environ: dict[str, str] | None = None,
        data: Path | None = None,
        clocks: bool = False,
    ) -> None:
        self.folder = short_folder("fl-fleet-")
        self.data = data or self.folder
        self.ledger = self.folder / "ledger.jsonl"
        self.ledger.touch()
        self.redis: RedisServer = DurableRedis() if durable else RedisServer()
        self.postgres = PostgresServer() if postgres else None
        self.admin = self._node_token = ""
        self._given = environ or {}
        self._clocks = clocks
        self._sizes = (cpus, memory)
        ports = [free_port() for _ in range(webs)]
        self._start_servers()
        self.broker_link = Proxy(self.redis.socket, self.folder / "broker")
        self.api_links = [Proxy(("127.0.0.1", ports[index % webs])) for index in range(nodes)]
        self.webs = [self._web(index, port) for index, port in enumerate(ports)]
        self.engines = [self._process(f"engine-{index}", "app.engine") for index in range(engines)]
        self.nodes = [self._node(index) for index in range(nodes)]
        self.clients = [Client(f"http://127.0.0.1:{port}", self.admin) for port in ports]
        self.jobs: list[str] = []
        self.canceled: dict[str, int] = {}
        self._sampling = threading.Event()
        self.samples: list[dict[str, Json]] = []

    # -- start and end

    def _start_servers(self) -> None:
        self.redis.start()
        if self.postgres:
            self.postgres.start()
            with self.postgres.connect() as connection:
                connection.execute("CREATE DATABASE flotilla")
        sql.upgrade(self.database_url)
        with contextlib.closing(self.open_store()) as store:
            core = Core(store=store, broker=None, chance=SystemChance(), blobs=MemoryBlobs())  # type: ignore[arg-type]  # tokens need none
            _, self.admin = access.create_token(core, org_id=access.ORG, name="admin", role="admin")
            _, self._node_token = access.create_token(core, org_id=access.ORG, name="nodes", role="node")

    @property
    def database_url(self) -> str:
        return self.postgres.url("flotilla") if self.postgres else f"sqlite:///{self.data / 'flotilla.db'}"

    def open_store(self) -> SqlStore:
        return sql.open_store(self.database_url, threads=2)

    def _common(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "FLOTILLA_HANDOFF")}
        kept |= (
            {"FLOTILLA_MAX_BUNDLE": os.environ["FLOTILLA_MAX_BUNDLE"]} if "FLOTILLA_MAX_BUNDLE" in os.environ else {}
        )
        return {**kept, "FLOTILLA_CLOCKWORK": CLOCKWORK_NAME, "PYTHONUNBUFFERED": "1", **self._given}

    def _process(self, name: str, module: str, **more: str) -> Process:
        environ = {**self._common(), "FLOTILLA_DATABASE_URL": self.database_url, "FLOTILLA_LOG_LEVEL": "info"}
        environ |= {"FLOTILLA_ASSETS_URL": f"file://{self.data / 'assets'}"}
        environ |= {"FLOTILLA_BROKER_URL": f"redis+socket://{self.broker_link.address}", **more}
        if self._clocks:
            environ |= {"PYTHONPATH": str(CLOCK_FOLDER), "FLOTILLA_TEST_CLOCK_FILE": str(self.clock(name))}
        return Process(name, [sys.executable, "-m", module], environ, self.folder)

    def _web(self, index: int, port: int) -> Process:
        return self._process(f"web-{index}", "app.main", FLOTILLA_PORT=str(port))

    def _node(self, index: int) -> Process:
        name, (cpus, memory) = f"node-{index}", self._sizes
        own = self._process(
            name,
            "worker.main",
            FLOTILLA_SERVER_URL=self.api_links[index].url,
            FLOTILLA_NODE_TOKEN=self._node_token,
            FLOTILLA_NODE_NAME=name,
            FLOTILLA_NODE_DIR=str(self.data / name),
            FLOTILLA_CPUS=f"{cpus:g}",
            FLOTILLA_MEMORY_MB=str(memory),
            FLOTILLA_CALLABLES="noted=tests.faults.callables:noted",
        )
        del own.environ["FLOTILLA_DATABASE_URL"]
        return own

    @property
    def processes(self) -> list[Process]:
        return [*self.webs, *self.engines, *self.nodes]

    @property
    def client(self) -> Client:
        return self.clients[0]

    def start(self) -> None:
        """Whatever does not run; returns when all of it is ready."""
        self.broker_link.heal()
        self.broker_link.delay_s = self.broker_link.reset_share = 0.0
        for link in self.api_links:
            link.heal()
            link.delay_s = link.reset_share = 0.0
        if not self.redis.running:
            self.redis.start()
        if self.postgres and not self.postgres.running:
            self.postgres.start()
        for each in self.processes:
            if each.stopped:
                each.send(signal.SIGCONT)
            if not each.alive:
                each.start()
        self.until(self.ready, READY_S)

    def ready(self) -> bool:
        with contextlib.suppress(ApiError, OSError, Exception):
            known = self.client.nodes()
            for client in self.clients:
                client.get("/readyz")
            return all(
                each.name in known and known[each.name]["state"] == "online" and known[each.name]["pid"] == each.pid
                for each in self.nodes
            )
        return False

    def close(self) -> None:
        self._sampling.clear()
        for each in self.nodes + self.engines + self.webs:
            each.kill_tree()
        for link in (*self.api_links, self.broker_link):
            link.close()
        self.redis.remove()
        if self.postgres:
            self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what is asked of it

    def submit(self, tasks: Iterable[Json], **more: Json) -> str:
        job_id = self.client.submit(tasks, **more)
        self.jobs.append(job_id)
        return job_id

    def cancel(self, job_id: str) -> None:
        """And notes when that was answered, on the machine's clock, which is the database's as well."""
        self.client.post(f"/v1/jobs/{job_id}/cancel")
        self.canceled[job_id] = time.time_ns() // 1000

    def state(self, job_id: str) -> str:
        state: str = self.client.job(job_id)["state"]
        return state

    def finish(self, *job_ids: str, within_s: float = 60.0) -> None:
        self.until(lambda: all(self.state(job_id) in TERMINAL for job_id in job_ids), within_s)

    def running(self, job_id: str, count: int = 1, within_s: float = 30.0) -> list[Json]:
        """Waits until so many runs of the job have started, in the programs' own word."""

        def enough() -> list[Json]:
            begun = {entry["run"] for entry in self.entries() if entry["event"] == "start"}
            found = [run for run in self.client.running(job_id) if run["id"] in begun]
            return found if len(found) >= count else []

        return self.until(enough, within_s)

    def gate(self, name: str) -> Path:
        """The file that programs wait for which `hold`."""
        return self.folder / f"gate-{name}"

    def clock(self, name: str) -> Path:
        """The file that says by how many seconds the wall clock of a process is off (of a fleet with `clocks`)."""
        return self.folder / f"clock-{name}"

    def crashes(self, job_id: str) -> list[int]:
        """The node deaths that each task of the job was in flight at."""
        with contextlib.closing(self.open_store()) as store:
            views = store.read(lambda tx: tx.tasks(tx.job(job_id).seq, Page(limit=100_000)))  # type: ignore[union-attr]
        return [view.task.crashes for view in views]

    def node_of(self, run: Json) -> Process:
        names = {node["id"]: name for name, node in self.client.nodes().items()}
        return next(each for each in self.nodes if each.name == names[run["nodeId"]])

    def entries(self) -> list[dict[str, Json]]:
        """The ledger that the tasks wrote."""
        return [orjson.loads(line) for line in self.ledger.read_bytes().splitlines()]

    def started(self, run_id: str) -> bool:
        return any(entry["run"] == run_id and entry["event"] == "start" for entry in self.entries())

    def until(self, condition: Callable[[], Any], within_s: float = 30.0) -> Any:
        return wait_until(condition, within_s, dump=self.dump)

    def survivors(self, run_ids: Iterable[str] | None = None) -> list[tuple[int, str]]:
        """Processes of this fleet's runs that are alive, by the mark in their environment: (pid, run id)."""
        wanted = None if run_ids is None else set(run_ids)
        mark = str(self.data).encode()
        out = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                environ = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                values = dict(item.partition(b"=")[::2] for item in environ)
                run = values.get(b"FLOTILLA_RUN_ID", b"").decode()
                if run and values.get(b"FLOTILLA_NODE_DIR", b"").startswith(mark) and (not wanted or run in wanted):
                    out.append((int(name), run))
        return out

    # -- while it runs

    def watch(self) -> None:
        """Samples the nodes' ledgers as the API shows them, until the fleet is closed."""
        self._sampling.set()
        threading.Thread(target=self._sample, name="sampler", daemon=True).start()

    def _sample(self) -> None:
        pause = threading.Event()
        while self._sampling.is_set():
            with contextlib.suppress(Exception):
                self.samples.append(self.client.nodes())
            pause.wait(0.5)

    def dump(self) -> str:
        """The world, for whoever has to find out what went wrong."""
        out = [f"at {time.monotonic():.3f}"]
        with contextlib.suppress(Exception):
            for name, node in self.client.nodes().items():
                out.append(f"{name}: {node['state']} free {node['free']} running {len(node['running'])}")
        for job_id in self.jobs[-5:]:
            with contextlib.suppress(Exception):
                job = self.client.job(job_id)
                if job["state"] in TERMINAL:
                    continue
                out.append(f"job {job['name']} {job['state']} {job['counts']}")
                for task in [task for task in self.client.tasks(job_id) if task["state"] not in TERMINAL][:5]:
                    why = self.client.get(f"/v1/tasks/{task['id']}/explain")
                    out.append(f"  {task['name']} {task['state']} {why['reasons']}")
                    for run in self.client.items(f"/v1/tasks/{task['id']}/runs"):
                        shown = {key: run[key] for key in ("id", "number", "state", "nodeId", "startedAt", "error")}
                        out.append(f"    {shown}")
        for each in self.processes:
            out.append(f"==== {each.name} {'alive' if each.alive else 'dead'} {each.log}\n{each.tail()}")
        return "\n".join(out)
