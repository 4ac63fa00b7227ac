"""A placeholder is a whole word or a part of one: nothing that a task says can become two words, or be read again."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.executors.declared.templates import Words, fill, read

NASTY = [
    "; rm -rf /",
    "$(id)",
    "`id`",
    "a b\tc",
    "line\nfeed",
    "-oProxyCommand=x",
    "",
    "'",
    '"',
    "{{ run.id }}",
    "${{ x }}",
    "*",
]


def words(*texts: str) -> tuple[Words, ...]:
    return tuple(Words(argv=(read(text),)) for text in texts)


@pytest.mark.parametrize("value", NASTY)
def test_a_value_stays_one_word_as_it_is(value: str) -> None:
    argv = words("tool", "{{ parameters.x }}", "--x={{parameters.x}}!")
    assert fill(argv, {"parameters.x": value, "run.id": "secret"}) == ("tool", value, f"--x={value}!")


@given(st.text(), st.text(string.printable))
def test_any_value_is_replaced_once(one: str, other: str) -> None:
    argv = words("{{ parameters.a }}{{ parameters.b }}")
    assert fill(argv, {"parameters.a": one, "parameters.b": other}) == (one + other,)


@pytest.mark.parametrize(
    ("value", "text"),
    [(4, "4"), (0.5, "0.5"), (True, "true"), ([1, "a b"], '[1,"a b"]'), ({"ö": None}, '{"ö":null}')],
)
def test_what_is_no_string_is_written_as_json(value: object, text: str) -> None:
    assert fill(words("{{ parameters.x }}"), {"parameters.x": value}) == (text,)


def test_words_that_are_not_always_there() -> None:
    when = (Words(argv=(read("--x"), read("{{ parameters.x }}")), when="x"),)
    assert fill(when, {"parameters.x": "a b"}) == ("--x", "a b")
    assert fill(when, {"parameters.x": ""}) == ("--x", "")
    assert fill(when, {"parameters.x": 0}) == ("--x", "0")
    assert fill(when, {"parameters.x": False}) == ()
    assert fill(when, {}) == ()
    each = (Words(argv=(read("-f{{ item }}"),), each="x"),)
    assert fill(each, {"parameters.x": ["a b", 2]}) == ("-fa b", "-f2")
    assert fill(each, {"parameters.x": []}) == ()
    assert fill(each, {}) == ()


@pytest.mark.parametrize(
    "text",
    ["{{ x }}", "{{ parameters }}", "{{ run.secret }}", "{{ parameters.a | upper }}", "{{", "{{ parameters.a",
     "a\0b", 5, "{{ environment.HOME }}", "{{ parameters['a'] }}"],
)  # fmt: skip
def test_what_is_no_placeholder_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"placeholder|string|zero byte"):
        read(text)


def test_single_braces_are_nothing_special() -> None:
    assert fill(words('{"a": {"b": 1}}', "${x}", "}}"), {}) == ('{"a": {"b": 1}}', "${x}", "}}")
