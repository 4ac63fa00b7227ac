"""A connection goes to an address that was judged, under the name that was asked for, and ends when it is told to."""

import contextlib
import datetime as dt
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.worker.stage.conftest import Bench
from tests.worker.stage.web import Names, Web, page
from worker.stage import dial, talk
from worker.stage.leash import Leash, Pulled
from worker.trust import trust

NAME = "secure.example"


def certificate(folder: Path) -> Path:
    """For NAME, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "pair.pem"
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A web server that speaks TLS as NAME; the node trusts its certificate."""
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    made = Web(context)
    context.sni_callback = lambda line, name, _: made.names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    trust.cache_clear()
    yield made
    trust.cache_clear()
    made.close()


def test_tls_is_spoken_under_the_name_and_to_the_address(bench: Bench, secure: Web) -> None:
    secure.pages["/x"] = page(b"sealed")
    bench.open_gate(secure, allow="127.0.0.1")
    bench.resolve = Names(secure_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    assert bench.content(f"https://{NAME}:{secure.port}/x") == b"sealed"
    assert secure.names == [NAME]
    assert secure.asked[0][1]["Host"] == f"{NAME}:{secure.port}"
    for host in ("other.example", "127.0.0.1"):
        assert f"the certificate of {host} is not accepted" in bench.refusal(f"https://{host}:{secure.port}/x")
    assert len(secure.asked) == 1


def test_a_server_that_speaks_no_tls_is_told(bench: Bench, web: Web) -> None:
    assert "no answer from 127.0.0.1" in bench.refusal(f"https://{web.netloc}/x")


def test_the_next_address_is_tried_when_one_does_not_answer(bench: Bench, web: Web) -> None:
    web.pages["/x"] = page(b"found")
    bench.open_gate(web, allow="127.0.0.0/8, ::1")
    bench.resolve = Names(two_example=[["127.0.0.9", "::1", "127.0.0.1"]])
    assert bench.content(f"http://two.example:{web.port}/x") == b"found"


def test_the_proxies_of_the_environment_are_not_asked(bench: Bench, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages["/x"] = page(b"found")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert bench.content(f"{web.url}/x") == b"found"


def test_a_connection_that_nobody_accepts_ends_when_it_is_told_to() -> None:
    """The queue of a listening socket is full, so that the next connection is never answered."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            line = stack.enter_context(socket.socket())
            line.setblocking(False)
            line.connect_ex(server.getsockname())
        leash = Leash()
        place = bench_place(server.getsockname()[1])
        threading.Timer(0.1, leash.pull).start()
        with pytest.raises(Pulled), dial.dialled(place, leash, gate=None):
            pass


def bench_place(port: int) -> dial.Place:
    return dial.Place(scheme="http", host="127.0.0.1", port=port, target="/")


def test_the_client_never_connects_by_itself() -> None:
    """What http.client would do with a connection that it has closed."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with (
        pytest.raises((talk.TalkError, http.client.HTTPException, OSError)),
        talk.asked(ours, bench_place(1), "GET", {}),
    ):
        pass
