"""A template as answered, with its job as somebody would submit it."""

from marshmallow import fields

from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.domain.template import Question, Template, VersionNote
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import Document, Shown, amount, list_of
from app.services import hooks
from app.services.templates import TemplateView


class QuestionShown(Shown):
    name = fields.String()
    type = fields.String(metadata={"description": "text, number, integer, boolean, choice or date."})
    description = fields.String()
    default = fields.Raw(allow_none=True)
    required = fields.Boolean()
    choices = fields.List(fields.String())
    multiple = fields.Boolean()

    @staticmethod
    def show(value: Question) -> Document:
        return {
            "name": value.name,
            "type": value.type,
            "description": value.description,
            "default": value.default,
            "required": value.required,
            "choices": value.choices,
            "multiple": value.multiple,
        }


class TemplateShown(Shown):
    id = fields.UUID()
    orgId = fields.UUID()
    name = fields.String()
    description = fields.String()
    kind = fields.String(metadata={"description": "app, module or macro."})
    version = fields.Integer(metadata={"description": "The newest."})
    runs = fields.Integer(metadata={"description": "How many jobs were started from it."})
    createdBy = fields.String()
    createdAt = Time()
    changedAt = Time()

    @staticmethod
    def show(value: Template) -> Document:
        return {
            "id": value.id,
            "orgId": value.org_id,
            "name": value.name,
            "description": value.description,
            "kind": value.kind,
            "version": value.version,
            "runs": value.runs,
            "createdBy": value.created_by,
            "createdAt": rfc3339(value.created_at_us),
            "changedAt": rfc3339(value.changed_at_us),
        }


TemplateList = list_of(TemplateShown)


class WholeTemplateShown(TemplateShown):
    job = fields.Dict(metadata={"description": "As it can be submitted."})
    questions = fields.List(fields.Nested(QuestionShown))
    comment = fields.String(metadata={"description": "Of this version."})

    @staticmethod
    def show(value: TemplateView) -> Document:  # type: ignore[override]  # more than its base shows
        return {
            **TemplateShown.show(value.template),
            "job": _job(value.version.job),
            "questions": [QuestionShown.show(each) for each in value.version.questions],
            "comment": value.version.comment,
        }


class VersionShown(Shown):
    templateId = fields.UUID()
    version = fields.Integer()
    comment = fields.String()
    createdBy = fields.String()
    createdAt = Time()

    @staticmethod
    def show(value: VersionNote) -> Document:
        return {
            "templateId": value.template_id,
            "version": value.number,
            "comment": value.comment,
            "createdBy": value.created_by,
            "createdAt": rfc3339(value.created_at_us),
        }


VersionList = list_of(VersionShown)


def _job(spec: JobSpec) -> Document:
    written: Document = {
        "name": spec.name,
        "priority": spec.priority,
        "parameters": spec.parameters,
        "labels": spec.labels,
        "maxFailedTasks": spec.max_failed_tasks,
        "continueOnFailure": spec.continue_on_failure,
        "webhooks": hooks.shown(spec.webhooks),
        "tasks": [_task(task) for task in spec.tasks],
    }
    return written | ({"projectId": spec.project_id} if spec.project_id else {})


def _task(spec: TaskSpec) -> Document:
    said: Document = {"name": spec.name, "type": spec.type, "needs": spec.needs, "runWhen": spec.run_when}
    return {**said, "priority": spec.priority, **(_map(spec) if spec.type == "map" else _work(spec))}


def _map(spec: TaskSpec) -> Document:
    bounds = {"maxConcurrency": spec.max_concurrency, "maxFailedTasks": spec.max_failed}
    given = {name: value for name, value in bounds.items() if value is not None}
    name = {"name": spec.submitted["name"]} if "name" in spec.submitted else {}
    return {"task": name | _work(spec), "values": {"source": spec.values}, **given}


def _work(spec: TaskSpec) -> Document:
    versioned = {"name": spec.executor, "version": spec.version} if spec.version else spec.executor
    limitations: Document = {
        "maxExecutionTimeInSeconds": spec.time_limit_s,
        "maxAttempts": spec.max_attempts,
        "retryDelayInSeconds": spec.retry_delay_s,
        "memoryGrowth": spec.memory_growth,
    }
    return {
        "executor": spec.submitted.get("executor", versioned),
        "payload": spec.payload,
        "inputs": spec.inputs,
        "outputs": spec.outputs,
        "requirements": amount(spec.shape),
        "limitations": limitations,
        "hints": spec.submitted.get("hints", {}),
        "tag": spec.tag,
    }
