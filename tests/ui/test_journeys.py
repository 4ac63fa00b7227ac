"""What people do in a browser, on a whole Flotilla: one server and one browser for all of them."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.fleet import Fleet

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
GRAVE = {"serious", "critical"}
DRAWN = "#graph[data-drawn]"


def command(name: str, script: str, *needs: str) -> dict[str, Any]:
    return {"name": name, "executor": "command", "payload": {"argv": ["sh", "-c", script]}, "needs": list(needs)}


def python(name: str, needs: tuple[str, ...] = (), seconds: float | None = None) -> dict[str, Any]:
    payload: dict[str, Any] = {"callable": "noop"}
    if seconds is not None:
        payload = {"callable": "sleep", "arguments": {"seconds": seconds}}
    return {"name": name, "executor": "python", "payload": payload, "needs": list(needs)}


def woven(count: int, layers: int) -> list[dict[str, Any]]:
    """A graph without two tasks that are alike, in layers."""
    chance, wide = random.Random(7), count // layers
    tasks = []
    for number in range(count):
        layer = number // wide
        above = {(layer - 1) * wide + chance.randrange(wide) for _ in range(chance.randint(1, 3))} if layer else set()
        tasks.append(python(f"step {number:04}", tuple(f"step {at:04}" for at in sorted(above))))
    return tasks


@pytest.fixture(scope="module")
def large(fleet: Fleet) -> str:
    return fleet.submit(woven(2000, 40), "large")


def test_a_first_job_is_seen_going_green(page: Page, fleet: Fleet, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    expect(page.get_by_role("heading", name="Overview")).to_be_attached()
    job_id = fleet.submit(
        [command("fetch", "true"), command("mesh", f"until [ -e {gate} ]; do sleep 0.05; done", "fetch")], "first"
    )
    page.get_by_role("link", name="first", exact=True).first.click()
    page.wait_for_selector(DRAWN)
    expect(page.locator(".node.t-running")).to_have_attribute("aria-label", "mesh: running")
    expect(page).to_have_title("▶ first · 1/2 · Flotilla")
    gate.touch()
    expect(page.locator(".node.t-succeeded")).to_have_count(2)
    expect(page).to_have_title("✓ first · 2/2 · Flotilla")
    expect(page.locator("h1 + .state")).to_have_text("succeeded")
    assert page.url.endswith(job_id)


def test_a_failure_is_found_understood_and_run_again(page: Page, fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "mended"
    script = f"[ -e {flag} ] || {{ echo no triangles >&2; exit 3; }}"
    job_id = fleet.submit(
        [command("good", "true"), command("bad", script, "good"), command("last", "true", "bad")], "mend me"
    )
    fleet.ended(job_id)
    page.goto("/")
    page.locator("#failed").get_by_role("link", name="mend me").click()
    page.wait_for_selector(DRAWN)
    page.locator(".node.t-failed").click()
    side = page.locator("#side")
    expect(side).to_contain_text("exit code 3")
    assert "task=" in page.url
    page.reload()
    expect(side).to_contain_text("exit code 3")
    page.keyboard.press("Escape")
    expect(side).to_have_count(0)
    page.go_back()
    expect(side).to_be_visible()
    flag.touch()
    page.get_by_role("button", name="Run 2 unsuccessful tasks again").click()
    expect(page.locator(".said")).to_contain_text("runs again")
    expect(page).to_have_title("✓ mend me · 3/3 · Flotilla")


def test_who_asked_for_it_is_told_when_a_job_is_done(page: Page, fleet: Fleet, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page.context.grant_permissions(["notifications"])
    page.add_init_script("window.told = []; window.Notification = class { constructor(text) { told.push(text); } };")
    page.add_init_script("Notification.permission = 'granted'; Notification.requestPermission = async () => 'granted';")
    job_id = fleet.submit([command("slow", f"until [ -e {gate} ]; do sleep 0.05; done")], "slow")
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.locator("#notify")).to_have_text("You will be told")
    gate.touch()
    expect(page).to_have_title("\u2713 slow \u00b7 1/1 \u00b7 Flotilla")
    assert page.evaluate("told") == ["\u2713 slow \u00b7 1/1 \u00b7 Flotilla"]


def test_canceling_names_its_effect_first(page: Page, fleet: Fleet) -> None:
    job_id = fleet.submit([python("long", seconds=300), python("after", ("long",))], "stop me")
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#state")).to_contain_text("1 running")
    page.get_by_text("Cancel…").click()
    expect(page.locator(".pop")).to_contain_text("Stops 1 running task and drops 1 task")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("h1 + .state")).to_have_text("canceled")


def test_a_large_graph_is_laid_out_at_once(page: Page, large: str) -> None:
    page.goto(f"/jobs/{large}")
    page.wait_for_selector(DRAWN)
    assert page.locator(".node").count() == 2000
    assert int(page.locator("#graph").get_attribute("data-layout-ms") or 0) < 1500
    page.get_by_label("Find a task in the graph").fill("step 1234")
    expect(page.locator(".node.found")).to_have_count(1)
    expect(page.locator(".tools [role=status]")).to_have_text("1 found")


def test_tasks_that_are_alike_are_shown_as_one(page: Page, fleet: Fleet) -> None:
    parts = [f"part {number}" for number in range(1, 301)]
    tasks = [
        python("split"),
        *(python(name, ("split",)) for name in parts),
        python("merge", tuple(parts)),
        python("look", ("part 7",)),
    ]
    job_id = fleet.submit(tasks, "fan")
    fleet.ended(job_id)
    page.goto(f"/jobs/{job_id}")
    page.wait_for_selector(DRAWN)
    labels = page.locator(".node").evaluate_all("nodes => nodes.map((node) => node.getAttribute('aria-label'))")
    assert sorted(labels) == [
        "look: succeeded",
        "merge: succeeded",
        "part 7: succeeded",
        "part \u00d7 299: 299 done",
        "split: succeeded",
    ]
    page.locator(".node[aria-label^='part'][aria-label*='299']").click()
    page.wait_for_selector("#graph[data-drawn='303']")


def test_a_layout_overlaps_nothing_and_every_edge_goes_forward(page: Page) -> None:
    script = page.locator("script[type=module]").get_attribute("src") or ""
    found = page.evaluate(
        """async (address) => {
            const { layOut } = await import(address);
            const chance = (seed) => () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
            const wrong = [];
            for (let seed = 1; seed <= 40; seed++) {
                const next = chance(seed);
                const count = 1 + Math.floor(next() * 60);
                const edges = [];
                for (let body = 1; body < count; body++)
                    for (let part = 0; part < 3 * next(); part++) edges.push(Math.floor(next() * body), body);
                const { x, y, layers, bends } = layOut(count, edges, { layerGap: 240, rowGap: 50, bendGap: 14 });
                for (let at = 0; at < edges.length; at += 2) {
                    if (!(layers[edges[at]] < layers[edges[at + 1]])) wrong.push([seed, "backwards", at]);
                    const passed = layers[edges[at + 1]] - layers[edges[at]] - 1;
                    if (bends[at / 2].length !== 2 * passed) wrong.push([seed, "bends", at]);
                }
                for (let one = 0; one < count; one++) {
                    if (!Number.isFinite(x[one] + y[one])) wrong.push([seed, "nowhere", one]);
                    for (let other = 0; other < one; other++)
                        if (x[one] === x[other] && Math.abs(y[one] - y[other]) < 49.99) wrong.push([seed, one, other]);
                }
            }
            return wrong;
        }""",
        script.replace("main.mjs", "graph/layout.mjs"),
    )
    assert found == []


def test_rows_do_not_jump_when_jobs_come(page: Page, fleet: Fleet) -> None:
    fleet.submit([python("a")], "before")
    page.goto("/jobs")
    first = page.locator("tr[data-row]").first
    expect(first).to_contain_text("before")
    first.get_by_role("checkbox").check()
    fleet.submit([python("a")], "newcomer")
    page.get_by_role("link", name="1 new").wait_for()
    expect(first).to_contain_text("before")
    expect(first.get_by_role("checkbox")).to_be_checked()
    page.get_by_role("link", name="1 new").click()
    expect(first).to_contain_text("newcomer")


def test_the_badge_says_when_the_server_is_away_and_back(page: Page) -> None:
    page.expected_faults = ("ERR_INTERNET_DISCONNECTED",)  # type: ignore[attr-defined]
    badge = page.locator("#live")
    expect(badge).to_have_text("polling")
    expect(badge).to_have_text("live", timeout=15_000)
    page.context.set_offline(True)
    expect(badge).to_contain_text("offline since", timeout=10_000)
    page.context.set_offline(False)
    expect(badge).to_have_text("live", timeout=10_000)


def test_all_is_within_reach_of_the_keyboard(page: Page, fleet: Fleet) -> None:
    job_id = fleet.submit([python("one"), python("two", ("one",))], "keys")
    fleet.ended(job_id)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).not_to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs")
    page.keyboard.press("/")
    page.keyboard.type("keys")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=keys**")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job_id}")
    page.wait_for_selector(DRAWN)
    page.locator(".node[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".node:focus")).to_have_attribute("aria-label", "two: succeeded")
    page.keyboard.press("Enter")
    expect(page.locator("#side-head")).to_have_text("two")


def test_the_timeline_is_looked_at_more_closely_by_dragging(page: Page, fleet: Fleet) -> None:
    job_id = fleet.submit([python("one", seconds=0.5), python("two", ("one",), 0.5)], "lanes")
    fleet.ended(job_id)
    page.goto(f"/jobs/{job_id}/timeline")
    lane = page.locator(".lane svg").first
    box = lane.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 8, steps=3)
    page.mouse.up()
    page.wait_for_url("**from=**")
    page.get_by_role("link", name="All of it").click()
    page.wait_for_url("**/timeline")


@pytest.fixture(scope="module")
def screens(fleet: Fleet, large: str) -> Mapping[str, str]:
    tasks = [command("good", "echo hello"), command("bad", "exit 3", "good"), python("last", ("bad",))]
    inner = {"executor": "python", "payload": {"callable": "noop"}}
    tasks.append({"name": "many", "type": "map", "values": {"source": [1, 2, 3]}, "task": inner})
    job_id = fleet.submit(tasks, "all kinds")
    fleet.ended(job_id)
    task_id = fleet.tasks(job_id)["bad"]["id"]
    tabs = {tab: f"/jobs/{job_id}/{tab}" for tab in ("timeline", "tasks", "files", "events", "api")}
    return tabs | {
        "overview": "/",
        "jobs": "/jobs",
        "bulk": f"/jobs/bulk?do=retry&id={job_id}",
        "graph": f"/jobs/{job_id}?task={task_id}",
        "large graph": f"/jobs/{large}",
        "login": "/login",
    }


@pytest.fixture(params=["light", "dark"])
def coloured(request: pytest.FixtureRequest, page: Page) -> Page:
    page.emulate_media(color_scheme=request.param)
    return page


def test_nobody_is_shut_out_by_how_a_page_is_made(coloured: Page, screens: Mapping[str, str]) -> None:
    found = []
    for name, address in screens.items():
        if name == "large graph":
            continue  # made as the other one is
        coloured.goto(address)
        if name == "graph":
            coloured.wait_for_selector(DRAWN)
            coloured.evaluate("document.getElementById('outline').open = true")
        coloured.evaluate(AXE.read_text())
        outcome = coloured.evaluate("axe.run({ resultTypes: ['violations'] })")
        found += [
            (name, each["id"], each["help"], [node["target"] for node in each["nodes"]][:3])
            for each in outcome["violations"]
            if each["impact"] in GRAVE
        ]
    assert found == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, screens: Mapping[str, str], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for name, address in screens.items():
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_the_choice_of_colours_is_kept(page: Page) -> None:
    page.locator("#theme").select_option("dark")
    page.goto("/jobs")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.locator("#theme")).to_have_value("dark")


def test_reading_needs_no_script(chromium: Browser, fleet: Fleet, screens: Mapping[str, str]) -> None:
    with chromium.new_context(base_url=fleet.url, java_script_enabled=False) as context:
        window = context.new_page()
        window.goto(fleet.client.post("/ui/link")["path"])
        for name, address in screens.items():
            window.goto(address)
            expect(window.locator("h1")).to_have_count(1)
            assert name == "login" or "all kinds" in window.locator("main").inner_text() or name == "large graph", name
        window.goto(screens["graph"])
        window.get_by_text("The graph in words").click()
        expect(window.locator("#outline")).to_contain_text("Step 3")
        window.get_by_role("button", name="Run 2 unsuccessful tasks again").click()
        expect(window.locator(".said")).to_contain_text("runs again")
