"""Run by the environment of the published clients: the one that is written by hand.

written.py WHAT ID [JSON]
"""

import json
import sys
from typing import Any

from alteryx_server_py import AlteryxClient
from alteryx_server_py.exceptions import AlteryxError

client = AlteryxClient.from_env()


def plain(model: Any) -> Any:
    return [plain(each) for each in model] if isinstance(model, list) else model.model_dump(mode="json")


def run_and_wait(workflow_id: str, questions: dict[str, Any]) -> Any:
    return plain(client.jobs.run_and_wait(workflow_id, questions, priority="Low", poll_interval=1, timeout=60))


def refused(what: Any, *arguments: Any) -> Any:
    try:
        what(*arguments)
    except AlteryxError as error:
        return {"kind": type(error).__name__, "text": str(error)}
    return None


WHAT = {
    "run": lambda workflow_id, questions: plain(client.jobs.run(workflow_id, questions)),
    "run and wait": run_and_wait,
    "job": lambda job_id, _: plain(client.jobs.get(job_id)),
    "jobs": lambda workflow_id, query: plain(client.jobs.list(workflow_id, **query)),
    "messages": lambda job_id, _: client.jobs.get_messages(job_id),
    "output": lambda job_id, given: client.jobs.get_output(job_id, given["id"]).decode(),
    "cancel": lambda job_id, _: client.jobs.cancel(job_id),
    "workflow": lambda workflow_id, _: plain(client.workflows.get(workflow_id)),
    "workflows": lambda _, query: plain(client.workflows.list(**query)),
    "questions": lambda workflow_id, _: plain(client.workflows.get_questions(workflow_id)),
    "run refused": lambda workflow_id, questions: refused(client.jobs.run, workflow_id, questions),
    "job refused": lambda job_id, _: refused(client.jobs.get, job_id),
    "messages refused": lambda job_id, _: refused(client.jobs.get_messages, job_id),
    "cancel refused": lambda job_id, _: refused(client.jobs.cancel, job_id),
}

if __name__ == "__main__":
    what, which, *rest = sys.argv[1:]
    print(json.dumps(WHAT[what](which, json.loads(rest[0]) if rest else {})))
