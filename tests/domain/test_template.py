"""Are a template's questions sound, and what do answers become?"""

from typing import Any

import pytest

from app.domain import limits
from app.domain.errors import Invalid
from app.domain.job import JobSpec
from app.domain.template import Question, QuestionType, Version, answer, check

T = QuestionType


def version(*questions: Question, **parameters: Any) -> Version:
    job = JobSpec(name="job", tasks=(), parameters=parameters)
    return Version(template_id="t", number=1, created_by="ann", created_at_us=0, job=job, questions=questions)


def ask(name: str = "q", type: QuestionType = T.TEXT, **more: Any) -> Question:
    if type is T.CHOICE:
        more.setdefault("choices", ("one", "two"))
    return Question(name=name, type=type, **more)


def wrong(of: Version, values: dict[str, Any], **how: bool) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        answer(of, values, **how)
    return {problem.pointer: problem.detail for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        (T.TEXT, ["", "a\nb", "\U0001f9ca"], [1, True, [], "\ud800"]),
        (T.NUMBER, [0, -1.5, 2**62], ["1", True, float("nan"), float("inf"), 2**70, [1]]),
        (T.INTEGER, [0, -7, 2**63 - 1], [1.0, "1", False, 2**63]),
        (T.BOOLEAN, [True, False], [0, 1, "true"]),
        (T.CHOICE, ["one", "two"], ["three", "", 1, ["one"]]),
        (T.DATE, ["2024-02-29"], ["2023-02-29", "20240229", "2024-2-9", "today", 20240229, "\u0662024-02-29"]),
    ],
)
def test_an_answer_is_of_its_type(type: QuestionType, good: list[Any], bad: list[Any]) -> None:
    of = version(ask(type=type))
    for value in good:
        assert answer(of, {"q": value}) == {"q": value}
    for value in bad:
        assert "must be" in wrong(of, {"q": value})["/parameters/q"]


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (T.TEXT, "12", "12"),
        (T.NUMBER, " 1.5", 1.5),
        (T.NUMBER, "-3", -3),
        (T.INTEGER, "12", 12),
        (T.BOOLEAN, "True", True),
        (T.BOOLEAN, "false", False),
        (T.BOOLEAN, True, True),
        (T.CHOICE, "one", "one"),
        (T.DATE, "2024-01-02", "2024-01-02"),
    ],
)
def test_text_is_read_as_the_question_s_type(type: QuestionType, text: Any, value: Any) -> None:
    assert answer(version(ask(type=type)), {"q": text}, as_text=True) == {"q": value}


@pytest.mark.parametrize("text", ["", "x", "1.5.2", "9" * 5000, "[1]", "NaN", "null", "[" * 10_000])
def test_text_that_cannot_be_read_is_wrong(text: str) -> None:
    assert set(wrong(version(ask(type=T.INTEGER)), {"q": text}, as_text=True)) == {"/parameters/q"}


@pytest.mark.parametrize("given", [["one", "two"], "one,two", "one , two,", '["one", "two"]'])
def test_several_answers_are_an_array_or_text_with_commas(given: Any) -> None:
    of = version(ask(type=T.CHOICE, multiple=True))
    assert answer(of, {"q": given}, as_text=True) == {"q": ["one", "two"]}
    assert answer(version(ask(type=T.INTEGER, multiple=True)), {"q": "1,2"}, as_text=True) == {"q": [1, 2]}
    assert "array" in wrong(of, {"q": "one"})["/parameters/q"]
    assert "one of" in wrong(of, {"q": ["one", "three"]})["/parameters/q"]


def test_what_is_not_answered_is_the_default_or_null() -> None:
    of = version(ask("a", default="x"), ask("b"), ask("c", T.INTEGER, default=3), fixed=[1])
    assert answer(of, {}) == {"a": "x", "b": None, "c": 3, "fixed": [1]}
    assert answer(of, {"a": "y", "b": None, "c": 4}) == {"a": "y", "b": None, "c": 4, "fixed": [1]}


def test_a_parameter_of_the_saved_job_may_be_given_another_value() -> None:
    assert answer(version(fixed=1), {"fixed": {"any": "thing"}}) == {"fixed": {"any": "thing"}}


def test_everything_wrong_is_told_at_once_and_by_place() -> None:
    of = version(ask("a", required=True), ask("b/c", T.INTEGER), ask("d~", T.BOOLEAN), kept=1)
    found = wrong(of, {"b/c": "x", "d~": 1, "nope": 2})
    assert set(found) == {"/parameters/a", "/parameters/b~1c", "/parameters/d~0", "/parameters/nope"}
    assert "'a', 'b/c', 'd~', 'kept'" in found["/parameters/nope"]
    assert "must be answered" in found["/parameters/a"]


def test_of_very_many_wrong_answers_the_first_are_told() -> None:
    with pytest.raises(Invalid) as refused:
        answer(version(), {f"n{index}": 1 for index in range(500)})
    assert (len(refused.value.problems), refused.value.total) == (limits.MAX_PROBLEMS, 500)


@pytest.mark.parametrize(
    ("questions", "place"),
    [
        ([ask("a"), ask("a")], "/questions/1/name"),
        ([ask("fixed")], "/questions/0/name"),
        ([ask(type=T.CHOICE, choices=())], "/questions/0/choices"),
        ([Question(name="q", choices=("one",))], "/questions/0/choices"),
        ([ask(type=T.CHOICE, default="three")], "/questions/0/default"),
        ([ask(type=T.INTEGER, default="3")], "/questions/0/default"),
        ([ask(multiple=True, default="x")], "/questions/0/default"),
        ([ask(f"q{index}") for index in range(limits.MAX_QUESTIONS + 1)], "/questions"),
    ],
)
def test_unsound_questions_are_refused(questions: list[Question], place: str) -> None:
    assert [problem.pointer for problem in check(questions, {"fixed": 1})] == [place]


def test_sound_questions_are_accepted() -> None:
    sound = [ask("a"), ask("b", T.CHOICE, default="one"), ask("c", T.INTEGER, default=[1, 2], multiple=True)]
    assert check(sound, {"fixed": 1}) == []
