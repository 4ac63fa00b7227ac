"""Secrets in the dashboard: set, replaced, deleted, and never shown; and in a browser with and without scripts."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.rest.context import TRAIL
from app.services import secrets
from tests.e2e.fleet import Fleet
from tests.ui.site import Html, Site

VALUE = "s3cret-hunter2"


def value_of(site: Site, name: str) -> str:
    opened = site.core.store.read(lambda tx: tx.sealed(site.admin.org_id, [name]))
    assert site.core.vault
    return site.core.vault.open(opened[name], f"{site.admin.org_id}/{name}")


def test_a_secret_is_stored_replaced_and_deleted_and_never_shown(site: Site) -> None:
    browser = site.browser()
    taught = browser.read("/secrets")
    assert "No secret yet" in taught.words
    assert "flotilla secrets set API_KEY" in taught.words
    assert "${{ secrets.API_KEY }}" in taught.words
    assert browser.post("/ui/secrets", name="API_KEY", value=VALUE).location == "/secrets"
    page = browser.read("/secrets")
    assert "Stored API_KEY" in page.words
    assert "never" in page.words
    assert VALUE not in page.source
    browser.post("/ui/secrets", name="API_KEY", value="-----BEGIN\r\nabc\r\n-----END\r\n")
    assert "Replaced API_KEY" in browser.read("/secrets").words
    assert value_of(site, "API_KEY") == "-----BEGIN\nabc\n-----END"
    assert "${{ secrets.API_KEY }}" in browser.read("/secrets").words
    assert browser.post("/ui/secrets/API_KEY/delete").location == "/secrets"
    assert secrets.listing(site.core, site.admin) == []
    assert browser.post("/ui/secrets/API_KEY/delete").status_code == 404


@pytest.mark.parametrize(("name", "value"), [("A-B", VALUE), ("", VALUE), ("A", "abc"), ("A", VALUE + "\0")])
def test_what_is_no_secret_is_refused_and_its_value_not_repeated(site: Site, name: str, value: str) -> None:
    site.browser().post("/ui/secrets", name="THERE", value="another")
    answer = site.browser().post("/ui/secrets", name=name, value=value)
    page = Html(answer.text)
    assert answer.status_code == 422
    assert "alert" in [given.get("role") for given in page.all("p")]
    assert VALUE not in answer.text
    assert [given["value"] for given in page.all("input") if given.get("id") == "name"] == [name]
    assert "just now" in page.words
    assert answer.headers["X-Request-Id"] in page.words
    assert [one.name for one in secrets.listing(site.core, site.admin)] == ["THERE"]


def test_it_is_in_the_menu_of_those_who_may(site: Site) -> None:
    assert "/secrets" in site.browser().read("/jobs").links
    for role in ("viewer", "member", "curator"):
        assert "/secrets" not in site.browser(role).read("/jobs").links
        assert site.browser(role).get("/secrets").status_code == 403
        assert site.browser(role).post("/ui/secrets", name="A", value=VALUE).status_code == 403
    assert site.browser().post("/ui/secrets", csrf="", name="A", value=VALUE).status_code == 403
    site.browser().post("/ui/secrets", name="MINE", value=VALUE)
    assert "MINE" not in site.browser("foreign").read("/secrets").words
    assert site.browser("foreign").post("/ui/secrets/MINE/delete").status_code == 404


def test_who_has_used_it_and_who_has_set_it_is_said(site: Site) -> None:
    browser = site.browser()
    browser.post("/ui/secrets", name="KEY", value=VALUE)
    site.core.store.write(lambda tx: tx.note_secret_uses([(site.admin.org_id, "KEY")], 0))
    words = browser.read("/secrets").words
    assert "A run was given it just now" in words
    assert "never" not in words
    site.app.extensions[TRAIL].flush()
    audit = browser.read("/audit?about=KEY").words
    assert "POST /ui/secrets KEY" in audit
    assert VALUE not in audit


def test_without_a_key_the_page_says_what_to_do(site: Site) -> None:
    object.__setattr__(site.core, "vault", None)
    page = site.browser().read("/secrets")
    assert "FLOTILLA_SECRETS_KEY_FILE" in page.words
    assert "Store one" not in page.words
    assert site.browser().post("/ui/secrets", name="A", value=VALUE).status_code == 409


def test_a_secret_set_in_a_browser_reaches_its_task(
    page: Page, chromium: Browser, fleet: Fleet, tmp_path: Path
) -> None:
    page.goto("/")
    page.get_by_role("link", name="Secrets").click()
    page.get_by_label("Name", exact=True).fill("GREETING")
    page.locator("#set").get_by_label("Value").fill("good\nmorning")
    page.get_by_role("button", name="Store it").click()
    expect(page.locator(".said")).to_contain_text("Stored GREETING")
    out = tmp_path / "out"
    script = f'printf %s "$GREETING" > {out}'
    job_id = fleet.submit(
        [
            {
                "name": "greet",
                "executor": "command",
                "payload": {"argv": ["sh", "-c", script], "env": {"GREETING": "${{ secrets.GREETING }}"}},
            }
        ],
        "greet",
    )
    assert fleet.ended(job_id)["state"] == "succeeded"
    assert out.read_text() == "good\nmorning"
    row = page.locator("#s-GREETING")
    expect(row).not_to_contain_text("never", timeout=15_000)
    with chromium.new_context(base_url=fleet.url, java_script_enabled=False) as context:
        window = context.new_page()
        window.goto(fleet.client.post("/ui/link")["path"])
        window.goto("/secrets")
        row = window.locator("#s-GREETING")
        row.get_by_text("Replace…").click()
        row.get_by_label("Value").fill("good night")
        row.get_by_role("button", name="Replace it").click()
        expect(window.locator(".said")).to_contain_text("Replaced GREETING")
        row.get_by_text("Delete…").click()
        expect(row.locator(".pop").last).to_contain_text("A run was given it")
        row.get_by_role("button", name="Delete it").click()
        expect(row).to_have_count(0)


def test_a_hostile_name_never_comes_so_far(site: Site) -> None:
    answer = site.browser().post("/ui/secrets", name="<script>alert(1)</script>", value=VALUE)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
