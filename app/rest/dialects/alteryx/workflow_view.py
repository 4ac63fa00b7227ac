"""A workflow, which is a template, as this dialect shows it. What we have no notion of has one fixed value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from marshmallow import fields

from app.domain.template import Kind, Template, VersionNote
from app.rest.dialects.alteryx import words
from app.rest.native.schemas.shown import Document, Shown
from app.services.templates import TemplateView

MODE: Final = "Standard"
_PACKAGE: Final = {Kind.APP: "App", Kind.MODULE: "Module", Kind.MACRO: "Macro"}
_TYPE: Final = {Kind.APP: "AnalyticApp", Kind.MODULE: "Standard", Kind.MACRO: "Macro"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A template with the newest of its versions."""

    view: TemplateView
    history: Sequence[VersionNote]


class ReducedWorkflowShown(Shown):
    id = fields.UUID(required=True)
    sourceAppId = fields.UUID(required=True)
    name = fields.String(required=True)
    ownerId = fields.String(required=True, metadata={"description": "Who made it, by name."})
    dateCreated = fields.String(required=True)
    publishedVersionNumber = fields.Integer(required=True)
    isAmp = fields.Boolean(required=True)
    executionMode = fields.String(required=True)
    packageWorkflowType = fields.String(required=True, metadata={"description": "App, Module or Macro."})
    workflowType = fields.String(required=True, metadata={"description": "AnalyticApp, Standard or Macro."})
    runCount = fields.Integer(required=True)

    @staticmethod
    def show(value: Template) -> Document:
        return {
            "id": value.id,
            "sourceAppId": value.id,
            "name": value.name,
            "ownerId": value.created_by,
            "dateCreated": words.time(value.created_at_us),
            "publishedVersionNumber": value.version,
            "isAmp": False,
            "executionMode": MODE,
            "packageWorkflowType": _PACKAGE[value.kind],
            "workflowType": _TYPE[value.kind],
            "runCount": value.runs,
        }


class VersionShown(Shown):
    versionId = fields.String(required=True)
    versionNumber = fields.Integer(required=True)
    dateCreated = fields.String(required=True)
    uploadSource = fields.String(required=True)
    uploadDate = fields.String(required=True)
    packageWorkflowType = fields.String(required=True)
    published = fields.Boolean(required=True)
    comments = fields.String(required=True)
    runDisabled = fields.Boolean(required=True)
    executionMode = fields.String(required=True)
    workflowCredentialType = fields.String(required=True)
    credentialId = fields.String(required=True)
    hasPrivateDataExemption = fields.Boolean(required=True)
    othersMayDownload = fields.Boolean(required=True)
    othersCanViewHistory = fields.Boolean(required=True)
    details = fields.Dict(required=True)


class WorkflowShown(ReducedWorkflowShown):
    versions = fields.List(fields.Nested(VersionShown), required=True, metadata={"description": "Oldest first."})
    workerTag = fields.String(required=True, metadata={"description": "That of all tasks; empty where they differ."})
    districtTags = fields.List(fields.String(), required=True)
    comments = fields.String(required=True)
    isPublic = fields.Boolean(required=True)
    isReadyForMigration = fields.Boolean(required=True)
    publishedVersionId = fields.String(required=True)
    othersMayDownload = fields.Boolean(required=True)
    othersCanViewHistory = fields.Boolean(required=True)
    othersCanExecute = fields.Boolean(required=True)
    hasPrivateDataExemption = fields.Boolean(required=True)
    hasQuestions = fields.Boolean(required=True)

    @staticmethod
    def show(value: Workflow) -> Document:  # type: ignore[override]  # more than its base shows
        template, version = value.view.template, value.view.version
        tags = {task.tag for task in version.job.tasks}
        return {
            **ReducedWorkflowShown.show(template),
            "versions": [_version(template, each) for each in reversed(value.history)],
            "workerTag": tags.pop() if len(tags) == 1 else "",
            "districtTags": [],
            "comments": template.description,
            "isPublic": False,
            "isReadyForMigration": False,
            "publishedVersionId": str(template.version),
            "othersMayDownload": False,
            "othersCanViewHistory": False,
            "othersCanExecute": True,
            "hasPrivateDataExemption": False,
            "hasQuestions": bool(version.questions),
        }


def _version(template: Template, note: VersionNote) -> Document:
    made = words.time(note.created_at_us)
    return {
        "versionId": str(note.number),
        "versionNumber": note.number,
        "dateCreated": made,
        "uploadSource": "Direct",
        "uploadDate": made,
        "packageWorkflowType": _PACKAGE[template.kind],
        "published": note.number == template.version,
        "comments": note.comment,
        "runDisabled": False,
        "executionMode": MODE,
        "workflowCredentialType": "Default",
        "credentialId": "",
        "hasPrivateDataExemption": False,
        "othersMayDownload": False,
        "othersCanViewHistory": False,
        "details": _details(template, note),
    }


def _details(template: Template, note: VersionNote) -> Document:
    return {
        "isAmp": False,
        "fileName": template.name,
        "author": note.created_by,
        "copyright": "",
        "description": template.description,
        "name": template.name,
        "noOutputFilesMessage": "",
        "outputMessage": "",
        "url": "",
        "urlText": "",
    }
