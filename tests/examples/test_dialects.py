"""Each example in the words of another service, by plain HTTP: the same programs, the same ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.dialects.flow.sample import Sample
from tests.e2e.fleet import Fleet
from tests.examples.running import FOLDER, picture, ready_made
from tests.wait import wait_until

FRAMES, WIDTH, HEIGHT = 6, 160, 120
Ask = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def ask(fleet: Fleet, token: str) -> Ask:
    def send(method: str, path: str, **more: Any) -> requests.Response:
        url = path if path.startswith("http") else fleet.url + path
        answer = requests.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=30, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    return send


def test_the_mesh_as_a_metafold_workflow(ask: Ask) -> None:
    project = ask("POST", "/projects", json={"name": "knots"}).json()["id"]
    base = f"/projects/{project}"
    names = ("knot.stl", "preprocess.py", "measure.py", "slices.py", "report.py")
    for name in names:
        ask("POST", f"{base}/assets", files={"file": (name, (FOLDER / "mesh" / name).read_bytes())})
    programs = {"volume": "measure", "area": "measure", "bounds": "measure"}
    jobs = ("preprocess", "volume", "area", "bounds", "slices", "report")
    given = {f"{job}.{programs.get(job, job)}.py": f"{programs.get(job, job)}.py" for job in jobs}
    asked = {
        "definition": (FOLDER / "mesh" / "metafold.yaml").read_text(),
        "assets": {**given, "preprocess.part.stl": "knot.stl"},
    }
    made = ask("POST", f"{base}/workflows", json=asked).json()

    def over() -> Any:
        answer = ask("GET", made["link"])
        return answer.json() if answer.status_code == 201 else None

    ended = wait_until(over, 60)
    found = {job["name"]: job for job in ask("GET", f"{base}/jobs?sort=name:1").json()}
    assert ended["state"] == "success", {name: job["error"] for name, job in found.items()}
    assert sorted(found) == sorted(jobs)
    assert json.loads(found["volume"]["outputs"]["params"]["volume"]) == pytest.approx(19162.6, rel=0.005)
    assert json.loads(found["slices"]["inputs"]["params"]["stdin"]) == json.loads(
        found["bounds"]["outputs"]["params"]["heights"]
    )
    assert set(found["report"]["inputs"]["assets"]) == {"mesh.npz", "slices.json", "report.py"}
    page = found["report"]["outputs"]["assets"]["report"]
    link = ask("GET", f"{base}/assets/{page['id']}?download=true").json()["link"]
    picture(ask("GET", link).content)


def test_the_animation_as_a_flow_job(fleet: Fleet, token: str, tmp_path: Path) -> None:
    client = Sample(fleet.url, "any client id", token)
    text = json.dumps(ready_made("animation"))
    for name, value in (("frames", FRAMES), ("width", WIDTH), ("height", HEIGHT)):
        text = text.replace(f"${{{{ job.parameters.{name} }}}}", str(value))
    for name in ("frames.py", "render.py", "join.py"):
        urn = client.upload((FOLDER / "animation" / name).read_bytes(), name)
        text = text.replace(json.dumps({"file": name}), json.dumps({"uri": urn}))
    job = json.loads(text)
    job_id = client.submit({"name": job["name"], "tags": ["example"], "tasks": job["tasks"]})
    assert client.wait(job_id)["status"] == "SUCCEEDED", list(client.files(job_id, "executions"))
    executions = list(client.files(job_id, "executions"))
    assert sorted(one["index"] for one in executions if one["taskName"] == "render") == list(range(FRAMES))
    paths = {file["path"] for file in client.files(job_id, "outputs")}
    assert paths == {"/join/0/animation", *(f"/render/{index}/frame" for index in range(FRAMES))}
    saved = {path.name: path for path in client.download(job_id, "outputs", tmp_path)}
    movie = picture(saved["animation"].read_bytes())
    assert (movie.n_frames, movie.size) == (FRAMES, (WIDTH, HEIGHT))


def test_the_text_as_an_alteryx_workflow(fleet: Fleet, ask: Ask) -> None:
    files = [str(FOLDER / "text" / name) for name in ("job.json", "questions.json")]
    saved = fleet.cli("template", "save", files[0], "--questions", files[1], "-o", "id")
    assert saved.returncode == 0, saved.stderr
    workflow = f"/webapi/v3/workflows/{saved.stdout.strip()}"
    questions = {each["name"]: each["value"] for each in ask("GET", f"{workflow}/questions").json()}
    assert questions == {"title": "The Python language reference, counted", "leastWords": "60"}
    answers = [{"name": "title", "value": "Long topics"}, {"name": "leastWords", "value": "400"}]
    job_id = ask("POST", f"{workflow}/jobs", json={"questions": answers}).json()["id"]

    def over() -> Any:
        found = ask("GET", f"/webapi/v3/jobs/{job_id}?includeMessages=true").json()
        return found if found["status"] == "Completed" else None

    job = wait_until(over, 60)
    assert job["disposition"] == "Success", job["messages"]
    texts = [message["text"] for message in job["messages"]]
    assert any(text.endswith(" topics") for text in texts)
    assert any("distinct" in text for text in texts)
    outputs = {each["fileName"]: each["id"] for each in job["outputs"]}
    assert set(outputs) == {"parts", "words", "totals", "chart"}
    chart = ask("GET", f"/webapi/v1/jobs/{job_id}/output/{outputs['chart']}?format=Raw").content
    picture(chart, least_colours=300)
