"""Saved views: as read and as answered."""

from marshmallow import fields

from app.domain import limits
from app.ports.views import SavedView
from app.rest.native.fields import Choice, Strict, Text, Time, rfc3339
from app.rest.native.schemas.shown import Document, Shown
from app.wire.states import JobState


class Filters(Strict):
    """As the parameters of GET /v1/jobs; at least one."""

    state = Choice(JobState)
    q = Text(limits.MAX_QUERY)
    queue = Text(limits.MAX_LABEL)
    projectId = fields.UUID()


class ViewIn(Strict):
    name = Text(limits.MAX_VIEW_NAME, required=True, metadata={"description": "One that is there is replaced."})
    filters = fields.Nested(Filters, required=True)


class ViewShown(Shown):
    id = fields.UUID()
    name = fields.String()
    filters = fields.Dict(keys=fields.String(), values=fields.String())
    createdAt = Time()

    @staticmethod
    def show(value: SavedView) -> Document:
        return {
            "id": value.id,
            "name": value.name,
            "filters": dict(value.filters),
            "createdAt": rfc3339(value.created_at_us),
        }
