"""An API on a database and a broker of its own, with a caller of each kind."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from app.adapters import sql
from app.adapters.keyring import Keyring, new_key
from app.adapters.memory import MemoryBlobs
from app.adapters.memory.broker import MemoryBroker
from app.adapters.system_chance import SystemChance
from app.ports.records import Event, JobFilter, Page
from app.rest import application
from app.rest.auth import GuardedFlask
from app.services import access
from app.services.core import PRODUCTION, Core

OTHER_ORG = "00000000-0000-7000-8000-00000000000f"
NODE_ID = "01a1fa7f-297b-774b-8000-033985f36d12"
SECRETS_KEY = new_key()
ROOM = {"cpuMilli": 4000, "memoryMib": 4096}
SUBMIT = "/v1/queues/@default/jobs"


@dataclass(kw_only=True)
class Api:
    """Requests go out as `token` unless another one is given."""

    app: GuardedFlask
    core: Core
    broker: MemoryBroker
    tokens: Mapping[str, str]
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        as_: str | None = "admin",
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        sent = dict(headers or {})
        if as_ is not None:
            sent.setdefault("Authorization", f"Bearer {self.tokens[as_]}")
        data = json.dumps(body).encode() if raw is None and body is not None else raw
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        return self.client.open(path, method=method, data=data, headers=sent)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.send("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self.send("POST", path, body, **more)

    def submit(self, *tasks: Mapping[str, Any], **job: Any) -> dict[str, Any]:
        answer = self.post(SUBMIT, {"name": "job", "tasks": list(tasks) or [noop("only")], **job})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json
        return found

    def join(self) -> None:
        node = {
            "nodeId": NODE_ID,
            "name": "node-1",
            "pid": 4711,
            "total": ROOM,
            "queues": ["*"],
            "tags": ["linux"],
            "executors": ["command", "python"],
            "version": "0.1.0",
        }
        assert self.post("/v1/nodes", node, as_="node").status_code == 201

    def claim(self) -> list[dict[str, Any]]:
        """The specs of the runs in the next message."""
        offer = self.broker.take()
        assert offer is not None
        asked = {"claimId": offer.run_ids[0], "runIds": list(offer.run_ids), "free": ROOM}
        answer = self.post(f"/v1/nodes/{NODE_ID}/claims", asked, as_="node")
        assert answer.status_code == 200, answer.text
        return list(answer.json["runs"])

    def report(self, *reports: Mapping[str, Any]) -> TestResponse:
        return self.post(f"/v1/nodes/{NODE_ID}/reports", {"free": ROOM, "reports": list(reports)}, as_="node")

    def stored(self) -> tuple[list[Any], list[Event]]:
        """The jobs and events in the store, to see that nothing came in."""
        page = Page(limit=100)
        return self.core.store.read(
            lambda tx: (tx.jobs(JobFilter(org_id=access.ORG), page), tx.events(access.ORG, page))
        )


def noop(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "executor": "python", "payload": {"callable": "noop"}, **more}


@cache
def _tables() -> bytes:
    """A database that the migrations have run on, once for all tests of a process."""
    with TemporaryDirectory() as folder:
        sql.upgrade(f"sqlite:///{folder}/flotilla.db")
        return Path(folder, "flotilla.db").read_bytes()


def make_api(folder: Path) -> Api:
    url = f"sqlite:///{folder / 'flotilla.db'}"
    (folder / "flotilla.db").write_bytes(_tables())
    broker = MemoryBroker()
    core = Core(
        store=sql.open_store(url, threads=4),
        broker=broker,
        chance=SystemChance(),
        blobs=MemoryBlobs(),
        vault=Keyring(lambda: SECRETS_KEY),
        clockwork=PRODUCTION,  # no stall of the machine outlasts its lease
        handoff=False,
    )
    tokens = {role: access.create_token(core, org_id=access.ORG, name=role, role=role)[1] for role in access.SCOPES}
    tokens["foreign"] = access.create_token(core, org_id=OTHER_ORG, name="foreign", role="admin")[1]
    return Api(app=application.build(core), core=core, broker=broker, tokens=tokens)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path)
    yield made
    made.core.store.close()
    made.broker.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One for a module whose tests store nothing."""
    made = make_api(tmp_path_factory.mktemp("api"))
    yield made
    made.core.store.close()
    made.broker.close()
