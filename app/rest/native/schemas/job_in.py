"""A job as submitted or changed, and how it becomes a JobSpec."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.job import JobSpec
from app.rest import paths
from app.rest.native.fields import Choice, Flag, Object, Strict, Text, Whole, text_problem
from app.rest.native.schemas.tasks_in import Tasks
from app.services.hooks import DEFAULT, EVENTS

MOST_WEBHOOKS = 16


class Labels(fields.Dict):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError("must be an object of strings")
        if len(value) > limits.MAX_LABELS:
            raise ValidationError(f"has {len(value)} labels; at most {limits.MAX_LABELS} are allowed")
        wrong = {}
        for key, text in value.items():
            detail = text_problem(key, 1, limits.MAX_LABEL) or text_problem(text, 0, limits.MAX_LABEL)
            if detail:
                wrong[key] = [detail]
        if wrong:
            raise ValidationError(wrong)
        return value


class Parameters(Object):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        loaded = super()._deserialize(value, attr, data, **kwargs)
        if (size := len(orjson.dumps(loaded))) > limits.MAX_PAYLOAD_BYTES:
            raise ValidationError(f"has {size} bytes of JSON; at most {limits.MAX_PAYLOAD_BYTES} are allowed")
        return loaded


class WebhookUrl(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if wrong := paths.uri_problem(value):
            raise ValidationError(wrong)
        if not value.startswith(("https://", "http://")):
            raise ValidationError("must begin with https:// or http://")
        return str(value)


class WebhookEvents(fields.List[Any]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        loaded: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        if not loaded or len(set(loaded)) < len(loaded):
            raise ValidationError("must name at least one event, and each once")
        return loaded


class Webhook(Strict):
    url = WebhookUrl(required=True)
    events = WebhookEvents(Choice(EVENTS), metadata={"description": f"{', '.join(DEFAULT)} by default.", "minItems": 1})
    secret = Text(
        limits.MAX_LABEL, metadata={"description": "What it is signed with, never shown; else the organization's."}
    )


class JobIn(Strict):
    most_bytes: ClassVar[int] = limits.MAX_SUBMIT_BYTES

    name = Text(limits.MAX_JOB_NAME, required=True)
    tasks = Tasks(required=True)
    priority = Whole(0, 100, metadata={"description": "Higher goes first."})
    project_id = fields.UUID(data_key="projectId")
    parameters = Parameters(metadata={"description": "For `${{ job.parameters.KEY }}` in payloads."})
    max_failed_tasks = Whole(0, limits.MAX_TASKS, data_key="maxFailedTasks", allow_none=True)
    continue_on_failure = Flag(data_key="continueOnFailure")
    webhooks = fields.List(
        fields.Nested(Webhook), validate=lambda hooks: _few(hooks), metadata={"maxItems": MOST_WEBHOOKS}
    )
    labels = Labels(keys=fields.String(), values=fields.String())


class JobChange(Strict):
    name = Text(limits.MAX_JOB_NAME)
    priority = Whole(0, 100)
    labels = Labels(keys=fields.String(), values=fields.String())


class Retry(Strict):
    scope = Choice(("failed", "all"), load_default="failed")


def to_spec(loaded: Mapping[str, Any]) -> JobSpec:
    given = dict(loaded)
    if "project_id" in given:
        given["project_id"] = str(given["project_id"])
    if "webhooks" in given:
        given["webhooks"] = tuple(given["webhooks"])
    return JobSpec(**given)


def _few(hooks: list[Any]) -> None:
    if len(hooks) > MOST_WEBHOOKS:
        raise ValidationError(f"has {len(hooks)} webhooks; at most {MOST_WEBHOOKS} are allowed")
