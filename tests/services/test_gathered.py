"""Inputs that a reference makes a list of: the files of a map's values, or of URIs that a task has found."""

from typing import Any

import pytest

from app.domain import limits
from app.domain.job import Job
from app.wire.claim import RunSpec
from tests.services.test_maps import a_map, end
from tests.services.test_outputs import send
from tests.services.world import Node, World, task

FILES = "${{ needs.m.outputs.assets.frame%s }}"


def gathering(uri: str, path: str = "frames") -> Any:
    return task("join", "m", inputs=({"source": {"uri": uri}, "target": {"path": path}},))


def ended_map(world: World, join: Any, *, values: int = 12, named: str = "frame.png") -> tuple[Job, Node, list[str]]:
    """The node has `join`; the assets that its map left behind, in the order of its values."""
    node = world.node(cpu=values)
    job = world.submit([a_map("m", values=list(range(values))), join])
    node.take_all()
    left = {}
    for spec in sorted(node.held.values(), key=lambda spec: -(spec.map_index or 0)):
        left[spec.map_index or 0] = send(world, spec, "frame", b"%d" % (spec.map_index or 0), filename=named).id
        end(node, spec, result=f"https://example.org/{spec.map_index}/part.stl?at=1")
    node.take_all()
    return job, node, [left[index] for index in sorted(left)]


def inputs_of(node: Node) -> list[Any]:
    spec: RunSpec = node.run_of("join")
    return list(spec.inputs)


@pytest.mark.parametrize("field", ["", ".uri"])
@pytest.mark.parametrize("path", ["frames", "frames/"])
def test_a_map_s_files_come_into_a_folder_in_the_order_of_its_values(world: World, field: str, path: str) -> None:
    _, node, left = ended_map(world, gathering(FILES % field, path))
    given = inputs_of(node)
    assert [each["source"]["asset"] for each in given] == left
    assert [each["target"]["path"].replace("//", "/") for each in given] == [
        f"frames/{index:06d}-frame.png" for index in range(12)
    ]
    assert all(each["source"]["link"].startswith("/v1/links/") for each in given)


def test_uris_that_a_task_has_found_come_so_too(world: World) -> None:
    _, node, _ = ended_map(world, gathering("${{ needs.m.outputs.params.value }}"), values=2)
    assert inputs_of(node) == [
        {"source": {"uri": f"https://example.org/{n}/part.stl?at=1"}, "target": {"path": f"frames/00000{n}-part.stl"}}
        for n in range(2)
    ]


def test_a_long_name_is_cut_so_that_its_number_has_room(world: World) -> None:
    _, node, _ = ended_map(world, gathering(FILES % ""), values=1, named="ü" * 300 + ".png")
    name = inputs_of(node)[0]["target"]["path"].partition("/")[2]
    assert len(name.encode()) <= 255
    assert name.endswith(".png")


def test_too_many_files_fail_the_task_with_the_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_GATHERED", 2)
    job, _, _ = ended_map(world, gathering(FILES % ""), values=3)
    failure = world.task(job, "join").failure
    assert failure is not None
    assert failure.message == "the list for input 'frames' has 3 files; at most 2 may come"


def test_a_list_of_what_is_no_uri_fails_the_task_with_the_reason(world: World) -> None:
    join = task("join", "m", inputs=({"source": {"uri": "${{needs.m.outputs.params.n}}"}, "target": {"path": "in"}},))
    node = world.node()
    job = world.submit([task("m"), join])
    node.take_all()
    node.finish("m", result={"n": [1]})
    node.take_all()
    failure = world.task(job, "join").failure
    assert failure is not None
    assert "must be a URI or a list of URIs, not int" in failure.message
