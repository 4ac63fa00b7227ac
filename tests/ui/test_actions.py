"""What the buttons do, and that they say so before."""

from app.domain.job import Job
from app.services import control
from app.wire.states import JobState, TaskState
from tests.ui.hand import hand
from tests.ui.site import Html, Site, noop


def now(site: Site, job: Job) -> Job:
    found = site.core.store.read(lambda tx: tx.job(job.id))
    assert found
    return found


def test_a_job_is_paused_resumed_canceled_and_run_again(site: Site) -> None:
    job, browser = site.submit(noop("a"), noop("b", needs=["a"])), site.browser()
    page = f"/jobs/{job.id}"
    for verb, state in (
        ("pause", JobState.PAUSED),
        ("resume", JobState.PENDING),
        ("cancel", JobState.CANCELED),
        ("retry", JobState.PENDING),
    ):
        assert browser.post(f"/ui/jobs/{job.id}/{verb}", to=page).location == page
        assert now(site, job).state is state, verb
    assert browser.post(f"/ui/jobs/{job.id}/explode").status_code == 404
    assert browser.client.get(f"/ui/jobs/{job.id}/cancel").status_code == 405


def test_what_was_done_is_said_on_the_next_page_and_not_again(site: Site) -> None:
    job, browser = site.submit(), site.browser()
    browser.post(f"/ui/jobs/{job.id}/pause", to=f"/jobs/{job.id}")
    assert "Paused: what runs goes on" in browser.read(f"/jobs/{job.id}").words
    assert "Paused: what runs goes on" not in browser.read(f"/jobs/{job.id}").words


def test_canceling_says_what_it_stops(site: Site) -> None:
    job = site.submit(*(noop(f"t{number}") for number in range(4)))
    page = site.browser().read(f"/jobs/{job.id}")
    assert "Stops 0 running tasks and drops 4 tasks that did not start." in page.words


def test_a_conflict_is_told_as_a_page(site: Site) -> None:
    job = site.submit()
    control.cancel_job(site.core, site.admin, job.id)
    answer = site.browser().post(f"/ui/jobs/{job.id}/pause")
    assert answer.status_code == 409
    assert "can not be changed any more" in Html(answer.text).words


def test_many_jobs_are_canceled_together_after_saying_what_that_does(site: Site) -> None:
    jobs = [site.submit(noop("a"), noop("b"), name=f"n{number}") for number in range(3)]
    ended = site.submit()
    control.cancel_job(site.core, site.admin, ended.id)
    ids = [job.id for job in (*jobs, ended)]
    asked = site.browser().read("/jobs/bulk?do=cancel&" + "&".join(f"id={id_}" for id_ in ids))
    assert "Cancel 3 jobs" in asked.words
    assert "stops 0 running tasks and drops 6 tasks" in asked.words
    assert "1 other job" in asked.words
    assert all(now(site, job).state is JobState.PENDING for job in jobs)
    answer = site.browser().post("/ui/jobs/bulk", do="cancel", id=ids, to="/jobs?state=canceled")
    assert answer.location == "/jobs?state=canceled"
    assert all(now(site, job).state is JobState.CANCELED for job in jobs)
    assert "Canceled 3 jobs." in site.browser().read("/jobs").words


def test_many_jobs_run_again_together(site: Site) -> None:
    jobs = [site.submit(noop("a")) for _ in range(2)]
    for job in jobs:
        control.cancel_job(site.core, site.admin, job.id)
    ids = [job.id for job in jobs]
    page = site.browser().read(f"/jobs/bulk?do=retry&id={ids[0]}&id={ids[1]}")
    assert "This runs 2 tasks again" in page.words
    site.browser().post("/ui/jobs/bulk", do="retry", id=ids)
    assert all(now(site, job).counts[TaskState.CANCELED] == 0 for job in jobs)
    assert site.browser().get("/jobs/bulk?do=explode").status_code == 404
    assert "No job is chosen" in site.browser().read("/jobs/bulk?do=cancel").words


def test_a_task_is_canceled_and_run_again(site: Site) -> None:
    job = site.submit(noop("a"))
    task_id = site.browser().client.get(f"/ui/jobs/{job.id}/graph").json["tasks"][0][0]
    assert site.browser().post(f"/ui/tasks/{task_id}/cancel").location == f"/tasks/{task_id}"
    assert now(site, job).counts[TaskState.CANCELED] == 1
    site.browser().post(f"/ui/tasks/{task_id}/retry")
    assert now(site, job).counts[TaskState.CANCELED] == 0


def test_a_queue_is_paused_resumed_and_limited(site: Site) -> None:
    hand(site)
    for number in range(30):
        site.submit(name=f"n{number}")
    browser = site.browser()
    assert "Nothing more of @default starts: 30 tasks that could will wait." in browser.read("/queues").words
    base = "/ui/queues/@default"
    assert browser.post(f"{base}/pause", to="/queues").location == "/queues"
    page = browser.read("/queues")
    assert "@default is paused: what runs goes on" in page.words
    assert page.title.startswith("❚❚ ")
    assert any(form.get("action", "").endswith("/resume") for form in page.all("form"))
    assert browser.post(f"{base}/limit", maxRunning="3", maxStartsPerMinute="").status_code == 303
    assert browser.post(f"{base}/resume").status_code == 303
    assert "0 of 3" in browser.read("/queues").words
    assert "3 at once" in browser.read("/queues").words
    wrong = browser.post(f"{base}/limit", maxRunning="many")
    assert wrong.status_code in (400, 422)
    assert "must be a whole number" in Html(wrong.text).words
    assert browser.post(f"{base}/explode").status_code == 404
    assert browser.client.post(f"{base}/pause", data={}).status_code == 403  # without the form's mark


def test_who_may_not_operate_queues_is_shown_no_button_and_refused(site: Site) -> None:
    site.submit()
    member = site.browser("member")
    assert [form for form in member.read("/queues").all("form") if "/ui/queues/" in form.get("action", "")] == []
    assert member.post("/ui/queues/@default/pause").status_code == 403
