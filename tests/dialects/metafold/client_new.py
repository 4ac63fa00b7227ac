"""Runs with the published client 0.15.0: what its users do from a project to a result. Says what it saw as JSON."""

import io
import json
import sys
import tempfile
from pathlib import Path

from metafold import MetafoldClient

FILES = {
    "part.txt": "mesh!",
    "count.sh": """
        tr a-z A-Z < mesh > up
        printf '{"size": %d, "box": [1, 2]}' "$(wc -c < mesh)" > "$FLOTILLA_RESULT"
    """,
    "join.sh": """
        cat mesh all/0 all/1 - > out
        printf '{"said": "%s"}' "$(cat out)" > "$FLOTILLA_RESULT"
    """,
}
DEFINITION = """---
jobs:
  count:
    type: command
    parameters:
      outputs: '{"mesh": "up"}'
  join:
    type: command
    needs:
    - count
    assets:
      mesh: count
      all: [{job: count, asset: mesh}, {job: count, asset: mesh}]
    parameters:
      stdin: {job: count, parameter: box}
...
"""
ASSETS = {"count.mesh": "part.txt", "count.script": "count.sh", "join.script": "join.sh"}
PARAMETERS = {"count.argv": '["sh", "script"]', "join.argv": '["sh", "script"]'}


def main(url: str, token: str) -> dict:
    client = MetafoldClient(access_token=token, base_url=url)
    default = client.projects.list()[-1]
    made = client.projects.create("trial", access="public", data={"a": 1})
    client.set_project_id(made.id)
    changed = client.projects.update(name="renamed", graph={"g": []}, access="org")
    copy = client.projects.duplicate(made.id, "copy")

    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / name).write_text(text)
            client.assets.create(str(Path(folder) / name))
        part = client.assets.list(q="filename:part.txt")[0]
        client.assets.download_file(part.id, Path(folder) / "back")
        back = (Path(folder) / "back").read_text()
        spare = client.assets.create(Path(folder) / "back")
    client.assets.delete(spare.id)

    done = client.workflows.run(DEFINITION, assets=ASSETS, parameters=PARAMETERS, timeout=60)
    size, box = done.get_parameter("count.size"), done.get_parameter("count.box")
    output = done.get_asset("count.mesh")
    sink = io.BytesIO()
    sink.close = lambda: None  # the client closes what it writes to
    client.assets.download(output.id, sink)
    jobs = client.jobs.list(sort="name:1")
    join = next(job for job in jobs if job.name == "join")

    slow = client.workflows.run_async('jobs: {nap: {type: command, parameters: {argv: \'["sleep", "60"]\'}}}')
    client.workflows.cancel(slow.id)
    canceled = client.poll(slow.link).json()["state"]
    failed = client.workflows.run("jobs: {no: {type: command, parameters: {argv: '[\"false\"]'}}}", timeout=60)
    error = client.jobs.list(q="state:failure")[0].error
    try:
        client.workflows.run("jobs: {a: {type: x, needs: [b]}}")
    except Exception as refused:
        refusal = str(refused)
    client.jobs.delete(join.id)
    client.workflows.delete(done.id)
    client.projects.delete(copy.id)
    return {
        "default": [default.name, default.type.value],
        "projects": [one.name for one in client.projects.list(q="name:re* AND user:*", sort="name:1")],
        "changed": [changed.name, changed.access.value, changed.project, changed.graph],
        "copied": [copy.project, copy.graph, copy.access.value],
        "asset": [part.filename, part.size, part.job_id, back],
        "found": [one.filename for one in client.assets.list(q='filename:"part*"', sort="size:-1")],
        "state": done.state,
        "size": size,
        "box": box,
        "said": join.outputs.params["said"],
        "needs": [job.name for job in jobs if job.id in join.needs],
        "given": sorted(join.inputs.assets),
        "output": sink.getvalue().decode(),
        "owner": output.job_id == next(job.id for job in jobs if job.name == "count"),
        "canceled": canceled,
        "failed": failed.state,
        "error": error,
        "refusal": refusal,
        "left": [one.id for one in client.workflows.list(sort="created:1", q="state:success")],
        "dated": done.finished >= done.started >= done.created,
    }


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
