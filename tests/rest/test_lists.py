"""Windows of lists: size, order, cursors, filters."""

from typing import Any

import pytest

from tests.rest.conftest import Api, noop

BAD_QUERIES = [
    "limit=0", "limit=-1", "limit=1001", "limit=1000000000", "limit=abc", "limit=1.0", "limit=", "limit=%C2%B2",
    "limit=1&limit=2", "cursor=", "cursor=abc", "cursor=%00", "cursor=" + "A" * 600, "cursor=AAAAAAAAWzFd",
    "state=done", "state=", "q=" + "x" * 513, "q=%07", "projectId=1", "label=x", "label==x", "sort=created:1;drop",
    "sort=password:1", "sort=created:2", "sort=" + "x" * 10_000, "filter[name]=x", "perPage=10", "orgId=x", "page=1",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_bad_query_is_400_and_names_the_parameter(shared: Api, query: str) -> None:
    answer = shared.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    name = query.partition("=")[0]
    assert name in [each["parameter"] for each in answer.json["errors"]]


def follow(api: Api, path: str) -> list[Any]:
    """All items, window by window, by the Link header."""
    items: list[Any] = []
    while True:
        answer = api.get(path)
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        if "nextCursor" not in answer.json:
            assert "Link" not in answer.headers
            return items
        target, relation = answer.headers["Link"].split("; ")
        assert relation == 'rel="next"'
        assert answer.json["nextCursor"] in target
        path = target.strip("<>")


def test_jobs_come_newest_first_and_each_once(api: Api) -> None:
    ids = [api.submit(name=f"job {index}")["id"] for index in range(7)]
    for limit in (1, 2, 3, 7, 100):
        assert [job["id"] for job in follow(api, f"/v1/jobs?limit={limit}")] == ids[::-1]


def test_tasks_come_in_the_order_of_submission(api: Api) -> None:
    names = ["z", "a", "m", "b"]
    job = api.submit(*map(noop, names))
    assert [task["name"] for task in follow(api, f"/v1/jobs/{job['id']}/tasks?limit=3")] == names
    (one,) = api.get(f"/v1/jobs/{job['id']}/tasks?name=m").json["items"]
    assert one["name"] == "m"


def test_events_and_runs_are_followed_too(api: Api) -> None:
    api.join()
    job = api.submit(*[noop(f"t{index}") for index in range(5)])
    runs = follow(api, f"/v1/jobs/{job['id']}/runs?limit=2")
    assert len({run["id"] for run in runs}) == len(runs) > 0
    events = follow(api, "/v1/events?limit=1")
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert follow(api, f"/v1/events?after={events[0]['seq']}&limit=1") == events[1:]


def test_short_lists_have_windows_as_well(api: Api) -> None:
    made = [api.post("/v1/projects", {"name": f"p{index}"}).json for index in range(3)]
    assert [project["id"] for project in follow(api, "/v1/projects?limit=2")] == [project["id"] for project in made]


def test_a_cursor_is_for_its_list_its_filters_and_its_organization(api: Api) -> None:
    for _ in range(3):
        job = api.submit(noop("a"), noop("b"), labels={"a": "b"})
    cursor = api.get("/v1/jobs?limit=1").json["nextCursor"]
    assert api.get(f"/v1/jobs?limit=2&cursor={cursor}").status_code == 200
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for query, who in (
        (f"/v1/jobs?cursor={changed}", "admin"),
        (f"/v1/jobs?cursor={cursor[:-2]}", "admin"),
        (f"/v1/jobs?cursor={cursor}&state=pending", "admin"),
        (f"/v1/queues/@default/jobs?cursor={cursor}", "admin"),
        (f"/v1/jobs/{job['id']}/tasks?cursor={cursor}", "admin"),
        (f"/v1/jobs?cursor={cursor}", "foreign"),
    ):
        answer = api.get(query, as_=who)
        assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, "cursor"), query


def test_filters(api: Api) -> None:
    red = api.submit(name="Red 100% fish", labels={"team": "a", "x": "1"})
    blue = api.submit(name="blue_fish", labels={"team": "b"}, priority=3)
    other = api.post("/v1/queues/other/jobs", {"name": "third", "tasks": []}).json

    def found(query: str) -> list[str]:
        return [job["id"] for job in api.get(f"/v1/jobs?{query}").json["items"]]

    assert found("q=FISH") == [blue["id"], red["id"]]
    assert found("q=%25") == [red["id"]]
    assert found("q=_") == [blue["id"]]
    assert found("q=" + "%25" * 500) == []
    assert found("label=team=b") == [blue["id"]]
    assert found("label=team=a&label=x=1") == [red["id"]]
    assert found("label=team=a&label=x=2") == []
    assert found("state=succeeded") == [other["id"]]
    assert found("sort=created:-1") == [other["id"], blue["id"], red["id"]]
    assert found(f"projectId={red['projectId']}&state=pending") == [blue["id"], red["id"]]
    assert [job["id"] for job in api.get("/v1/queues/other/jobs").json["items"]] == [other["id"]]
