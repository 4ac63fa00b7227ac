"""Paging: lists in pages of a hundred, by addresses that are used as they are, and tokens that cannot be made up."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.services import access
from app.wire.states import RunState, TaskState
from tests.conformance import values
from tests.dialects.flow.test_document import QUEUE, submit
from tests.rest.conftest import Api, noop

TASKS = 130


@pytest.fixture(scope="module")
def job_id(shared: Api) -> str:
    return submit(shared, *(noop(f"t{number}") for number in range(TASKS)), {"name": "a b&c", "executor": "mine"})


def walk(api: Api, path: str, agent: str = "curl/8.0") -> Iterator[dict[str, Any]]:
    while True:
        answer = api.get(path, headers={"User-Agent": agent})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Vary"] == "User-Agent, Accept"
        yield answer.json
        following = answer.json["pagination"].get("nextUrl")
        if following is None:
            return
        assert answer.json["results"]
        path = following.removeprefix("http://localhost")


def test_a_list_longer_than_a_page_comes_whole_and_in_order(shared: Api, job_id: str) -> None:
    first, second = walk(shared, f"{QUEUE}/jobs/{job_id}/tasks")
    assert [len(first["results"]), len(second["results"])] == [100, TASKS + 1 - 100]
    names = [task["name"] for page in (first, second) for task in page["results"]]
    assert names == [*(f"t{number}" for number in range(TASKS)), "a b&c"]
    assert first["pagination"].keys() == {"limit", "totalResults", "nextUrl"}
    assert second["pagination"] == {"limit": 100, "totalResults": TASKS + 1}
    assert first["pagination"]["totalResults"] == TASKS + 1


def test_jobs_and_their_changes_come_in_pages(api: Api) -> None:
    ids = [submit(api, noop("t")) for _ in range(101)]
    for path, order in ((f"{QUEUE}/jobs", -1), (f"{QUEUE}/jobs:updates", 1)):
        pages = list(walk(api, path))
        assert [len(page["results"]) for page in pages] == [100, 1]
        assert [job["id"] for page in pages for job in page["results"]] == ids[::order]
        assert {page["pagination"]["totalResults"] for page in pages} == {101}


def test_executions_come_in_pages_over_the_failed_and_the_others(api: Api) -> None:
    failed = range(0, 150, 10)
    states = {at: {"state": TaskState.FAILED} for at in failed}
    job, tasks = values.submit(api.core.store, [()] * 150, of_job={"org_id": access.ORG}, of_tasks=states)
    for task in tasks[1:]:
        values.start(api.core.store, task, state=RunState.SUCCEEDED, claimed_at_us=1)
    pages = list(walk(api, f"{QUEUE}/jobs/{job.id}/executions"))
    names = [one["taskName"] for page in pages for one in page["results"]]
    others = [at for at in range(150) if at not in failed]
    assert names == [f"task {at}" for at in (*failed, *others)]
    assert pages[0]["pagination"]["totalResults"] == 150
    for what in ("executions:updates", "logs"):
        pages = list(walk(api, f"{QUEUE}/jobs/{job.id}/{what}"))
        assert sum(len(page["results"]) for page in pages) == pages[0]["pagination"]["totalResults"] == 149


@pytest.mark.parametrize("agent", ["axios/1.7.2", "axios/0.27"])
def test_axios_gets_a_path_from_the_root(shared: Api, job_id: str, agent: str) -> None:
    first, _ = walk(shared, f"{QUEUE}/jobs/{job_id}/tasks", agent)
    assert first["pagination"]["nextUrl"].startswith(f"{QUEUE}/jobs/{job_id}/tasks?paginationToken=")


@pytest.mark.parametrize(
    "agent", ["python-requests/2.32.3", "curl/8.0", "", "Mozilla/5.0 axios/1", "Python/3.11 aiohttp/3.9"]
)
def test_everybody_else_gets_an_address_to_be_used_as_it_is(shared: Api, job_id: str, agent: str) -> None:
    first, _ = walk(shared, f"{QUEUE}/jobs/{job_id}/tasks", agent)
    assert first["pagination"]["nextUrl"].startswith(f"http://localhost{QUEUE}/jobs/{job_id}/tasks?")


def token_of(api: Api, path: str) -> str:
    url = api.get(path).json["pagination"]["nextUrl"]
    return parse_qs(urlsplit(url).query)["paginationToken"][0]


def test_a_token_is_good_for_its_list_and_its_organization_alone(shared: Api, job_id: str) -> None:
    path = f"{QUEUE}/jobs/{job_id}/tasks"
    token = token_of(shared, path)
    body, mac = token.split(".")
    other = submit(shared, *(noop(f"t{number}") for number in range(101)))
    last = "A" if mac[-1] != "A" else "B"
    wrong = ["", "x", token[:-1] + last, token[:-1], f"{body}.", f".{mac}", token + token, "\u00e9", token + "="]
    for spoiled in wrong:
        assert shared.get(f"{path}?paginationToken={spoiled}").status_code == 400, spoiled
    assert shared.get(f"{path}?paginationToken={token}").status_code == 200
    for elsewhere in (f"{QUEUE}/jobs/{other}/tasks?", f"{QUEUE}/jobs?", f"{path}?filter[name]=t1&"):
        assert shared.get(f"{elsewhere}paginationToken={token}").status_code == 400, elsewhere
    assert shared.get(f"{path}?paginationToken={token}&paginationToken={token}").status_code == 400


def test_another_organizations_token_is_400(api: Api) -> None:
    for _ in range(101):
        submit(api, noop("t"))
        assert api.post(f"{QUEUE}/jobs", {"name": "j", "tasks": []}, as_="foreign").status_code == 201
    token = token_of(api, f"{QUEUE}/jobs")
    assert api.get(f"{QUEUE}/jobs?paginationToken={token}").status_code == 200
    answer = api.get(f"{QUEUE}/jobs?paginationToken={token}", as_="foreign")
    assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"})


def test_an_old_token_is_400(shared: Api, job_id: str) -> None:
    path = f"{QUEUE}/jobs/{job_id}/tasks"
    place = [access.ORG, path, [], [99], TASKS + 1]
    now_us = shared.core.store.read(lambda tx: tx.now_us)
    for expires_us, status in ((now_us + 60_000_000, 200), (now_us - 1, 400)):
        token = shared.core.signer.sign("flow-page", place, expires_us)
        assert shared.get(f"{path}?paginationToken={token}").status_code == status
    for_something_else = shared.core.signer.sign("asset", place, None)
    assert shared.get(f"{path}?paginationToken={for_something_else}").status_code == 400
