"""Waiting returns what was waited for, and tells what it saw when it gives up."""

import pytest

from tests.wait import wait_until


def test_the_value_that_was_waited_for_is_returned() -> None:
    values = iter([None, "", "here"])
    assert wait_until(lambda: next(values), 5) == "here"


def test_a_condition_is_asked_even_when_there_is_no_time() -> None:
    assert wait_until(lambda: True, 0)


def test_giving_up_shows_the_last_value_and_the_world() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s.*last value was \[\]\nthe world"):
        wait_until(list, 0, dump=lambda: "the world")
