"""Are items found one by one however the text is cut, and is what is no list refused?"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.json_items import NoItems, items

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(wanted=st.lists(values, max_size=6), size=st.integers(1, 20), spaced=st.booleans(), ascii_=st.booleans())
def test_an_array_and_lines_give_the_same_items_however_they_are_cut(
    wanted: list[Any], size: int, spaced: bool, ascii_: bool
) -> None:
    array = json.dumps(wanted, indent=1 if spaced else None, ensure_ascii=ascii_)
    assert list(items(cut(f" {array}\n".encode(), size), lines=False)) == wanted
    lines = "\r\n".join(json.dumps(value, ensure_ascii=ascii_) for value in wanted)
    assert list(items(cut(lines.encode(), size), lines=True)) == wanted


def test_lines_may_be_lists_where_lines_are_expected() -> None:
    assert list(items([b"[1]\n[2]\n\n"], lines=True)) == [[1], [2]]


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"[1,]", "item 1 is no JSON"),
        (b"[1 2]", "behind item 0 there is '2'"),
        (b"[1", "item 0 is no JSON: it has no end"),
        (b"[", "item 0 is no JSON"),
        (b"[1]x", "more behind the end"),
        (b"[1]\n[2]", "more behind the end"),
        (b"[NaN]", "NaN is no JSON"),
        (b"[" * 5000, "nested too deeply"),
        (b"1\noops", "line 2 is no JSON"),
        (b"[\xff]", "no text in UTF-8"),
    ],
)
def test_what_is_no_list_is_refused(text: bytes, size: int, why: str) -> None:
    with pytest.raises(NoItems, match=why):
        list(items(cut(text, size), lines=False))
