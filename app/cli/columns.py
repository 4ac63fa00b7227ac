"""What of a job, task, run, node, queue or token is shown in a table, and what when one is looked at alone."""

from app.cli.client import Json
from app.cli.output import Column, age, duration, error_text, size, took

ORDER = ("succeeded", "running", "queued", "ready", "waiting", "failed", "canceled", "skipped")


def counts_text(counts: dict[str, int]) -> str:
    """`312 succeeded, 4 running`: states without tasks are left out."""
    return ", ".join(f"{counts[state]} {state}" for state in ORDER if counts.get(state))


def done_of(job: Json) -> str:
    counts = job["counts"]
    ended = sum(counts.get(state, 0) for state in ("succeeded", "failed", "canceled", "skipped"))
    return f"{ended}/{sum(counts.values())}"


def _usage(run: Json) -> str | None:
    usage = run.get("usage")
    if not usage:
        return None
    cpu = usage["cpuUserSeconds"] + usage["cpuSystemSeconds"]
    return f"{duration(usage['wallSeconds'])} wall, {duration(cpu)} cpu, {size(usage['peakRssBytes'])} at its peak"


def _amounts(node: Json, key: str) -> str:
    amounts = node.get(key) or {}
    return f"{amounts.get('cpu', 0):g} cpu, {amounts.get('memory', 0)} MB" if amounts else ""


def _load(node: Json) -> str:
    """What the whole host uses, whatever for."""
    load = node.get("load") or {}
    return f"{load.get('cpuPercent', 0):.0f} % cpu, {size(load.get('usedMemoryBytes', 0))}" if load else ""


def _clock(node: Json) -> str:
    """How far it is ahead of the database's."""
    skew = node.get("clockSkewSeconds")
    return "" if skew is None else f"{skew:+.1f} s"


ID = Column(title="id", value=lambda item: item["id"])
NAME = Column(title="name", value=lambda item: item["name"])
STATE = Column(title="state", value=lambda item: item["state"])
AGE = Column(title="age", value=lambda item: age(item["createdAt"]), right=True)
TOOK = Column(title="took", value=took, right=True)
ERROR = Column(title="error", value=error_text)

JOBS = (ID, STATE, Column(title="done", value=done_of, right=True), AGE, TOOK, NAME)
JOB = (
    ID,
    NAME,
    STATE,
    Column(title="tasks", value=lambda job: counts_text(job["counts"])),
    Column(title="queue", value=lambda job: job["queue"]),
    Column(title="priority", value=lambda job: job["priority"]),
    Column(title="created", value=lambda job: f"{job['createdAt']} by {job['createdBy']}"),
    TOOK,
    ERROR,
)
TASKS = (ID, STATE, TOOK, NAME, ERROR)
TASK = (
    ID,
    NAME,
    STATE,
    Column(title="job", value=lambda task: task["jobId"]),
    Column(title="needs", value=lambda task: ", ".join(task.get("needs") or ())),
    Column(title="attempts", value=lambda task: task["attempts"]),
    Column(title="progress", value=lambda task: f"{task['progress']:.0%}"),
    Column(title="status", value=lambda task: task.get("statusText")),
    TOOK,
    Column(title="result", value=lambda task: _short(task.get("result"))),
    ERROR,
)
RUN = (
    ID,
    STATE,
    Column(title="task", value=lambda run: run["taskId"]),
    Column(title="number", value=lambda run: run["number"]),
    Column(title="node", value=lambda run: run.get("nodeId")),
    Column(title="exit code", value=lambda run: run.get("exitCode")),
    Column(title="signal", value=lambda run: run.get("signal")),
    Column(title="used", value=_usage),
    TOOK,
    ERROR,
)
RUNS = (ID, Column(title="number", value=lambda run: run["number"], right=True), STATE, TOOK, ERROR)
NODES = (
    ID,
    NAME,
    STATE,
    Column(title="total", value=lambda node: _amounts(node, "total")),
    Column(title="reserved", value=lambda node: _amounts(node, "reserved")),
    Column(title="used", value=_load),
    Column(title="running", value=lambda node: len(node.get("running") or ()), right=True),
    Column(title="heard", value=lambda node: age(node.get("heartbeatAt")), right=True),
    Column(title="queues", value=lambda node: ",".join(node.get("queues") or ())),
    Column(title="tags", value=lambda node: ",".join(node.get("tags") or ())),
    Column(title="clock", value=_clock, right=True),
    Column(title="version", value=lambda node: f"{node.get('version')}, protocol {node.get('protocol')}"),
    Column(title="look at", value=lambda node: "; ".join(node.get("warnings") or ())),
)
SECRETS = (
    NAME,
    Column(title="created", value=lambda secret: secret["createdAt"]),
    Column(title="changed", value=lambda secret: f"{secret['changedAt']} by {secret['changedBy']}"),
    Column(title="used", value=lambda secret: secret.get("lastUsedAt") or "never"),
)
TOKENS = (
    ID,
    NAME,
    Column(title="role", value=lambda token: token.get("role")),
    Column(title="scopes", value=lambda token: ",".join(token.get("scopes") or ())),
    Column(title="created", value=lambda token: token.get("createdAt")),
    Column(title="expires", value=lambda token: token.get("expiresAt")),
    Column(title="revoked", value=lambda token: token.get("revokedAt")),
)


def _short(value: Json, longest: int = 200) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}... (whole with -o json)"
