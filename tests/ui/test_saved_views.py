"""Saved views of the jobs: filters under a name, one's own, with and without scripts."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.fleet import Fleet
from tests.ui.site import HOSTILE, Html, Site
from tests.ui.test_journeys import AXE, GRAVE


def test_filters_are_saved_followed_and_deleted(site: Site) -> None:
    job = site.submit(name="mesh", queue="batch")
    browser = site.browser()
    assert "Save this view" not in browser.read("/jobs").words
    asked = browser.read("/jobs?state=pending&q=mesh")
    assert "Save this view" in asked.words
    fields = {"name": "my meshes", "state": "pending", "q": "mesh", "project": job.project_id}
    where = browser.post("/ui/views", **fields).location
    assert where == f"/jobs?state=pending&q=mesh&project={job.project_id}"
    page = browser.read(where)
    assert "Saved as my meshes" in page.words
    assert f"/v1/jobs?state=pending&q=mesh&projectId={job.project_id}" in page.words
    assert "Save this view" not in page.words
    chip = next(given for given in page.all("a") if given.get("href") == where and given["id"].startswith("v-"))
    assert chip["aria-current"] == "true"
    plain = browser.read("/jobs")
    assert where in plain.links
    assert "my meshes" in plain.words
    assert "my meshes" not in site.browser("viewer").read("/jobs").words
    path = f"/ui/views/{chip['id'].removeprefix('v-')}/delete"
    assert site.browser("viewer").post(path).status_code == 404
    assert browser.post(path, csrf="").status_code == 403
    assert browser.post(path, to=where).location == where
    assert "my meshes" not in browser.read("/jobs").words
    assert '/v1/queues/@default/jobs?state=failed"' in browser.read("/jobs?queue=@default&state=failed").words


def test_who_may_only_look_has_views_too(site: Site) -> None:
    viewer = site.browser("viewer")
    assert viewer.post("/ui/views", name="failed ones", state="failed").location == "/jobs?state=failed"
    assert "failed ones" in viewer.read("/jobs").words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "q": "x"}, "A view's name must have 1 to 60"),
        ({"name": "x"}, "A view has at least one filter"),
        ({"name": "x", "state": "lost"}, "Must be one of pending"),
    ],
)
def test_what_is_no_view_is_refused_in_words(shared: Site, fields: dict[str, str], words: str) -> None:
    answer = shared.browser().post("/ui/views", **fields)
    assert answer.status_code == 422
    assert words in Html(answer.text).words


def test_a_hostile_name_is_shown_as_text(site: Site) -> None:
    site.browser().post("/ui/views", name=HOSTILE[:60], q=HOSTILE)
    page = site.browser().read("/jobs")
    assert HOSTILE[:60] in page.words
    assert "<script>alert" not in page.source


def test_a_view_is_saved_in_a_browser(page: Page, chromium: Browser, fleet: Fleet) -> None:
    page.goto("/jobs")
    page.get_by_label("Name").fill("needle")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=needle**")
    page.get_by_text("Save this view…").click()
    page.get_by_label("Name of the view").fill("needles")
    page.get_by_role("button", name="Save it").click()
    expect(page.locator(".said")).to_have_text("Saved as needles.")
    page.goto("/jobs")
    page.get_by_label("Saved views").get_by_role("link", name="needles").click()
    page.wait_for_url("**/jobs?q=needle")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.get_by_text("Delete the view…").click()
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        assert [(one["id"], one["help"]) for one in found if one["impact"] in GRAVE] == []
        page.get_by_text("Delete the view…").click()
    with chromium.new_context(base_url=fleet.url, java_script_enabled=False) as context:
        window = context.new_page()
        window.goto(fleet.client.post("/ui/link")["path"])
        window.goto("/jobs")
        window.get_by_role("link", name="needles").click()
        window.get_by_text("Delete the view…").click()
        window.get_by_role("button", name="Delete it").click()
        expect(window.locator(".said")).to_contain_text("The view is deleted")
        expect(window.get_by_role("link", name="needles")).to_have_count(0)
