"""`flotilla graph`: layers, folding, and three ways to write it."""

import json
from typing import Any

import pytest

from app.cli.drawing import draw, said
from app.cli.graph import as_mermaid, as_text
from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import JOB_ID, job

JOBS = f"/v1/jobs/{JOB_ID}"


def graph(needs: dict[str, list[str]], **states: str) -> dict[str, Any]:
    """The API's answer for tasks by name with what they need; ids are names."""
    nodes = [
        {
            "id": n,
            "name": n,
            "type": "task",
            "executor": "command",
            "state": states.get(n, "succeeded"),
            "progress": 1.0,
        }
        for n in needs
    ]
    return {"nodes": nodes, "edges": [{"source": above, "target": n} for n, many in needs.items() for above in many]}


FAN = {"list": [], **{f"render-{i:03}": ["list"] for i in range(400)}, "film": [f"render-{i:03}" for i in range(400)]}


def test_a_diamond_has_three_layers_and_every_task_its_own_line() -> None:
    boxes = draw(graph({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, d="waiting"))
    assert [(box.name, box.layer, box.needs) for box in boxes] == [
        ("a", 0, ()), ("b", 1, (0,)), ("c", 1, (0,)), ("d", 2, (1, 2)),
    ]  # fmt: skip
    assert [said(box) for box in boxes] == ["succeeded"] * 3 + ["waiting"]


def test_a_fan_out_is_one_box_with_its_counts() -> None:
    states = {"render-007": "failed", "render-008": "running", "film": "waiting"}
    boxes = draw(graph(FAN, **states))
    assert [(box.name, box.size) for box in boxes] == [("list", 1), ("render-*", 400), ("film", 1)]
    assert said(boxes[1]) == "398 succeeded, 1 running, 1 failed"
    assert boxes[1].state == "failed"
    assert boxes[2].needs == (1,)


def test_chains_side_by_side_are_folded_step_by_step() -> None:
    needs: dict[str, list[str]] = {}
    for i in range(9):
        needs |= {f"mesh {i}": [], f"solve {i}": [f"mesh {i}"]}
    assert [(box.name, box.size, box.needs) for box in draw(graph(needs))] == [("mesh *", 9, ()), ("solve *", 9, (0,))]


def test_what_differs_is_not_folded() -> None:
    needs = {"a-1": [], "a-2": [], "a-3": [], "a-4": [], "b-1": [], "x": ["a-1"], "y": ["a-2", "a-3", "a-4"]}
    assert len(draw(graph(needs))) == 7


def test_tasks_can_be_shown_one_by_one_after_all() -> None:
    assert len(draw(graph(FAN), fold=False, most=None)) == 402


def test_what_is_too_much_to_read_is_one_box_a_layer() -> None:
    needs = {f"{'abcdefgh'[i % 8]}{chr(97 + i % 26) * (i + 1)}": [] for i in range(300)}
    needs["end"] = list(needs)
    boxes = draw(graph(needs))
    assert [(box.layer, box.size) for box in boxes] == [(0, 300), (1, 1)]
    assert boxes[0].name.endswith(", ...")


def test_a_chain_of_ten_thousand_does_not_take_long() -> None:
    needs = {f"s{'x' * (i % 7)}": [] for i in range(1)} | {str(i): [str(i - 1)] if i else [] for i in range(10_000)}
    assert sum(box.size for box in draw(graph(needs))) == 10_001


@pytest.fixture
def film(server: FakeServer) -> FakeServer:
    server.on("GET", JOBS, job("running", name="film", counts={"succeeded": 401, "waiting": 1}))
    server.on("GET", f"{JOBS}/graph", graph(FAN, film="waiting"))
    return server


def test_text_has_a_line_for_each_box(film: FakeServer, flotilla: Flotilla) -> None:
    assert flotilla("graph", JOB_ID).out.splitlines() == [
        "▶ film  running  401/402",
        "401 succeeded, 1 waiting",
        "  1 ✓ list            succeeded",
        "  2 ✓ render-* x 400  400 succeeded  ← list",
        "  3 · film            waiting  ← render-* x 400",
    ]


def test_ascii_has_plain_signs(film: FakeServer, flotilla: Flotilla) -> None:
    out = flotilla("graph", JOB_ID, "--format", "ascii").out
    assert out.isascii()
    assert "  2 + render-* x 400  400 succeeded  <- list" in out


def test_json_is_the_apis_graph(film: FakeServer, flotilla: Flotilla) -> None:
    assert json.loads(flotilla("graph", JOB_ID, "-o", "json").out) == graph(FAN, film="waiting")


def test_mermaid_and_dot_have_the_boxes_and_their_arrows(film: FakeServer, flotilla: Flotilla) -> None:
    mermaid = flotilla("graph", JOB_ID, "--format", "mermaid").out
    assert mermaid.startswith('flowchart LR\n  n0["list<br/>succeeded"]:::succeeded\n')
    assert "  n1 --> n2\n" in mermaid
    dot = flotilla("graph", JOB_ID, "--format", "dot").out
    assert dot.startswith('digraph "film" {')
    assert 'n1 [label="render-* x 400\\n400 succeeded", fillcolor=' in dot
    assert "  n0 -> n1;\n" in dot


@pytest.mark.parametrize("form", ["text", "mermaid", "dot"])
def test_hostile_names_stay_names(server: FakeServer, flotilla: Flotilla, form: str) -> None:
    name = 'a"]; click n0 "javascript:x"\n\x1b[2J<script>\\'
    server.on("GET", JOBS, job(name=name))
    server.on("GET", f"{JOBS}/graph", graph({name: []}))
    out = flotilla("graph", JOB_ID, "--format", form).out
    assert "\x1b" not in out
    lines = out.splitlines()
    if form == "mermaid":
        assert "<script" not in out
        assert len(lines) == 2 + 8
        assert lines[1].count('"') == 2
    if form == "dot":
        assert '\\"javascript:x\\" ' in out
        assert "<script>\\\\\\n" in out


def test_a_map_says_how_many_values_it_has() -> None:
    drawn = graph({"list": [], "render": ["list"]})
    drawn["nodes"][1] |= {"type": "map", "values": 2000}
    boxes = draw(drawn)
    assert [(box.name, box.values) for box in boxes] == [("list", None), ("render", 2000)]
    for write in (as_text, as_mermaid):
        assert "render x 2,000" in write(job(), boxes)
