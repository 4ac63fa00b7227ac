"""Coming in: by token, by a link that is good once, by role without either; and what no other site can make one do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import Unauthorized
from app.ports.records import Page
from app.rest.context import TRAIL
from app.services import access, audit, sessions, tokens
from app.wire.states import JobState
from tests.ui.site import HTML, Browser, Site, make_site


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path, anonymous_role="member")
    yield made
    made.core.store.close()


def test_who_has_not_logged_in_is_sent_to_do_so_and_comes_back(shared: Site) -> None:
    browser = shared.stranger()
    answer = browser.get("/jobs?state=failed")
    assert answer.status_code == 303
    assert answer.location == "/login?next=%2Fjobs%3Fstate%3Dfailed"
    assert browser.read(answer.location).values["next"] == "/jobs?state=failed"
    program = browser.client.get("/jobs")
    assert (program.status_code, program.mimetype) == (401, "application/problem+json")


def test_a_token_opens_a_session_and_logging_out_ends_it(site: Site) -> None:
    browser = site.stranger().log_in(site.tokens["admin"])
    assert browser.post("/logout").location == "/login"
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize("text", ["", "nonsense", "fl_00000000_wrong", "fla_x.y", "flr_x.y"])
def test_a_wrong_token_is_refused_and_noted(site: Site, text: str) -> None:
    answer = site.stranger().post("/login", token=text)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "not valid" in answer.text


@pytest.mark.parametrize("role", ["node", "join", "run"])
def test_a_token_that_may_see_nothing_opens_no_session(shared: Site, role: str) -> None:
    answer = shared.stranger().post("/login", token=shared.tokens[role])
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_for_this_site_and_for_no_script(site: Site) -> None:
    form = {"token": site.tokens["viewer"]}
    cookie = site.app.test_client().post("/login", data=form, headers=HTML).headers["Set-Cookie"]
    assert cookie.startswith("flotilla_session=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", f"Max-Age={sessions.SESSION_S}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    far = site.app.test_client().post("/login", data=form, headers=HTML | {"Host": "flotilla.example"})
    assert far.headers["Set-Cookie"].startswith("__Host-flotilla_session=")
    assert "Secure" in far.headers["Set-Cookie"].split("; ")


def test_a_cookie_opens_no_api(site: Site) -> None:
    job = site.submit()
    client = site.browser().client
    for path in (
        "/v1/jobs",
        f"/v1/jobs/{job.id}",
        "/v1/events?after=0",
        "/v1/tokens",
        "/flow/compute/v1/queues/@default/jobs",
    ):
        assert client.get(path).status_code == 401, path
    assert client.post(f"/v1/jobs/{job.id}/cancel").status_code == 401


def test_a_session_ends_with_its_token(site: Site) -> None:
    token, text = access.create_token(site.core, org_id=access.ORG, name="guest", role="viewer")
    browser = site.stranger().log_in(text)
    tokens.revoke(site.core, site.admin, token.id)
    answer = browser.get("/jobs")
    assert answer.status_code == 303
    assert "flotilla_session=;" in answer.headers["Set-Cookie"]
    token, text = access.create_token(site.core, org_id=access.ORG, name="guest", role="viewer")
    browser = site.stranger().log_in(text)
    tokens.rotate(site.core, site.admin, token.id)
    assert browser.get("/jobs").status_code == 303


def test_a_session_is_over_after_its_time(site: Site) -> None:
    text = sessions.open_session(site.core, site.admin)
    payload, end_us = site.core.signer.check("session", text, 0), site.core.store.read(lambda tx: tx.now_us)
    assert sessions.check_session(site.core, text).name == "admin"
    over = site.core.signer.sign("session", payload, end_us)
    with pytest.raises(Unauthorized):
        sessions.check_session(site.core, over)
    for purpose in ("login link", "access", "form"):
        with pytest.raises(Unauthorized):
            sessions.check_session(site.core, site.core.signer.sign(purpose, payload, end_us + 10**9))


def test_a_link_logs_in_once(site: Site) -> None:
    header = {"Authorization": f"Bearer {site.tokens['admin']}"}
    made = site.app.test_client().post("/ui/link", headers=header).json
    assert made["expiresInSeconds"] == sessions.LINK_S
    browser = site.stranger()
    assert browser.get(made["path"]).location == "/"
    assert "admin" in browser.read("/").words
    again = site.stranger().get(made["path"])
    assert again.status_code == 401
    assert "used before" in again.text
    assert site.stranger().get("/login/nonsense").status_code == 401


def test_a_link_is_only_for_who_has_a_token(site: Site, open_site: Site) -> None:
    assert site.app.test_client().post("/ui/link").status_code == 401
    assert site.browser().client.post("/ui/link").status_code == 401  # a cookie is none
    assert open_site.app.test_client().post("/ui/link").status_code == 403


def test_a_form_of_another_site_changes_nothing(site: Site) -> None:
    job = site.submit()
    browser, path = site.browser(), f"/ui/jobs/{job.id}/cancel"
    assert browser.post(path, csrf="").status_code == 403
    assert browser.post(path, csrf=site.browser("member").mark).status_code == 403
    for foreign in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        assert browser.post(path, HTML | foreign).status_code == 403, foreign
        assert site.stranger().post("/login", HTML | foreign, token=site.tokens["admin"]).status_code == 403
    assert site.core.store.read(lambda tx: tx.job(job.id)).state is JobState.PENDING
    own = HTML | {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert browser.post(path, own).status_code == 303
    assert site.core.store.read(lambda tx: tx.job(job.id)).state is JobState.CANCELED


def test_a_form_leads_back_to_this_site_alone(site: Site) -> None:
    for to in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=y",
    ):
        job = site.submit()
        assert site.browser().post(f"/ui/jobs/{job.id}/cancel", to=to).location == "/", to
        login = {"token": site.tokens["viewer"], "next": to}
        assert site.app.test_client().post("/login", data=login, headers=HTML).location == "/", to


def test_a_viewer_sees_all_and_can_change_nothing(site: Site) -> None:
    job, viewer = site.submit(), site.browser("viewer")
    page = viewer.read(f"/jobs/{job.id}")
    assert "read only" in page.words
    assert [form["action"] for form in page.all("form") if form.get("action")] == ["/logout"]
    assert "checkbox" not in [given.get("type") for given in viewer.read("/jobs").all("input")]
    for verb in ("cancel", "pause", "resume", "retry", "again"):
        assert viewer.post(f"/ui/jobs/{job.id}/{verb}").status_code == 403
    assert viewer.get(f"/jobs/bulk?do=cancel&id={job.id}").status_code == 403
    assert viewer.post("/ui/jobs/bulk", do="cancel", id=job.id).status_code == 403


def test_where_nobody_need_log_in_pages_have_that_role(open_site: Site) -> None:
    job, browser = open_site.submit(), open_site.stranger()
    page = browser.read(f"/jobs/{job.id}")
    assert "anonymous" in page.words
    browser.mark = page.values["csrf"]
    assert browser.post(f"/ui/jobs/{job.id}/cancel", csrf="").status_code == 403
    assert browser.post(f"/ui/jobs/{job.id}/cancel").status_code == 303


def test_a_token_in_the_header_is_as_good_as_for_the_api(site: Site) -> None:
    browser = Browser(site.app.test_client())
    header = {"Authorization": f"Bearer {site.tokens['viewer']}"}
    assert browser.get("/jobs", **header).status_code == 200
    assert browser.get("/jobs", Authorization="Bearer fl_x_y").status_code == 303


def test_a_wrong_host_is_not_answered(tmp_path: Path) -> None:
    site = make_site(tmp_path, anonymous_role="admin", hosts=("127.0.0.1",))
    assert site.stranger().get("/", Host="127.0.0.1").status_code == 200
    assert site.stranger().get("/", Host="rebound.example").status_code == 400
    site.core.store.close()


def test_what_is_done_by_a_form_is_in_the_audit(site: Site) -> None:
    job = site.submit()
    site.browser().post(f"/ui/jobs/{job.id}/cancel")
    site.stranger().post("/login", token="fl_12345678_wrong")
    site.app.extensions[TRAIL].flush()
    routes = {(entry.who, entry.route, entry.status) for entry in audit.listing(site.core, site.admin, Page(limit=20))}
    assert ("admin", "/ui/jobs/<id:job_id>/<verb>", 303) in routes
    assert ("admin", "/login", 303) in routes
    assert ("", "/login", 401) in routes
