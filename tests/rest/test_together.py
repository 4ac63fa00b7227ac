"""Is what many ask at once done together, each answered as if it had asked alone?"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import Unavailable
from app.rest.together import Together

DEADLINE_S = 10


def double(asked: Sequence[int]) -> list[int]:
    if 13 in asked:
        raise ArithmeticError("13")
    if -1 in asked:
        raise Unavailable("away")
    return [2 * each for each in asked]


class Held:
    """Its first turn lasts until all others have come."""

    def __init__(self) -> None:
        self.turns: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, asked: Sequence[int]) -> list[int]:
        self.turns.append(list(asked))
        self.begun.set()
        if len(self.turns) == 1:
            assert self.go_on.wait(DEADLINE_S)
        return double(asked)


def ask_all(questions: list[int], most: int = 64) -> tuple[Held, list[int | Exception]]:
    held = Held()
    together = Together(held, alike=str, most=most)

    def ask(question: int) -> int | Exception:
        try:
            return together.ask(question)
        except (ArithmeticError, Unavailable) as error:
            return error

    with ThreadPoolExecutor(len(questions)) as pool:
        first = pool.submit(ask, questions[0])
        assert held.begun.wait(DEADLINE_S)
        others = [pool.submit(ask, each) for each in questions[1:]]
        while len(together._waiting) < len(questions) - 1:
            threading.Event().wait(0.001)
        held.go_on.set()
        return held, [each.result(DEADLINE_S) for each in [first, *others]]


def test_those_that_come_meanwhile_go_together() -> None:
    held, answers = ask_all(list(range(8)))
    assert answers == [2 * each for each in range(8)]
    assert [len(turn) for turn in held.turns] == [1, 7]


def test_a_turn_has_no_more_than_it_may_and_nothing_twice() -> None:
    held, answers = ask_all([0, 1, 1, 2, 3, 4], most=3)
    assert sorted(answers) == [0, 2, 2, 4, 6, 8]  # type: ignore[type-var]
    assert all(len(turn) <= 3 and len(set(turn)) == len(turn) for turn in held.turns)


def test_one_that_goes_wrong_takes_nobody_with_it() -> None:
    _, answers = ask_all([0, 1, 13, 2])
    assert [each for each in answers if not isinstance(each, Exception)] == [0, 2, 4]
    assert isinstance(answers[2], ArithmeticError)


def test_a_store_that_is_away_is_asked_once_for_all() -> None:
    held, answers = ask_all([0, 1, -1, 2])
    assert [type(each) for each in answers[1:]] == [Unavailable] * 3
    assert len(held.turns) == 2


def test_one_alone_is_answered_at_once() -> None:
    assert Together(double, alike=str).ask(4) == 8
    with pytest.raises(ArithmeticError):
        Together(double, alike=str).ask(13)
