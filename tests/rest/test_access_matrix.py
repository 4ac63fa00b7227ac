"""Every route as everybody: who may not gets 401 or 403, and what is another's is as if it were not there.

Made from the URL map and the table in `matrix.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from werkzeug.test import TestResponse

from app.ports.store import Reader
from app.rest import application
from app.rest.auth import PUBLIC
from app.services import access, organizations
from tests.rest.conftest import NODE_ID, SUBMIT, Api, make_api, noop
from tests.rest.matrix import JOB, MISSING, MISSING_NUMBER, ROUTES
from tests.rest.routes import FILE, FORM, SELF, SHARED, Route, refusals

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
CALLERS = ("viewer", "member", "curator", "admin", "system", "node", "join", "run", "foreign")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """An installation with one thing of each kind, and what each caller has as scopes."""

    api: Api
    things: Mapping[str, str]
    numbers: Mapping[str, str]
    scopes: Mapping[str, tuple[str, ...]]

    def send(self, method: str, rule: str, route: Route, as_: str | None, **instead: str) -> TestResponse:
        known = {**(self.numbers if is_numbered(rule) else self.things), **instead}
        path = PARAMETER.sub(lambda found: known[found[1]], rule)
        return self.api.send(method, path, route.body, as_=as_, raw=route.raw, headers=route.headers)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixed]:
    api = make_api(tmp_path_factory.mktemp("matrix"))
    yield furnish(api)
    api.core.store.close()
    api.broker.close()


def furnish(api: Api) -> Fixed:
    organizations.ensure_home(api.core)
    scopes = (*access.SCOPES["admin"], access.SYSTEM)
    made = access.create_token(api.core, org_id=access.ORG, name="system", role="admin", scopes=scopes)
    api.join()
    told = api.post(SUBMIT, {"name": "told", "tasks": [], "webhooks": [{"url": "https://hooks.example/"}]}).json
    job = api.submit(noop("a"), noop("b"))
    one, other = api.claim(), api.claim()
    api.tokens = {**api.tokens, "system": made[1], "run": one[0]["token"]}
    template = api.post("/v1/templates", {"name": "t", "job": JOB})
    assert template.status_code == 201, template.text
    asset = api.post("/v1/assets", raw=FORM, headers=FILE)
    assert asset.status_code == 201, asset.text
    things = {
        "queue": "@default",
        "job_id": job["id"],
        "task_id": one[0]["taskId"],
        "run_id": other[0]["runId"],
        "own_run_id": one[0]["runId"],
        "node_id": NODE_ID,
        "name": "out",
        "token_id": api.post("/v1/tokens", {"name": "t"}).json["id"],
        "user_id": api.post("/v1/users", {"name": "u"}).json["id"],
        "org_id": access.ORG,
        "asset_id": asset.json["id"],
        "view_id": api.post("/v1/views", {"name": "v", "filters": {"state": "failed"}}).json["id"],
        "delivery_id": api.get(f"/v1/jobs/{told['id']}/deliveries").json["items"][0]["id"],
        "template_id": template.json["id"],
        "workflow_id": template.json["id"],
        "output_id": asset.json["id"],
        "space": "s",
        "resource": "x",
        "signed": "nothing",
    }
    held = {name: access.authenticate(api.core, api.tokens[name]).scopes for name in CALLERS}
    return Fixed(api=api, things=things, numbers=numbers_of(api, things), scopes=held)


def is_numbered(rule: str) -> bool:
    """Metafold shows growing numbers, and tasks as its jobs."""
    return rule.startswith("/projects")


def numbers_of(api: Api, things: Mapping[str, str]) -> Mapping[str, str]:
    def read(tx: Reader) -> Mapping[str, str]:
        task, job, asset = tx.task(things["task_id"]), tx.job(things["job_id"]), tx.asset(things["asset_id"])
        assert task
        assert job
        assert asset
        found = {"project_id": tx.projects(access.ORG)[0].seq, "job_id": task.task.seq, "workflow_id": job.seq}
        return {name: str(seq) for name, seq in {**found, "asset_id": asset.seq}.items()}

    return api.core.store.read(read)


def routes(fixed: Fixed, beginning: str = "/") -> Iterator[tuple[str, str, Route]]:
    """Those with an entry; a test of its own says which have none."""
    for method, rule in application.mounted(fixed.api.app):
        if (route := ROUTES.get(f"{method} {rule}")) and rule.startswith(beginning):
            yield method, rule, route


def test_every_route_has_an_entry_and_asks_for_what_it_says(fixed: Fixed) -> None:
    app = fixed.api.app
    declared = {
        f"{method} {rule.rule}": app.scopes[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    without = [name for name in declared if name not in ROUTES]
    assert without == [], "these need an entry in tests/rest/matrix.py: which scope does each ask for?"
    assert {name: route.scope for name, route in ROUTES.items()} == declared


def test_nobody_comes_in(fixed: Fixed) -> None:
    for method, rule, route in routes(fixed):
        if route.scope != PUBLIC:
            assert fixed.send(method, rule, route, None).status_code == refusals(rule)[0], (method, rule)


@pytest.mark.parametrize("caller", CALLERS)
def test_nobody_does_what_he_has_no_scope_for(fixed: Fixed, caller: str) -> None:
    for method, rule, route in routes(fixed):
        if route.scope != PUBLIC and route.scope not in fixed.scopes[caller]:
            answer = fixed.send(method, rule, route, caller)
            assert answer.status_code == refusals(rule)[1], (method, rule, answer.text)


def test_what_is_another_s_is_as_if_it_were_not_there(fixed: Fixed) -> None:
    seen = 0
    for method, rule, route in routes(fixed):
        caller = "run" if route.scope == SELF else "foreign"
        own = [name for name in PARAMETER.findall(rule) if name not in SHARED]
        if route.scope not in fixed.scopes[caller] or not own:
            continue
        answer = fixed.send(method, rule, route, caller)
        absent = fixed.send(
            method, rule, route, caller, **dict.fromkeys(own, MISSING_NUMBER if is_numbered(rule) else MISSING)
        )
        assert (answer.status_code, absent.status_code) == (404, 404), (method, rule, answer.text, absent.text)
        assert answer.data == absent.data, (method, rule)
        seen += 1
    assert seen > 30


def test_the_owner_comes_in(fixed: Fixed) -> None:
    """Reads; that what the owner changes is changed is what all other tests are about."""
    for method, rule, route in routes(fixed, "/v1/"):
        if method == "GET" and route.scope in fixed.scopes["system"]:
            instead = {"run_id": fixed.things["own_run_id"]} if "run_id" in rule else {}
            answer = fixed.send(method, rule, route, "system", **instead)
            assert answer.status_code == 200, (method, rule, answer.text)


def test_lists_show_nothing_of_others(fixed: Fixed) -> None:
    for method, rule, route in routes(fixed):
        open_to_all = PARAMETER.search(rule) or route.scope not in fixed.scopes["foreign"]
        if method == "GET" and not open_to_all and rule not in ("/v1/nodes", "/v1/executors", "/v1/audit"):
            mine = fixed.send(method, rule, route, "foreign").text
            found = [name for name, thing in fixed.things.items() if name.endswith("_id") and thing in mine]
            assert found == [], (rule, json.loads(mine))
