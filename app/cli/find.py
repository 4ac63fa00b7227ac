"""Which job, task, run or node is meant? Full ids, the beginning of a job's id, a node's name."""

from app.cli.client import Client, Json
from app.cli.failures import NotFound, Usage

FULL_LENGTH = 36
RECENT = 1000
"""Jobs among which the beginning of an id is looked for."""


def job_id(client: Client, text: str) -> str:
    """Raises NotFound for a beginning that no recent job has, Usage for one that several have."""
    if len(text) >= FULL_LENGTH:
        return text
    found = [job["id"] for job in client.items("/v1/jobs", limit=RECENT) if job["id"].startswith(text.lower())]
    if not found:
        raise NotFound(f"none of the {RECENT} newest jobs has an id that begins with {text!r}", "see `flotilla jobs`")
    if len(found) > 1:
        shown = ", ".join(found[:3])
        raise Usage(f"{len(found)} jobs have an id that begins with {text!r}: {shown}...", "give more of it")
    return str(found[0])


def thing(client: Client, text: str) -> tuple[str, Json]:
    """("jobs" | "tasks" | "runs", the resource)."""
    if len(text) < FULL_LENGTH:
        return "jobs", client.get(f"/v1/jobs/{job_id(client, text)}")
    for kind in ("jobs", "tasks", "runs"):
        try:
            return kind, client.get(f"/v1/{kind}/{text}")
        except NotFound:
            continue
    raise NotFound(f"there is no job, task or run {text}", "see `flotilla jobs` and `flotilla show JOB`")


def task_id(client: Client, job_id: str, text: str) -> str:
    """A task of the job, by its name or its id. Raises NotFound."""
    named = next(client.items(f"/v1/jobs/{job_id}/tasks", limit=1, name=text), None)
    if named is not None:
        return str(named["id"])
    if len(text) == FULL_LENGTH and client.get(f"/v1/tasks/{text}")["jobId"] == job_id:
        return text
    raise NotFound(f"job {job_id} has no task {text!r}", f"see `flotilla show {job_id}`")


def node_id(client: Client, text: str) -> str:
    nodes = list(client.items("/v1/nodes"))
    found = [node["id"] for node in nodes if text in (node["id"], node["name"])]
    if not found:
        names = ", ".join(sorted(node["name"] for node in nodes)) or "none"
        raise NotFound(f"there is no node {text!r}; known: {names}")
    if len(found) > 1:
        raise Usage(f"{len(found)} nodes are called {text!r}", "give the id, see `flotilla nodes`")
    return str(found[0])
