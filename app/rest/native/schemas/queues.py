"""Queues: as changed and as answered."""

from marshmallow import fields

from app.rest.native.fields import Flag, Strict, Time, Whole, rfc3339
from app.rest.native.schemas.shown import CountsShown, Document, Shown, counts, list_of, time_or_none
from app.services.queues import MINUTES, MOST, QueueView

_NO_LIMIT = "null: no limit."


class QueueChange(Strict):
    paused = Flag()
    maxRunning = Whole(1, MOST, allow_none=True, attribute="max_running", metadata={"description": _NO_LIMIT})
    maxStartsPerMinute = Whole(1, MOST, allow_none=True, attribute="max_starts", metadata={"description": _NO_LIMIT})


class ServingNode(Shown):
    id = fields.String()
    name = fields.String()
    takesWork = fields.Boolean(metadata={"description": "It is not draining."})


class QueueShown(Shown):
    name = fields.String()
    paused = fields.Boolean(metadata={"description": "Nothing of it starts; what runs goes on."})
    maxRunning = fields.Integer(
        allow_none=True, metadata={"description": "So many of its runs may be with nodes or on their way at once."}
    )
    maxStartsPerMinute = fields.Integer(
        allow_none=True, metadata={"description": "So many of its runs may be handed out a minute, in the long run."}
    )
    counts = fields.Nested(CountsShown, metadata={"description": "Tasks of unfinished jobs."})
    depth = fields.Integer(metadata={"description": "Tasks and values of maps that could run and have no place yet."})
    running = fields.Integer(metadata={"description": "Runs that nodes hold."})
    oldestAt = Time(allow_none=True, metadata={"description": "When the oldest job was submitted that waits so."})
    perMinuteIn = fields.Float(
        metadata={"description": f"Tasks and values that were submitted, a minute, over the last {MINUTES} minutes."}
    )
    perMinuteOut = fields.Float(metadata={"description": "Runs that ended, likewise."})
    nodes = fields.List(fields.Nested(ServingNode), metadata={"description": "That are there and serve it."})
    createdAt = Time()

    @staticmethod
    def show(value: QueueView) -> Document:
        queue = value.queue
        return {
            "name": queue.name,
            "paused": queue.paused,
            "maxRunning": queue.max_running,
            "maxStartsPerMinute": queue.max_starts,
            "counts": counts(value.counts),
            "depth": value.depth,
            "running": value.running,
            "oldestAt": time_or_none(value.oldest_us),
            "perMinuteIn": round(value.rate_in, 2),
            "perMinuteOut": round(value.rate_out, 2),
            "nodes": [
                {"id": view.node.id, "name": view.node.name, "takesWork": view.node.takes_work} for view in value.nodes
            ],
            "createdAt": rfc3339(queue.created_at_us),
        }


QueueList = list_of(QueueShown)
