"""The published Python clients, each as its users install it, against a real server and a real node."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.published import python_client
from tests.e2e.fleet import Fleet

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(900)  # the first test to run installs its client


def said(version: str, script: str, *arguments: str) -> Any:
    python = python_client(f"metafold-{version}", f"metafold=={version}")
    done = subprocess.run(
        [str(python), str(HERE / script), *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_client_runs_a_workflow_from_definition_to_result(server: Fleet, token: str) -> None:
    seen = said("0.15.0", "client_new.py", server.url, token)
    text = "MESH!"
    assert seen == {
        "default": ["default", "unspecified"],
        "projects": ["renamed"],
        "changed": ["renamed", "org", {"a": 1}, {"g": []}],
        "copied": [{"a": 1}, {"g": []}, "private"],
        "asset": ["part.txt", 5, None, "mesh!"],
        "found": ["part.txt"],
        "state": "success",
        "size": "5",
        "box": "[1, 2]",
        "said": text * 3 + "[1, 2]",
        "needs": ["count"],
        "given": ["all/0", "all/1", "mesh", "script"],
        "output": text,
        "owner": True,
        "canceled": "canceled",
        "failed": "failure",
        "error": seen["error"],
        "refusal": seen["refusal"],
        "left": [],
        "dated": True,
    }
    assert "exit code 1" in seen["error"]
    assert "job 'a' needs 'b', and there is no such job" in seen["refusal"]


def test_the_old_client_runs_jobs_by_themselves(server: Fleet, token: str) -> None:
    assert said("0.13.0", "client_old.py", server.url, token) == {
        "state": "success",
        "n": "3",
        "workflow": None,
        "failed": ["failure", "command"],
        "renamed": ["renamed", True],
        "listed": [True],
        "left": 1,
        "workflows": 0,
    }


@pytest.mark.parametrize("version", ["0.15.0", "0.13.0"])
def test_the_clients_resources_are_made_of_our_answers(server: Fleet, token: str, version: str) -> None:
    """With every key that their classes know and none that they do not."""
    seen = said(version, "client_classes.py", server.url, token)
    assert seen == {"Asset": [], "Job": ["assets"], "Project": ["thumbnail"], "Workflow": ["link"]}
