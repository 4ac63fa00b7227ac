"""Secrets over HTTP: written and named, never answered."""

from pathlib import Path

import pytest

from tests.rest.conftest import Api, noop

VALUE = "s3cret-hunter2"


def test_a_secret_is_written_listed_replaced_and_deleted(api: Api) -> None:
    made = api.send("PUT", "/v1/secrets/DEPLOY_KEY", {"value": VALUE})
    assert made.status_code == 200
    assert set(made.json) == {"name", "createdAt", "changedAt", "changedBy", "lastUsedAt"}
    again = api.send("PUT", "/v1/secrets/DEPLOY_KEY", {"value": "another"}).json
    assert (again["name"], again["createdAt"]) == ("DEPLOY_KEY", made.json["createdAt"])
    api.send("PUT", "/v1/secrets/A", {"value": VALUE})
    listed = api.get("/v1/secrets")
    assert [one["name"] for one in listed.json["items"]] == ["A", "DEPLOY_KEY"]
    assert VALUE not in listed.text
    assert api.get("/v1/secrets", as_="foreign").json["items"] == []
    assert api.send("DELETE", "/v1/secrets/A", as_="foreign").status_code == 404
    assert api.send("DELETE", "/v1/secrets/A").status_code == 204
    assert api.send("DELETE", "/v1/secrets/A").status_code == 404
    assert api.get("/v1/secrets/DEPLOY_KEY").status_code == 405


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("A", {"value": "abc"}, 422),
        ("A", {"value": 1234567}, 422),
        ("A", {}, 422),
        ("A", {"value": VALUE, "name": "B"}, 422),
        ("A", {"value": "x" * 65_537}, 422),
        ("A", {"value": "with\u0000zero"}, 422),
        ("A-B", {"value": VALUE}, 422),
        ("A" * 101, {"value": VALUE}, 422),
    ],
)
def test_what_is_no_secret_is_refused_without_being_repeated(
    shared: Api, capsys: pytest.CaptureFixture[str], name: str, body: dict[str, object], status: int
) -> None:
    answer = shared.send("PUT", f"/v1/secrets/{name}", body)
    assert answer.status_code == status
    for said in (answer.text, capsys.readouterr().out):
        assert VALUE not in said
        assert "x" * 100 not in said


def test_a_job_is_shown_with_the_reference_and_run_with_the_value(api: Api, tmp_path: Path) -> None:
    api.join()
    payload = {"callable": "noop", "arguments": {"key": "${{ secrets.KEY }}"}}
    refused = api.post("/v1/queues/@default/jobs", {"name": "j", "tasks": [noop("a", payload=payload)]})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/tasks/0/payload/arguments/key")
    dry = api.post("/v1/queues/@default/jobs?dryRun=true", {"name": "j", "tasks": [noop("a", payload=payload)]})
    assert dry.status_code == 422
    api.send("PUT", "/v1/secrets/KEY", {"value": VALUE})
    job = api.submit(noop("a", payload=payload))
    (spec,) = api.claim()
    (secret,) = spec["secrets"]
    assert secret["value"] == VALUE
    assert spec["payload"]["arguments"] == {"key": secret["mark"]}
    assert api.get("/v1/secrets").json["items"][0]["lastUsedAt"] is None
    api.core.secret_uses.flush(api.core.store)
    used_at = api.get("/v1/secrets").json["items"][0]["lastUsedAt"]
    assert used_at >= job["createdAt"]
    assert api.send("PUT", "/v1/secrets/KEY", {"value": VALUE}).json["lastUsedAt"] == used_at
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert task["payload"] == payload
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or VALUE.encode() not in path.read_bytes()


def test_the_audit_names_the_secret_and_not_its_value(api: Api) -> None:
    api.send("PUT", "/v1/secrets/KEY", {"value": VALUE})
    answer = api.get("/v1/audit")
    assert "/v1/secrets/" in answer.text
    assert VALUE not in answer.text
