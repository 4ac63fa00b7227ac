"""A fleet whose broker is guarded: Redis users that may do the least, TLS with a private CA, clients' certificates."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from kombu import Connection, pools

from app.adapters.celery_broker import CeleryBroker
from app.config import Settings
from app.domain.errors import Unavailable
from app.wire.broker import KEY_PREFIX
from tests.deploy.brokers import PASSWORDS, TlsRedis
from tests.deploy.certificates import Authority
from tests.e2e.apart import Apart
from tests.e2e.jobs import noop
from tests.wait import wait_until
from worker.consumer import Gate
from worker.where import read_broker

ROUTE = "flotilla:@default//command//1000m256"
PATIENCE_S = 60.0
LEAST = {"FLOTILLA_DATABASE_URL": "sqlite:////tmp/x.db"}


def url(broker: TlsRedis, user: str, password: str, host: str = "127.0.0.1") -> str:
    return f"rediss://flotilla-{user}:{PASSWORDS[password]}@{host}:{broker.tls_port}/0"


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Mapping[str, str]:
    certificate, key = map(str, authority.certificate("client"))
    files = {"FLOTILLA_BROKER_CERT": certificate, "FLOTILLA_BROKER_KEY": key}
    return {"FLOTILLA_BROKER_CA": str(authority.ca), **files}


@pytest.fixture(scope="module")
def fleet(
    guarded_broker: TlsRedis, tls: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Apart]:
    folder = tmp_path_factory.mktemp("guarded")
    node = {"FLOTILLA_BROKER_URL": url(guarded_broker, "node", "NODE_PASSWORD"), "FLOTILLA_EVENTS": "1"}
    node |= {"FLOTILLA_CPUS": "2", "FLOTILLA_MEMORY_MB": "1024"}
    own = {"FLOTILLA_DATABASE_URL": f"sqlite:///{folder / 'flotilla.db'}", "FLOTILLA_RATE_STORAGE": "broker"}
    own |= {"FLOTILLA_BROKER_URL": url(guarded_broker, "api", "API_PASSWORD"), **tls}
    made = Apart(folder / "data", nodes=1, node=node, **own)
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(autouse=True)
def nothing_refused_yet(guarded_broker: TlsRedis) -> None:
    with guarded_broker.client() as client:
        client.acl_log_reset()


def refused(broker: TlsRedis) -> list[Mapping[str, object]]:
    """Without CLIENT SETINFO, which Redis 7.0 does not know, so that no user can be given it; clients do without."""
    with broker.client() as client:
        return [dict(entry) for entry in client.acl_log() if entry["object"] != "client|setinfo"]


def test_a_fleet_of_these_users_does_its_work_and_is_refused_nothing(fleet: Apart, guarded_broker: TlsRedis) -> None:
    parts = [noop(f"part-{number}", "top") for number in range(12)]
    join = noop("join", *[part["name"] for part in parts])
    ended = fleet.ended(fleet.submit([noop("top"), *parts, join]))
    assert ended["state"] == "succeeded"
    sleeper = {"name": "long", "executor": "command", "payload": {"argv": ["sleep", "100"]}}
    job = fleet.submit([sleeper])
    wait_until(lambda: fleet.tasks(job)["long"]["state"] == "running", 20, fleet.logs)
    assert fleet.cli("cancel", job).returncode == 0
    assert fleet.ended(job)["state"] == "canceled"
    assert refused(guarded_broker) == []


def test_celery_s_tools_have_a_user_of_their_own(
    fleet: Apart, guarded_broker: TlsRedis, tls: Mapping[str, str]
) -> None:
    def ping(user: str, password: str) -> "subprocess.CompletedProcess[str]":
        environ = {"PATH": os.environ["PATH"], "FLOTILLA_BROKER_URL": url(guarded_broker, user, password), **tls}
        command = [sys.executable, "-m", "celery", "-A", "worker.main", "inspect", "ping"]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    wait_until(lambda: "1 node online" in ping("flower", "FLOWER_PASSWORD").stdout, PATIENCE_S, fleet.logs)
    assert refused(guarded_broker) == []
    as_node = ping("node", "NODE_PASSWORD")
    assert as_node.returncode
    assert "no permissions" in as_node.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("LPUSH", ROUTE, "{}"),
        ("RPUSH", ROUTE, "{}"),
        ("LRANGE", ROUTE, 0, -1),
        ("DEL", ROUTE),
        ("GET", "flotilla:limits:LIMITER/token x/global/5000/1/second"),
        ("GET", "somebody:else"),
        ("BRPOP", "somebody:else", 1),
        ("SET", "flotilla:limits:x", 1),
        ("PUBLISH", "flotilla:/0.celery.pidbox", "{}"),
        ("PSUBSCRIBE", "*"),
        ("KEYS", "*"),
        ("SCAN", 0),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("CLIENT", "LIST"),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("MONITOR",),
        ("SHUTDOWN",),
        ("EVAL", f"return redis.call('LPUSH', '{ROUTE}', 'x')", 0),
    ],
)
def test_a_node_cannot_publish_work_nor_read_what_is_not_for_it(
    guarded_broker: TlsRedis, command: tuple[object, ...]
) -> None:
    refused_so = pytest.raises(redis.exceptions.NoPermissionError)
    with guarded_broker.as_user("flotilla-node", PASSWORDS["NODE_PASSWORD"]) as node, refused_so:
        node.execute_command(*command)


def test_an_offer_that_a_node_may_not_write_back_is_left_to_the_engine(
    guarded_broker: TlsRedis, tls: Mapping[str, str]
) -> None:
    broker = read_broker({"FLOTILLA_BROKER_URL": url(guarded_broker, "node", "NODE_PASSWORD"), **tls})
    options = {"global_keyprefix": KEY_PREFIX, "ack_emulation": False, "priority_steps": [0]}
    with Connection(broker.celery_url, ssl=broker.tls, transport_options=options) as connection:
        channel = connection.channel()

        def offer(tag: str) -> str:
            route = {"exchange": "", "routing_key": ROUTE.removeprefix(KEY_PREFIX)}
            properties = {"delivery_info": route, "delivery_tag": tag}
            message = channel.message_to_python(channel.prepare_message("[]", properties=properties))
            channel.qos.append(message, tag)
            return tag

        with pytest.raises(redis.exceptions.NoPermissionError):
            channel.basic_reject(offer("before"), requeue=True)
        Gate(None).start(SimpleNamespace(task_consumer=SimpleNamespace(channel=channel)))
        channel.basic_reject(offer("after"), requeue=True)
    with guarded_broker.client() as client:
        assert client.llen(ROUTE) == 0


def test_a_script_that_a_node_loads_may_do_no_more_than_the_node(guarded_broker: TlsRedis) -> None:
    with guarded_broker.as_user("flotilla-node", PASSWORDS["NODE_PASSWORD"]) as node:
        script = node.script_load("return redis.call('LPUSH', KEYS[1], 'x')")
        with pytest.raises(redis.exceptions.ResponseError, match="can't access at least one of the keys"):
            node.evalsha(script, 1, "flotilla:_kombu.binding.x")
        with pytest.raises(redis.exceptions.NoPermissionError):
            node.evalsha(script, 1, ROUTE)
    with guarded_broker.client() as client:
        assert client.llen(ROUTE) == 0


@pytest.mark.parametrize(
    "command", [("BRPOP", ROUTE, 1), ("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("GET", "x")]
)
def test_the_api_may_publish_and_no_more(guarded_broker: TlsRedis, command: tuple[object, ...]) -> None:
    refused_so = pytest.raises(redis.exceptions.NoPermissionError)
    with guarded_broker.as_user("flotilla-api", PASSWORDS["API_PASSWORD"]) as api, refused_so:
        api.execute_command(*command)


def test_nobody_without_a_password_gets_in(guarded_broker: TlsRedis) -> None:
    refused_so = pytest.raises(redis.exceptions.AuthenticationError)
    with contextlib.closing(guarded_broker.as_user("default", "")) as stranger, refused_so:
        stranger.ping()


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("wrong CA", "certificate verify failed: (unable to get local issuer|self.signed)"),
        ("wrong name", "certificate verify failed: .*mismatch"),
        ("no certificate of ours", "certificate required|alert|EOF|closed by server|Connection reset|Broken pipe"),
        ("plain", "closed by server|Connection reset|Broken pipe"),
    ],
)
def test_the_api_does_not_speak_to_a_broker_that_is_not_its_own(
    guarded_broker: TlsRedis, tls: Mapping[str, str], tmp_path: Path, case: str, why: str
) -> None:
    address = url(guarded_broker, "api", "API_PASSWORD", "localhost" if case == "wrong name" else "127.0.0.1")
    environ = {**LEAST, **tls, "FLOTILLA_BROKER_URL": address}
    if case == "wrong CA":
        environ["FLOTILLA_BROKER_CA"] = str(Authority(tmp_path, "other").ca)
    if case == "no certificate of ours":
        environ |= {"FLOTILLA_BROKER_CERT": "", "FLOTILLA_BROKER_KEY": ""}
    if case == "plain":
        environ["FLOTILLA_BROKER_URL"] = address.replace("rediss:", "redis:")
    broker = CeleryBroker(Settings.from_environ(environ).broker)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=why):
        broker.ping()
    assert time.monotonic() - began < 5
    broker.close()
    pools.reset()  # kombu keeps one for each address, whatever the certificates


def test_a_node_with_the_wrong_ca_says_so_and_takes_nothing(fleet: Apart, tmp_path: Path) -> None:
    name = "stranger"
    other = {"FLOTILLA_BROKER_CA": str(Authority(tmp_path, "other").ca), "FLOTILLA_NODE_NAME": name}
    fleet.launch_node(name, **other)
    log = fleet.data / "logs" / f"{name}.log"
    wait_until(lambda: "certificate verify failed" in log.read_text(), PATIENCE_S, fleet.logs)
    assert "Traceback" not in log.read_text()
    assert fleet.stop_one(name) == 0
