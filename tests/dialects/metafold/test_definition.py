"""YAML definitions: what they become, what is refused and where, and that no text is a bomb."""

import json
import time
from typing import Any

import pytest
import yaml

from app.domain.errors import Invalid
from app.rest.dialects.metafold import definition, document, wiring
from app.rest.dialects.metafold.definition import Wire
from tests.conformance.test_store_finding import asset

SAMPLE = """---
jobs:
  preprocess-mesh:
    type: mesh/preprocess
  compute-bvh:
    type: mesh/compute-bvh
    needs:
    - preprocess-mesh
    assets:
      mesh: preprocess-mesh
  sample-mesh:
    type: implicit/from-mesh
    needs:
    - preprocess-mesh
    - compute-bvh
    assets:
      mesh: preprocess-mesh
      bvh: {job: compute-bvh, asset: tree}
    parameters:
      size: {job: preprocess-mesh, parameter: patch_size}
      resolution: 256
...
"""


def refused(text: str) -> str:
    with pytest.raises(Invalid) as caught:
        definition.read(text)
    assert all(problem.pointer == "/definition" for problem in caught.value.problems)
    return " | ".join(problem.detail for problem in caught.value.problems)


def made(text: str, **given: Any) -> Any:
    stored = {"part.stl": asset(7, "part.stl"), "b.stl": asset(8, "b.stl")}
    return wiring.workflow(
        definition.read(text),
        text=text,
        assets=given.get("assets", {}),
        parameters=given.get("parameters", {}),
        find=lambda names: {name: stored[name] for name in names if name in stored},
        project_id="project",
    )


def wrong(text: str, **given: Any) -> str:
    with pytest.raises(Invalid) as caught:
        made(text, **given)
    return str(caught.value)


def test_jobs_with_their_needs_and_wires() -> None:
    jobs = {job.name: job for job in definition.read(SAMPLE)}
    assert jobs["compute-bvh"].assets == {"mesh": Wire("preprocess-mesh", "mesh")}
    sample = jobs["sample-mesh"]
    assert (sample.type, sample.needs) == ("implicit/from-mesh", ("preprocess-mesh", "compute-bvh"))
    assert sample.assets["bvh"] == Wire("compute-bvh", "tree")
    assert sample.parameters == {"size": Wire("preprocess-mesh", "patch_size"), "resolution": "256"}


def test_wires_become_references_and_values_become_payload() -> None:
    spec = made(
        SAMPLE,
        assets={"preprocess-mesh.mesh": "part.stl", "sample-mesh.more": ["part.stl", "b.stl"]},
        parameters={"sample-mesh.box": '{"min": [0]}', "sample-mesh.list": ["1", "[2]"], "sample-mesh.word": "[no"},
    )
    first, _, sample = spec.tasks
    assert first.executor == "mesh/preprocess"
    assert [each["target"]["path"] for each in first.inputs] == ["mesh"]
    assert first.inputs[0]["source"]["uri"].startswith("flotilla:")
    assert {each["target"]["path"]: each["source"]["uri"] for each in sample.inputs}["bvh"] == (
        "${{ needs.compute-bvh.outputs.assets.tree.uri }}"
    )
    assert sorted(each["target"]["path"] for each in sample.inputs) == ["bvh", "mesh", "more/0", "more/1"]
    assert sample.payload == {
        "size": "${{ needs.preprocess-mesh.outputs.params.patch_size }}",
        "resolution": "256",
        "box": {"min": [0]},
        "list": ["1", [2]],
        "word": "[no",
    }
    assert (spec.source.text, spec.source.single) == (SAMPLE, False)


def test_what_is_wired_from_a_job_needs_it() -> None:
    jobs = definition.read("jobs: {a: {type: x}, b: {type: y, parameters: {p: {job: a, parameter: q}}}}")
    assert jobs[1].needs == ("a",)


def test_a_command_takes_its_parameters() -> None:
    text = "jobs: {a: {type: command}}"
    values = {"a.argv": '["cat"]', "a.stdin": '{"kept": "text"}', "a.outputs": '{"o": "dir/out"}'}
    (task,) = made(text, parameters=values).tasks
    assert task.payload == {"argv": ["cat"], "stdin": '{"kept": "text"}'}
    assert list(task.outputs) == [{"source": {"path": "dir/out"}, "name": "o"}]
    assert task.submitted == {
        "parameters": {"argv": '["cat"]', "stdin": '{"kept": "text"}', "outputs": '{"o": "dir/out"}'}
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "jobs"),
        ("just text", "jobs"),
        ("jobs: {}", "at least one job"),
        ("jobs: []", "jobs"),
        ("jobs: {a: {type: x}}\nmore: 1", "'more' is not known"),
        ("jobs: {a: }", "job 'a': must be an object"),
        ("jobs: {a: {}}", "type must be a string"),
        ("jobs: {a: {type: ''}}", "type must have 1 to 200"),
        ("jobs: {a: {type: x, cpu: 4}}", "'cpu' is not known"),
        ("jobs: {a: {type: x, needs: b}}", "needs must be an array"),
        ("jobs: {a: {type: x, needs: [b]}}", "needs 'b', and there is no such job"),
        ("jobs: {a: {type: x, needs: [a, a]}}", "needs names a job twice"),
        ("jobs: {a: {type: x}, a: {type: y}}", "line 1, column 22: the key 'a' is given twice"),
        ("jobs: {a: {type: x, assets: [b]}}", "assets must be an object"),
        ("jobs: {a: {type: x, assets: {m: {job: b}}}}", "an object with job and asset"),
        ("jobs: {a: {type: x, parameters: {m: {job: b, asset: c}}}}", "job and parameter"),
        ("jobs: {a: {type: x, assets: {m: nobody}}}", "needs 'nobody'"),
        ("jobs: {'a}}': {type: x}}", "nor hold"),
        ("jobs: {' a': {type: x}}", "space"),
        ("jobs: {[1]: {type: x}}", "a key must be a text"),
        ("jobs: !!python/object/apply:os.system [ls]", "tag"),
        ("jobs: *a", "alias"),
        ("a: &a [*a]", "alias"),
        ("--- {}\n--- {}", "one document"),
        ("jobs: {a: [}", "line 1"),
        ("jobs:\n\ta: 1", "line 2"),
        ("\x00", "is not YAML"),
        ("x" * (1 << 20) + "x", "at most 1048576 bytes"),
    ],
)
def test_what_is_refused_says_where(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("jobs: {a: {type: x}}", {"assets": {"a.m": "none.stl"}}, "no asset with the filename 'none.stl'"),
        ("jobs: {a: {type: x}}", {"assets": {"b.m": "part.stl"}}, "'b.m' must be the name of a job"),
        ("jobs: {a: {type: x}}", {"parameters": {"a": "1"}}, "'a' must be the name of a job"),
        ("jobs: {a: {type: x}, b: {type: x, assets: {m: a}}}", {"assets": {"b.m": "part.stl"}}, "'m' is wired"),
        ("jobs: {a: {type: command}}", {}, "argv"),
        ("jobs: {a: {type: command}}", {"parameters": {"a.argv": '["x"]', "a.outputs": "[1]"}}, "outputs must be JSON"),
        ("jobs: {a: {type: command}}", {"parameters": {"a.argv": '["x"]', "a.outputs": '{"o": "../x"}'}}, "outputs.0"),
        ("jobs: {a: {type: command}}", {"parameters": {"a.argv": '["x"]', "a.more": "1"}}, "more"),
        ("jobs: {a: {type: x, assets: {}}}", {"assets": {"a.../x": "part.stl"}}, "job 'a': inputs.0.target.path"),
    ],
)
def test_wrong_values_say_where(text: str, given: dict[str, Any], said: str) -> None:
    assert said in wrong(text, **given)


def test_names_with_dots_are_told_apart_by_the_jobs_there_are() -> None:
    jobs = definition.read("jobs: {a.b: {type: x}, c: {type: x}}")
    found = wiring.placed({"a.b.c.d": "1", "c.x.y": "2"}, jobs, "/parameters")
    assert found == {"a.b": {"c.d": "1"}, "c": {"x.y": "2"}}


def test_no_nesting_and_no_alias_is_a_bomb() -> None:
    began = time.process_time()
    assert "levels deep" in refused("[" * 100_000)
    assert "levels deep" in refused("a: " + "{b: " * 100_000)
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "values" in refused("\n".join(laughs))
    deeper = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]
    assert "levels deep" in refused("\n".join(deeper))
    assert time.process_time() - began < 5


def test_what_common_writers_make_is_read() -> None:
    """One object that stands in two places is written once and aliased."""
    shared = ["first"]
    text = yaml.dump(
        {"jobs": {"first": {"type": "x"}, "b": {"type": "x", "needs": shared}, "c": {"type": "x", "needs": shared}}}
    )
    assert "&id001" in text
    assert [job.needs for job in definition.read(text) if job.name != "first"] == [("first",), ("first",)]
    assert document.read(json.dumps({"a": [1, None, "null", "~", True]}), "") == {"a": ["1", None, "null", "~", "true"]}
