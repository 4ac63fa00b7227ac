"""Files to a server and back, against the application itself behind its own server."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.rest.server import Server
from tests.cli.conftest import Flotilla, Said
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
    again = flotilla("outputs", spec["jobId"], "--to", str(tmp_path / "again"))
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(
        Path(line).name for line in again.out.splitlines()
    )
    assert len(again.out.splitlines()) == 3
    missing = flotilla("download", spec["jobId"], "absent")
    assert (missing.code, "it has: log, table, volume" in missing.err) == (3, True)


def test_what_cannot_be_done_is_said(api: Api, flotilla: Flotilla, tmp_path: Path) -> None:
    assert flotilla("upload", str(tmp_path / "absent")).code == 2
    assert flotilla("download", "00000000-0000-7000-8000-0000000000ff").code == 3
    (tmp_path / "file").write_bytes(b"")
    made = flotilla("upload", str(tmp_path / "file"), "-o", "id").out.strip()
    assert flotilla("download", made, "--to", str(tmp_path / "file" / "below")).code == 1


# -- files that a job names


def job_file(folder: Path, *inputs: str, **more: Any) -> Path:
    given = [{"source": {"file": name}, "target": {"path": f"in/{index}"}} for index, name in enumerate(inputs)]
    path = folder / "job.json"
    path.write_text(json.dumps({"name": "local", "tasks": [{**noop("a"), "inputs": given}], **more}))
    return path


def tasks_of(api: Api, said: Said) -> Any:
    assert said.code == 0, said.err
    return api.get(f"/v1/jobs/{said.out.strip()}/tasks").json["items"]


def test_files_that_a_job_names_are_sent_once(api: Api, flotilla: Flotilla, part: Path) -> None:
    (part.parent / "same.stl").write_bytes(part.read_bytes())
    path = job_file(part.parent, part.name, "same.stl", part.name, str(part))
    (first,), (again,) = (tasks_of(api, flotilla("submit", str(path), "-o", "id")) for _ in range(2))
    uris = [each["source"]["uri"] for each in first["inputs"]]
    assert [each["source"]["uri"] for each in again["inputs"]] == uris
    assert uris[0] == uris[2] == uris[3] != uris[1]
    stored = api.get("/v1/assets").json["items"]
    assert {each["uri"]: each["filename"] for each in stored} == {uris[0]: "part größe.stl", uris[1]: "same.stl"}
    part.write_bytes(b"changed")
    (changed,) = tasks_of(api, flotilla("submit", str(path), "-o", "id"))
    assert changed["inputs"][0]["source"]["uri"] not in uris


def test_files_of_a_map_and_the_values_of_one(api: Api, flotilla: Flotilla, tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text("[1, 2]")
    inner = {"executor": "command", "payload": {"argv": ["true"]}}
    inner["inputs"] = [{"source": {"file": "values.json"}, "target": {"path": "a"}}]
    a_map = {"name": "m", "type": "map", "task": inner, "values": {"source": {"file": "values.json"}}}
    (tmp_path / "job.json").write_text(json.dumps({"name": "local", "tasks": [a_map]}))
    (made,) = tasks_of(api, flotilla("submit", str(tmp_path / "job.json"), "-o", "id"))
    assert made["task"]["inputs"][0]["source"]["uri"] == made["values"]["source"]
    assert made["values"]["source"].startswith("flotilla:")


def test_a_file_that_is_not_there_ends_a_submit_before_anything_is_sent(
    api: Api, flotilla: Flotilla, part: Path
) -> None:
    path = job_file(part.parent, part.name, "absent.py")
    for option in ("--dry-run", "--wait"):
        said = flotilla("submit", str(path), option)
        assert said.code == 2
        assert "/tasks/0/inputs/1/source: cannot read the file" in said.err
        assert "absent.py" in said.err
    assert api.get("/v1/jobs").json["items"] == []
    assert api.get("/v1/assets").json["items"] == []


def test_a_dry_run_sends_no_file(api: Api, flotilla: Flotilla, part: Path) -> None:
    said = flotilla("submit", str(job_file(part.parent, part.name)), "--dry-run")
    assert said.code == 0, said.err
    assert api.get("/v1/assets").json["items"] == []


def test_parameters_are_given_at_submit(api: Api, flotilla: Flotilla, tmp_path: Path) -> None:
    path = str(job_file(tmp_path, parameters={"frames": 48, "title": "a"}))
    said = flotilla("submit", path, "-p", "frames=12", "-p", "title=b=c", "-p", "more=[1]", "-o", "json")
    assert json.loads(said.out)["parameters"] == {"frames": 12, "title": "b=c", "more": [1]}
    assert flotilla("submit", path, "-p", "frames").code == 2


def test_a_template_keeps_files_and_asks_for_what_were_parameters(
    api: Api, flotilla: Flotilla, part: Path, tmp_path: Path
) -> None:
    path = job_file(part.parent, part.name, parameters={"who": "ann", "times": 2, "fixed": 1})
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps([{"name": "who", "required": True}, {"name": "times", "type": "integer"}]))
    said = flotilla("template", "save", str(path), "--questions", str(questions), "-o", "json")
    assert said.code == 0, said.err
    made = json.loads(said.out)
    assert made["job"]["parameters"] == {"fixed": 1}
    assert [(each["name"], each["default"]) for each in made["questions"]] == [("who", None), ("times", 2)]
    assert made["job"]["tasks"][0]["inputs"][0]["source"]["uri"].startswith("flotilla:")
