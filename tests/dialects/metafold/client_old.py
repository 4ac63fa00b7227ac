"""Runs with the published client 0.13.0, the last one that runs jobs by themselves. Says what it saw as JSON."""

import json
import sys

from metafold import MetafoldClient


def main(url: str, token: str) -> dict:
    client = MetafoldClient(access_token=token, base_url=url)
    client.set_project_id(client.projects.create("old").id)
    done = client.jobs.run(
        "command", {"argv": ["sh", "-c", 'printf "{\\"n\\": 3}" > $FLOTILLA_RESULT']}, name="by itself", timeout=60
    )
    failed = client.jobs.run("command", {"argv": '["false"]'}, timeout=60)
    renamed = client.jobs.update(done.id, name="renamed")
    listed = client.jobs.list(q="name:renamed AND type:command")
    client.jobs.delete(failed.id)
    return {
        "state": done.state,
        "n": done.outputs.params["n"],
        "workflow": done.workflow_id,
        "failed": [failed.state, failed.name],
        "renamed": [renamed.name, renamed.id == done.id],
        "listed": [job.id == done.id for job in listed],
        "left": len(client.jobs.list()),
        "workflows": len(client.workflows.list()),
    }


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
