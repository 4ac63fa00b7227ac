"""Every page: what holds for all of them, and what each shows to a browser without JavaScript."""

import re

import pytest

from app.services import control
from tests.ui.site import HOSTILE, HTML, MISSING, Html, Site, noop

JOB_TABS = ("", "/timeline", "/tasks", "/files", "/events", "/api")


@pytest.fixture(scope="module")
def job_id(shared: Site) -> str:
    job = shared.submit(
        noop("first"),
        noop(
            HOSTILE,
            needs=["first"],
            inputs=[{"source": {"uri": f"https://x.example/{HOSTILE}"}, "target": {"path": "in"}}],
        ),
        {"name": "many", "type": "map", "values": {"source": [1, 2, 3]}, "task": noop("inner")},
        name=f"render {HOSTILE}",
        parameters={"note": HOSTILE},
        labels={"stage": HOSTILE[:60]},
    )
    return job.id


@pytest.fixture(scope="module")
def addresses(shared: Site, job_id: str) -> list[str]:
    """Every page that a link of the pages leads to, from the first one on."""
    browser, found = shared.browser(), ["/", f"/jobs/{job_id}"]
    for address in found:  # grows while it is walked
        for link in browser.read(address).links if address.startswith("/") else ():
            path = link.partition("#")[0]
            if path.startswith("/") and not path.startswith(("/openapi", "/v1/")) and path not in found:
                found.append(path)
        assert len(found) < 200
    return found


def test_no_page_leads_to_an_address_that_nothing_has(addresses: list[str], job_id: str) -> None:
    assert {f"/jobs/{job_id}{tab}" for tab in JOB_TABS} <= set(addresses)
    assert {"/jobs", "/fleet"} <= set(addresses)


def test_every_page_has_one_heading_landmarks_a_language_and_a_title(shared: Site, addresses: list[str]) -> None:
    for address in addresses:
        page = shared.browser().read(address)
        assert len(page.all("h1")) == 1, address
        assert len(page.all("main")) == 1, address
        assert page.all("html")[0]["lang"] == "en"
        assert page.title.endswith(" · Flotilla"), address
        assert any(nav.get("aria-label") == "Main" for nav in page.all("nav")), address
        ids = [given["id"] for _, given in page.tags if "id" in given]
        assert len(ids) == len(set(ids)), (address, [one for one in ids if ids.count(one) > 1])


def test_every_page_keeps_to_a_strict_policy(shared: Site, addresses: list[str]) -> None:
    for address in addresses:
        answer = shared.browser().get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = Html(answer.text)
        for tag, given in page.tags:
            assert "style" not in given, (address, tag)
            assert not any(name.startswith("on") for name in given), (address, tag, given)
            for name in ("src", "href", "action", "poster"):
                assert not re.match(r"\s*(https?:)?//|\s*javascript:", given.get(name, "")), (address, tag, given)
        assert all("src" in given for given in page.all("script")), address
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_others_have_written_is_text(shared: Site, addresses: list[str]) -> None:
    shown = 0
    for address in addresses:
        page = shared.browser().read(address)
        assert "<script>alert" not in page.source, address
        assert not page.all("img"), address
        assert "49" not in page.title
        shown += "<script>alert(1)</script>" in page.words
    assert shown >= 5  # it is there, as text


def test_the_overview_names_recent_jobs_and_leads_to_the_fleet(shared: Site, job_id: str) -> None:
    page = shared.browser().read("/")
    assert f"/jobs/{job_id}" in page.links
    assert "/fleet" in page.links
    assert "render" in page.words


def test_a_first_visit_says_what_to_do(site: Site) -> None:
    for address in ("/", "/jobs"):
        assert "flotilla run -- echo hello" in site.browser().read(address).words


def test_jobs_are_found_by_state_name_queue_and_project(site: Site) -> None:
    wanted = site.submit(name="Mesh of a Part", queue="batch")
    other = site.submit(name="other")
    control.cancel_job(site.core, site.admin, other.id)
    for query in ("state=pending", "q=mesh", "queue=batch", f"q=MESH&state=pending&project={wanted.project_id}"):
        links = site.browser().read(f"/jobs?{query}").links
        assert f"/jobs/{wanted.id}" in links, query
        assert (f"/jobs/{other.id}" in links) is False, query
    assert "No job fits" in site.browser().read("/jobs?q=nothing").words
    assert site.browser().get("/jobs?state=lost").status_code == 404


def test_the_list_goes_on_and_rows_do_not_jump(site: Site) -> None:
    jobs = [site.submit(name=f"n{number}") for number in range(53)]
    first = site.browser().read("/jobs")
    older = next(link for link in first.links if "before=" in link)
    assert f"/jobs/{jobs[0].id}" in site.browser().read(older).links
    fresh = next(given["data-fresh"] for _, given in first.tags if "data-fresh" in given)
    newest = site.submit(name="newest")
    held = site.browser().read(fresh)
    assert f"/jobs/{newest.id}" not in held.links
    assert "1 new" in held.words
    assert f"/jobs/{newest.id}" in site.browser().read("/jobs").links


def test_a_job_is_told_in_words(site: Site) -> None:
    job = site.submit(noop("fetch"), noop("mesh", needs=["fetch"]), name="night", priority=70)
    page = site.browser().read(f"/jobs/{job.id}")
    assert page.title == "○ night · 0/2 · Flotilla"
    assert "0 of 2 ended" in page.words
    assert re.search(r"Step 1 .*fetch.* Step 2 .*mesh needs fetch", page.words)
    bar = next(given for _, given in page.tags if given.get("role") == "progressbar")
    assert (bar["aria-valuenow"], bar["aria-valuemax"]) == ("0", "2")
    tasks = site.browser().read(f"/jobs/{job.id}/tasks?state=waiting").words
    assert "mesh" in tasks
    assert "fetch" not in tasks.split("Says")[1]
    assert site.browser().get(f"/j/{job.id}").location == f"/jobs/{job.id}"
    assert f"/v1/jobs/{job.id}/graph" in site.browser().read(f"/jobs/{job.id}/api").words


def test_a_task_that_waits_says_why(site: Site) -> None:
    job = site.submit(noop("only"))
    graph = site.browser().client.get(f"/ui/jobs/{job.id}/graph").json
    task_id = graph["tasks"][0][0]
    page = site.browser().read(f"/jobs/{job.id}?task={task_id}")
    assert "Why it does not run" in page.words
    assert "No node is there" in page.words


def test_the_graph_is_told_to_the_script(site: Site) -> None:
    job = site.submit(noop("a"), noop("b", needs=["a"]), noop("c", needs=["a", "b"]))
    graph = site.browser().client.get(f"/ui/jobs/{job.id}/graph").json
    assert [task[1] for task in graph["tasks"]] == ["a", "b", "c"]
    assert sorted(zip(graph["edges"][::2], graph["edges"][1::2], strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert graph["states"][graph["tasks"][1][2]] == "waiting"


def test_changes_are_told_by_number(site: Site) -> None:
    job = site.submit(noop("only"))
    seen = site.browser().client.get("/ui/live?after=0").json
    control.cancel_job(site.core, site.admin, job.id)
    changed = site.browser().client.get(f"/ui/live?after={seen['seq']}&job={job.id}").json
    assert changed["seq"] > seen["seq"]
    assert [state for _, state in changed["tasks"]][-1] == "canceled"
    assert site.browser().client.get("/ui/live").status_code == 400


def test_only_the_main_part_is_sent_to_the_script_that_keeps_it_fresh(site: Site) -> None:
    part = site.browser().get("/jobs", **{"X-Flotilla-Part": "main"})
    page = Html(part.text)
    assert page.all("main")
    assert not page.all("html")
    assert not page.all("script")


@pytest.mark.parametrize("path", ["/nothing", f"/jobs/{MISSING}", "/jobs/x", f"/j/{MISSING}", "/ui/static/x/y.css"])
def test_what_is_not_there_is_told_as_a_page(shared: Site, path: str) -> None:
    answer = shared.browser().get(path)
    page = Html(answer.text)
    assert answer.status_code == 404
    assert len(page.all("h1")) == 1
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Request-Id"] in page.words or path == "/nothing"


def test_a_program_is_told_an_error_as_one_of_the_api(shared: Site) -> None:
    for path in ("/nothing", f"/jobs/{MISSING}"):
        answer = shared.browser().client.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert shared.stranger().client.get("/v1/nothing", headers=HTML).status_code == 404


def test_another_organization_s_job_is_as_if_it_were_not_there(shared: Site, job_id: str) -> None:
    foreign = shared.browser("foreign")
    for tab in JOB_TABS:
        assert foreign.get(f"/jobs/{job_id}{tab}").status_code == 404
    assert foreign.get(f"/ui/jobs/{job_id}/graph").status_code == 404
    assert foreign.client.get(f"/ui/live?after=0&job={job_id}").status_code == 404
    assert foreign.post(f"/ui/jobs/{job_id}/cancel").status_code == 404
    assert job_id not in foreign.read("/").source + foreign.read("/jobs").source
