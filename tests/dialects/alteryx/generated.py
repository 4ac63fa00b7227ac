"""Run by the environment of the published clients: the generated one, and the tools on top of it.

generated.py WHAT ID [JSON]
"""

import ast
import json
import sys
from typing import Any

from src import server_client
from src.server_client.rest import ApiException
from src.tools import AYXMCPTools, InputData

tools = AYXMCPTools()


def plain(model: Any) -> Any:
    return json.loads(json.dumps(tools.jobs_api.api_client.sanitize_for_serialization(model)))


def start(workflow_id: str, questions: dict[str, str]) -> Any:
    values = [server_client.AppValue(name=name, value=value) for name, value in questions.items()]
    contract = server_client.EnqueueJobContract(worker_tag="", questions=values, priority="High")
    return plain(tools.workflows_api.workflows_enqueue(workflow_id, contract))


def monitor(workflow_id: str, questions: dict[str, str]) -> Any:
    """The tool's own way: run, wait, and the messages at the end."""
    given = [InputData(name=name, value=value) for name, value in questions.items()]
    return tools.execute_workflow_with_monitoring(workflow_id, given, poll_interval_seconds=1, timeout_seconds=60)


def outputs(job_id: str, _: Any) -> Any:
    job = tools.jobs_api.jobs_get_job_v3(job_id)
    told = tools.get_job_output_data(job_id)
    paths = ast.literal_eval(told.partition(":")[2].strip())
    return {"job": plain(job), "files": {path.rpartition("_")[2]: open(path).read() for path in paths}}


def refused(what: Any, *arguments: Any) -> Any:
    try:
        what(*arguments)
    except ApiException as error:
        return {"status": error.status, "body": json.loads(error.body)}
    return None


WHAT = {
    "start": start,
    "monitor": monitor,
    "outputs": outputs,
    "jobs": lambda workflow_id, query: plain(tools.workflows_api.workflows_get_jobs_for_workflow(workflow_id, **query)),
    "job": lambda job_id, query: plain(tools.jobs_api.jobs_get_job_v3(job_id, **query)),
    "messages": lambda job_id, _: plain(tools.jobs_api.jobs_get_job_messages(job_id)),
    "workflow": lambda workflow_id, _: plain(tools.workflows_api.workflows_get_workflow(workflow_id)),
    "workflows": lambda _, query: plain(tools.workflows_api.workflows_get_workflows(**query)),
    "questions": lambda workflow_id, _: plain(tools.workflows_api.workflows_get_workflow_questions(workflow_id)),
    "start refused": lambda workflow_id, given: refused(start, workflow_id, given),
    "messages refused": lambda job_id, _: refused(tools.jobs_api.jobs_get_job_messages, job_id),
}

if __name__ == "__main__":
    what, which, *rest = sys.argv[1:]
    print(json.dumps(WHAT[what](which, json.loads(rest[0]) if rest else {})))
