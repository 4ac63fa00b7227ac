"""What people do with a log in a browser: fold its groups, find by a pattern, and come to no harm by a bad one."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.fleet import Fleet
from tests.ui.test_journeys_detail import ROW, command, run_id

SCRIPT = r"""
echo start
for group in 1 2 3; do
  echo "::group::Step $group"
  seq -f "step $group line %.0f" 1 400
  echo "::endgroup::"
done
printf 'section_start:1560896352:build\r\033[0KBuild it\n'
echo "compile a.c"
echo "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"
printf 'section_end:1560896353:build\r\033[0K\n'
echo end
"""
LAST = 1 + 3 * 402 + 4 + 1


@pytest.fixture(scope="module")
def grouped(fleet: Fleet) -> str:
    job_id = fleet.submit([command("steps", SCRIPT)], "log with groups")
    fleet.ended(job_id)
    return run_id(fleet, job_id)


def test_groups_are_folded_and_open_for_what_is_looked_for(page: Page, grouped: str) -> None:
    page.goto(f"/runs/{grouped}/log")
    first = page.locator(ROW.format(2)).locator(".fold")
    expect(first).to_have_text("▾ Step 1")
    first.click()
    expect(first).to_have_text("▸ Step 1 400 lines")
    expect(first).to_have_attribute("aria-expanded", "false")
    expect(page.locator(ROW.format(3))).to_have_count(0)
    expect(page.locator(ROW.format(404))).to_be_in_viewport()  # the next group begins right below
    assert page.url.endswith("fold=2")
    page.reload()
    expect(page.locator(ROW.format(404))).to_be_in_viewport()
    page.locator(".viewer").focus()
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(page.locator(".viewer li")).to_have_count(6)
    expect(page.locator(".viewer .fold")).to_contain_text(["Step 1", "Step 2", "Step 3", "Build it"])
    assert page.url.endswith("fold=all")
    page.locator(".viewer .fold").nth(3).press("Enter")
    expect(page.locator(".viewer li")).to_have_count(6 + 3)
    page.get_by_label("Find").fill("step 2 line 399")
    page.keyboard.press("Enter")
    expect(page.locator(f"{ROW.format(404 + 399)}.hit")).to_be_in_viewport()
    expect(page.locator(ROW.format(3))).to_have_count(0)  # others stay folded
    page.goto(f"/runs/{grouped}/log?fold=all#L{LAST}")
    expect(page.locator(f"{ROW.format(LAST)}.chosen")).to_be_in_viewport()


def test_a_pattern_is_found_and_walked_through(page: Page, grouped: str) -> None:
    page.goto(f"/runs/{grouped}/log?fold=all")
    page.get_by_label("Find").fill(r"STEP (2|3) line 3\d9$")
    page.locator("input[name=pattern]").check()
    page.keyboard.press("Enter")
    said = page.locator(".log-bar output")
    expect(page.locator(f"{ROW.format(404 + 309)}.hit mark")).to_have_text("step 2 line 309")
    page.locator(".viewer").focus()
    page.keyboard.press("N")
    expect(page.locator(f"{ROW.format(806 + 399)}.hit")).to_be_in_viewport()
    expect(said).to_contain_text("round the end")
    page.keyboard.press("n")
    expect(page.locator(f"{ROW.format(404 + 309)}.hit")).to_be_in_viewport()
    page.reload()
    expect(page.locator(f"{ROW.format(404 + 309)}.hit")).to_be_in_viewport()
    page.get_by_label("Aa").check()
    page.get_by_label("Find").press("Enter")
    expect(said).to_have_text("No line has it.")
    page.get_by_label("Find").fill("(unclosed")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("That is no regular expression")
    page.get_by_label("Only").select_option("stderr")
    page.get_by_label("Find").fill("line")
    page.get_by_label("Find").press("Enter")
    expect(said).to_have_text("No line has it.")


def test_a_pattern_that_never_ends_is_given_up_and_the_page_stays_alive(page: Page, grouped: str) -> None:
    page.goto(f"/runs/{grouped}/log")
    page.get_by_label("Find").fill("^(a+)+$")
    page.locator("input[name=pattern]").check()
    page.keyboard.press("Enter")
    assert page.evaluate("1 + 1") == 2  # this page's own thread is free
    expect(page.locator(".log-bar output")).to_contain_text("takes too long", timeout=10_000)
    page.get_by_label("Find").fill("compile")
    page.keyboard.press("Enter")
    expect(page.locator(f"{ROW.format(LAST - 3)}.hit")).to_be_in_viewport()
