"""What does a report tell of? The job, its graph, tasks and runs, and the nodes' names, as the API answers them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.cli.client import Client, Json
from app.cli.failures import NotAllowed, NotFound

LAST_LINES = 20
MOST_TOLD = 50
"""Failures whose last words are fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """`runs` are in order of task and number, `last_words` by run that failed: what it said at the end."""

    job: Json
    graph: Json
    tasks: Sequence[Json]
    runs: Sequence[Json]
    nodes: Mapping[str, str]
    last_words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def runs_by_task(self) -> Mapping[str, Sequence[Json]]:
        found: dict[str, list[Json]] = defaultdict(list)
        for run in self.runs:
            found[run["taskId"]].append(run)
        return found


def gather(client: Client, job: Json) -> Gathered:
    path = f"/v1/jobs/{job['id']}"
    runs = list(client.items(f"{path}/runs"))
    broken = [run for run in runs if run["state"] in ("failed", "timed_out", "out_of_memory")][:MOST_TOLD]
    return Gathered(
        job=job,
        graph=client.get(f"{path}/graph"),
        tasks=list(client.items(f"{path}/tasks")),
        runs=runs,
        nodes=_nodes(client),
        last_words={run["id"]: _last_words(client, run["id"]) for run in broken},
    )


def _nodes(client: Client) -> Mapping[str, str]:
    return {node["id"]: node["name"] for node in client.items("/v1/nodes")}


def _last_words(client: Client, run_id: str) -> Sequence[str]:
    try:
        lines = [message["text"] for message in client.items(f"/v1/runs/{run_id}/messages", limit=10_000)]
    except (NotAllowed, NotFound):  # a token may read jobs and no messages; a run may be gone with its job
        return ()
    return lines[-LAST_LINES:]
