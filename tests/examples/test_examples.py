"""The three examples as their READMEs say: from `flotilla submit FILE --wait` to a picture."""

import csv
import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.fleet import Fleet
from tests.examples.running import FOLDER, downloaded, picture, ready_made, result, submitted

FRAMES = 12


def program(example: str, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / example / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_animation_is_rendered_frame_by_frame_and_joined(fleet: Fleet, tmp_path: Path) -> None:
    job_id = submitted(fleet, "animation", "-p", f"frames={FRAMES}", "-p", "width=210", "-p", "height=150")
    rendered = result(fleet, job_id, "render")
    assert [one["turn"] for one in rendered] == [frame / FRAMES for frame in range(FRAMES)]
    frames = [each for each in fleet.client.items(f"/v1/jobs/{job_id}/outputs") if each["task"] == "render"]
    assert sorted(each["mapIndex"] for each in frames) == list(range(FRAMES))
    every = fleet.cli("outputs", job_id, "--to", str(tmp_path / "all"))
    assert every.returncode == 0, every.stderr
    names = {f"{index:06d}-frame.png" for index in range(FRAMES)}
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"animation.png", *names}
    content = downloaded(fleet, job_id, "animation", tmp_path)
    movie = picture(content)
    assert (movie.n_frames, movie.size, movie.info["loop"]) == (FRAMES, (210, 150), 0)
    shown = []
    for frame in range(FRAMES):
        movie.seek(frame)
        shown.append(movie.convert("RGB").tobytes())
    assert len(set(shown)) == FRAMES, "every frame shows another moment"
    assert result(fleet, job_id, "join") == {"frames": FRAMES, "bytes": len(content)}


def test_a_mesh_is_measured_as_geometry_says(fleet: Fleet, knot: str, tmp_path: Path) -> None:
    volume, area = program("mesh", "knot").expected()
    found = result(fleet, knot, "preprocess")
    assert (found["watertight"], found["genus"], found["openEdges"]) == (True, 1, 0)
    assert (found["triangles"], found["vertices"], found["cornersBefore"]) == (5760, 2880, 17280)
    assert result(fleet, knot, "volume")["volume"] == pytest.approx(volume, rel=0.005)
    assert result(fleet, knot, "area")["area"] == pytest.approx(area, rel=0.01)
    assert np.abs(result(fleet, knot, "volume")["centre"]).max() < 1e-3
    sliced = result(fleet, knot, "slices")
    assert sliced["volume"] == pytest.approx(result(fleet, knot, "volume")["volume"], rel=0.001)
    assert min(sliced["areas"]) > 0
    size = result(fleet, knot, "bounds")["size"]
    assert result(fleet, knot, "report")["size"] == size
    assert picture(downloaded(fleet, knot, "report", tmp_path)).size == (1430, 836)


def test_the_mesh_is_what_its_program_writes(tmp_path: Path) -> None:
    knot, preprocess, measure = (program("mesh", name) for name in ("knot", "preprocess", "measure"))
    corners = preprocess.soup(FOLDER / "mesh" / "knot.stl")
    assert np.allclose(corners, knot.triangles(), atol=1e-4)
    cut = corners[1:]
    _, faces, _ = preprocess.welded(cut)
    assert preprocess.edges(faces)[1] == 3, "where a triangle is gone three edges are open"
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    sides = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    square = cube[[tri for a, b, c, d in sides for tri in ((a, c, b), (a, d, c))]]
    assert abs(measure.volume(square)["volume"]) == pytest.approx(1)
    assert measure.area(square)["area"] == pytest.approx(6)


def test_a_surface_with_a_hole_ends_the_job_and_says_so(fleet: Fleet, tmp_path: Path) -> None:
    whole = (FOLDER / "mesh" / "knot.stl").read_bytes()
    count = int.from_bytes(whole[80:84], "little") - 1
    (tmp_path / "part.stl").write_bytes(whole[:80] + count.to_bytes(4, "little") + whole[84:-50])
    job = ready_made("mesh")
    program_file = {"source": {"file": str(FOLDER / "mesh" / "preprocess.py")}, "target": {"path": "preprocess.py"}}
    part = {"source": {"file": "part.stl"}, "target": {"path": "part.stl"}}
    job["tasks"] = [{**job["tasks"][0], "inputs": [program_file, part]}]
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = fleet.cli("submit", str(tmp_path / "job.json"), "--wait", "-o", "id")
    assert done.returncode == 1
    (task,) = fleet.tasks(done.stdout.strip()).values()
    assert task["error"]["message"].startswith("the surface is not closed: 3 of ")


def test_a_text_is_counted_part_by_part(fleet: Fleet, tmp_path: Path) -> None:
    job_id = submitted(fleet, "text", "-p", "title=Counted")
    parts = result(fleet, job_id, "count")
    totals = result(fleet, job_id, "reduce")
    assert len(parts) == result(fleet, job_id, "split")["parts"] > 40
    together: Counter[str] = Counter()
    for part in parts:
        assert sum(part["counts"].values()) == part["words"]
        together.update(part["counts"])
    assert (totals["words"], totals["distinct"]) == (together.total(), len(together))
    rows = list(csv.DictReader(downloaded(fleet, job_id, "words", tmp_path).decode().splitlines()))
    assert {row["word"]: int(row["count"]) for row in rows} == together
    assert rows[0]["word"] == "the"
    assert 20 < totals["ease"] < 80
    assert picture(downloaded(fleet, job_id, "chart", tmp_path), least_colours=300).size == (1575, 777)


def test_what_was_sent_once_is_not_sent_again(fleet: Fleet, knot: str) -> None:
    before = {each["id"] for each in fleet.client.items("/v1/assets", space="local-files")}
    again = submitted(fleet, "mesh")
    assert {each["id"] for each in fleet.client.items("/v1/assets", space="local-files")} == before
    assert fleet.tasks(again)["report"]["inputs"] == fleet.tasks(knot)["report"]["inputs"]
