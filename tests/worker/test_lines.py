"""Output is cut into lines that cannot grow without bound, and programs can speak through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.lines import CUT_MARK, LINE_LIMIT, LOG_MARK, Budget, LineCutter, directive, fraction


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_lines_do_not_depend_on_how_the_bytes_arrive(parts: list[bytes]) -> None:
    whole, pieces = LineCutter(Budget()), LineCutter(Budget())
    at_once = whole.feed(b"".join(parts)) + whole.close()
    in_pieces = [line for part in parts for line in pieces.feed(part)] + pieces.close()
    assert at_once == in_pieces


def test_a_long_line_is_cut_once_with_a_mark() -> None:
    cutter = LineCutter(Budget())
    out: list[str] = []
    for _ in range(100):
        out += cutter.feed(b"x" * 1000)
    out += cutter.feed(b"\nnext\n")
    assert out == ["x" * LINE_LIMIT + CUT_MARK, "next"]


def test_a_log_over_its_limit_says_so_once_and_drops_the_rest() -> None:
    budget = Budget(limit=10)
    first, second = LineCutter(budget), LineCutter(budget)
    assert first.feed(b"12345\n678901\nmore\n") == ["12345", "678901", LOG_MARK]
    assert second.feed(b"other\n") == []
    assert first.close() == []


def test_the_last_line_needs_no_newline() -> None:
    cutter = LineCutter(Budget())
    assert cutter.feed(b"a\r\nb") == ["a"]
    assert cutter.close() == ["b"]
    assert cutter.close() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("openjd_progress: 42.5", ("progress", "42.5")),
        ("openjd_status: a: b", ("status", "a: b")),
        ("openjd_fail: no", ("fail", "no")),
        ("openjd_other: 1", None),
        ("openjd_progress 1", None),
        (" openjd_progress: 1", None),
    ],
)
def test_directives_are_lines_that_begin_with_their_word(text: str, told: tuple[str, str] | None) -> None:
    assert directive(text) == told


@pytest.mark.parametrize(
    ("percent", "share"),
    [("0", 0.0), ("42.5", 0.425), (100, 1.0), ("101", None), ("-1", None), ("nan", None), ("x", None)],
)
def test_percent_becomes_a_share(percent: str | float, share: float | None) -> None:
    assert fraction(percent) == share
