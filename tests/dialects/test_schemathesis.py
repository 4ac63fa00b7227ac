"""Every operation of every surface, called with what its OpenAPI text allows and with what it does not.

Nothing is a fault of the server, and what is answered has the form that the text promises. The examples are the same in
each run. Addresses are half made up, half those of things that are there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from app.rest.dialects import SURFACES
from tests.rest.conftest import Api, make_api, noop

NAMES: Final = ("native", *(surface.name for surface in SURFACES))
CHECKS: Final = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES: Final = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 4}
NO_FAULTS: Final = frozenset({501, 503})


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """With something of everything: a job that has ended, one that runs, one that waits."""
    made = make_api(tmp_path_factory.mktemp("lived-in"))
    made.join()
    made.submit(noop("first"), noop("second", needs=["first"]))
    for spec in made.claim():
        ending = {"state": "succeeded", "atUs": 0, "result": {"a": 1}}
        made.report({"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "ending": ending})
    made.submit(noop("running"))
    made.claim()
    made.submit({"name": "waits", "executor": "mine"})
    yield made
    made.core.store.close()
    made.broker.close()


@pytest.fixture(scope="module")
def known(lived_in: Api) -> Mapping[str, list[str]]:
    """What there is, by the names that parameters of paths have. Growing numbers are those of the dialects that show
    them.
    """
    jobs = lived_in.get("/v1/jobs").json["items"]
    tasks = [task for job in jobs for task in lived_in.get(f"/v1/jobs/{job['id']}/tasks").json["items"]]
    runs = [run for job in jobs for run in lived_in.get(f"/v1/jobs/{job['id']}/runs").json["items"]]
    projects = lived_in.get("/v1/projects").json["items"]
    return {
        "queue": ["@default", "other"],
        "job_id": [job["id"] for job in jobs] + ["1", "2"],
        "task_id": [task["id"] for task in tasks],
        "run_id": [run["id"] for run in runs],
        "project_id": [project["id"] for project in projects] + ["1"],
        "node_id": [node["id"] for node in lived_in.get("/v1/nodes").json["items"]],
        "space": ["scratch:@default", f"outputs:{jobs[0]['id']}"],
    }


def operations(api: Api, name: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi(f"/openapi/{name}.json", api.app)
    for found in schema.get_all_operations():
        yield found.ok()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", EXAMPLES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_its_text_says(
    lived_in: Api, known: Mapping[str, list[str]], name: str, mode: GenerationMode
) -> None:
    for operation in operations(lived_in, name):
        _try(lived_in, known, operation, mode)


def _try(api: Api, known: Mapping[str, list[str]], operation: Any, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {api.tokens['node' if '/nodes' in operation.path else 'admin']}"}

    @hypothesis.seed(1)
    @hypothesis.settings(
        max_examples=EXAMPLES[mode],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), chance=st.randoms(use_true_random=False))
    def call(case: Any, chance: Any) -> None:
        if operation.method.upper() != "DELETE":
            for parameter in case.path_parameters or {}:
                if parameter in known and chance.random() < 0.5:
                    case.path_parameters[parameter] = chance.choice(known[parameter])
        answer = case.call(headers=headers)
        if answer.status_code not in NO_FAULTS:
            case.validate_response(answer, checks=CHECKS)

    try:
        call()
    except hypothesis.errors.Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, operation.label  # nothing that is wrong can be said to it
