"""What many ask at once is done together: whoever comes first does all that wait, and each gets its own answer.

So a commit to the disk is shared by those that come while the one before it is under way. Nobody waits for others to
come: one that is alone is done at once, by itself.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.domain.errors import Unavailable

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(slots=True, eq=False)
class _Asked(Generic[Q, A]):
    question: Q
    answer: A | None = None
    error: Exception | None = None
    done: bool = False


class Together(Generic[Q, A]):
    """`work` answers at most `most` questions, in their order, or raises; then each is asked by itself. Of questions
    that are `alike` only one goes into a turn.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Sequence[A]], alike: Callable[[Q], str], most: int = 64) -> None:
        self._work, self._alike, self._most = work, alike, most
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._waiting: list[_Asked[Q, A]] = []

    def ask(self, question: Q) -> A:
        asked: _Asked[Q, A] = _Asked(question)
        with self._lock:
            self._waiting.append(asked)
        while not asked.done:
            with self._turn:
                if not asked.done:
                    self._do(self._take())
        if asked.error is not None:
            raise asked.error
        return asked.answer  # type: ignore[return-value]  # it is done, and went well

    def _take(self) -> list[_Asked[Q, A]]:
        with self._lock:
            taken: dict[str, _Asked[Q, A]] = {}
            for each in self._waiting:
                if len(taken) < self._most:
                    taken.setdefault(self._alike(each.question), each)
            some = list(taken.values())
            self._waiting = [each for each in self._waiting if each not in some]
        return some

    def _do(self, some: Sequence[_Asked[Q, A]]) -> None:
        try:
            answers = self._work([each.question for each in some])
            for each, answer in zip(some, answers, strict=True):
                each.answer, each.done = answer, True
        except Unavailable as error:
            for each in some:
                each.error, each.done = error, True
        except Exception as error:  # whatever it was, each hears of its own
            if len(some) > 1:
                for each in some:
                    self._do([each])
            else:
                some[0].error, some[0].done = error, True
