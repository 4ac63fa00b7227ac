"""What is read as JSON, and what is refused before anything looks at it."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Malformed
from app.rest import body
from tests.rest.conftest import SUBMIT, Api

MIB = 1 << 20
GOOD = b'{"name": "j", "tasks": []}'

REFUSED = {
    "a hundred thousand brackets": (b"[" * 100_000, "depth"),
    "nested 65 deep": (b"[" * 65 + b"]" * 65, "nested"),
    "NaN": (b'{"name": NaN}', "not JSON"),
    "Infinity": (b'{"name": -Infinity}', "not JSON"),
    "1e999": (b'{"name": 1e999}', "not JSON"),
    "lone surrogate": (b'{"name": "\\ud800"}', "surrogate"),
    "broken UTF-8": (b'{"name": "\xff"}', "UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf{}", "BOM"),
    "twin keys": (b'{"name": "a", "tasks": [], "name": "b"}', "'name' is given twice"),
    "twin keys below": (b'{"tasks": [{"payload": {"a": {"k": 1, "k": 1}}}]}', "'k' is given twice"),
    "twin keys, one written otherwise": (b'{"a": 1, "\\u0061": 2}', "'a' is given twice"),
    "twin keys beside an escaped colon": (b'{"x": "\\u003a", "a": 1, "a": 2}', "'a' is given twice"),
    "nothing": (b"", "not JSON"),
    "rest after the end": (b"{} {}", "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_400_and_says_why(shared: Api, name: str) -> None:
    raw, why = REFUSED[name]
    answer = shared.post(SUBMIT, raw=raw)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert why in answer.json["detail"]
    assert shared.stored() == ([], [])


@pytest.mark.parametrize("kind", ["text/plain", "", "text/json", "application/json; charset=latin-1"])
def test_another_content_type_is_415(shared: Api, kind: str) -> None:
    answer = shared.post(SUBMIT, raw=GOOD, headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json["detail"]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/merge-patch+json"])
def test_json_by_another_name_is_read(shared: Api, kind: str) -> None:
    assert shared.post(f"{SUBMIT}?dryRun=true", raw=GOOD, headers={"Content-Type": kind}).status_code == 200


def test_a_body_over_the_limit_of_its_route_is_413(shared: Api) -> None:
    assert shared.post("/v1/projects", raw=b" " * (9 * MIB)).status_code == 413
    assert shared.post(SUBMIT, raw=b" " * (33 * MIB)).status_code == 413
    assert shared.post(SUBMIT, raw=b" " * (9 * MIB)).status_code == 400


def test_gzip_is_read_within_ratio_and_limit(shared: Api) -> None:
    def send(raw: bytes, encoding: str = "gzip", path: str = f"{SUBMIT}?dryRun=true") -> int:
        return shared.post(path, raw=raw, headers={"Content-Encoding": encoding}).status_code

    assert send(gzip.compress(GOOD)) == 200
    assert send(gzip.compress(b" " * 10_000 + GOOD)) == 413
    assert send(gzip.compress(bytes(range(256)) * 40_000), path="/v1/projects") == 413
    assert send(gzip.compress(GOOD)[:-9]) == 400
    assert send(gzip.compress(GOOD) + b"more") == 400
    assert send(b"no gzip") == 400
    assert send(GOOD, "br") == 415
    assert send(GOOD, "gzip, gzip") == 415


def test_depth_counts_containers_and_not_brackets_in_text() -> None:
    assert body.parse(b"[" * 64 + b"]" * 64)
    assert body.parse(json.dumps(["[" * 1000]).encode())


KEYS = st.sampled_from(["a", "b", ":", "a:", "\\u003a", "\\u0061", '\\"', "é"])
VALUES: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(["1", '":"', '"\\u003a"', '"\\\\u003a"', "null", '"x:y"']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(st.tuples(KEYS, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f'"{key}" : {value}' for key, value in pairs) + "}"
        ),
    ),
    max_leaves=8,
)


@given(VALUES)
def test_twin_keys_are_found_exactly_when_they_are_there(text: str) -> None:
    twins = False

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twins
        twins = twins or len(dict(pairs)) < len(pairs)
        return dict(pairs)

    expected = json.loads(text, object_pairs_hook=note)
    if twins:
        with pytest.raises(Malformed, match="given twice"):
            body.parse(text.encode())
    else:
        assert body.parse(text.encode()) == expected
