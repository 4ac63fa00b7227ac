"""Saved views over HTTP: everybody's own."""

from typing import Any

import pytest

from app.domain import limits
from tests.rest.conftest import Api

MISSING = "01a1fa7f-297b-774b-8000-0000000000ff"


def names(api: Api, as_: str = "admin") -> list[str]:
    return [one["name"] for one in api.get("/v1/views", as_=as_).json["items"]]


def test_a_view_is_saved_replaced_and_deleted(api: Api) -> None:
    made = api.post("/v1/views", {"name": "mine", "filters": {"state": "failed", "q": "mesh"}})
    assert (made.status_code, made.json["filters"]) == (201, {"state": "failed", "q": "mesh"})
    again = api.post("/v1/views", {"name": "mine", "filters": {"projectId": MISSING}}).json
    assert (again["id"], again["filters"]) == (made.json["id"], {"projectId": MISSING})
    api.post("/v1/views", {"name": "all mine", "filters": {"queue": "@default"}})
    assert names(api) == ["all mine", "mine"]
    path = f"/v1/views/{again['id']}"
    assert api.send("DELETE", path).status_code == 204
    assert api.send("DELETE", path).status_code == 404
    assert names(api) == ["all mine"]


def test_nobody_sees_or_deletes_another_s(api: Api) -> None:
    made = api.post("/v1/views", {"name": "v", "filters": {"q": "x"}}, as_="viewer").json
    assert (names(api, "viewer"), names(api), names(api, "foreign")) == (["v"], [], [])
    assert api.send("DELETE", f"/v1/views/{made['id']}").status_code == 404
    assert api.get("/v1/views", as_="node").status_code == 403
    user = api.post("/v1/users", {"name": "ann", "role": "viewer"}).json
    for number in (1, 2):
        token = api.post("/v1/tokens", {"name": f"t{number}", "userId": user["id"]}).json["token"]
        api.tokens = {**api.tokens, f"ann {number}": token}
    api.post("/v1/views", {"name": "ann's", "filters": {"q": "x"}}, as_="ann 1")
    assert names(api, "ann 2") == ["ann's"], "a user's tokens are his"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"filters": {"q": "x"}}, "/name"),
        ({"name": "", "filters": {"q": "x"}}, "/name"),
        ({"name": "  ", "filters": {"q": "x"}}, "/name"),
        ({"name": "n" * 61, "filters": {"q": "x"}}, "/name"),
        ({"name": "n", "filters": {}}, "/filters"),
        ({"name": "n"}, "/filters"),
        ({"name": "n", "filters": {"state": "lost"}}, "/filters/state"),
        ({"name": "n", "filters": {"q": "x" * 513}}, "/filters/q"),
        ({"name": "n", "filters": {"owner": "me"}}, "/filters/owner"),
        ({"name": "n", "filters": {"projectId": "x"}}, "/filters/projectId"),
    ],
)
def test_what_is_no_view_is_refused(shared: Api, body: dict[str, Any], pointer: str) -> None:
    answer = shared.post("/v1/views", body)
    assert (answer.status_code, [one["pointer"] for one in answer.json["errors"]]) == (422, [pointer])


def test_one_has_not_without_end(api: Api) -> None:
    for number in range(limits.MAX_VIEWS):
        assert api.post("/v1/views", {"name": str(number), "filters": {"q": "x"}}).status_code == 201
    assert api.post("/v1/views", {"name": "0", "filters": {"q": "y"}}).status_code == 201
    assert api.post("/v1/views", {"name": "more", "filters": {"q": "x"}}).status_code == 409
