"""Builds the published client's classes from raw answers. Says which of their fields our answers leave out."""

import json
import sys

import attrs
import requests
from metafold.assets import Asset
from metafold.jobs import Job
from metafold.projects import Project
from metafold.workflows import Workflow


def main(url: str, token: str) -> dict:
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {token}", "User-Agent": "Python/3.11.7"})
    project = session.post(f"{url}/projects", json={"name": "classes"}).json()
    below = f"{url}/projects/{project['id']}"
    asset = session.post(f"{below}/assets", files={"file": ("a.txt", b"a")}).json()
    definition = "jobs: {a: {type: command, parameters: {argv: '[\"true\"]'}}}"
    made = session.post(f"{below}/workflows", json={"definition": definition, "assets": {"a.x": "a.txt"}}).json()
    job = session.get(f"{below}/jobs/{made['jobs'][0]}").json()
    workflow = session.get(f"{below}/workflows/{made['id']}").json()
    session.post(f"{below}/workflows/{made['id']}/cancel")
    Workflow(client=None, **made)
    missing = {}
    for kind, answer in ((Asset, asset), (Job, job), (Project, project), (Workflow, workflow)):
        kind(**answer, **({"client": None} if kind is Workflow else {}))
        known = {field.name for field in attrs.fields(kind) if field.init and not field.name.startswith("_")}
        missing[kind.__name__] = sorted(known - answer.keys())
    return missing


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
