"""A job, its graph, and a dry run's plan, as answered."""

from marshmallow import fields

from app.domain.job import Job
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import (
    AmountShown,
    CountsShown,
    Document,
    FailureShown,
    Shown,
    amount,
    counts,
    failure,
    list_of,
    time_or_none,
)
from app.rest.native.schemas.task_out import progress
from app.services import hooks
from app.services.plan import Plan
from app.services.query import GraphView


class JobShown(Shown):
    id = fields.UUID()
    name = fields.String()
    queue = fields.String()
    projectId = fields.UUID()
    orgId = fields.UUID()
    createdBy = fields.String()
    state = fields.String(metadata={"description": "pending, running, paused, succeeded, failed or canceled."})
    priority = fields.Integer()
    progress = fields.Float(metadata={"description": "0 to 1: ended tasks over all."})
    counts = fields.Nested(CountsShown)
    createdAt = Time()
    startedAt = Time(allow_none=True)
    finishedAt = Time(allow_none=True)
    error = fields.Nested(FailureShown, allow_none=True)
    parameters = fields.Dict()
    labels = fields.Dict(keys=fields.String(), values=fields.String())
    maxFailedTasks = fields.Integer(allow_none=True)
    continueOnFailure = fields.Boolean()
    webhooks = fields.List(fields.Dict())
    templateId = fields.UUID(allow_none=True, metadata={"description": "That it was started from."})
    templateVersion = fields.Integer(allow_none=True)
    traceparent = fields.String(
        allow_none=True, metadata={"description": "The W3C trace context of the request that submitted it."}
    )
    version = fields.Integer(metadata={"description": "Grows with each PATCH, pause, resume and cancel."})

    @staticmethod
    def show(value: Job) -> Document:
        return {
            "id": value.id,
            "name": value.name,
            "queue": value.queue,
            "projectId": value.project_id,
            "orgId": value.org_id,
            "createdBy": value.created_by,
            "state": value.state,
            "priority": value.priority,
            "progress": value.progress,
            "counts": counts(value.counts),
            "createdAt": rfc3339(value.created_at_us),
            "startedAt": time_or_none(value.started_at_us),
            "finishedAt": time_or_none(value.finished_at_us),
            "error": failure(value.failure),
            "parameters": value.parameters,
            "labels": value.labels,
            "maxFailedTasks": value.max_failed_tasks,
            "continueOnFailure": value.continue_on_failure,
            "webhooks": hooks.shown(value.webhooks),
            "templateId": value.template_id,
            "templateVersion": value.template_version,
            "traceparent": value.traceparent,
            "version": value.version,
        }


JobList = list_of(JobShown)


class GraphNode(Shown):
    id = fields.UUID()
    name = fields.String()
    type = fields.String()
    executor = fields.String()
    state = fields.String()
    progress = fields.Float()
    values = fields.Integer(
        allow_none=True,
        metadata={"description": "How many values a map has; null while that is not known, and of others."},
    )


class GraphEdge(Shown):
    source = fields.UUID(metadata={"description": "The task that is needed."})
    target = fields.UUID(metadata={"description": "The task that needs it."})


class GraphShown(Shown):
    nodes = fields.List(fields.Nested(GraphNode), metadata={"description": "In order of submission."})
    edges = fields.List(fields.Nested(GraphEdge))

    @staticmethod
    def show(value: GraphView) -> Document:
        ids = {view.task.position: view.task.id for view in value.tasks}
        nodes = [
            {
                "id": view.task.id,
                "name": view.task.name,
                "type": view.spec.type,
                "executor": view.spec.executor,
                "state": view.task.state,
                "progress": progress(view),
                "values": view.map.total if view.map else None,
            }
            for view in value.tasks
        ]
        edges = [{"source": ids[header], "target": ids[body]} for header, body in value.edges]
        return {"nodes": nodes, "edges": edges}


class ShapeShown(Shown):
    requirements = fields.Nested(AmountShown)
    executor = fields.String()
    tasks = fields.Integer(metadata={"description": "How many tasks ask for it."})
    atOnce = fields.Integer(metadata={"description": "How many of them the fleet as it is could hold at once."})
    nodes = fields.List(fields.String(), metadata={"description": "Names of the nodes that could."})


class MapPlanShown(Shown):
    name = fields.String()
    values = fields.Integer(allow_none=True, metadata={"description": "null when they are not known before it runs."})
    maxConcurrency = fields.Integer(allow_none=True)


class PlanShown(Shown):
    """What a job would be; nothing is stored."""

    tasks = fields.Integer()
    edges = fields.Integer()
    levels = fields.List(fields.Integer(), metadata={"description": "Tasks by the length of the chain above them."})
    criticalPath = fields.Integer(metadata={"description": "Tasks in the longest chain."})
    total = fields.Nested(AmountShown, metadata={"description": "With each value of a map, where they are known."})
    maps = fields.List(fields.Nested(MapPlanShown))
    shapes = fields.List(fields.Nested(ShapeShown))

    @staticmethod
    def show(value: Plan) -> Document:
        shapes = [
            {
                "requirements": amount(fit.shape),
                "executor": fit.executor,
                "tasks": fit.tasks,
                "atOnce": fit.at_once,
                "nodes": fit.nodes,
            }
            for fit in value.shapes
        ]
        return {
            "tasks": value.tasks,
            "edges": value.edges,
            "levels": value.levels,
            "criticalPath": value.critical_path,
            "total": amount(value.total),
            "maps": [
                {"name": each.name, "values": each.values, "maxConcurrency": each.concurrency} for each in value.maps
            ],
            "shapes": shapes,
        }
