"""The grammar of `q` and `sort`: what it means, what it refuses, and that no text makes it slow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Malformed
from app.domain.search import MOST_ASTERISKS, MOST_TERMS, Sort, Term, parse, parse_sort

FIELDS = ("id", "name", "type", "state")
LETTERS = st.text("abAB*% _\\-ß", max_size=12)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("name:*mesh*", [Term(field="name", pieces=("", "mesh", ""))]),
        ('!name:"My *"', [Term(field="name", pieces=("My ", ""), negated=True)]),
        (
            "type:implicit/evaluate AND state:success",
            [Term(field="type", pieces=("implicit/evaluate",)), Term(field="state", pieces=("success",))],
        ),
        ('name:""', [Term(field="name", pieces=("",))]),
        (
            "name:my part AND !id:1",
            [Term(field="name", pieces=("my part",)), Term(field="id", pieces=("1",), negated=True)],
        ),
        ('  name:"a AND b"   AND   id:2 ', [Term(field="name", pieces=("a AND b",)), Term(field="id", pieces=("2",))]),
        ("name:a***b", [Term(field="name", pieces=("a", "b"))]),
        ("name:sand AND id:3", [Term(field="name", pieces=("sand",)), Term(field="id", pieces=("3",))]),
        ("name:a:b", [Term(field="name", pieces=("a:b",))]),
    ],
)
def test_what_a_query_asks_for(text: str, terms: list[Term]) -> None:
    assert list(parse(text, FIELDS)) == terms


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "mesh", "name", "name:", "name: AND id:1", "password:1", 'name:"open', 'name:"a" id:1', "name:a AND",
        "AND", "name:a AND AND id:1", "(name:a)", "name:" + "x" * 600, "%" * 1000, "name:\x00", "name:a\nb",
        "!", "!!name:a", " AND ".join(["id:1"] * (MOST_TERMS + 1)), "name:" + "*a" * (MOST_ASTERISKS + 1),
        "name:a AND b",
    ],
)  # fmt: skip
def test_what_is_no_query_is_refused_in_words(text: str) -> None:
    with pytest.raises(Malformed, match="q"):
        parse(text, FIELDS)


@given(st.lists(LETTERS, min_size=1, max_size=6), LETTERS)
def test_a_pattern_fits_as_the_regular_expression_of_the_same_meaning(pieces: list[str], text: str) -> None:
    same = ".*".join(re.escape(piece.casefold()) for piece in pieces)
    expected = re.fullmatch(same, text.casefold(), re.DOTALL) is not None
    assert Term(field="name", pieces=tuple(pieces)).holds(text) is expected
    assert Term(field="name", pieces=tuple(pieces), negated=True).holds(text) is not expected


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(FIELDS), st.text("ab *%", max_size=5)), min_size=1, max_size=5)
)
def test_what_is_written_is_what_is_read(wanted: list[tuple[bool, str, str]]) -> None:
    text = " AND ".join(f'{"!" if negated else ""}{field}:"{pattern}"' for negated, field, pattern in wanted)
    assert [(term.negated, term.field, "*".join(term.pieces)) for term in parse(text, FIELDS)] == [
        (negated, field, re.sub(r"\*+", "*", pattern)) for negated, field, pattern in wanted
    ]


@given(st.text(max_size=200))
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    try:
        parse(text, FIELDS)
    except Malformed as refused:
        assert str(refused)  # noqa: PT017


def test_sort() -> None:
    assert parse_sort("name:1", FIELDS) == Sort(field="name", descending=False)
    assert parse_sort("id:-1", FIELDS) == Sort(field="id", descending=True)


@pytest.mark.parametrize(
    "text", ["", "name", "name:2", "name:01", "created:1;drop", "password:1", "name:-1 ", "x" * 10_000]
)
def test_what_is_no_sort_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="id, name, type, state"):
        parse_sort(text, FIELDS)
