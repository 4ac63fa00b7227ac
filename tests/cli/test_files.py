"""Files to a server and back, against the application itself behind its own server."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from app.rest.server import Server
from tests.cli.conftest import Flotilla
from tests.rest.conftest import Api, make_api, noop
from tests.rest.test_assets import end, put_output, started


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    made = make_api(tmp_path)
    server = Server(made.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    host, port = server.addresses[0]
    monkeypatch.setenv("FLOTILLA_URL", f"http://{host}:{port}")
    monkeypatch.setenv("FLOTILLA_TOKEN", made.tokens["admin"])
    with structlog.testing.capture_logs():  # the server's, which here shares the commands' output
        yield made
    server.stop()
    thread.join()
    made.core.store.close()
    made.broker.close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "part größe.stl"
    path.write_bytes(b"solid" * 100_000)
    return path


def test_a_file_goes_there_and_back(api: Api, flotilla: Flotilla, part: Path, tmp_path: Path) -> None:
    (made,) = json.loads(flotilla("upload", str(part), "-o", "json").out)
    assert (made["filename"], made["size"]) == (part.name, 500_000)
    assert flotilla("assets", "-o", "id").out == f"{made['id']}\n"
    for folder, what in (("by id", made["id"]), ("by uri", made["uri"])):
        said = flotilla("download", what, "--to", str(tmp_path / folder))
        assert said.code == 0, said.err
        assert Path(said.out.strip()).read_bytes() == part.read_bytes()
    assert part.name in flotilla("assets").out


def test_nothing_that_is_there_is_replaced_unasked(api: Api, flotilla: Flotilla, part: Path) -> None:
    made = flotilla("upload", str(part), "-o", "id").out.strip()
    part.write_bytes(b"mine")
    said = flotilla("download", made, "--to", str(part.parent))
    assert (said.code, part.read_bytes()) == (2, b"mine")
    assert "is there already" in said.err
    assert flotilla("download", made, "--to", str(part.parent), "--force").code == 0
    assert part.stat().st_size == 500_000


def test_what_a_job_left_behind_is_fetched_by_name(api: Api, flotilla: Flotilla, tmp_path: Path) -> None:
    spec = started(api, noop("mesh"))
    for name, query in (("volume", "?filename=x.sdf"), ("log", "?filename=x.sdf"), ("table", "")):
        assert put_output(api, spec, name, name.encode(), query=query).status_code == 201
    end(api, spec)
    assert "volume" in flotilla("outputs", spec["jobId"]).out
    assert len(flotilla("outputs", spec["taskId"], "-o", "id").out.split()) == 3
    one = flotilla("download", spec["jobId"], "table", "--to", str(tmp_path / "one"))
    assert Path(one.out.strip()).read_bytes() == b"table"
    every = flotilla("download", spec["jobId"], "--to", str(tmp_path / "all"))
    assert sorted(Path(line).read_bytes() for line in every.out.splitlines()) == [b"log", b"table", b"volume"]
    missing = flotilla("download", spec["jobId"], "absent")
    assert (missing.code, "it has: log, table, volume" in missing.err) == (3, True)


def test_what_cannot_be_done_is_said(api: Api, flotilla: Flotilla, tmp_path: Path) -> None:
    assert flotilla("upload", str(tmp_path / "absent")).code == 2
    assert flotilla("download", "00000000-0000-7000-8000-0000000000ff").code == 3
    (tmp_path / "file").write_bytes(b"")
    made = flotilla("upload", str(tmp_path / "file"), "-o", "id").out.strip()
    assert flotilla("download", made, "--to", str(tmp_path / "file" / "below")).code == 1
