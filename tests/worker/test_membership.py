"""A node, as a process, becomes one of a fleet: by URL and token, over TLS, and only where both sides understand."""

import contextlib
import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.wire import protocol
from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.fake_api import FakeApi
from tests.worker.nodes import Fleet

JOIN_TOKEN = "fl_abcdefgh_" + "y" * 43
END_S = 60.0
PEM = serialization.Encoding.PEM
UNTOLD = {"FLOTILLA_BROKER_URL": "", "FLOTILLA_NODE_TOKEN": ""}


def ended(fleet: Fleet, code: int) -> str:
    """The last node that was started has ended with this code; what it said."""
    assert fleet.nodes[-1].wait(END_S) == code, fleet.logs()
    return fleet.logs()


def test_it_joins_once_and_knows_all_from_then_on(fleet: Fleet, api: FakeApi, tmp_path: Path) -> None:
    api.broker_url = fleet.broker_url
    fleet.start(FLOTILLA_JOIN_TOKEN=JOIN_TOKEN, **UNTOLD)
    fleet.bell.ring([api.add("first", {"callable": "noop"}, executor="python")])
    fleet.ended("first")
    assert stat.S_IMODE((tmp_path / "one" / "token").stat().st_mode) == 0o600
    fleet.nodes[-1].terminate()
    assert fleet.nodes[-1].wait(END_S) == 0
    fleet.start(FLOTILLA_SERVER_URL="", **UNTOLD)
    fleet.bell.ring([api.add("second", {"callable": "noop"}, executor="python")])
    fleet.ended("second")
    assert len(api.join_tokens) == 1
    assert len(api.nodes) == 1, "it is the same node"


def test_it_tells_its_protocol_and_its_clock(fleet: Fleet, api: FakeApi, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("3600")
    folder = Path(__file__).parents[1] / "faults" / "clock"
    fleet.start(PYTHONPATH=str(folder), FLOTILLA_TEST_CLOCK_FILE=str(clock))
    wait_until(lambda: len(api.beats) >= 2, 10, dump=fleet.logs)
    _, beat = api.beats[-1]
    assert beat.protocol == next(iter(api.nodes.values())).protocol == protocol.PROTOCOL
    assert beat.clock_skew_ms is not None
    assert abs(beat.clock_skew_ms - 3_600_000) < 1000
    assert "s ahead of the database's" in fleet.logs()


def test_what_is_not_served_does_not_start(fleet: Fleet, api: FakeApi) -> None:
    api.turns_away = "upgrade the node"
    fleet.start(wait=False)
    assert f"this node ends: {api.url} refuses this node: upgrade the node" in ended(fleet, os.EX_PROTOCOL)
    fleet.start("joining", wait=False, FLOTILLA_JOIN_TOKEN=JOIN_TOKEN, **UNTOLD)
    assert "refuses this node: upgrade the node" in ended(fleet, os.EX_PROTOCOL)


def test_one_that_is_not_served_any_more_hands_back_what_it_runs(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("long", {"argv": ["sleep", "60"]})])
    wait_until(lambda: "long" in api.started_us, 15, dump=fleet.logs)
    api.turns_away = "upgrade the node"
    assert "upgrade the node" in ended(fleet, os.EX_PROTOCOL)
    assert fleet.state("long") is RunState.LOST
    assert api.endings["long"].released


def test_a_folder_that_cannot_be_used_is_named(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fleet.start(wait=False, FLOTILLA_NODE_DIR=str(tmp_path / "file" / "below"))
    assert "--dir (FLOTILLA_NODE_DIR)" in ended(fleet, 2)


def authority(folder: Path) -> Path:
    """A certificate for 127.0.0.1, signed by itself: with its key in NAME.pem, alone in NAME.crt."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "pair.pem").write_bytes(secret + made.public_bytes(PEM))
    (folder / "ca.crt").write_bytes(made.public_bytes(PEM))
    return folder


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return authority(tmp_path / "ours")


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[FakeApi]:
    """Over TLS for a test that has an authority."""
    tls = None
    if "ours" in request.fixturenames:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(request.getfixturevalue("ours") / "pair.pem")
    fake = FakeApi(tls)
    yield fake
    fake.close()


def test_the_certificate_of_an_authority_that_was_named_is_accepted(fleet: Fleet, ours: Path, api: FakeApi) -> None:
    fleet.start(FLOTILLA_CA_FILE=str(ours / "ca.crt"))
    given = {"source": api.give("/v1/files/1", b"sealed"), "target": {"path": "in"}}
    spec = api.add(
        "files",
        {"argv": ["cp", "in", "out"]},
        inputs=[given],
        outputs=[{"source": {"path": "out"}, "name": "copy"}],
    )
    fleet.bell.ring([spec])
    fleet.ended("files")
    assert fleet.state("files") is RunState.SUCCEEDED, api.endings["files"]
    assert api.outputs["files", "copy"] == b"sealed"


@pytest.mark.parametrize("token", ["", JOIN_TOKEN])
def test_any_other_certificate_is_refused_in_one_clear_line(
    fleet: Fleet, ours: Path, api: FakeApi, tmp_path: Path, token: str
) -> None:
    other = authority(tmp_path / "other")
    told = {"FLOTILLA_JOIN_TOKEN": token, "FLOTILLA_NODE_TOKEN": "" if token else "node-token"}
    started = {
        name: fleet.start(name, wait=False, FLOTILLA_CA_FILE=file, **told)
        for name, file in (("wrong", str(other / "ca.crt")), ("none", ""))
    }
    for name, node in started.items():
        assert node.wait(END_S) == 2
        said = (tmp_path / f"{name}.log").read_text()
        assert f"the certificate of {api.url} is not accepted" in said
        assert "--ca-file" in said
        assert "Traceback" not in said
    assert api.calls == []


def test_a_file_that_holds_no_certificate_is_a_setting_that_is_wrong(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "empty.crt").touch()
    fleet.start(wait=False, FLOTILLA_CA_FILE=str(tmp_path / "empty.crt"))
    assert "FLOTILLA_CA_FILE" in ended(fleet, 2)


@pytest.fixture
def sealed_broker(tmp_path: Path, ours: Path) -> Iterator[str]:
    """The address of a Redis that speaks TLS alone, with a certificate of our authority."""
    if (program := shutil.which("redis-server")) is None:
        pytest.skip("there is no redis-server; one that comes with us may speak no TLS")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    command += ["--tls-cert-file", str(ours / "pair.pem"), "--tls-key-file", str(ours / "pair.pem")]
    command += ["--tls-ca-cert-file", str(ours / "ca.crt"), "--save", "", "--dir", str(tmp_path)]
    with (tmp_path / "redis").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    yield f"rediss://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(END_S)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_broker_that_the_api_names_has_to_show_its_certificate(
    fleet: Fleet, ours: Path, sealed_broker: str, is_trusted: bool
) -> None:
    with contextlib.closing(FakeApi()) as api:
        fleet.api = api
        api.broker_url = sealed_broker
        fleet.start(FLOTILLA_CA_FILE=str(ours / "ca.crt") if is_trusted else "", FLOTILLA_BROKER_URL="")
        if is_trusted:
            with redis.Redis.from_url(sealed_broker, ssl_ca_certs=str(ours / "ca.crt")) as seen:
                wait_until(lambda: len(seen.client_list()) > 1, END_S, fleet.logs)  # the node and we
        else:
            wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in fleet.logs(), END_S, fleet.logs)
        fleet.nodes[-1].terminate()
        assert fleet.nodes[-1].wait(END_S) == 0
