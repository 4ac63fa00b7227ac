"""Resources as the API answers them, with what a test does not care about filled in."""

from typing import Any

JOB_ID = "01a1ffdc-4830-7785-8000-031fde3ff707"
TASK_ID = "01a1ffdc-4830-7785-8000-031fde3ff708"
RUN_ID = "01a1ffdc-4830-7785-8000-031fde3ff709"
NODE_ID = "06783ae0-6a49-4a27-870c-fd88394d5298"
STATES = ("waiting", "ready", "queued", "running", "succeeded", "failed", "canceled", "skipped")


def job(state: str = "succeeded", **changes: Any) -> dict[str, Any]:
    counts = dict.fromkeys(STATES, 0) | {state if state in STATES else "running": 1}
    over = state in ("succeeded", "failed", "canceled")
    return {
        "id": JOB_ID,
        "name": "a job",
        "queue": "@default",
        "projectId": JOB_ID,
        "orgId": JOB_ID,
        "createdBy": "up",
        "state": state,
        "priority": 50,
        "progress": 1.0 if over else 0.0,
        "counts": counts,
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "startedAt": "2026-01-02T03:04:06.000000Z",
        "finishedAt": "2026-01-02T03:04:10.000000Z" if over else None,
        "error": {"code": "tasks_failed", "message": "1 of 1 tasks failed"} if state == "failed" else None,
        "parameters": {},
        "labels": {},
    } | changes


def task(state: str = "succeeded", **changes: Any) -> dict[str, Any]:
    return {
        "id": TASK_ID,
        "jobId": JOB_ID,
        "name": "a task",
        "needs": [],
        "state": state,
        "attempts": 1,
        "progress": 1.0,
        "statusText": None,
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "startedAt": "2026-01-02T03:04:06.000000Z",
        "finishedAt": "2026-01-02T03:04:10.000000Z",
        "error": None,
        "result": None,
    } | changes


def message(line: int, text: str, stream: str = "stdout") -> dict[str, Any]:
    return {
        "id": str(line),
        "runId": RUN_ID,
        "taskId": TASK_ID,
        "line": line,
        "time": "2026-01-02T03:04:06.000000Z",
        "stream": stream,
        "level": "info",
        "text": text,
    }


def node(name: str = "node-1", state: str = "online", **changes: Any) -> dict[str, Any]:
    return {
        "id": NODE_ID,
        "name": name,
        "state": state,
        "pid": 1,
        "total": {"cpu": 2, "memory": 4096},
        "free": {"cpu": 1.5, "memory": 4000},
        "queues": ["@default"],
        "tags": [],
        "executors": ["command", "python"],
        "version": "0.1.0",
        "heartbeatAt": "2026-01-02T03:04:05.000000Z",
        "running": [],
        "load": {"cpuPercent": 1.0, "usedMemoryBytes": 1},
    } | changes


def said(*messages: Any) -> dict[str, Any]:
    """All there is of a log by now."""
    return {"items": list(messages), "followCursor": f"after {len(messages)}"}


def page(*items: Any, cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(items)} | ({"nextCursor": cursor} if cursor else {})
