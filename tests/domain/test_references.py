"""Do references bring in exactly the value they name, once, and are wrong ones refused with their place?"""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import references
from app.domain.references import FILE_FIELDS, Reference, Unresolved

VALUES: dict[tuple[str | None, str], Any] = {
    ("list", "frames"): [1, 2, {"deep": None}],
    ("list", "count"): 3,
    ("list", "name"): "part.stl",
    ("list", "evil"): "${{ needs.list.outputs.params.count }}",
    ("list", "evil list"): ["${{ job.parameters.size }}"],
    (None, "size"): 2.5,
    (None, "on"): True,
    (None, "none"): None,
    ("a.b/c~d", "k.e~y/"): "odd",
}


def lookup(reference: Reference) -> Any:
    return VALUES[reference.task, reference.key]


@pytest.mark.parametrize(
    ("payload", "resolved"),
    [
        ("${{ needs.list.outputs.params.frames }}", [1, 2, {"deep": None}]),
        ("${{needs.list.outputs.params.count}}", 3),
        ("  ${{ job.parameters.on }}\n", True),
        ("${{ job.parameters.none }}", None),
        ("${{ job.parameters.size }} mm", "2.5 mm"),
        ("on: ${{ job.parameters.on }}, none: ${{ job.parameters.none }}", "on: true, none: null"),
        ("${{ needs.list.outputs.params.name }}.gz", "part.stl.gz"),
        ("${{ job.parameters.size }}${{ job.parameters.size }}", "2.52.5"),
        ("f: ${{ needs.list.outputs.params.frames }}", 'f: [1, 2, {"deep": null}]'),
        ("${{ needs.a.b/c~d.outputs.params.k.e~y/ }}", "odd"),
        ("${{ needs.list.outputs.params.evil }}", "${{ needs.list.outputs.params.count }}"),
        ("x ${{ needs.list.outputs.params.evil }}", "x ${{ needs.list.outputs.params.count }}"),
        ("${{ needs.list.outputs.params.evil list }}", ["${{ job.parameters.size }}"]),
        ("${{ job.parameters.size }} and }}", "2.5 and }}"),
        ("${{ ${{ job.parameters.size }}", "${{ 2.5"),
        ("${{ job.parameters.size }}}", "2.5}"),
        ("${ {job.parameters.size}}", "${ {job.parameters.size}}"),
        ("${{ open", "${{ open"),
        ({"a": ["${{ job.parameters.size }}", 7]}, {"a": [2.5, 7]}),
        ({"${{ job.parameters.size }}": 1}, {"${{ job.parameters.size }}": 1}),
        (None, None),
        (12, 12),
    ],
)
def test_what_a_reference_becomes(payload: Any, resolved: Any) -> None:
    after = references.resolve(payload, lookup)
    assert after == resolved
    assert type(after) is type(resolved)


def problems(payload: Any, needs: tuple[str, ...] = ("list",)) -> list[tuple[str, str]]:
    found = references.check(payload, "/tasks/0/payload", needs, {"size": 1})
    return [(problem.pointer, problem.detail) for problem in found]


@pytest.mark.parametrize(
    ("payload", "pointer", "words"),
    [
        ("${{ nonsense }}", "", "'nonsense' is no reference; allowed are needs.NAME"),
        ("${{}}", "", "'' is no reference"),
        ("${{ needs.list.outputs.files.x }}", "", "is no reference"),
        ("${{ needs.other.outputs.assets.x }}", "", "refers to task 'other', which is not among this task's needs"),
        ("${{ needs.other.outputs.params.x }}", "", "refers to task 'other', which is not among this task's needs"),
        ("${{ job.parameters.missing }}", "", "the job has no parameter 'missing'"),
        ({"argv": ["ls", "x${{ job.parameters.no }}"]}, "/argv/1", "no parameter 'no'"),
        ({"a/b": {"c~d": "${{ x }}"}}, "/a~1b/c~0d", "'x' is no reference"),
    ],
)
def test_a_wrong_reference_is_refused_with_its_place(payload: Any, pointer: str, words: str) -> None:
    [(place, detail)] = problems(payload)
    assert place == f"/tasks/0/payload{pointer}"
    assert words in detail


def test_every_wrong_reference_is_named() -> None:
    assert len(problems(["${{ a }} ${{ b }}", "${{ job.parameters.size }}", "${{ c }}"])) == 3


def test_what_is_right_has_no_problems() -> None:
    assert problems({"a": ["${{ needs.list.outputs.params.x }}", "${{ job.parameters.size }}", "plain $ {{ }}"]}) == []
    assert problems("${{ needs.list.outputs.assets.volume.uri }}") == []


def test_find_names_each_reference_once() -> None:
    payload = ["${{ job.parameters.a }}", {"b": "${{ needs.t.outputs.params.k }} ${{ job.parameters.a }} ${{ no }}"}]
    assert references.find(payload) == {Reference(None, "a"), Reference("t", "k")}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
pieces = st.sampled_from(["$", "{", "}", " ", "${{", "}}", "needs.a.outputs.params.k", "x"])
hostile = st.lists(pieces).map("".join)


@given(json_values)
def test_a_whole_value_keeps_its_type(value: Any) -> None:
    assert references.resolve("${{ needs.a.outputs.params.k }}", lambda _: value) is value


@given(json_values)
def test_a_payload_without_references_is_left_alone(payload: Any) -> None:
    if references.MARK not in json.dumps(payload):
        assert references.resolve(payload, lookup) == payload


@given(hostile)
def test_what_was_checked_resolves(text: str) -> None:
    """A reference that passed at submit is the very one that is looked up later, in any surroundings."""
    asked: list[Reference] = []

    def note(reference: Reference) -> str:
        asked.append(reference)
        return "${{ needs.a.outputs.params.k }}"

    wrong = references.check(text, "", ("a",), ())
    references.resolve(text, note)
    assert set(asked) == references.find(text)
    if not wrong:
        assert all(reference.task == "a" for reference in asked)


@given(st.text(), st.text())
def test_any_text_around_a_reference_stays(before: str, after: str) -> None:
    if any(mark in before + after for mark in "${}"):
        return
    text = f"{before}${{{{ needs.a.outputs.params.k }}}}{after}"
    resolved = references.resolve(text, lambda _: "VALUE")
    assert resolved == ("VALUE" if not (before + after).strip() else f"{before}VALUE{after}")


@pytest.mark.parametrize(
    "text",
    [
        "${{" * 300_000,
        "${{ needs.a" + "}" * 900_000,
        "${{" + "$" * 900_000,
        "${{" + " " * 900_000,
        "${{ needs." + ".outputs.params." * 60_000 + "}}",
        "${{}}" * 100_000,
    ],
    ids=["open", "close", "dollars", "blanks", "dots", "empty"],
)
def test_hostile_strings_cost_no_more_than_their_length(text: str) -> None:
    began = time.process_time()
    references.check(text, "", ("a",), ())
    references.find(text)
    references.resolve(text, lambda _: "")
    assert time.process_time() - began < 20


def test_many_references_to_many_needs_are_checked_quickly() -> None:
    needs = tuple(f"task-{n}" for n in range(20_000))
    payload = [f"${{{{ needs.{name}.outputs.params.x }}}}" for name in needs]
    began = time.process_time()
    assert references.check(payload, "", needs, ()) == []
    assert time.process_time() - began < 20


def test_the_value_of_a_result_that_is_an_object() -> None:
    assert references.value_of({"a": 1}, Reference("t", "a")) == 1


def test_a_result_that_is_no_object_is_its_value() -> None:
    assert references.value_of([1, 2], Reference("t", "value")) == [1, 2]


def test_an_absent_key_is_named_with_what_there_is() -> None:
    with pytest.raises(Unresolved, match="the result of 't' has no 'c'; it has: a, b"):
        references.value_of({"b": 1, "a": 2}, Reference("t", "c"))


STL = dict.fromkeys(FILE_FIELDS, "of a.stl")
SDF = dict.fromkeys(FILE_FIELDS, "of a.stl.uri")
FILES = {"a.stl": STL, "a.stl.uri": SDF, "frames": [STL, SDF]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a.stl", STL),
        ("a.stl.size", "of a.stl"),
        ("a.stl.uri", SDF),
        ("a.stl.uri.uri", "of a.stl.uri"),
        ("frames", [STL, SDF]),
        ("frames.id", ["of a.stl", "of a.stl.uri"]),
    ],
)
def test_a_file_is_found_by_its_whole_name_first(key: str, value: Any) -> None:
    reference = references.parse(f"needs.mesh.outputs.assets.{key}")
    assert reference == Reference("mesh", key, of_files=True)
    assert references.file_of(FILES, reference) == value


@pytest.mark.parametrize("key", ["absent", "a.stl.blob", "absent.uri", ".uri"])
def test_an_absent_file_is_named_with_what_there_is(key: str) -> None:
    with pytest.raises(Unresolved, match=f"'mesh' left no file '{key}'; it has: a.stl, a.stl.uri, frames"):
        references.file_of(FILES, Reference("mesh", key, of_files=True))
