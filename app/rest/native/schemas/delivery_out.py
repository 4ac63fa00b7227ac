"""Deliveries of webhooks, as answered."""

from marshmallow import fields

from app.ports.hooks import Delivery
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import Document, Shown, time_or_none


class DeliveryShown(Shown):
    id = fields.UUID(metadata={"description": "Sent as X-Flotilla-Delivery; one that is sent again keeps it."})
    webhook = fields.Integer(metadata={"description": "Its place among the job's webhooks, from 0."})
    event = fields.String()
    jobId = fields.UUID()
    taskId = fields.UUID(allow_none=True)
    state = fields.String(metadata={"description": "pending, delivered, failed or refused (it may not be sent there)."})
    attempts = fields.Integer()
    status = fields.Integer(allow_none=True, metadata={"description": "What the receiver last answered."})
    detail = fields.String(allow_none=True, metadata={"description": "Why it was not delivered."})
    createdAt = Time()
    attemptedAt = Time(allow_none=True)
    nextAttemptAt = Time(allow_none=True)
    body = fields.Dict(metadata={"description": "What is sent."})

    @staticmethod
    def show(value: Delivery) -> Document:
        return {
            "id": value.id,
            "webhook": value.hook,
            "event": value.event,
            "jobId": value.job_id,
            "taskId": value.task_id,
            "state": value.state,
            "attempts": value.tries,
            "status": value.status,
            "detail": value.detail,
            "createdAt": rfc3339(value.created_at_us),
            "attemptedAt": time_or_none(value.tried_at_us),
            "nextAttemptAt": time_or_none(value.due_at_us),
            "body": value.body,
        }


class SecretShown(Shown):
    secret = fields.String()

    @staticmethod
    def show(value: str) -> Document:
        return {"secret": value}
