"""Files far larger than what the web process may hold: it holds none of them, and refuses others before it reads."""

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.rest.test_process import start
from tests.wait import wait_until

MIB = 1 << 20
LARGE_MIB = int(os.environ.get("FLOTILLA_TEST_FILE_MIB", "300"))
"""Set to 2048 or more for a trial by hand."""

HELD_MIB = 48
"""By how much more memory the process may grow, whatever the file's size."""

PIECES = [bytes([number]) * MIB for number in range(256)]


@contextmanager
def web(folder: Path, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    (folder / "tmp").mkdir()
    process = start(folder, {"FLOTILLA_ANONYMOUS_ROLE": "admin", "TMPDIR": str(folder / "tmp"), **more})
    assert process.stdout
    assert process.stderr
    try:
        host, port = json.loads(process.stdout.readline())["addresses"][0]
        yield process, f"http://{host}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def peak_mib(process: subprocess.Popen[str]) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) >> 10


def content() -> Iterator[bytes]:
    for number in range(LARGE_MIB):
        yield PIECES[number % 256]


def form() -> Iterator[bytes]:
    yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="large"\r\n\r\n'
    yield from content()
    yield b"\r\n--B--\r\n"


def test_a_large_file_goes_in_and_out_and_is_never_held(tmp_path: Path) -> None:
    digest = hashlib.sha256()
    for piece in content():
        digest.update(piece)
    with web(tmp_path) as (process, url):
        small = requests.post(f"{url}/v1/assets", files={"file": b"small"}, timeout=30)
        assert small.status_code == 201, small.text
        before = peak_mib(process)
        kind = {"Content-Type": "multipart/form-data; boundary=B"}
        made = requests.post(f"{url}/v1/assets", data=form(), headers=kind, timeout=600)
        assert made.status_code == 201, made.text
        assert (made.json()["size"], made.json()["checksum"]) == (LARGE_MIB * MIB, f"sha256:{digest.hexdigest()}")
        back = hashlib.sha256()
        with requests.get(f"{url}/v1/assets/{made.json()['id']}/content", stream=True, timeout=600) as answer:
            for piece in answer.iter_content(MIB):
                back.update(piece)
        assert back.digest() == digest.digest()
        assert peak_mib(process) - before < HELD_MIB
        assert not list((tmp_path / "tmp").iterdir())


def test_a_slow_reader_holds_no_thread(tmp_path: Path) -> None:
    with web(tmp_path, FLOTILLA_THREADS="1") as (_, url):
        made = requests.post(f"{url}/v1/assets", files={"file": b"x" * (64 * MIB)}, timeout=60).json()
        with requests.get(f"{url}/v1/assets/{made['id']}/content", stream=True, timeout=60) as slow:
            assert requests.get(f"{url}/v1/assets", timeout=10).status_code == 200
            assert sum(map(len, slow.iter_content(MIB))) == 64 * MIB


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/assets", 413),
        ("PUT", "/v1/runs/00000000-0000-7000-8000-000000000001/outputs/x", 413),
        ("POST", "/v1/projects", 413),
        ("POST", "/nowhere", 413),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_sent(tmp_path: Path, method: str, path: str, status: int) -> None:
    with web(tmp_path, FLOTILLA_MAX_ASSET_MB="80") as (process, url):
        for more in ({}, {"Expect": "100-continue"}):
            with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)) as connection:
                connection.putrequest(method, path)
                for name, value in {"Content-Length": str(82 * MIB), **more}.items():
                    connection.putheader(name, value)
                connection.endheaders()
                answer = connection.getresponse()
                assert (answer.status, answer.getheader("Content-Type")) == (status, "application/problem+json")
        assert psutil.Process(process.pid).io_counters().write_bytes < 80 * MIB


def test_only_where_files_are_taken_may_bodies_be_as_large_as_files(tmp_path: Path) -> None:
    """A chunked body tells no length, so that it is counted as it comes."""
    with web(tmp_path, FLOTILLA_MAX_ASSET_MB="80") as (_, url):
        kind = {"Content-Type": "multipart/form-data; boundary=B"}

        def chunks(count: int) -> Iterator[bytes]:
            yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(count):
                yield PIECES[0]
            yield b"\r\n--B--\r\n"

        assert requests.post(f"{url}/v1/assets", data=chunks(80), headers=kind, timeout=60).status_code == 201
        assert _refused(f"{url}/v1/assets", chunks(90))
        assert _refused(f"{url}/v1/projects", chunks(66))


def _refused(url: str, chunks: Iterator[bytes]) -> bool:
    """413, or a connection that was closed while the rest was being sent."""
    try:
        answer = requests.post(
            url, data=chunks, headers={"Content-Type": "multipart/form-data; boundary=B"}, timeout=60
        )
    except requests.ConnectionError:
        return True
    return answer.status_code == 413


def test_a_disk_that_is_full_of_a_request_is_said_in_words(tmp_path: Path) -> None:
    """The system refuses writes beyond the process' largest file as it does on a full disk."""
    with web(tmp_path) as (process, url):
        psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (16 * MIB, 16 * MIB))
        with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)) as connection:
            connection.putrequest("POST", "/v1/assets")
            connection.putheader("Content-Length", str(20 * MIB))
            connection.endheaders()
            for _ in range(17):
                try:
                    connection.send(PIECES[0])
                except OSError:
                    break
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Retry-After")) == (503, "30")
        assert wait_until(lambda: requests.get(f"{url}/healthz", timeout=10).status_code == 200)
