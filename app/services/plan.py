"""A dry run: what a job would be and how it meets the fleet as it is, without storing anything."""

from collections import Counter
from dataclasses import dataclass

from app.domain import graph
from app.domain.job import JobSpec
from app.domain.node import Node
from app.domain.references import SecretUse
from app.ports.store import Reader
from app.services import secrets, values
from app.services.access import Principal
from app.services.core import Core
from app.services.submit import check, route_of
from app.wire.resources import NOTHING, Resources, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFit:
    """How one shape of the job meets the fleet as it is: how many tasks ask for it, and how many could run at once."""

    shape: Resources
    executor: str
    tasks: int
    at_once: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPlan:
    """How many values a map has, where that is known, and how many of them may run at once, where that is bounded."""

    name: str
    values: int | None
    concurrency: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A dry run: what the job would be, without storing it."""

    tasks: int
    edges: int
    levels: tuple[int, ...]
    critical_path: int
    total: Resources
    maps: tuple[MapPlan, ...]
    shapes: tuple[ShapeFit, ...]


def plan(core: Core, who: Principal, queue: str, spec: JobSpec) -> Plan:
    """Raises Invalid as `submit` does; stores nothing."""
    used: list[SecretUse] = []
    shape = check(spec, used)
    if used:
        core.store.read(lambda tx: secrets.check(tx, who.org_id, used))
    nodes = core.store.read(_online)
    levels = Counter(_levels(shape))
    lists = values.known(spec.tasks, spec.parameters)
    routes: Counter[Route] = Counter()
    for position, task in enumerate(spec.tasks):
        routes[route_of(queue, task)] += lists[position].total if position in lists else 1
    return Plan(
        tasks=len(spec.tasks),
        edges=sum(map(len, shape.needs)),
        levels=tuple(levels[level] for level in sorted(levels)),
        critical_path=max(shape.heights, default=-1) + 1,
        total=sum((_times(route.shape, count) for route, count in routes.items()), NOTHING),
        maps=tuple(
            MapPlan(name=task.name, values=lists[at].total if at in lists else None, concurrency=task.max_concurrency)
            for at, task in enumerate(spec.tasks)
            if task.type == "map"
        ),
        shapes=tuple(_fit(route, count, nodes) for route, count in routes.items()),
    )


def _times(shape: Resources, count: int) -> Resources:
    return Resources(cpu_milli=shape.cpu_milli * count, memory_mib=shape.memory_mib * count)


def _online(tx: Reader) -> list[Node]:
    return [node for node in tx.nodes() if not node.offline and tx.now_us <= node.lease_until_us]


def _levels(shape: graph.Graph) -> list[int]:
    levels = [0] * len(shape.needs)
    for position in shape.order:
        levels[position] = max((levels[header] + 1 for header in shape.needs[position]), default=0)
    return levels


def _fit(route: Route, count: int, nodes: list[Node]) -> ShapeFit:
    fitting = [node for node in nodes if node.serves(route)]
    return ShapeFit(
        shape=route.shape,
        executor=route.executor,
        tasks=count,
        at_once=sum(route.shape.times_in(node.total) for node in fitting),
        nodes=tuple(node.name for node in fitting),
    )
