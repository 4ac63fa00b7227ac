"""Who comes in, by which token, and what he may not see."""

import pytest
from structlog.testing import capture_logs

from app.domain.errors import Malformed, Unauthorized
from app.rest import application, auth
from app.services import access
from tests.rest.conftest import NODE_ID, SUBMIT, Api, noop

MISSING = "01a1fa7f-297b-774b-8000-0000000000ff"

THINGS = ["jobs/{}", "jobs/{}/tasks", "jobs/{}/runs", "jobs/{}/messages", "jobs/{}/events", "jobs/{}/graph"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer fl_x",
        "Bearer fl_aaaaaaaa_bbbb",
        "Bearer " + "x" * 100_000,
        "Basic dXNlcjpwdw==",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "fl_aaaaaaaa_bbbb",
    ],
)
def test_a_bad_token_is_401_in_the_same_words(shared: Api, header: str) -> None:
    answer = shared.get("/v1/jobs", as_=None, headers={"Authorization": header})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_no_token_is_401_and_two_are_400(shared: Api) -> None:
    assert shared.get("/v1/jobs", as_=None).status_code == 401
    both = f"Bearer {shared.tokens['admin']}, Bearer {shared.tokens['viewer']}"
    assert shared.get("/v1/jobs", as_=None, headers={"Authorization": both}).status_code == 400


def test_a_token_of_another_kind_is_403(shared: Api) -> None:
    assert shared.get("/v1/jobs", as_="node").status_code == 403
    assert shared.post(SUBMIT, {"name": "j", "tasks": []}, as_="viewer").status_code == 403
    assert shared.post("/v1/tokens", {"name": "x"}, as_="member").status_code == 403
    assert shared.post(f"/v1/nodes/{NODE_ID}/drain", as_="member").status_code == 403
    for call in ("claims", "reports", "heartbeat"):
        assert shared.post(f"/v1/nodes/{NODE_ID}/{call}", {}, as_="admin").status_code == 403
    assert shared.get("/v1/jobs", as_="viewer").status_code == 200


def test_another_organization_and_nobody_have_the_same_404(api: Api) -> None:
    job = api.submit(noop("a"))
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    for path in THINGS:
        foreign = api.get("/v1/" + path.format(job["id"]), as_="foreign")
        missing = api.get("/v1/" + path.format(MISSING), as_="foreign")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.data == missing.data
    foreign = api.get(f"/v1/tasks/{task['id']}", as_="foreign")
    assert (foreign.status_code, foreign.data) == (404, api.get(f"/v1/tasks/{MISSING}", as_="foreign").data)
    assert api.post(f"/v1/jobs/{job['id']}/cancel", as_="foreign").status_code == 404
    assert api.send("DELETE", f"/v1/jobs/{job['id']}", as_="foreign").status_code == 404
    assert api.get("/v1/jobs", as_="foreign").json == {"items": []}
    assert api.get("/v1/events", as_="foreign").json == {"items": []}


@pytest.mark.parametrize("wrong", ["'", "%00", "..%2f", "x" * 5000, "%F0%9F%98%80", "1", MISSING.upper() + "0"])
def test_what_is_no_id_is_a_missing_one(shared: Api, wrong: str) -> None:
    answer = shared.get(f"/v1/jobs/{wrong}")
    assert answer.status_code == 404
    if "%2f" not in wrong:  # a slash is another address
        assert answer.data == shared.get(f"/v1/jobs/{MISSING}").data
    assert shared.get(f"/v1/nodes/{wrong}").status_code == 404


def test_the_id_of_another_kind_of_thing_is_404(api: Api) -> None:
    job = api.submit(noop("a"))
    assert api.get(f"/v1/tasks/{job['id']}").status_code == 404
    assert api.get(f"/v1/runs/{job['id']}").status_code == 404


def test_a_route_without_a_scope_does_not_register(api: Api) -> None:
    with pytest.raises(LookupError, match="declares no scope"):
        api.app.add_url_rule("/open", view_func=lambda: "hello")


def test_every_route_declares_a_known_scope(shared: Api) -> None:
    known = {auth.PUBLIC, access.SYSTEM, *(scope for scopes in access.SCOPES.values() for scope in scopes)}
    assert {shared.app.scopes[rule.endpoint] for rule in shared.app.url_map.iter_rules()} <= known


def test_an_anonymous_role_lets_in_and_no_further(api: Api) -> None:
    app = application.build(api.core, anonymous_role="viewer")
    client = app.test_client()
    assert client.get("/v1/jobs").status_code == 200
    assert client.post(SUBMIT, json={"name": "j", "tasks": []}).status_code == 403
    assert client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_good_token_is_believed_for_seconds_and_then_asked_for_again(api: Api) -> None:
    now = [0.0]
    gate = auth.Gate("", clock=lambda: now[0])
    text = api.tokens["member"]
    first = gate.admit(api.core, text)
    token_id = text.split("_")[1]
    assert api.send("DELETE", f"/v1/tokens/{token_id}").status_code == 204
    assert gate.admit(api.core, text) is first
    now[0] = auth.BELIEVED_S + 0.1
    with pytest.raises(Unauthorized):
        gate.admit(api.core, text)


def test_tokens_are_made_shown_once_and_revoked(api: Api) -> None:
    made = api.post("/v1/tokens", {"name": "ci", "scopes": ["jobs:read"], "expiresInSeconds": 60})
    assert (made.status_code, made.json["role"], made.json["scopes"]) == (201, "member", ["jobs:read"])
    header = {"Authorization": f"Bearer {made.json['token']}"}
    assert api.get("/v1/jobs", as_=None, headers=header).status_code == 200
    assert api.post(SUBMIT, {"name": "j", "tasks": []}, as_=None, headers=header).status_code == 403
    listed = api.get("/v1/tokens")
    secret = made.json["token"].rsplit("_", 1)[1]
    assert secret not in listed.text
    assert made.json["id"] in [token["id"] for token in listed.json["items"]]
    assert api.send("DELETE", f"/v1/tokens/{made.json['id']}", as_="foreign").status_code == 404
    assert api.send("DELETE", f"/v1/tokens/{made.json['id']}").status_code == 204
    revoked = {token["id"]: token["revokedAt"] for token in api.get("/v1/tokens").json["items"]}
    assert revoked[made.json["id"]] is not None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/name"),
        ({"name": "x", "role": "root"}, "/role"),
        ({"name": "x", "role": "viewer", "scopes": ["jobs:write"]}, "/scopes"),
        ({"name": "x", "scopes": ["everything"]}, "/scopes/0"),
        ({"name": "x", "scopes": ["jobs:read", "jobs:read"]}, "/scopes"),
        ({"name": "x", "expiresInSeconds": 0}, "/expiresInSeconds"),
        ({"name": "x", "orgId": "y"}, "/orgId"),
    ],
)
def test_a_bad_token_request_is_refused(shared: Api, body: dict[str, object], place: str) -> None:
    answer = shared.post("/v1/tokens", body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, place)


def test_changes_and_refusals_are_logged_without_secrets(api: Api) -> None:
    with capture_logs() as logs:
        api.submit(noop("a"))
        api.get("/v1/jobs")
        api.get("/v1/jobs", as_=None, headers={"Authorization": "Bearer fl_aaaaaaaa_topsecret"})
    changed, refused = logs
    assert (changed["event"], changed["who"], changed["path"], changed["status"]) == ("changed", "admin", SUBMIT, 201)
    assert (refused["event"], refused["path"]) == ("refused", "/v1/jobs")
    assert "topsecret" not in str(logs)
    assert api.tokens["admin"] not in str(logs)


def test_hosts_that_are_not_allowed_are_400(api: Api) -> None:
    app = application.build(api.core, anonymous_role="viewer", allowed_hosts=("127.0.0.1", "localhost"))
    client = app.test_client()
    assert client.get("/v1/jobs", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/v1/jobs", headers={"Host": "127.0.0.1:8080"}).status_code == 200
    assert client.get("/v1/jobs", headers={"X-Forwarded-Host": "evil.example"}).status_code == 200


def test_the_gate_reads_only_the_bearer_header(shared: Api) -> None:
    with shared.app.test_request_context(headers={"Authorization": "bearer abc"}) as context:
        assert auth.bearer(context.request) == "abc"
    with (
        shared.app.test_request_context(headers={"Authorization": "Bearer a, Bearer b"}) as context,
        pytest.raises(Malformed),
    ):
        auth.bearer(context.request)
    assert shared.get(f"/v1/jobs?token={shared.tokens['admin']}", as_=None).status_code == 401
