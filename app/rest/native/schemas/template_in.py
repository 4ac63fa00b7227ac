"""A template as saved and as started, and how they become what the services take."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.template import Kind, Question, QuestionType
from app.rest.native.fields import Choice, Flag, Number, Strict, Text, Whole
from app.rest.native.schemas.job_in import JobIn, Parameters, to_spec
from app.rest.native.schemas.queries import PageQuery
from app.services.templates import Draft, Start

LATEST_VERSION: Final = 2**31 - 1


class QuestionIn(Strict):
    name = Text(limits.MAX_LABEL, required=True, metadata={"description": "Of the parameter that the answer becomes."})
    type = Choice(QuestionType, load_default=QuestionType.TEXT.value)
    description = fields.String(load_default="", validate=lambda text: _short(text))
    default = fields.Raw(
        allow_none=True, load_default=None, metadata={"description": "The answer where none is given."}
    )
    required = Flag(load_default=False)
    choices = fields.List(Text(limits.MAX_LABEL), load_default=list, metadata={"maxItems": limits.MAX_QUESTIONS})
    multiple = Flag(load_default=False, metadata={"description": "The answer is an array."})


class TemplateIn(Strict):
    most_bytes: ClassVar[int] = limits.MAX_SUBMIT_BYTES

    name = Text(limits.MAX_JOB_NAME, metadata={"description": "By default the job's."})
    description = fields.String(validate=lambda text: _short(text))
    kind = Choice(Kind, metadata={"description": "Only an app can be started."})
    comment = fields.String(load_default="", validate=lambda text: _short(text))
    job = fields.Nested(JobIn, required=True)
    questions = fields.List(fields.Nested(QuestionIn), load_default=list)


class StartIn(Strict):
    parameters = Parameters(load_default=dict, metadata={"description": "Answers by question."})
    name = Text(limits.MAX_JOB_NAME)
    priority = Whole(0, 100)
    tag = Text(limits.MAX_EXECUTOR_NAME, metadata={"description": "In place of each task's own."})
    version = Whole(1, LATEST_VERSION, metadata={"description": "By default the newest."})


class VersionQuery(Strict):
    version = Number(1, LATEST_VERSION, metadata={"description": "By default the newest."})


class TemplatesQuery(PageQuery):
    name = Text(limits.MAX_JOB_NAME, metadata={"description": "Exactly this name."})


def to_draft(loaded: Mapping[str, Any]) -> Draft:
    kind = loaded.get("kind")
    return Draft(
        job=to_spec(loaded["job"]),
        questions=tuple(_question(each) for each in loaded["questions"]),
        name=loaded.get("name"),
        description=loaded.get("description"),
        kind=None if kind is None else Kind(kind),
        comment=loaded["comment"],
    )


def _question(loaded: Mapping[str, Any]) -> Question:
    return Question(
        name=loaded["name"],
        type=QuestionType(loaded["type"]),
        description=loaded["description"],
        default=loaded["default"],
        required=loaded["required"],
        choices=tuple(loaded["choices"]),
        multiple=loaded["multiple"],
    )


def to_start(loaded: Mapping[str, Any]) -> Start:
    return Start(
        values=loaded["parameters"],
        name=loaded.get("name"),
        priority=loaded.get("priority"),
        tag=loaded.get("tag"),
    )


def _short(text: str) -> None:
    if "\0" in text:
        raise ValidationError("must have no NUL")
    if len(text) > limits.MAX_DESCRIPTION:
        raise ValidationError(f"must have at most {limits.MAX_DESCRIPTION} characters, not {len(text)}")
