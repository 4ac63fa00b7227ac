"""Nodes and executors, as answered."""

from marshmallow import fields

from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import AmountShown, Document, Shown, amount, list_of
from app.services.executors import ExecutorView
from app.services.query import NodeView


class LoadShown(Shown):
    cpuPercent = fields.Float()
    usedMemoryBytes = fields.Integer()


class NodeShown(Shown):
    id = fields.String()
    name = fields.String()
    state = fields.String(metadata={"description": "online, late, lost, draining or offline."})
    pid = fields.Integer()
    total = fields.Nested(AmountShown)
    free = fields.Nested(AmountShown)
    reserved = fields.Nested(AmountShown, metadata={"description": "total - free: what its runs were promised."})
    queues = fields.List(fields.String())
    tags = fields.List(fields.String())
    executors = fields.List(fields.String())
    version = fields.String()
    protocol = fields.Integer(metadata={"description": "The form of the nodes' protocol that it speaks."})
    clockSkewSeconds = fields.Float(
        allow_none=True,
        metadata={"description": "How far its clock is ahead of the database's; null when it has not said."},
    )
    warnings = fields.List(fields.String(), metadata={"description": "What somebody should see to, in words."})
    heartbeatAt = Time()
    registeredAt = Time()
    running = fields.List(fields.UUID(), metadata={"description": "Ids of the runs it holds."})
    load_ = fields.Nested(LoadShown, data_key="load")  # a schema has a `load` of its own

    @staticmethod
    def show(value: NodeView) -> Document:
        node = value.node
        return {
            "id": node.id,
            "name": node.name,
            "state": value.state,
            "pid": node.pid,
            "total": amount(node.total),
            "free": amount(node.free),
            "reserved": amount(node.reserved),
            "queues": node.queues,
            "tags": node.tags,
            "executors": node.executors,
            "version": node.version,
            "protocol": node.protocol,
            "clockSkewSeconds": None if node.clock_skew_ms is None else node.clock_skew_ms / 1000,
            "warnings": node.warnings,
            "heartbeatAt": rfc3339(node.heartbeat_at_us),
            "registeredAt": rfc3339(node.registered_at_us),
            "running": value.running,
            "load": {"cpuPercent": node.cpu_percent, "usedMemoryBytes": node.used_memory_bytes},
        }


NodeList = list_of(NodeShown)


class OfferingNode(Shown):
    id = fields.String()
    name = fields.String()


class ExecutorShown(Shown):
    """What at least one node offers."""

    name = fields.String()
    versions = fields.List(fields.String(), metadata={"description": "That can be asked for by {name, version}."})
    kind = fields.String(metadata={"description": "command, python, container, http, plugin; empty when not said."})
    description = fields.String()
    parameters = fields.Dict(metadata={"description": "A JSON Schema of the payload; {} when not said."})
    requirements = fields.Dict(metadata={"description": "cpu and memory that its runs need as a rule, when said."})
    nodes = fields.List(fields.Nested(OfferingNode), metadata={"description": "That offer it so."})

    @staticmethod
    def show(value: ExecutorView) -> Document:
        card = value.card
        return {
            "name": card.name,
            "versions": card.versions,
            "kind": card.kind,
            "description": card.description,
            "parameters": card.parameters,
            "requirements": card.requirements,
            "nodes": [{"id": node.id, "name": node.name} for node in value.nodes],
        }


ExecutorList = list_of(ExecutorShown)
