"""A job, as this dialect shows it: whole, and in the list of its workflow."""

from marshmallow import fields

from app.ports.records import Asset
from app.rest.dialects.alteryx import words
from app.rest.dialects.alteryx.messages import MessageShown
from app.rest.native.schemas.shown import Document, Shown
from app.services.own import JobView

PRIORITY = "Default, Low, Medium, High or Critical; numbers in between are the next lower word."


class OutputShown(Shown):
    id = fields.UUID(required=True)
    availableFormats = fields.List(
        fields.String(), required=True, metadata={"description": "What the file is; nothing is converted."}
    )
    fileName = fields.String(required=True, metadata={"description": "The output's name in the job."})
    name = fields.String(required=True, metadata={"description": "The same."})
    format = fields.String(required=True, metadata={"description": "The first of the available ones."})
    size = fields.Integer(required=True, metadata={"description": "Bytes."})

    @staticmethod
    def show(value: Asset) -> Document:
        formats = words.formats(value.filename)
        return {
            "id": value.id,
            "availableFormats": formats,
            "fileName": value.name,
            "name": value.name,
            "format": formats[0],
            "size": value.size,
        }


class ReducedJobShown(Shown):
    id = fields.UUID(required=True)
    appId = fields.String(required=True, metadata={"description": "The workflow; empty where the job has none."})
    createDateTime = fields.String(required=True)
    status = fields.String(required=True, metadata={"description": "Queued, Running, Completed or Cancelled."})
    disposition = fields.String(
        required=True, metadata={"description": "None, Success, Error or Cancelled: our own choice of words."}
    )
    outputs = fields.List(fields.Nested(OutputShown), required=True)
    priority = fields.String(required=True, metadata={"description": PRIORITY})
    workerTag = fields.String(required=True, metadata={"description": "That of the job's first task."})
    runWithE2 = fields.Boolean(required=True, metadata={"description": "Always false: there is one engine."})

    @staticmethod
    def show(value: JobView) -> Document:
        job = value.job
        return {
            "id": job.id,
            "appId": job.template_id or "",
            "createDateTime": words.time(job.created_at_us),
            "status": words.STATUS[job.state],
            "disposition": words.DISPOSITION[job.state],
            "outputs": [OutputShown.show(each) for each in value.outputs],
            "priority": words.priority(job.priority),
            "workerTag": value.tag,
            "runWithE2": False,
        }


class JobShown(ReducedJobShown):
    """The keys of the document; `messages` is left out with includeMessages=false."""

    messages = fields.List(fields.Nested(MessageShown))

    @staticmethod
    def show(value: JobView) -> Document:
        return {**ReducedJobShown.show(value), "messages": [MessageShown.show(each) for each in value.said]}


class AcceptedJobShown(JobShown):
    """As of its acceptance, whatever has become of it since."""

    @staticmethod
    def show(value: JobView) -> Document:
        return {**JobShown.show(value), "status": words.QUEUED, "disposition": words.UNDECIDED}


class WorkflowJobShown(Shown):
    id = fields.UUID(required=True)
    createDate = fields.String(required=True)
    status = fields.String(required=True)
    priority = fields.String(required=True, metadata={"description": PRIORITY})
    workerTag = fields.String(required=True)
    runWithE2 = fields.Boolean(required=True)

    @staticmethod
    def show(value: JobView) -> Document:
        whole = ReducedJobShown.show(value)
        created = {"id": whole["id"], "createDate": whole["createDateTime"]}
        return created | {key: whole[key] for key in ("status", "priority", "workerTag", "runWithE2")}
