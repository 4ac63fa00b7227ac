"""Tokens by client credentials, and files in spaces: what the samples do not try."""

import base64
from typing import Any

import pytest

from tests.dialects.flow.test_document import MISSING, QUEUE, submit
from tests.rest.conftest import Api

SPACE = "/flow/storage/v1/spaces/scratch:@default"
TOKEN = "/authentication/v2/token"
FORM = "application/x-www-form-urlencoded"


def ask_token(api: Api, form: dict[str, str], **headers: str) -> Any:
    return api.client.post(TOKEN, data=form, headers=headers, content_type=FORM)


def test_any_client_id_with_a_token_as_secret_works(shared: Api) -> None:
    secret = shared.tokens["member"]
    grant = {"grant_type": "client_credentials"}
    basic = base64.b64encode(f"some id:{secret}".encode()).decode()
    for answer in (
        ask_token(shared, {**grant, "client_id": "some id", "client_secret": secret, "scope": "code:all"}),
        ask_token(shared, grant, Authorization=f"Basic {basic}"),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.json.keys() == {"access_token", "expires_in", "token_type"}
        assert (answer.json["token_type"], answer.json["expires_in"] > 0) == ("Bearer", True)
        header = {"Authorization": f"Bearer {answer.json['access_token']}"}
        assert shared.get(f"{QUEUE}/jobs", as_=None, headers=header).status_code == 200


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 400),
        ({"grant_type": "password", "client_id": "x", "client_secret": "y"}, 400),
        ({"grant_type": "client_credentials"}, 400),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "wrong"}, 401),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "fl_abcdefgh_wrong"}, 401),
        ({"grant_type": "client_credentials", "client_id": "", "client_secret": ""}, 401),
    ],
)
def test_bad_credentials_are_refused(shared: Api, form: dict[str, str], status: int) -> None:
    answer = ask_token(shared, form)
    assert (answer.status_code, set(answer.json)) == (status, {"title", "detail"})


def test_a_token_request_must_be_a_form(shared: Api) -> None:
    assert shared.client.post(TOKEN, json={"grant_type": "client_credentials"}).status_code == 415
    assert shared.client.post(TOKEN, data=b"\xff=\xff", content_type=FORM).status_code == 400
    assert shared.client.post(TOKEN, data=b"a=b&" * 1000, content_type=FORM).status_code == 400
    assert shared.client.post(TOKEN, data=b"x" * (65 << 10), content_type=FORM).status_code == 413
    for header in ("Basic", "Basic !!!", "Basic eA==", "Bearer x"):
        answer = ask_token(shared, {"grant_type": "client_credentials"}, Authorization=header)
        assert answer.status_code == 401, header


def upload(api: Api, resource: str, *parts: bytes, key: str = "etag") -> Any:
    begun = api.get(f"{SPACE}/resources/{resource}/upload-urls?parts={len(parts)}").json
    assert len(begun["urls"]) == len(parts)
    tags = []
    for number, (part, url) in enumerate(zip(parts, begun["urls"], strict=True), 1):
        put = api.client.put(url["url"].removeprefix("http://localhost"), data=part)  # without a token
        assert put.status_code in (200, 204), put.text
        tags.append({"partId": number, key: put.headers["ETag"]})
    body = {"resourceId": begun["upload"]["resourceId"], "uploadId": begun["upload"]["id"], "parts": tags}
    return api.post(f"{SPACE}/uploads:complete", body)


def fetch(api: Api, url: str) -> bytes:
    assert url.startswith("http://localhost/")
    answer = api.client.get(url.removeprefix("http://localhost"))  # without a token
    assert answer.status_code == 200, answer.text
    return answer.data


@pytest.mark.parametrize("key", ["etag", "eTag"])
@pytest.mark.parametrize("resource", ["plane.usd", "folder/with%20blank/graph.json"])
def test_a_file_in_parts_comes_back_whole(api: Api, key: str, resource: str) -> None:
    answer = upload(api, resource, b"one, ", b"two", key=key)
    name = resource.replace("%20", " ")
    assert (answer.status_code, answer.json) == (200, {"urn": f"urn:adsk:fc.scratch:us.prd:resource:@default/{name}"})
    link = api.get(f"{SPACE}/resources/{resource}/download-url?expirationInMinutes=5").json
    assert fetch(api, link["url"]) == b"one, two"


def test_up_to_25_addresses_at_once(api: Api) -> None:
    for number in range(2):
        upload(api, f"f{number}", f"content {number}".encode())
    path = f"{SPACE}/resources:batch-get-download-urls"
    wanted = [{"resourceId": f"f{number % 2}"} for number in range(25)]
    found = api.post(path, {"resources": wanted}).json["results"]
    assert [one["resourceId"] for one in found] == [one["resourceId"] for one in wanted]
    assert fetch(api, found[1]["url"]) == b"content 1"
    assert api.post(path, {"resources": [*wanted, wanted[0]]}).status_code == 400
    assert api.post(path, {"resources": [*wanted[:2], {"resourceId": "absent"}]}).status_code == 404
    for wrong in ({}, {"resources": "f0"}, {"resources": [{}]}, {"resources": ["f0"]}, {"resources": [], "x": 1}):
        assert api.post(path, wrong).status_code == 400


def test_nobody_uploads_into_a_jobs_outputs_or_a_space_without_a_provider(shared: Api) -> None:
    for space in (f"outputs:{MISSING}", "scratch", "scratch:", ":x", "a:b:c", "a%07:b"):
        answer = shared.get(f"/flow/storage/v1/spaces/{space}/resources/x/upload-urls")
        assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"}), space


def test_what_is_not_there_or_another_organizations_is_404(api: Api) -> None:
    upload(api, "mine", b"x")
    job_id = submit(api, {"name": "t", "executor": "mine"})
    for space, resource, as_ in (
        ("scratch:@default", "absent", "admin"),
        ("scratch:@default", "mine", "foreign"),
        ("scratch:other", "mine", "admin"),
        (f"outputs:{job_id}", MISSING, "admin"),
        (f"outputs:{job_id}", f"{MISSING}.log", "admin"),
        (f"outputs:{MISSING}", MISSING, "admin"),
        ("outputs:x", "y.log", "admin"),
    ):
        answer = api.get(f"/flow/storage/v1/spaces/{space}/resources/{resource}/download-url", as_=as_)
        assert (answer.status_code, set(answer.json)) == (404, {"title", "detail"}), (space, resource)


def test_bad_completions_are_refused(api: Api) -> None:
    begun = api.get(f"{SPACE}/resources/x/upload-urls").json["upload"]
    good = {"resourceId": "x", "uploadId": begun["id"], "parts": [{"partId": 1, "etag": "never sent"}]}
    path = f"{SPACE}/uploads:complete"
    assert api.post(path, good).status_code == 400
    for change in (
        {"uploadId": begun["id"][:-1]},
        {"uploadId": "x"},
        {"parts": "x"},
        {"parts": [{"partId": 1}]},
        {"parts": [{"partId": 0, "etag": "x"}]},
        {"parts": [{"partId": True, "etag": "x"}]},
        {"parts": []},
        {"more": 1},
    ):
        assert api.post(path, good | change).status_code in (400, 404), change


def test_a_logs_address_is_signed(shared: Api) -> None:
    for wrong in ("x", "x.y", "W10.x"):
        assert shared.client.get(f"/flow/storage/v1/logs/{wrong}").status_code == 404
    asset = shared.core.signer.sign("asset", MISSING, None)
    assert shared.client.get(f"/flow/storage/v1/logs/{asset}").status_code == 404
