"""Are a task's inputs and outputs well formed, and does none lie in another's way?

By hand and not by a schema: each of 100,000 tasks may have files of its own (4 us for one file instead of 50).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.domain import filenames, limits
from app.rest import paths
from app.wire.outputs import RESULT

Found = Iterator[tuple[str, str]]
"""(pointer into the array, what is wrong)"""

_INPUT: Final = frozenset({"source", "target"})
_OUTPUT: Final = frozenset({"source", "name"})
_PLACE: Final = frozenset({"path"})
_BY_URI: Final = frozenset({"uri"})
_BY_KEY: Final = frozenset({"spaceId", "key"})


def input_problems(value: Any) -> Found:
    found = list(_each(value, _input))
    yield from found
    if not found:
        for index, detail in paths.collisions(each["target"]["path"] for each in value):
            yield f"/{index}/target/path", detail


def output_problems(value: Any) -> Found:
    found = list(_each(value, _output))
    yield from found
    first: dict[str, int] = {}
    for index, each in enumerate(() if found else value):
        if (other := first.setdefault(each["name"], index)) != index:
            yield f"/{index}/name", f"is the name of number {other} already"


def _each(value: Any, judge: Any) -> Found:
    if not isinstance(value, list):
        yield "", "must be an array"
    elif len(value) > limits.MAX_FILES:
        yield "", f"has {len(value)} entries; at most {limits.MAX_FILES} are allowed"
    else:
        for index, item in enumerate(value):
            for pointer, detail in judge(item):
                yield f"/{index}{pointer}", detail


def _input(item: Any) -> Found:
    if wrong := _keys(item, _INPUT):
        yield "", wrong
        return
    source = item["source"]
    if isinstance(source, dict) and source.keys() == _BY_URI:
        if wrong := paths.uri_problem(source["uri"]):
            yield "/source/uri", wrong
    elif isinstance(source, dict) and source.keys() == _BY_KEY:
        for key, text in source.items():
            wrong = filenames.problem(text, limits.MAX_PATH) if isinstance(text, str) else "must be a string"
            if wrong:
                yield f"/source/{key}", wrong
    else:
        yield "/source", 'must be {"uri"} or {"spaceId", "key"}'
    yield from _place(item["target"], "/target")


def _output(item: Any) -> Found:
    if wrong := _keys(item, _OUTPUT):
        yield "", wrong
        return
    yield from _place(item["source"], "/source")
    name = item["name"]
    if wrong := filenames.problem(name, limits.MAX_TASK_NAME) if isinstance(name, str) else "must be a string":
        yield "/name", wrong
    elif name == RESULT:
        yield "/name", f"must not be {RESULT}, the name of a result that is a file"


def _place(place: Any, pointer: str) -> Found:
    if wrong := _keys(place, _PLACE):
        yield pointer, wrong
    elif wrong := paths.path_problem(place["path"]):
        yield f"{pointer}/path", wrong


def _keys(item: Any, wanted: frozenset[str]) -> str | None:
    if isinstance(item, Mapping) and item.keys() == wanted:
        return None
    return f"must be an object with {' and '.join(sorted(wanted))}, and nothing else"
