"""Signed text: believed when unchanged, in time, and for what it was given; refused otherwise."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Unauthorized
from app.services.signing import Signer, SigningKeys

KEYS = SigningKeys(first="k" * 43, deriving="d" * 43)
SIGNER = Signer(KEYS)
PLAIN = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


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
    for signer, purpose, now_us in (
        (SIGNER, "link", 1000),
        (SIGNER, "page", 0),
        (Signer(replace(KEYS, first="j" * 43)), "link", 0),
    ):
        with pytest.raises(Unauthorized):
            signer.check(purpose, text, now_us)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        SIGNER.check("link", text, 0)


def test_a_new_key_signs_and_the_one_before_is_believed() -> None:
    signer = Signer(KEYS)
    text, derived = signer.sign("link", 1), signer.derive("hook", "org")
    signer.renew(SigningKeys(first="n" * 43, others=["k" * 43], deriving="d" * 43))
    assert signer.check("link", text, 0) == 1
    assert signer.sign("link", 1) != text
    assert signer.derive("hook", "org") == derived
    signer.renew(SigningKeys(first="n" * 43, deriving="d" * 43))
    with pytest.raises(Unauthorized):
        signer.check("link", text, 0)
