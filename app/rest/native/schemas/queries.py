"""Query parameters. An unknown one is refused, so that a misspelt filter does not show everything."""

from typing import Any

from marshmallow import ValidationError, fields

from app.domain import limits
from app.rest.native.fields import Choice, Number, Strict, Text
from app.wire.states import JobState

SORTS = ("created:-1",)
LARGEST = 2**63 - 1


class PageQuery(Strict):
    limit = Number(1, limits.MAX_PAGE, metadata={"description": f"Default {limits.DEFAULT_PAGE}."})
    cursor = fields.String(validate=lambda text: _short(text), metadata={"description": "`nextCursor` of a page."})


class Label(fields.String):
    """`key=value`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        key, equals, text = str(value).partition("=")
        if not key or not equals or len(value) > 2 * limits.MAX_LABEL + 1 or not value.isprintable():
            raise ValidationError("must be key=value")
        return key, text


class JobsQuery(PageQuery):
    state = Choice(JobState)
    q = Text(limits.MAX_QUERY, metadata={"description": "Found in the job's name, ignoring case."})
    project_id = fields.UUID(data_key="projectId")
    label = fields.List(Label(), metadata={"description": "key=value; all that are given must hold."})
    sort = Choice(SORTS, metadata={"description": "Newest first, which is the default."})


class TasksQuery(PageQuery):
    name = Text(limits.MAX_TASK_NAME, metadata={"description": "Exactly this name."})


class EventsQuery(PageQuery):
    after = Number(0, LARGEST, metadata={"description": "Events with a larger seq."})


class StreamQuery(EventsQuery):
    job_id = fields.UUID(data_key="job", metadata={"description": "Events of this job."})
    ticket = fields.String(
        validate=lambda text: _short(text), metadata={"description": "In place of a token, once; for browsers."}
    )


class SubmitQuery(Strict):
    dry_run = Choice(("true", "false"), data_key="dryRun", metadata={"description": "true plans and stores nothing."})


def _short(text: str) -> None:
    if len(text) > limits.MAX_QUERY:
        raise ValidationError(f"must have at most {limits.MAX_QUERY} characters")
