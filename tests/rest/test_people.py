"""Organizations, their people, and what tokens of each kind may."""

from typing import Any

import pytest

from app.domain.errors import Unauthorized
from app.ports.people import Organization
from app.services import access, organizations, tokens
from tests.rest.conftest import NODE_ID, ROOM, SUBMIT, Api, noop

MISSING = "01a1fa7f-297b-774b-8000-0000000000ff"
NODE = {
    "nodeId": NODE_ID, "name": "n", "pid": 1, "total": ROOM, "queues": ["*"], "tags": [], "executors": ["python"],
    "version": "1",
}  # fmt: skip


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def status(api: Api, text: str, method: str = "GET", path: str = "/v1/jobs", body: Any = None) -> int:
    return api.send(method, path, body, as_=None, headers=bearer(text)).status_code


@pytest.fixture
def system(api: Api) -> dict[str, str]:
    """As the administrator of `flotilla up`."""
    scopes = (*access.SCOPES["admin"], access.SYSTEM)
    return bearer(access.create_token(api.core, org_id=access.ORG, name="up", role="admin", scopes=scopes)[1])


def test_an_organization_is_made_administered_and_apart(api: Api, system: dict[str, str]) -> None:
    organizations.ensure_home(api.core)
    organizations.ensure_home(api.core)
    made = api.post("/v1/organizations", {"name": "acme"}, as_=None, headers=system)
    assert made.status_code == 201
    assert api.post("/v1/organizations", {"name": "acme"}, as_=None, headers=system).status_code == 409
    listed = api.get("/v1/organizations", as_=None, headers=system).json["items"]
    assert [(one["id"], one["name"]) for one in listed] == [(access.ORG, "default"), (made.json["id"], "acme")]

    path = f"/v1/organizations/{made.json['id']}/tokens"
    token = api.post(path, {"name": "first"}, as_=None, headers=system)
    assert (token.status_code, token.json["role"]) == (201, "admin")
    assert "nodes:admin" not in token.json["scopes"], "the fleet is not theirs"
    theirs = token.json["token"]
    api.submit(noop("ours"))
    assert api.get("/v1/jobs", as_=None, headers=bearer(theirs)).json == {"items": []}
    job = api.post(SUBMIT, {"name": "j", "tasks": []}, as_=None, headers=bearer(theirs))
    assert (job.status_code, job.json["orgId"]) == (201, made.json["id"])
    assert api.post(path.replace(made.json["id"], MISSING), {"name": "x"}, as_=None, headers=system).status_code == 404


def test_only_the_installation_s_administrator_sees_organizations(api: Api) -> None:
    assert api.get("/v1/organizations").status_code == 403
    assert api.post("/v1/organizations", {"name": "x"}).status_code == 403
    wanted = {"name": "x", "role": "admin", "scopes": [access.SYSTEM]}
    assert api.post("/v1/tokens", wanted).status_code == 422, "nobody gives what he has not"


def test_the_installation_s_administrator_may_make_another(api: Api, system: dict[str, str]) -> None:
    plain = api.post("/v1/tokens", {"name": "a", "role": "admin"}, as_=None, headers=system)
    assert access.SYSTEM not in plain.json["scopes"], "only when asked for"
    wanted = {"name": "b", "role": "admin", "scopes": [access.SYSTEM]}
    made = api.post("/v1/tokens", wanted, as_=None, headers=system)
    assert (made.status_code, made.json["scopes"]) == (201, [access.SYSTEM])
    assert api.post(f"/v1/tokens/{made.json['id']}/rotate").status_code == 403, "not by a lesser one"


def test_a_user_s_tokens_follow_the_user(api: Api) -> None:
    user = api.post("/v1/users", {"name": "ann", "role": "admin"}).json
    made = api.post("/v1/tokens", {"name": "laptop", "userId": user["id"]}).json
    assert (made["role"], made["userId"]) == ("admin", user["id"])
    job = api.post(SUBMIT, {"name": "j", "tasks": []}, as_=None, headers=bearer(made["token"]))
    assert job.json["createdBy"] == "ann"

    changed = api.send("PATCH", f"/v1/users/{user['id']}", {"role": "viewer", "name": "anna"})
    assert (changed.status_code, changed.json["role"], changed.json["name"]) == (200, "viewer", "anna")
    who = access.authenticate(api.core, made["token"])
    assert (who.name, who.scopes) == ("anna", access.SCOPES["viewer"])
    refused = api.post("/v1/tokens", {"name": "x", "userId": user["id"], "role": "member"})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/role")

    assert api.send("DELETE", f"/v1/users/{user['id']}").status_code == 204
    with pytest.raises(Unauthorized):
        access.authenticate(api.core, made["token"])
    assert api.post("/v1/tokens", {"name": "x", "userId": user["id"]}).status_code == 422
    assert api.send("PATCH", f"/v1/users/{user['id']}", {"role": "admin"}).status_code == 409
    (listed,) = api.get("/v1/users").json["items"]
    assert listed["revokedAt"] is not None
    assert api.post("/v1/users", {"name": "anna"}).status_code == 201, "the name is free again"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/name"),
        ({"name": "x", "role": "node"}, "/role"),
        ({"name": "x", "orgId": MISSING}, "/orgId"),
        ({"name": "x", "id": MISSING}, "/id"),
    ],
)
def test_a_bad_user_is_refused(shared: Api, body: dict[str, Any], place: str) -> None:
    answer = shared.post("/v1/users", body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, place)


def test_two_users_have_two_names(api: Api) -> None:
    assert api.post("/v1/users", {"name": "ann"}).status_code == 201
    again = api.post("/v1/users", {"name": "ann"})
    assert (again.status_code, again.json["errors"][0]["pointer"]) == (422, "/name")
    assert api.post("/v1/users", {"name": "ann"}, as_="foreign").status_code == 201


def test_a_rotated_token_has_a_new_text_only(api: Api) -> None:
    made = api.post("/v1/tokens", {"name": "ci"}).json
    exchanged, _, _ = tokens.exchange(api.core, "any", made["token"])
    fresh = api.post(f"/v1/tokens/{made['id']}/rotate").json
    assert fresh["id"] == made["id"]
    assert fresh["token"] != made["token"]
    assert status(api, fresh["token"]) == 200
    assert status(api, made["token"]) == 401
    assert status(api, exchanged) == 401, "what was given for the old text is over, too"
    assert api.send("DELETE", f"/v1/tokens/{made['id']}").status_code == 204
    assert api.post(f"/v1/tokens/{made['id']}/rotate").status_code == 409
    assert api.post(f"/v1/tokens/{made['id']}/rotate", as_="foreign").status_code == 404


def test_client_credentials_are_exchanged(api: Api) -> None:
    text, lasts_s, who = tokens.exchange(api.core, "any client", api.tokens["viewer"])
    assert text.startswith("fla_")
    assert (lasts_s, who.role) == (tokens.EXCHANGED_S, "viewer")
    assert status(api, text) == 200
    assert status(api, text, "POST", SUBMIT, {"name": "j", "tasks": []}) == 403
    assert status(api, text[:-1] + ("a" if text[-1] != "a" else "b")) == 401
    short = access.create_token(api.core, org_id=access.ORG, name="x", role="viewer", expires_s=60)[1]
    assert tokens.exchange(api.core, "c", short)[1] <= 60
    for client, secret in (("", api.tokens["viewer"]), ("c", "fl_aaaaaaaa_bbb"), ("c", "nonsense"), ("c", text)):
        with pytest.raises(Unauthorized):
            tokens.exchange(api.core, client, secret)


def test_a_run_s_token_is_good_while_it_runs(api: Api) -> None:
    api.join()
    api.submit(noop("a"))
    (spec,) = api.claim()
    text = spec["token"]
    assert text.startswith("flr_")
    who = access.authenticate(api.core, text)
    assert (who.org_id, who.role, who.run_id, who.scopes) == (access.ORG, "run", spec["runId"], ("runs:self",))
    assert status(api, text) == 403, "it is known, and may nothing of the kind"
    assert status(api, text, "POST", "/v1/tokens", {"name": "x"}) == 403
    forged = "flr_" + api.core.signer.sign("run", [spec["runId"], spec["fence"] + 1], None)
    assert status(api, forged) == 401
    report = {"runId": spec["runId"], "fence": 1, "sequence": 1, "ending": {"state": "succeeded", "atUs": 1}}
    assert api.report(report).status_code == 200
    assert status(api, text) == 401, "at once"


def test_a_node_joins_once_and_speaks_for_itself_alone(api: Api) -> None:
    invitation = api.post("/v1/tokens", {"name": "rack 7", "role": "join", "expiresInSeconds": 86_400})
    assert invitation.status_code == 201
    header = bearer(invitation.json["token"])
    joined = api.post("/v1/nodes/join", {"nodeId": NODE_ID}, as_=None, headers=header)
    assert (joined.status_code, joined.json["nodeId"], joined.json["role"]) == (201, NODE_ID, "node")
    again = api.post("/v1/nodes/join", {"nodeId": NODE_ID}, as_=None, headers=header)
    assert again.status_code == 401, "also within the seconds that a token is believed"

    own = joined.json["token"]
    assert status(api, own, "POST", "/v1/nodes", NODE) == 201
    assert status(api, own, "POST", "/v1/nodes", {**NODE, "nodeId": MISSING}) == 403
    claim = {"claimId": "c", "runIds": [], "free": ROOM}
    assert status(api, own, "POST", f"/v1/nodes/{NODE_ID}/claims", claim) == 200
    for call in ("claims", "reports", "heartbeat"):
        assert status(api, own, "POST", f"/v1/nodes/{MISSING}/{call}", claim) == 403
        flask_s = api.send(
            "POST", f"/v1/nodes/{MISSING}/{call}", claim, as_=None, headers={**bearer(own), "X-Request-Id": "x"}
        )
        assert flask_s.status_code == 403, "by the slow lane as well"
    assert api.send("DELETE", f"/v1/tokens/{joined.json['id']}").status_code == 204


def test_nobody_joins_as_a_node_that_is_there(api: Api) -> None:
    api.join()

    def join() -> int:
        text = access.create_token(api.core, org_id=access.ORG, name="x", role="join", expires_s=60)[1]
        return status(api, text, "POST", "/v1/nodes/join", {"nodeId": NODE_ID})

    assert join() == 409
    last_word = {
        "free": ROOM, "held": [], "draining": False, "cpuPercent": 1, "usedMemoryBytes": 5, "idleS": 0.5,
        "leaving": True,
    }  # fmt: skip
    assert api.post(f"/v1/nodes/{NODE_ID}/heartbeat", last_word, as_="node").status_code == 200
    assert join() == 201
    assert join() == 409, "somebody has its token"


def test_a_join_token_lasts_an_hour_and_is_the_fleet_s_to_give(api: Api) -> None:
    made = api.post("/v1/tokens", {"name": "x", "role": "join", "expiresInSeconds": 86_400}).json
    (token,) = [one for one in api.core.store.read(lambda tx: tx.tokens(access.ORG)) if one.id == made["id"]]
    assert token.expires_at_us == token.created_at_us + tokens.JOIN_S * 1_000_000
    for role in ("join", "node"):
        assert api.post("/v1/tokens", {"name": "x", "role": role}, as_="foreign").status_code == 403


def test_the_fleet_is_everybody_s_and_what_runs_there_is_not(api: Api, system: dict[str, str]) -> None:
    api.join()
    api.submit(noop("a"))
    (spec,) = api.claim()
    for path in ("/v1/nodes", f"/v1/nodes/{NODE_ID}"):
        seen = {}
        for name, header in {"own": None, "system": system}.items():
            answer = api.get(path, as_="viewer") if header is None else api.get(path, as_=None, headers=header)
            seen[name] = answer.json["items"][0] if path == "/v1/nodes" else answer.json
        other = api.get(path, as_="foreign").json
        foreign = other["items"][0] if path == "/v1/nodes" else other
        assert seen["own"]["running"] == seen["system"]["running"] == [spec["runId"]]
        assert (foreign["running"], foreign["name"]) == ([], seen["own"]["name"])


def test_queues_of_one_name_are_counted_apart(api: Api) -> None:
    api.submit(noop("a"), noop("b"))
    assert api.post(SUBMIT, {"name": "j", "tasks": [noop("a")]}, as_="foreign").status_code == 201
    for name, count in (("viewer", 2), ("foreign", 1)):
        (queue,) = api.get("/v1/queues", as_=name).json["items"]
        assert sum(queue["counts"].values()) == count


def test_a_use_is_noted(api: Api) -> None:
    api.get("/v1/jobs", as_="viewer")
    api.get("/v1/audit")
    used = {one["name"]: one["lastUsedAt"] for one in api.get("/v1/tokens").json["items"]}
    assert used["viewer"] is not None
    assert used["curator"] is None


def test_an_organization_may_have_any_id(api: Api, system: dict[str, str]) -> None:
    stray = Organization(id=MISSING, name="stray", created_at_us=1)
    api.core.store.write(lambda tx: tx.save_organization(stray))
    made = api.post(f"/v1/organizations/{MISSING}/tokens", {"name": "x"}, as_=None, headers=system)
    assert made.status_code == 201
