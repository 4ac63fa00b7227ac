"""Every command of deploy/'s files is run as a process, with the environment that its file gives it.

Three deployments at once on one PostgreSQL and one Redis: that of Compose, that of systemd and that of Kubernetes. What
a file says is kept but for paths, addresses and ports, which are put where this test has them, and object stores, in
whose place stands a folder.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests

from app.cli.client import Client
from app.cli.failures import Failure
from app.cli.profile import Profile
from app.wire.states import JOB_TERMINAL
from tests.conftest import running
from tests.deploy import files
from tests.deploy.brokers import PortRedis, with_root
from tests.deploy.files import DEPLOY, Json, Program
from tests.e2e.apart import STOP_S
from tests.faults.fleet import free_port
from tests.servers import PostgresServer, find_postgres
from tests.wait import wait_until

READY_S = 90.0
pytestmark = pytest.mark.timeout(240)  # ten processes start at once, and the first test waits for all of them
BIN = Path(sys.executable).parent
FLAVOURS = ("compose", "systemd", "kubernetes")


@dataclass
class Deployment:
    """One way's processes; `web_port` and `metrics_port` are where its web process listens."""

    flavour: str
    stage: "Stage"
    web_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    started: dict[str, tuple[Program, "subprocess.Popen[bytes]"]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def place(self, name: str, text: str) -> str:
        """A path or an address of the file's, as it is here."""
        own, secrets = self.stage.folder / self.flavour / name, self.stage.secrets
        for there, here in (
            (f"/run/credentials/{name}.service", str(own / "credentials")),
            ("/run/secrets", str(secrets)),
            ("/etc/flotilla/secrets", str(secrets)),
            ("s3://flotilla-assets/prod", f"file://{self.stage.folder / 'assets'}"),
            ("/var/lib/flotilla/assets", str(self.stage.folder / "assets")),
            ("/var/lib/flotilla", str(own / "lib")),
            ("/tmp/flotilla.alive", str(own / "alive")),
            (f"/run/{name}", str(own)),
            ("/opt/flotilla/bin", str(BIN)),
        ):
            text = text.replace(there, here)
        return re.sub(r"http://(web|flotilla-web|127\.0\.0\.1):8080", self.url, text)

    def environ(self, program: Program) -> dict[str, str]:
        name = program.name
        placed = {key: self.place(name, value) for key, value in program.environ.items()}
        ports = {"FLOTILLA_PORT": self.web_port, "FLOTILLA_METRICS_PORT": self.metrics_port}
        placed |= {key: str(port) for key, port in ports.items() if key in placed}
        placed.setdefault("PATH", f"{BIN}:/usr/bin:/bin")  # a unit has none and names its program by its path
        tags = {"FLOTILLA_TAGS": f"{self.flavour}-{name}"} if program.words[-1] == "node" else {}
        return {**placed, **tags}

    def prepare(self, program: Program) -> tuple[list[str], dict[str, str]]:
        own = self.stage.folder / self.flavour / program.name
        (own / "lib" / "incoming").mkdir(parents=True, exist_ok=True)
        if self.flavour == "systemd":
            for name, path in files.credentials(program.name).items():
                target = own / "credentials" / name
                target.parent.mkdir(exist_ok=True)
                shutil.copy(self.place(program.name, path), target)
        return [self.place(program.name, word) for word in program.words], self.environ(program)

    def once(self, program: Program) -> str:
        """For what is to end well; what it said."""
        words, environ = self.prepare(program)
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def start(self, program: Program) -> None:
        words, environ = self.prepare(program)
        with self.log(program.name).open("wb") as log:
            process = subprocess.Popen(words, env=environ, stdout=log, stderr=log, start_new_session=True)
        self.started[program.name] = program, process

    def stop(self, name: str) -> int:
        """By what Docker, systemd and the kubelet send; the exit code."""
        process = self.started[name][1]
        process.terminate()
        return process.wait(STOP_S)

    def log(self, name: str) -> Path:
        return self.stage.folder / self.flavour / f"{name}.log"

    def logs(self) -> str:
        found = sorted((self.stage.folder / self.flavour).glob("*.log"))
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-1500:]}" for path in found)

    def check(self, program: Program, words: list[str]) -> "subprocess.CompletedProcess[str]":
        """Beside the process, with its environment, as `docker exec` and the kubelet do it."""
        placed = [self.place(program.name, word) for word in words]
        return subprocess.run(
            placed, env=self.environ(program), capture_output=True, text=True, check=False, timeout=30
        )


@dataclass
class Stage:
    folder: Path
    secrets: Path
    deployments: dict[str, Deployment] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        token = (self.secrets / "admin_token").read_text().strip()
        return Client(Profile(url=self.deployments["compose"].url, token=token))

    def logs(self) -> str:
        return "\n".join(each.logs() for each in self.deployments.values())

    def nodes(self) -> dict[str, Json]:
        """Those that are online, by the tag that each was given."""
        with contextlib.suppress(Failure):
            found = self.client.items("/v1/nodes")
            return {tag: node for node in found if node["state"] == "online" for tag in node["tags"]}
        return {}

    def ended(self, job_id: str) -> Json:
        def over() -> Json:
            job = self.client.get(f"/v1/jobs/{job_id}")
            return job if job["state"] in JOB_TERMINAL else None

        return wait_until(over, 60, self.logs)


def programs() -> dict[str, dict[str, Program]]:
    """Of each way, the processes that stay."""
    composed = files.composed()
    units = [files.unit_programs(f"flotilla-{name}")[0] for name in ("web", "engine", "node")]
    workloads = {**files.of_kind("Deployment"), **files.of_kind("StatefulSet")}
    pods = [program for workload in workloads.values() for program in files.pod_programs(workload)]
    return {
        "compose": {name: program for name, program in composed.items() if name != "setup"},
        "systemd": {program.name: program for program in units},
        "kubernetes": {program.name: program for program in pods},
    }


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    script = ["sh", str(DEPLOY / "compose" / "secrets.sh"), str(folder)]
    for _ in range(2):
        subprocess.run(script, check=True, capture_output=True, timeout=30)
    return folder


@pytest.fixture(scope="module")
def broker(secrets: Path) -> Iterator[PortRedis]:
    """Started by the words of compose.yaml."""
    program, *words = (word.replace("/run/secrets", str(secrets)) for word in files.services()["redis"]["command"])
    assert program == "redis-server"
    with_root(secrets / "users.acl")
    with running(lambda: PortRedis(*words, users=True)) as server:
        yield server


@pytest.fixture(scope="module")
def stage(secrets: Path, broker: PortRedis, postgres_server: PostgresServer) -> Iterator[Stage]:
    with postgres_server.database() as name:
        database = postgres_server.url(name)
        for file, (there, here) in {
            "database_url": (r".+@postgres:5432/flotilla", database),
            "broker_url_api": ("@redis:6379", f"@127.0.0.1:{broker.port}"),
            "broker_url_node": ("@redis:6379", f"@127.0.0.1:{broker.port}"),
        }.items():
            text, count = re.subn(there, here, (secrets / file).read_text())
            assert count == 1
            (secrets / file).write_text(text)
        made = Stage(folder=secrets.parent, secrets=secrets)
        made.deployments = {flavour: Deployment(flavour, made) for flavour in FLAVOURS}
        try:
            set_up(made)
            yield made
            stop(made)
        finally:
            clear(made)


def set_up(stage: Stage) -> None:
    compose, systemd, kubernetes = (stage.deployments[flavour] for flavour in FLAVOURS)
    stage.said["compose"] = compose.once(files.composed()["setup"])
    for flavour, found in programs().items():
        for program in found.values():
            stage.deployments[flavour].start(program)
    for each in files.unit_programs("flotilla-upgrade"):
        stage.said["systemd"] = stage.said.get("systemd", "") + systemd.once(each)
    for each in files.pod_programs(files.of_kind("Job")["flotilla-migrate"]):
        stage.said["kubernetes"] = stage.said.get("kubernetes", "") + kubernetes.once(each)
    wanted = {f"{flavour}-{name}" for flavour, found in programs().items() for name in found if "node" in name}
    wait_until(lambda: stage.nodes().keys() == wanted, READY_S, stage.logs)


def stop(stage: Stage) -> None:
    """Nodes and engines first, which have something to say to the API; all end well."""
    every = [(each, name) for each in stage.deployments.values() for name in each.started]
    for deployment, name in sorted(every, key=lambda one: "web" in one[1]):
        assert deployment.stop(name) == 0, f"{name}: {deployment.logs()}"
        if "web" in name:
            last = deployment.log(name).read_text().splitlines()[-1]
            assert json.loads(last)["event"] == "ended"


def clear(stage: Stage) -> None:
    processes = [process for each in stage.deployments.values() for _, process in each.started.values()]
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


def test_the_migration_sets_up_an_empty_database_and_may_be_repeated(stage: Stage) -> None:
    assert "was empty" in stage.said["compose"]
    for flavour in FLAVOURS:
        assert "at version" in stage.said[flavour]
        assert "admin: fl_" in stage.said[flavour]
        assert "node: fl_" in stage.said[flavour]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_web_process_is_ready_and_wants_a_token(stage: Stage, flavour: str) -> None:
    url = stage.deployments[flavour].url
    assert requests.get(f"{url}/readyz", timeout=10).json()["status"] == "ok"
    assert requests.get(f"{url}/v1/jobs", timeout=10).status_code == 401


def test_one_of_the_engines_leads(stage: Stage, postgres_server: PostgresServer) -> None:
    started = {
        str(process.pid)
        for each in stage.deployments.values()
        for name, (_, process) in each.started.items()
        if "engine" in name
    }
    database = re.findall(r"/(\w+)\?host", (stage.secrets / "database_url").read_text())[0]

    def leaders() -> set[str]:
        with postgres_server.connect(database) as connection:
            rows = connection.execute("SELECT holder FROM leases").fetchall()
        return {holder.split("/")[1] for (holder,) in rows if holder.count("/") == 2}

    assert len(started) == len(FLAVOURS)
    wait_until(lambda: len(leaders() & started) == 1, 20, stage.logs)


def test_every_node_has_the_size_that_its_file_says_and_runs_a_job(stage: Stage) -> None:
    nodes = stage.nodes()
    sizes = {tag: node["total"]["cpu"] for tag, node in nodes.items()}
    assert (sizes["compose-node-small"], sizes["compose-node-large"], sizes["kubernetes-node"]) == (1, 4, 4)
    tasks = [
        {"name": tag, "executor": "command", "tag": tag, "payload": {"argv": ["echo", tag]}} for tag in sorted(nodes)
    ]
    job = stage.client.post("/v1/queues/@default/jobs", {"name": "everywhere", "tasks": tasks})["id"]
    assert stage.ended(job)["state"] == "succeeded"
    ran = {run["nodeId"] for run in stage.client.items(f"/v1/jobs/{job}/runs")}
    assert ran == {node["id"] for node in nodes.values()}


def test_every_health_check_probe_and_hook_returns_0(stage: Stage) -> None:
    counts = dict.fromkeys(FLAVOURS, 0)
    for flavour, found in programs().items():
        deployment = stage.deployments[flavour]
        for program in found.values():
            for words in program.checks:
                done = deployment.check(program, words)
                assert done.returncode == 0, f"{flavour} {program.name} {words}: {done.stderr}"
                counts[flavour] += 1
            for path in program.asks:
                assert requests.get(f"{deployment.url}{path}", timeout=10).status_code == 200
                counts[flavour] += 1
    assert counts == {"compose": 4, "systemd": 0, "kubernetes": 8}


def test_the_checks_of_the_servers_return_0(broker: PortRedis, postgres_server: PostgresServer) -> None:
    found = files.services()
    redis_words = files.check_of(found["redis"], [])
    redis_words[2] = redis_words[2].replace("redis-cli", f"redis-cli -p {broker.port}")
    if shutil.which("redis-cli"):
        assert subprocess.run(redis_words, check=False, capture_output=True, timeout=10).returncode == 0
    program, *words = files.check_of(found["postgres"], [])
    command = [str(find_postgres(program)), *words, f"--host={postgres_server.folder}"]
    assert subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0


def test_the_autoscaler_asks_for_what_is_measured(stage: Stage) -> None:
    (scaled,) = files.of_kind("ScaledObject").values()
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    name, condition = re.findall(r"(flotilla_\w+)\{(.+?)\}", query)[0]
    waiting = {"name": "waits", "executor": "command", "tag": "nobody", "payload": {"argv": ["true"]}}
    job = stage.client.post("/v1/queues/@default/jobs", {"name": "waits", "tasks": [waiting]})["id"]
    port = stage.deployments["kubernetes"].metrics_port

    def shown() -> list[str]:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        return [line for line in text.splitlines() if line.startswith(f"{name}{{") and 'tag="nobody"' in line]

    lines = wait_until(shown, 20, stage.logs)
    stage.client.post(f"/v1/jobs/{job}/cancel")
    label, wanted = re.fullmatch(r'(\w+)=~"(.+)"', condition).groups()  # type: ignore[union-attr]
    assert any(re.search(f'{label}="({wanted})"', line) and float(line.split()[-1]) == 1 for line in lines)
    for grouped in re.findall(r"by \((.+?)\)", query)[0].split(", "):
        assert f'{grouped}="' in lines[0]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_stop_drains_this_node_and_lets_its_run_end(stage: Stage, flavour: str) -> None:
    nodes, deployment = stage.nodes(), stage.deployments[flavour]
    name = next(name for name in deployment.started if name.endswith(("node", "node-small")))
    tag = f"{flavour}-{name}"
    task = {"name": "long", "executor": "command", "tag": tag, "payload": {"argv": ["sleep", "2"]}}
    job = stage.client.post("/v1/queues/@default/jobs", {"name": "drained", "tasks": [task]})["id"]
    wait_until(lambda: stage.client.get(f"/v1/jobs/{job}")["counts"]["running"] == 1, 20, stage.logs)
    assert deployment.stop(name) == 0, deployment.logs()
    (run,) = stage.client.items(f"/v1/jobs/{job}/runs")
    assert (run["state"], run["nodeId"]) == ("succeeded", nodes[tag]["id"])
    deployment.start(deployment.started[name][0])
    wait_until(lambda: stage.nodes().keys() == nodes.keys(), READY_S, stage.logs)
