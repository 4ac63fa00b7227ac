"""Every operation of every surface, called with what its OpenAPI text allows and with what it does not.

Nothing is a fault of the server, and what is answered has the form that the text promises. The examples are the same in
each run.
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
from app.services.access import ORG, SCOPES, SYSTEM, anonymous, create_token
from app.services.assets import upload
from app.wire.states import RunState
from tests.rest.conftest import Api, make_api, noop

NAMES: Final = ("native", *(surface.name for surface in SURFACES))
CHECKS: Final = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES: Final = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 4}
NO_FAULTS: Final = frozenset({501, 503})
GIVEN_BY_US: Final = ("cursor", "paginationToken", "region")
OFTEN: Final = 0.7
"""How often an example is of things that are there."""


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """With something of everything: a job that has ended, one that runs, one that waits, a file, a template."""
    made = make_api(tmp_path_factory.mktemp("lived-in"))
    made.join()
    made.submit(noop("first"), noop("second", needs=["first"]))
    for spec in made.claim():
        ending = {"state": "succeeded", "atUs": 0, "result": {"a": 1}}
        made.report({"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "ending": ending})
    made.submit(noop("running"))
    made.claim()
    made.submit({"name": "waits", "executor": "mine"})
    made.post("/v1/templates", {"name": "template", "job": {"name": "j", "tasks": [noop("only")]}})
    upload(made.core, anonymous("admin"), filename="f.txt", media_type="text/plain", source=[b"x"])
    yield made
    made.core.store.close()
    made.broker.close()


@pytest.fixture(scope="module")
def known(lived_in: Api) -> Mapping[str, list[str]]:
    """What there is, by the names that parameters of paths have. Growing numbers are those of the dialects that show
    them.
    """

    def ids(path: str) -> list[str]:
        return [item["id"] for item in lived_in.get(path).json["items"]]

    jobs = ids("/v1/jobs")
    return {
        "queue": ["@default", "other"],
        "job_id": [*jobs, "1", "2"],
        "task_id": [one for job_id in jobs for one in ids(f"/v1/jobs/{job_id}/tasks")],
        "run_id": [one for job_id in jobs for one in ids(f"/v1/jobs/{job_id}/runs")],
        "project_id": [*ids("/v1/projects"), "1"],
        "node_id": ids("/v1/nodes"),
        "asset_id": [*ids("/v1/assets"), "1"],
        "template_id": ids("/v1/templates"),
        "workflow_id": [*ids("/v1/templates"), "1", "2"],
        "space": ["scratch:@default", f"outputs:{jobs[0]}"],
    }


@pytest.fixture(scope="module")
def tokens(lived_in: Api, known: Mapping[str, list[str]]) -> Mapping[str, str]:
    """Who may call what, by the scope that an operation asks for; everything else is an administrator's."""
    core = lived_in.core
    runs = core.store.read(lambda tx: [tx.run(run_id) for run_id in known["run_id"]])
    run = next(run for run in runs if run and run.state is RunState.RUNNING)
    all_scopes = (*SCOPES["admin"], SYSTEM)
    _, text = create_token(core, org_id=ORG, name="all", role="admin", scopes=all_scopes)
    return {
        "runs:report": lived_in.tokens["node"],
        "runs:self": "flr_" + core.signer.sign("run", [run.id, run.fence]),
        "": text,
    }


def operations(api: Api, name: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi(f"/openapi/{name}.json", api.app)
    for found in schema.get_all_operations():
        yield found.ok()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", EXAMPLES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_its_text_says(
    lived_in: Api, known: Mapping[str, list[str]], tokens: Mapping[str, str], name: str, mode: GenerationMode
) -> None:
    for operation in operations(lived_in, name):
        asked = next((scope for each in operation.definition.raw["security"] for scope in each["bearer"]), "")
        headers = {"Authorization": f"Bearer {tokens.get(asked, tokens[''])}"}
        try:
            _try(operation, mode, headers, known)
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # nothing that is wrong can be said to it


def _try(operation: Any, mode: GenerationMode, headers: Mapping[str, str], known: Mapping[str, list[str]]) -> None:
    @hypothesis.seed(1)
    @hypothesis.settings(
        max_examples=EXAMPLES[mode],
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), chance=st.randoms(use_true_random=False))
    def call(case: Any, chance: Any) -> None:
        if chance.random() < OFTEN:
            _make_real(case, chance, known)
        answer = case.call(headers=headers)
        if answer.status_code not in NO_FAULTS:
            case.validate_response(answer, checks=CHECKS)

    call()


def _make_real(case: Any, chance: Any, known: Mapping[str, list[str]]) -> None:
    """What is there instead of what was made up; nothing is deleted that others want to find."""
    for parameter in case.path_parameters or {} if case.method != "DELETE" else {}:
        if parameter in known:
            case.path_parameters[parameter] = chance.choice(known[parameter])
    for parameter in GIVEN_BY_US:
        case.query.pop(parameter, None)
        case.headers.pop(parameter, None)
