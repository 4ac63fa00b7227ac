"""Templates: a job that is saved and started again and again, and the questions that each start answers.

An answer becomes a parameter of the job, under the question's name: `${{ job.parameters.NAME }}` in its payloads.
A template changes by new versions; a job remembers which one it was started from.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.domain.graph import shorten
from app.domain.job import JobSpec

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Kind(StrEnum):
    """Only an app is started; the others are parts for people to copy from."""

    APP = "app"
    MODULE = "module"
    MACRO = "macro"


class QuestionType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    DATE = "date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`default` is None where there is none. The answer to a `multiple` one is a list."""

    name: str
    type: QuestionType = QuestionType.TEXT
    description: str = ""
    default: Any = None  # JSON
    required: bool = False
    choices: tuple[str, ...] = ()
    multiple: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionNote:
    """Who made version `number` of a template, and when."""

    template_id: str
    number: int
    created_by: str
    created_at_us: int
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(VersionNote):
    """What a template was from then on."""

    job: JobSpec
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """`version` is the newest one's number, `runs` how many jobs were started from any."""

    seq: int
    id: str
    org_id: str
    name: str
    description: str = ""
    kind: Kind = Kind.APP
    created_by: str
    created_at_us: int
    changed_at_us: int
    version: int = 1
    runs: int = 0


def check(questions: Sequence[Question], parameters: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the questions beside these fixed parameters of the job."""
    problems: list[Problem] = []
    first: dict[str, int] = {}
    if len(questions) > limits.MAX_QUESTIONS:
        detail = f"has {len(questions)} questions; at most {limits.MAX_QUESTIONS} are allowed"
        return [Problem("/questions", detail)]
    for index, question in enumerate(questions):
        place = f"/questions/{index}"
        if (other := first.setdefault(question.name, index)) != index:
            problems.append(Problem(f"{place}/name", f"is the name of question {other} already"))
        if question.name in parameters:
            problems.append(Problem(f"{place}/name", "is the name of a parameter of the job already"))
        if (question.type is QuestionType.CHOICE) != bool(question.choices):
            problems.append(Problem(f"{place}/choices", "are given for a question of the type choice, and only there"))
        elif question.default is not None and (wrong := _wrong(question, question.default)):
            problems.append(Problem(f"{place}/default", wrong))
    return problems


def answer(version: Version, values: Mapping[str, Any], *, as_text: bool = False) -> dict[str, Any]:
    """The parameters of a job started with these values; everything wrong is in one Invalid, below /parameters.

    A parameter of the saved job may be given another value. A question without an answer or default is null.
    `as_text`: the values come from where everything is text, which is read as each question's type.
    """
    questions = {question.name: question for question in version.questions}
    parameters = dict(version.job.parameters)
    problems = [
        Problem(_place(name), f"is no question of this template; it has: {_names([*questions, *parameters])}")
        for name in values
        if name not in questions and name not in parameters
    ]
    for name, question in questions.items():
        value = _read(question, values[name]) if as_text and name in values else values.get(name)
        value = question.default if value is None else value
        if value is None and question.required:
            problems.append(Problem(_place(name), "is missing; this question must be answered"))
        elif value is not None and (wrong := _wrong(question, value)):
            problems.append(Problem(_place(name), wrong))
        parameters[name] = value
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))
    return parameters | {name: value for name, value in values.items() if name not in questions}


def _place(name: str) -> str:
    return "/parameters/" + name.replace("~", "~0").replace("/", "~1")


def _names(names: Sequence[str]) -> str:
    return ", ".join(shorten(name) for name in names[:20]) + (", ..." if len(names) > 20 else "") or "none"


def _wrong(question: Question, value: Any) -> str | None:
    if not question.multiple:
        return _wrong_one(question, value)
    if not isinstance(value, list):
        return "must be an array: several answers may be given"
    return next((wrong for each in value if (wrong := _wrong_one(question, each))), None)


def _wrong_one(question: Question, value: Any) -> str | None:
    if question.type is QuestionType.CHOICE:
        return None if value in question.choices else f"must be one of {_names(question.choices)}"
    right, words = _JUDGES[question.type]
    return None if right(value) else f"must be {words}"


def _is_text(value: Any) -> bool:
    """A surrogate on its own can be neither stored nor sent."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_whole(value: Any) -> bool:
    """As large as every reader of JSON can take it."""
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (type(value) is float and math.isfinite(value))


def _is_day(value: Any) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_JUDGES: Final[Mapping[QuestionType, tuple[Callable[[Any], bool], str]]] = {
    QuestionType.TEXT: (_is_text, "a string"),
    QuestionType.NUMBER: (_is_number, "a number"),
    QuestionType.INTEGER: (_is_whole, "an integer"),
    QuestionType.BOOLEAN: (lambda value: type(value) is bool, "true or false"),
    QuestionType.DATE: (_is_day, "a date such as 2026-01-31"),
}

_TYPED: Final = frozenset({QuestionType.NUMBER, QuestionType.INTEGER, QuestionType.BOOLEAN})


def _read(question: Question, value: Any) -> Any:
    """What text means as an answer; what cannot be read stays as it is, and is then wrong."""
    if not isinstance(value, str):
        return [_read_one(question, each) for each in value] if isinstance(value, list) else value
    if not question.multiple:
        return _read_one(question, value)
    listed = _json(value) if value.lstrip().startswith("[") else None
    several = listed if isinstance(listed, list) else [each.strip() for each in value.split(",") if each.strip()]
    return [_read_one(question, each) for each in several]


def _read_one(question: Question, value: Any) -> Any:
    if question.type not in _TYPED or not isinstance(value, str):
        return value
    found = _json(value.strip().lower() if question.type is QuestionType.BOOLEAN else value)
    return value if found is None else found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
