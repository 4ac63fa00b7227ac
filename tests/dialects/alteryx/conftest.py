"""A workflow that is there, and the published clients in an environment of their own."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.published import python_client
from tests.e2e.fleet import Fleet
from tests.rest.conftest import Api

GENERATED, WRITTEN = "mcp-server-alteryx==0.2.22", "alteryx-server-py==0.2.0"
"""One is generated from the service's own description (its package is called `src`), the other is written by hand."""

Run = Callable[..., Any]

JOB: dict[str, Any] = {
    "name": "report",
    "tasks": [
        {
            "name": "write",
            "executor": "command",
            "payload": {
                "argv": [
                    *(
                        "sh",
                        "-c",
                        'echo "$1 x $2"; echo careful >&2; printf "a,b\\n1,$1\\n" > out.csv; echo ok > notes',
                    ),
                    *("sh", "${{ job.parameters.who }}", "${{ job.parameters.times }}"),
                ]
            },
            "outputs": [
                {"source": {"path": "out.csv"}, "name": "table"},
                {"source": {"path": "notes"}, "name": "notes.txt"},
            ],
        }
    ],
}
QUESTIONS: list[dict[str, Any]] = [
    {"name": "who", "description": "Whom it is for", "required": True},
    {"name": "times", "type": "integer", "default": 2},
    {"name": "how", "type": "choice", "choices": ["quick", "thorough"], "default": "quick"},
]


def save(api: Api, **changed: Any) -> str:
    """A workflow's id."""
    made = api.post("/v1/templates", {"name": "report", "job": JOB, "questions": QUESTIONS, **changed})
    assert made.status_code == 201, made.text
    return str(made.json["id"])


@pytest.fixture
def workflow(api: Api) -> str:
    return save(api)


@pytest.fixture(scope="module")
def standing(shared: Api) -> str:
    """A workflow for a module whose tests do not mind each other's jobs."""
    return save(shared)


@pytest.fixture(scope="session")
def python() -> Path:
    """That of an environment with both clients."""
    return python_client("alteryx", GENERATED, WRITTEN)


@pytest.fixture
def run_client(python: Path, server: Fleet, token: str, tmp_path: Path) -> Run:
    """Runs a script of this folder with a client; what it prints as JSON."""

    def run(script: str, *arguments: str, secret: str = token) -> Any:
        environ: Mapping[str, str] = {
            "ALTERYX_API_HOST": f"{server.url}/webapi",
            "ALTERYX_BASE_URL": f"{server.url}/webapi",
            "ALTERYX_CLIENT_ID": "tests",
            "ALTERYX_CLIENT_SECRET": secret,
            "ALTERYX_TEMP_DIRECTORY": str(tmp_path),
            "PATH": str(python.parent),
        }
        done = subprocess.run(
            [str(python), str(Path(__file__).parent / script), *arguments],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def saved(server: Fleet) -> Callable[..., str]:
    """Saves a workflow on the real server; its id."""

    def save(**changed: Any) -> str:
        body = {"name": "report", "job": JOB, "questions": QUESTIONS, **changed}
        return str(server.client.post("/v1/templates", body)["id"])

    return save
