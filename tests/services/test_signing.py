"""Signed text: believed when unchanged, in time, and for what it was given; refused otherwise."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Unauthorized
from app.services.signing import Signer

SIGNER = Signer("k" * 43)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(JSON, st.none() | st.integers(1, 1 << 60))
def test_what_was_signed_comes_back(payload: object, expires_us: int | None) -> None:
    text = SIGNER.sign("link", payload, expires_us)
    assert SIGNER.check("link", text, 0) == payload
    assert re.fullmatch(r"[\w.-]+", text, re.ASCII)


@given(st.integers(0, 200), st.sampled_from("AQgw_-.x"))
def test_a_changed_text_is_refused(place: int, letter: str) -> None:
    text = SIGNER.sign("link", ["asset", 7])
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with pytest.raises(Unauthorized):
            SIGNER.check("link", changed, 0)


def test_time_purpose_and_key_count() -> None:
    text = SIGNER.sign("link", 1, 1000)
    assert SIGNER.check("link", text, 999) == 1
    for signer, purpose, now_us in ((SIGNER, "link", 1000), (SIGNER, "page", 0), (Signer("j" * 43), "link", 0)):
        with pytest.raises(Unauthorized):
            signer.check(purpose, text, now_us)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        SIGNER.check("link", text, 0)
