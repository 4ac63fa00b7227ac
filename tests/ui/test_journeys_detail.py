"""What people do in a browser on the pages of one thing: a failure down to its line, a long log, a node, a token."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.fleet import Fleet

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
GRAVE = {"serious", "critical"}
LINES = 100_000
ROW = ".viewer li[data-place='{}']"


def command(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "executor": "command", "payload": {"argv": ["sh", "-c", script]}, **more}


def run_id(fleet: Fleet, job_id: str) -> str:
    return str(fleet.runs(job_id)[-1]["id"])


@pytest.fixture(scope="module")
def failed(fleet: Fleet) -> str:
    """A job whose task has failed twice, far down in its log."""
    script = "seq 1 900; echo 'ValueError: no triangles'; echo cleaning up; exit 3"
    job_id = fleet.submit([command("mesh", script, limitations={"maxAttempts": 2})], "broken part")
    fleet.ended(job_id)
    return job_id


@pytest.fixture(scope="module")
def long_log(fleet: Fleet) -> str:
    script = f"seq -f 'line %.0f of many' 1 {LINES - 1}; printf '\\033[32m<b>green</b> needle\\033[0m\\n'"
    job_id = fleet.submit([command("talk", script)], "long log")
    fleet.ended(job_id)
    return run_id(fleet, job_id)


def test_a_failure_is_followed_down_to_its_line(page: Page, fleet: Fleet, failed: str) -> None:
    page.goto(f"/jobs/{failed}/tasks")
    page.get_by_role("link", name="mesh").click()
    page.wait_for_url("**/tasks/*")  # loaded whole: keys are listened to after the words are there
    expect(page.locator("#outcome")).to_contain_text("exit code 3")
    expect(page.locator("#tail")).to_contain_text("no triangles")
    page.keyboard.press("[")
    page.wait_for_url("**/runs/*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("attempt 1")
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1)).to_contain_text("attempt 2")
    page.get_by_role("link", name="All of the log").click()
    expect(page.locator(ROW.format(902))).to_be_visible()  # of a failure the end is shown
    page.keyboard.press("!")
    expect(page.locator(f"{ROW.format(901)}.chosen")).to_contain_text("ValueError")
    assert page.url.endswith("#L901")
    page.reload()
    expect(page.locator(f"{ROW.format(901)}.chosen")).to_be_in_viewport()


def test_a_long_log_scrolls_and_is_searched(page: Page, long_log: str) -> None:
    page.goto(f"/runs/{long_log}/log")
    viewer = page.locator(".viewer")
    expect(page.locator(".log-bar .count")).to_have_text(f"{LINES:,} lines")
    expect(page.locator(ROW.format(1))).to_be_in_viewport()
    frames = page.evaluate(
        """async () => {
            const viewer = document.querySelector(".viewer");
            const gaps = [];
            let before = performance.now();
            for (let step = 0; step < 60; step++) {
                viewer.scrollTop += 700;
                await new Promise(requestAnimationFrame);
                gaps.push(performance.now() - before);
                before = performance.now();
            }
            return gaps.sort((one, other) => one - other);
        }"""
    )
    assert frames[30] < 100, frames  # half of the steps at ten frames a second, on the slowest machine of all
    assert page.locator(".viewer li").count() < 3000  # of 100,000 only those near
    viewer.evaluate("viewer => { viewer.scrollTop = viewer.scrollHeight; }")
    expect(page.locator(ROW.format(LINES))).to_contain_text("<b>green</b> needle")
    expect(page.locator(f"{ROW.format(LINES)} .a-green")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("line 77777 of")
    page.keyboard.press("Enter")
    expect(page.locator(f"{ROW.format(77777)}.hit")).to_be_in_viewport()
    expect(page.locator(f"{ROW.format(77777)} mark")).to_have_text("line 77777 of")
    assert "find=line+77777+of" in page.url


def test_matches_are_walked_through_and_round_the_end(page: Page, long_log: str) -> None:
    page.goto(f"/runs/{long_log}/log?find=NEEDLE")
    expect(page.locator(f"{ROW.format(LINES)}.hit")).to_be_in_viewport()
    page.get_by_label("Find").fill("line 5000")
    page.keyboard.press("Enter")
    viewer = page.locator(".viewer")
    expect(page.locator(f"{ROW.format(5000)}.hit")).to_be_in_viewport()
    viewer.focus()
    page.keyboard.press("n")
    expect(page.locator(f"{ROW.format(50000)}.hit")).to_be_in_viewport()
    page.keyboard.press("N")
    page.keyboard.press("N")
    expect(page.locator(f"{ROW.format(50009)}.hit")).to_be_in_viewport()
    expect(page.locator(".log-bar output")).to_contain_text("round the end")
    page.get_by_label("Aa").check()
    page.get_by_label("Find").fill("NEEDLE")
    page.keyboard.press("Enter")
    expect(page.locator(".log-bar output")).to_have_text("No line has it.")


def test_lines_are_linked_to_and_chosen(page: Page, long_log: str) -> None:
    page.goto(f"/runs/{long_log}/log#L40120-L40140")
    expect(page.locator(".viewer li.chosen")).to_have_count(21)
    expect(page.locator(ROW.format(40120))).to_be_in_viewport()
    page.locator(f"{ROW.format(40125)} a").click()
    assert page.url.endswith("#L40125")
    page.locator(f"{ROW.format(40128)} a").click(modifiers=["Shift"])
    assert page.url.endswith("#L40125-L40128")
    expect(page.locator(".viewer li.chosen")).to_have_count(4)
    page.keyboard.press("t")
    expect(page.locator(f"{ROW.format(40125)} .when")).to_have_text(re.compile(r"^\+\d+:\d\d\.\d\d$"))
    page.keyboard.press("w")
    expect(page.locator(".viewer.unwrapped")).to_have_count(1)
    assert "times=relative" in page.url
    assert "wrap=0" in page.url


def test_a_log_is_followed_until_one_scrolls_up(page: Page, fleet: Fleet, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"seq 1 200; until [ -e {gate} ]; do echo tick; sleep 0.1; done; echo the end"
    job_id = fleet.submit([command("writes", script)], "still writing")
    page.goto(f"/jobs/{job_id}/tasks")
    page.get_by_role("link", name="writes").click()
    page.get_by_role("link", name="Log", exact=True).click()
    count = page.locator(".log-bar .count")
    expect(count).to_contain_text("following")
    expect(page.locator(".viewer li").last).to_have_text(re.compile("tick"))
    page.locator(".viewer").hover()
    page.mouse.wheel(0, -1500)
    resume = page.locator(".log-more")
    expect(resume).to_contain_text("Resume")
    top = page.locator(".viewer").evaluate("viewer => viewer.scrollTop")
    expect(resume).to_contain_text("new lines")
    assert page.locator(".viewer").evaluate("viewer => viewer.scrollTop") == top
    resume.click()
    expect(count).to_contain_text("following")
    gate.touch()
    expect(page.locator(".viewer li").last).to_contain_text("the end")
    expect(page.locator(".viewer li").last).to_be_in_viewport()
    expect(resume).not_to_be_visible()


def test_a_node_is_drained_and_undrained(page: Page, fleet: Fleet) -> None:
    page.goto("/fleet")
    name = fleet.client.get("/v1/nodes")["items"][0]["name"]
    row = page.locator("tr[data-row]").filter(has=page.get_by_role("link", name=name))
    row.get_by_text("Drain…").click()
    expect(row.locator(".pop")).to_contain_text("takes nothing new")
    row.get_by_role("button", name="Drain it").click()
    expect(page.locator(".said")).to_contain_text("takes nothing new")
    expect(row).to_contain_text("draining")
    row.get_by_role("link", name=name).click()
    expect(page.locator("#could")).to_contain_text("it is draining")
    page.get_by_role("button", name="Undrain").click()
    expect(page.locator("h1 + .state")).to_have_text("online", timeout=10_000)


def test_a_token_is_made_used_and_revoked(page: Page, fleet: Fleet) -> None:
    page.goto("/tokens")
    page.get_by_label("For whom or what").fill("build server")
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Make the token").click()
    text = page.locator("#made pre").first.inner_text()
    assert re.fullmatch(r"fl_\w{8}_[\w-]{43}", text)
    page.goto("/tokens")
    expect(page.locator("main")).not_to_contain_text(text)
    row = page.locator("tr[data-row]").filter(has_text="build server")
    row.get_by_text("Revoke…").click()
    expect(row.locator("details[open] .pop")).to_contain_text("is refused within seconds, for good")
    row.get_by_role("button", name="Revoke it").click()
    expect(page.locator(".said")).to_contain_text("Revoked")
    expect(row).to_have_count(0)


def test_pages_are_gone_to_by_key(page: Page) -> None:
    for letter, address in {
        "f": "fleet",
        "q": "queues",
        "a": "attention",
        "e": "events",
        "d": "docs",
        "h": "health",
        "t": "tokens",
        "s": "secrets",
    }.items():
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(f"**/{address}")
    page.goto("/docs")
    page.get_by_role("link", name="Submit a job, or only plan it").click()
    expect(page.locator("#submit_job")).to_be_visible()
    expect(page.locator("#submit_job")).to_contain_text("Idempotency-Key")


@pytest.fixture(scope="module")
def screens(fleet: Fleet, failed: str, long_log: str) -> Mapping[str, str]:
    inner = {"executor": "python", "payload": {"callable": "noop"}}
    mapped = {"name": "many", "type": "map", "values": {"source": [1, 2, 3]}, "task": inner}
    busy = command("busy", "echo hi; sleep 2", requirements={"cpu": 2, "memory": 512})
    job_id = fleet.submit([mapped, busy], "kinds")
    fleet.ended(job_id)
    tasks = fleet.tasks(job_id)
    node_id = fleet.client.get("/v1/nodes")["items"][0]["id"]
    fleet.client.put("/v1/secrets/SHOWN", {"value": "not this"})
    return {
        "failed task": f"/tasks/{fleet.tasks(failed)['mesh']['id']}",
        "plots": f"/tasks/{tasks['busy']['id']}",
        "map": f"/tasks/{tasks['many']['id']}",
        "run": f"/runs/{run_id(fleet, failed)}",
        "log": f"/runs/{run_id(fleet, failed)}/log?times=relative#L901",
        "lines found": f"/runs/{long_log}/log?stream=stdout&q=needle",
        "job's log": f"/jobs/{failed}/log",
        "fleet": "/fleet",
        "node": f"/nodes/{node_id}",
        "queues": "/queues",
        "attention": "/attention",
        "events": "/events",
        "audit": "/audit",
        "tokens": "/tokens",
        "secrets": "/secrets",
        "docs": "/docs/flow",
        "health": "/health",
    }


def violations(page: Page, rules: str) -> list[Any]:
    outcome = page.evaluate(f"axe.run({rules})")
    return [
        (each["id"], each["help"], [node["target"] for node in each["nodes"]][:3])
        for each in outcome["violations"]
        if each["impact"] in GRAVE
    ]


def test_every_page_is_for_everybody_in_both_colours_and_on_a_phone(page: Page, screens: Mapping[str, str]) -> None:
    found = []
    for name, address in screens.items():
        page.goto(address)
        if name == "log":
            page.wait_for_selector(f"{ROW.format(901)}.chosen")
        if name == "docs":
            page.evaluate("document.querySelector('details.operation').open = true")
        page.evaluate(AXE.read_text())
        found += [(name, "light", *each) for each in violations(page, "{ resultTypes: ['violations'] }")]
        page.emulate_media(color_scheme="dark")
        found += [(name, "dark", *each) for each in violations(page, "{ runOnly: ['color-contrast'] }")]
        page.emulate_media(color_scheme="light")
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append((name, f"wider than {width}"))
    assert found == []


def test_reading_needs_no_script(chromium: Browser, fleet: Fleet, screens: Mapping[str, str], long_log: str) -> None:
    shown = {
        "failed task": "no triangles",
        "plots": "asked for 2 cpu",
        "map": "3 values",
        "log": "cleaning up",
        "docs": "POST",
    }
    with chromium.new_context(base_url=fleet.url, java_script_enabled=False) as context:
        window = context.new_page()
        window.goto(fleet.client.post("/ui/link")["path"])
        for name, address in screens.items():
            window.goto(address)
            expect(window.locator("h1")).to_have_count(1)
            if name in shown and name != "log":
                expect(window.locator("main")).to_contain_text(shown[name])
        window.goto(f"/runs/{long_log}/log")
        window.get_by_role("link", name="Last lines").click()
        expect(window.locator("main")).to_contain_text("needle")
