"""Jobs, executions and what has changed, where the document leaves the form to us."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.config import SettingError, Settings
from app.rest import application
from app.rest.dialects.flow.translate import relative
from app.services import removal
from tests.dialects.flow.test_document import MISSING, QUEUE, submit
from tests.rest.conftest import Api, noop

ENVIRON = {
    "FLOTILLA_DATABASE_URL": "sqlite:////tmp/x.db",
    "FLOTILLA_BROKER_URL": "redis://localhost",
    "FLOTILLA_ASSETS_URL": "file:///tmp/x",
}
TASK = {"name": "t", "type": "task", "executor": "python", "payload": {"callable": "noop"}}
JOB_KEYS = {"id", "name", "tags", "queueId", "status", "created", "started", "finished"}


def run_all(api: Api, failure: str | None = None) -> None:
    """What is offered is claimed and ends."""
    for spec in api.claim():
        ending: dict[str, Any] = {"state": "failed" if failure else "succeeded", "atUs": 0}
        if failure:
            ending["error"] = {"code": "exit_code", "message": failure}
        report = {"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "ending": ending}
        assert api.report(report).status_code == 200


def test_a_job_is_answered_whole(api: Api) -> None:
    api.join()
    answer = api.post(f"{QUEUE}/jobs", {"name": "mine", "tags": ["a", "b=c", "a"], "tasks": [TASK]})
    assert answer.status_code == 201
    job = answer.json
    assert set(job) == JOB_KEYS
    assert (job["status"], job["queueId"], job["tags"], job["name"]) == ("QUEUED", "@default", ["a", "b=c"], "mine")
    assert (job["started"], job["finished"]) == (None, None)
    assert job["created"].endswith("Z")
    assert api.get(f"{QUEUE}/jobs/{job['id']}").json == job
    assert api.get(f"/v1/jobs/{job['id']}").json["labels"] == {"a": "", "b=c": ""}
    run_all(api)
    ended = api.get(f"{QUEUE}/jobs/{job['id']}").json
    assert ended["status"] == "SUCCEEDED"
    assert ended["created"] <= ended["started"] <= ended["finished"]


def test_native_jobs_are_shown_in_the_same_form(api: Api) -> None:
    native = api.submit(noop("n", requirements={"cpu": 2, "memory": 64}, hints={"x": 1}), labels={"team": "red"})
    assert api.get(f"{QUEUE}/jobs/{native['id']}").json["tags"] == ["team=red"]
    (task,) = api.get(f"{QUEUE}/jobs/{native['id']}/tasks").json["results"]
    assert task["requirements"] == {"cpu": 2, "memory": 64}
    assert task["limitations"] == {"maxExecutionTimeInSeconds": 3600}
    assert (task["hints"], task["inputs"]) == ({"x": 1}, [])


def test_a_paused_job_waits_in_their_words(api: Api) -> None:
    native = api.submit()
    api.post(f"/v1/jobs/{native['id']}/pause")
    assert api.get(f"{QUEUE}/jobs/{native['id']}").json["status"] == "QUEUED"


def test_a_failed_job_and_its_first_execution_have_an_error(api: Api) -> None:
    api.join()
    job_id = submit(api, TASK, {"name": "after", "executor": "mine", "needs": ["t"]})
    run_all(api, failure="ended with 3")
    job = api.get(f"{QUEUE}/jobs/{job_id}").json
    assert (job["status"], job["error"]["title"]) == ("FAILED", "tasks_failed")
    answer = api.get(f"{QUEUE}/jobs/{job_id}/executions").json
    (first,) = answer["results"]
    assert answer["pagination"]["totalResults"] == 1
    assert first["error"] == {"title": "exit_code", "detail": "ended with 3"}
    assert (first["taskName"], first["index"], first["status"], first["jobId"]) == ("t", 0, "FAILED", job_id)
    assert first["id"] == api.get(f"/v1/jobs/{job_id}/runs").json["items"][0]["id"]


def test_cancel_takes_the_id_from_the_body(api: Api) -> None:
    job_id = submit(api, TASK)
    for body in ({}, {"jobId": 7}, {"jobId": ""}, {"jobId": "x" * 1025}, {"jobId": job_id, "force": True}):
        assert api.post(f"{QUEUE}/jobs:cancel", body).status_code == 400
    for unknown in (MISSING, "x" * 1024, "'", "\u00e9"):
        assert api.post(f"{QUEUE}/jobs:cancel", {"jobId": unknown}).status_code == 404
    assert api.post("/flow/compute/v1/queues/other/jobs:cancel", {"jobId": job_id}).status_code == 404
    answer = api.post(f"{QUEUE}/jobs:cancel", {"jobId": job_id})
    assert (answer.status_code, answer.data) == (200, b"")
    assert api.get(f"{QUEUE}/jobs/{job_id}").json["status"] == "CANCELED"
    assert api.post(f"{QUEUE}/jobs:cancel", {"jobId": job_id}).status_code == 200


def test_what_has_ended_cannot_be_canceled(api: Api) -> None:
    api.join()
    job_id = submit(api, TASK)
    run_all(api)
    answer = api.post(f"{QUEUE}/jobs:cancel", {"jobId": job_id})
    assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"})


def test_a_deleted_job_is_gone_at_once_and_its_rows_follow(api: Api) -> None:
    api.join()
    running, waiting = submit(api, TASK), submit(api, {"name": "t", "executor": "mine"})
    claimed = api.claim()
    for job_id in (running, waiting):
        answer = api.send("DELETE", f"{QUEUE}/jobs/{job_id}")
        assert (answer.status_code, answer.data) == (202, b"")
        for path in ("", "/tasks", "/executions", "/executions:updates", "/logs", "/outputs"):
            assert api.get(f"{QUEUE}/jobs/{job_id}{path}").status_code == 404
        assert api.send("DELETE", f"{QUEUE}/jobs/{job_id}").status_code == 404
        assert api.get(f"/v1/jobs/{job_id}").status_code == 404
    assert api.get(f"{QUEUE}/jobs").json == {"pagination": {"limit": 100, "totalResults": 0}, "results": []}
    kept = [job_id for job_id in (running, waiting) if api.core.store.read(lambda tx, i=job_id: tx.job(i))]  # type: ignore[misc]
    assert kept == [running] == [spec["jobId"] for spec in claimed]
    assert removal.sweep(api.core) == 0
    ending = {"state": "canceled", "atUs": 0}
    (spec,) = claimed
    api.report({"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "ending": ending})
    assert removal.sweep(api.core) == 1
    assert api.core.store.read(lambda tx: tx.job(running)) is None


def test_updates_are_those_of_a_time(api: Api) -> None:
    api.join()
    first, second = submit(api, TASK), submit(api, TASK)
    begun = api.get(f"{QUEUE}/jobs/{second}").json["created"]
    run_all(api)
    path = f"{QUEUE}/jobs:updates"
    every = api.get(path).json
    assert [job["id"] for job in every["results"]] == [second, first]
    assert every["pagination"]["totalResults"] == 2
    changed = api.get(f"{path}?after={begun}").json["results"]
    assert [job["id"] for job in changed] == [first]
    assert [job["id"] for job in api.get(f"{path}?before={begun.replace('Z', '%2B00:00')}").json["results"]] == []
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert api.get(f"{path}?after={later.replace('+', '%2B')}").json["results"] == []
    assert len(api.get(f"{path}?before={later}").json["results"]) == 2  # a plus that nobody encoded
    for wrong in ("yesterday", "", "2026-13-01", "9" * 30):
        assert api.get(f"{path}?after={wrong}").status_code == 400


def test_executions_that_have_changed(api: Api) -> None:
    api.join()
    job_id = submit(api, TASK)
    path = f"{QUEUE}/jobs/{job_id}/executions:updates"
    (queued,) = api.get(path).json["results"]
    assert queued["status"] == "QUEUED"
    time_before = api.core.store.read(lambda tx: datetime.fromtimestamp(tx.now_us / 1e6, UTC)).isoformat()
    query_string = {"after": time_before}
    assert api.client.get(path, query_string=query_string, headers=_admin(api)).json["results"] == []
    run_all(api)
    (ended,) = api.client.get(path, query_string=query_string, headers=_admin(api)).json["results"]
    assert (ended["id"], ended["status"]) == (queued["id"], "SUCCEEDED")
    assert api.get(f"{path}?before={time_before.replace('+', '%2B')}").status_code == 400


def _admin(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.tokens['admin']}"}


def test_the_region_must_be_ours_where_it_is_named(api: Api) -> None:
    assert api.get(f"{QUEUE}/jobs", headers={"region": "US"}).status_code == 200
    answer = api.get(f"{QUEUE}/jobs", headers={"region": "emea"})
    assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"})
    assert "us" in answer.json["detail"]
    assert api.get("/v1/jobs", headers={"region": "emea"}).status_code == 200


def test_the_regions_name_is_a_setting(api: Api) -> None:
    client = application.build(api.core, region="EMEA").test_client()
    for named, status in (("emea", 200), ("us", 400)):
        assert client.get(f"{QUEUE}/jobs", headers={**_admin(api), "region": named}).status_code == status
    assert Settings.from_environ(ENVIRON).region == "us"
    assert Settings.from_environ({**ENVIRON, "FLOTILLA_REGION": "eu-1"}).region == "eu-1"
    with pytest.raises(SettingError, match="FLOTILLA_REGION"):
        Settings.from_environ({**ENVIRON, "FLOTILLA_REGION": "a b"})


def test_too_many_requests_are_told_when_to_come_again(api: Api) -> None:
    client = application.build(api.core, rate="1/hour").test_client()
    answers = [client.get(f"{QUEUE}/jobs", headers=_admin(api)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) > 0
    assert answers[1].json.keys() == {"title", "detail", "developerMessage"}


def test_executions_are_the_owners_alone(api: Api) -> None:
    job_id = submit(api, TASK)
    for path in ("", "/tasks", "/executions", "/executions:updates", "/logs", "/outputs"):
        foreign = api.get(f"{QUEUE}/jobs/{job_id}{path}", as_="foreign")
        missing = api.get(f"{QUEUE}/jobs/{MISSING}{path}")
        assert (foreign.status_code, foreign.json) == (404, missing.json)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("../x", "x"),
        ("/etc/passwd", "etc/passwd"),
        ("a/../../b", "b"),
        ("//x", "x"),
        ("a/./b", "a/b"),
        ("a\\..\\b", "a\\..\\b"),
        ("../..", ""),
        (".", ""),
        ("a/b/..", "a"),
    ],
)
def test_paths_are_made_relative_without_leaving_the_folder(path: str, made: str) -> None:
    assert relative(path) == made
