"""Tasks, runs, logs, nodes, queues, attention, events, tokens, API and health, without a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.job import Job
from app.services import control
from app.services.access import ISSUED_ROLES
from app.services.turning_away import turn_away
from app.ui.ways import Setting
from app.wire.states import RunState
from tests.services.world import Node
from tests.ui.hand import FAILED, finish, hand, measure, say
from tests.ui.site import HOSTILE, MISSING, Html, Site, make_site, noop

LINES = (
    "before",
    f"\x1b[31m{HOSTILE}\x1b[0m",
    "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07",
    "Error: no triangles",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Job, Node]]:
    """A site where a hostile task has failed twice, and a map has a value that failed."""
    site = make_site(tmp_path_factory.mktemp("done"))
    node = hand(site, name=f"node {HOSTILE}", tags=(f"tag{HOSTILE}",))
    bad = {
        "name": f"bad {HOSTILE}",
        "executor": "command",
        "payload": {"argv": ["sh", "-c", HOSTILE], "env": {"API_TOKEN": "never-shown-1", "NOTE": HOSTILE}},
        "limitations": {"maxAttempts": 2},
        "inputs": [{"source": {"uri": "https://x.example/a"}, "target": {"path": "a"}}],
    }
    many = {"name": "many", "type": "map", "values": {"source": [HOSTILE, 2, 3]}, "task": noop("inner")}
    job = site.submit(bad, noop("below", needs=[bad["name"]]), many, name=f"job {HOSTILE}")
    for _ in range(2):
        node.take_all()
        spec = node.run_of(str(bad["name"]))
        say(node, spec.task, *LINES)
        measure(node, spec.task, 10, 200, 30)
        finish(node, spec.task, RunState.FAILED, exit_code=3, failure=FAILED, result={"said": HOSTILE})
    for spec in [each for each in node.held.values() if each.map_index is not None]:
        state = RunState.FAILED if spec.map_index == 1 else RunState.SUCCEEDED
        node.report(node.ending(node.held.pop(spec.run_id), state, failure=FAILED if spec.map_index == 1 else None))
    yield site, job, node
    site.core.store.close()
    site.broker.close()


def ids(site: Site, job: Job) -> dict[str, str]:
    graph = site.browser().client.get(f"/ui/jobs/{job.id}/graph").json
    return {task[1].split(" ")[0]: task[0] for task in graph["tasks"]}


def run_ids(site: Site, task_id: str) -> list[str]:
    """Newest first."""
    page = site.browser().read(f"/tasks/{task_id}")
    return [given["id"].removeprefix("a-") for given in page.all("tr") if given.get("id", "").startswith("a-")]


def test_a_failed_task_says_how_it_ended_and_what_it_said_last(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    page = site.browser().read(f"/tasks/{ids(site, job)['bad']}")
    assert "The program ended with exit code 3; success is 0." in page.words
    assert "2 of at most 2" in page.words
    assert "Error: no triangles" in page.words
    assert "peak 200 MiB" in page.words
    assert "limit 256 MiB" in page.words
    assert page.title.startswith("✗ bad ")
    assert sum("plot" in given.get("class", "") for given in page.all("figure")) >= 2


def test_a_skipped_task_says_why(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    assert "Why it ended so" in site.browser().read(f"/tasks/{ids(site, job)['below']}").words


def test_what_looks_like_a_secret_is_not_shown(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    page = site.browser().read(f"/tasks/{ids(site, job)['bad']}")
    assert "never-shown-1" not in page.source
    assert "API_TOKEN *** hidden" in page.words


def test_attempts_lead_to_each_other(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    newest, oldest = run_ids(site, ids(site, job)["bad"])
    page = site.browser().read(f"/runs/{oldest}")
    assert "attempt 1" in page.words
    assert any(given.get("data-key") == "]" and given["href"] == f"/runs/{newest}" for given in page.all("a"))
    log = site.browser().read(f"/runs/{newest}/log")
    assert any(given.get("data-key") == "[" and given["href"] == f"/runs/{oldest}/log" for given in log.all("a"))


def test_a_log_is_plain_lines_where_there_is_no_script(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    run_id = run_ids(site, ids(site, job)["bad"])[0]
    page = site.browser().read(f"/runs/{run_id}/log")
    assert [given["id"] for given in page.all("li") if given.get("id", "").startswith("L")] == ["L1", "L2", "L3", "L4"]
    assert any("a-red" in given.get("class", "") for given in page.all("span"))
    assert "javascript:" not in page.source
    assert "link" in page.words
    found = site.browser().read(f"/runs/{run_id}/log?q=TRIANGLES")
    assert "no triangles" in found.words
    assert [given["id"] for given in found.all("li") if given.get("id", "").startswith("L")] == ["L4"]
    assert "No line fits" in site.browser().read(f"/runs/{run_id}/log?q=TRIANGLES&case=1").words
    assert site.browser().get(f"/runs/{run_id}/log?stream=x").status_code == 422


def test_the_script_is_told_lines_as_data(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    base = f"/runs/{run_ids(site, ids(site, job)['bad'])[0]}/log"
    client = site.browser().client
    answer = client.get(f"{base}/lines?first=2&last=3").json
    assert (answer["total"], answer["over"]) == (4, True)
    assert [line[0] for line in answer["lines"]] == [2, 3]
    assert answer["lines"][0][4] == [[HOSTILE, "red"]]
    assert answer["lines"][1][4] == ["link"]
    assert client.get(f"{base}/find?q=triangles").json == {"place": 4, "next": None}
    assert client.get(f"{base}/find?q=before&first=4&back=1").json["place"] == 1
    assert client.get(f"{base}/find?q=nothing").json == {"place": None, "next": None}
    assert client.get(f"{base}/trouble").json == {"place": 4}


def test_a_raw_log_is_a_file_to_keep(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    answer = site.browser().get(f"/runs/{run_ids(site, ids(site, job)['bad'])[0]}/log/raw")
    assert answer.mimetype == "text/plain"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.get_data() == "".join(f"{line}\n" for line in LINES).encode()
    assert int(answer.headers["Content-Length"]) == len(answer.get_data())


def test_a_map_is_a_strip_and_its_values_come_in_pages(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    task_id = ids(site, job)["many"]
    page = site.browser().read(f"/tasks/{task_id}")
    assert "3 values" in page.words
    assert [given["class"] for given in page.all("rect") if given.get("class") == "f-failed"] == ["f-failed"]
    assert "1 to 1" not in page.words
    assert {given["id"] for given in page.all("tr") if "id" in given} == {"v-0", "v-1", "v-2"}
    failed = site.browser().read(f"/tasks/{task_id}?failed=1")
    assert {given["id"] for given in failed.all("tr") if "id" in given} == {"v-1"}
    rest = site.browser().read(f"/tasks/{task_id}?from=2")
    assert {given["id"] for given in rest.all("tr") if "id" in given} == {"v-2"}


def test_a_job_s_log_is_that_of_all_its_runs(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    page = site.browser().read(f"/jobs/{job.id}/log")
    assert page.words.count("Error: no triangles") == 2
    assert "No line fits" in site.browser().read(f"/jobs/{job.id}/log?q=absent").words
    assert "triangles" in site.browser().read(f"/jobs/{job.id}/log?first=1&q=triangles").words


def test_hostile_names_logs_and_results_are_text_on_every_page(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    browser, found, seen = site.browser(), ["/", f"/jobs/{job.id}", "/audit", "/tokens"], 0
    browser.post("/ui/tokens", name=HOSTILE, role="viewer", lifetime="3600")
    for address in found:  # grows while it is walked
        page = browser.read(address)
        seen += "<script>alert(1)</script>" in page.words
        assert "<script>alert" not in page.source, address
        assert not page.all("img"), address
        assert not any(name.startswith("on") or name == "style" for _, given in page.tags for name in given), address
        for link in page.links:
            assert re.match(r"[/#?]", link), (address, link)
            path = link.partition("#")[0]
            if path.startswith("/") and not re.search(r"^/(openapi|v1)/|/raw$", path) and path not in found:
                found.append(path)
        assert len(found) < 300
    for kind in ("/tasks/", "/runs/", "/nodes/", "/fleet", "/queues", "/attention", "/events", "/docs", "/health"):
        assert any(address.startswith(kind) for address in found), kind
    assert seen >= 12


def test_another_organization_sees_none_of_it(done: tuple[Site, Job, Node]) -> None:
    site, job, _ = done
    task_id = ids(site, job)["bad"]
    run_id = run_ids(site, task_id)[0]
    foreign = site.browser("foreign")
    for path in (f"/tasks/{task_id}", f"/runs/{run_id}", f"/runs/{run_id}/log", f"/jobs/{job.id}/log"):
        assert foreign.get(path).status_code == 404, path
    for end in ("lines", "find?q=x", "trouble", "raw"):
        assert foreign.client.get(f"/runs/{run_id}/log/{end}").status_code == 404, end
    assert "bad" not in foreign.read("/events").words + foreign.read("/attention").words
    assert foreign.post(f"/ui/tasks/{task_id}/retry").status_code == 404


@pytest.mark.parametrize("path", ["/tasks/x", f"/runs/{MISSING}", f"/runs/{MISSING}/log", "/nodes/x", "/docs/nothing"])
def test_what_is_not_there_is_a_page_that_says_so(done: tuple[Site, Job, Node], path: str) -> None:
    answer = done[0].browser().get(path)
    assert answer.status_code == 404
    assert len(Html(answer.text).all("h1")) == 1


def test_a_task_is_paused_resumed_canceled_and_run_again(site: Site) -> None:
    job = site.submit(noop("only"))
    task_id = ids(site, job)["only"]
    browser = site.browser()
    assert browser.post(f"/ui/tasks/{task_id}/pause").location == f"/tasks/{task_id}"
    paused = browser.read(f"/tasks/{task_id}")
    assert "It is paused" in paused.words
    assert "Resume" in paused.words
    browser.post(f"/ui/tasks/{task_id}/resume")
    assert "skipped, or runs as its runWhen says" in browser.read(f"/tasks/{task_id}").words
    browser.post(f"/ui/tasks/{task_id}/cancel")
    assert "Run again" in browser.read(f"/tasks/{task_id}").words
    browser.post(f"/ui/tasks/{task_id}/retry")
    assert "No node is there" in browser.read(f"/tasks/{task_id}").words


def test_who_may_only_look_is_shown_no_button(site: Site) -> None:
    hand(site)
    job = site.submit(noop("only"))
    task_id = ids(site, job)["only"]
    viewer = site.browser("viewer")
    for path in (f"/tasks/{task_id}", "/fleet", "/nodes/n1"):
        assert not [
            form for form in viewer.read(path).all("form") if form.get("method") == "post" and "/ui/" in form["action"]
        ]
    assert viewer.post("/ui/nodes/n1/drain").status_code == 403
    assert viewer.post(f"/ui/tasks/{task_id}/cancel").status_code == 403
    for path in ("/tokens", "/audit"):
        answer = viewer.get(path)
        assert answer.status_code == 403
        assert "a token that may do this" in Html(answer.text).words
    assert "FLOTILLA_DATABASE_URL" not in viewer.read("/health").words


def test_a_node_is_drained_and_taken_back(site: Site) -> None:
    node = hand(site)
    site.submit(noop("long"))
    node.take_all()
    browser = site.browser()
    page = browser.read("/fleet")
    assert "n1 takes nothing new. Its 1 running task go" in page.words
    assert browser.post("/ui/nodes/n1/drain", to="/fleet").location == "/fleet"
    assert "It takes nothing new." in browser.read("/nodes/n1").words
    assert "Undrain" in browser.read("/fleet").words
    browser.post("/ui/nodes/n1/undrain")
    assert "Drain…" in browser.read("/nodes/n1").words
    assert browser.post("/ui/nodes/n1/destroy").status_code == 404


def test_nodes_are_found_by_tag_and_lost_ones_say_so(site: Site) -> None:
    hand(site, "plain")
    hand(site, "tagged", tags=("gpu",)).beat(leaving=True)
    browser = site.browser()
    assert "/nodes/plain" in browser.read("/fleet").links
    tagged = browser.read("/fleet?tag=gpu")
    assert "/nodes/plain" not in tagged.links
    assert "It was stopped in order" in tagged.words
    assert "No node has the tag" in browser.read("/fleet?tag=none").words


def test_a_clock_that_is_off_and_a_node_that_was_refused_are_seen(site: Site) -> None:
    hand(site).beat(clock_skew_ms=-7300)
    browser = site.browser()
    for path in ("/fleet", "/nodes/n1"):
        assert "ts clock is 7.3 s behind the database's: set it by NTP" in browser.read(path).words
    assert "-7.3 s to the database's" in browser.read("/nodes/n1").words
    turn_away(site.core, "n1", 99, "upgrade the API first", {"name": "n1", "version": "2.0"})
    for path in ("/fleet", "/nodes/n1", "/attention"):
        assert "and was refused: upgrade the API first." in browser.read(path).words
    assert "2.0, protocol 99" in browser.read("/nodes/n1").words


def test_an_empty_fleet_says_how_to_start_a_node(site: Site) -> None:
    page = site.browser().read("/fleet")
    assert "flotilla node --join http://localhost --token TOKEN" in page.words
    assert "Nothing needs you." in site.browser().read("/attention").words
    assert "No queue yet." in site.browser().read("/queues").words
    assert "Nothing has happened yet." in site.browser().read("/events").words


def test_a_queue_that_nobody_serves_is_warned_of(site: Site) -> None:
    node = hand(site, queues=("@default",))
    site.submit(noop("served"))
    site.submit(noop("alone"), queue="night")
    page = site.browser().read("/queues")
    alerts = [given for given in page.all("p") if given.get("role") == "alert"]
    assert len(alerts) == 1
    assert "night has 1 task waiting and no node serves it" in page.words
    assert "/nodes/n1" in page.links
    control.drain_node(site.core, site.admin, node.id, drain=True)
    assert "every node that serves it is draining" in site.browser().read("/queues").words
    attention = site.browser().read("/attention")
    assert "blocked" in attention.words
    assert "serves the queue 'night'" in attention.words


def test_a_node_s_page_says_what_it_runs_and_could_take(site: Site) -> None:
    node = hand(site, cpu=1)
    site.submit(noop("first"))
    node.take_all()
    site.submit(noop("second"))
    node.beat()
    page = site.browser().read("/nodes/n1")
    assert "first" in page.words
    assert "second of job: fits when there is more room" in page.words
    assert "It runs nothing of yours" in site.browser("foreign").read("/nodes/n1").words


def test_events_are_told_newest_first_and_go_back(site: Site) -> None:
    for number in range(60):
        site.submit(noop("only"), name=f"job {number}")
    first = site.browser().read("/events")
    assert "job 59" in first.words
    assert "job 0 " not in first.words
    older = next(link for link in first.links if link.startswith("/events?back="))
    assert "job 59" not in site.browser().read(older).words


def test_a_token_is_shown_once_and_revoked(site: Site) -> None:
    browser = site.browser()
    made = Html(browser.post("/ui/tokens", name="build server", role="member", lifetime="").text)
    text = re.search(r"fl_\w{8}_[\w-]{43}", made.words)
    assert text is not None
    listed = browser.read("/tokens")
    assert text[0] not in listed.source
    assert "build server" in listed.words
    assert site.stranger().client.get("/v1/jobs", headers={"Authorization": f"Bearer {text[0]}"}).status_code == 200
    site.browser().post("/ui/tokens", name="guest", role="viewer", lifetime="2592000")
    assert re.search(r"guest fl_\w+_… viewer just now in (29|30) d never", browser.read("/tokens").words)
    token_id = text[0].split("_")[1]
    renewed = Html(browser.post(f"/ui/tokens/{token_id}/rotate").text)
    assert f"fl_{token_id}_" in renewed.words
    assert browser.post(f"/ui/tokens/{token_id}/revoke").location == "/tokens"
    assert (
        "1 token expired or revoked" in browser.read("/tokens").words or "build server" in browser.read("/tokens").words
    )
    for role in ISSUED_ROLES:
        assert f">{role}: " in listed.source


@pytest.mark.parametrize("fields", [{"name": ""}, {"role": "king"}, {"lifetime": "7"}])
def test_a_token_that_cannot_be_made_says_why(site: Site, fields: dict[str, str]) -> None:
    answer = site.browser().post("/ui/tokens", **({"name": "x", "role": "viewer", "lifetime": ""} | fields))
    assert answer.status_code == 422
    assert "A token has a name" in Html(answer.text).words


def test_the_audit_names_the_object(site: Site) -> None:
    hand(site)
    site.browser().post("/ui/nodes/n1/drain")
    site.browser().post("/ui/nodes/n1/undrain")
    site.app.extensions["flotilla.trail"].flush()
    page = site.browser().read("/audit?about=n1")
    assert page.words.count("/ui/nodes/") == 2
    assert "No entry about that." in site.browser().read("/audit?about=absent").words


def test_every_operation_of_every_surface_can_be_read(shared: Site) -> None:
    browser = shared.browser()
    first = browser.read("/docs")
    surfaces = sorted({link.removeprefix("/docs/") for link in first.links if link.startswith("/docs/")})
    assert surfaces == ["alteryx", "flow", "metafold", "native", "threekit"]
    for surface in surfaces:
        text = browser.client.get(f"/openapi/{surface}.json").json
        wanted = {
            operation["operationId"]
            for item in text["paths"].values()
            for operation in item.values()
            if "operationId" in operation
        }
        page = browser.read(f"/docs/{surface}")
        shown = {given["id"] for given in page.all("div") if "id" in given}
        assert wanted <= shown, surface
    assert "jobs:write" in first.words


def test_health_says_what_is_well_and_where_settings_come_from(site: Site) -> None:
    ways = site.app.extensions["flotilla.ui"].ways
    object.__setattr__(ways, "checks", lambda: {"database": "ok", "broker": "failed"})
    object.__setattr__(
        ways, "settings", [Setting(key="FLOTILLA_PORT", value="1", source="the environment", about="TCP port")]
    )
    page = site.browser().read("/health")
    assert "Not well: broker" in page.words
    assert page.title == "✗ broker away · Health · Flotilla"
    assert "FLOTILLA_PORT 1 the environment TCP port" in page.words
    assert "FLOTILLA_PORT" not in site.browser("member").read("/health").words


def test_secrets_are_no_settings_to_show(tmp_path: Path) -> None:
    from app.config import origins

    environ = {"FLOTILLA_DATABASE_URL": "postgresql+psycopg://u:hush@h/d", "FLOTILLA_BROKER_URL_FILE": "/run/secret"}
    shown = {each.entry.key: each for each in origins(environ)}
    assert "hush" not in repr([each.shown for each in shown.values()])
    assert shown["FLOTILLA_DATABASE_URL"].shown == "postgresql+psycopg://…"
    assert shown["FLOTILLA_BROKER_URL"].source == "the file that FLOTILLA_BROKER_URL_FILE names"
    assert shown["FLOTILLA_PORT"].source == "default"
