"""Coming in through an identity provider with a real browser, on a whole Flotilla that is set up for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.fleet import Fleet
from tests.identity_provider import CLIENT, SECRET, IdentityProvider
from tests.ui.test_journeys import AXE, GRAVE


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    made = IdentityProvider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def signed_on(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Fleet]:
    folder: Path = tmp_path_factory.mktemp("signed-on")
    secret = folder / "client-secret"
    secret.write_text(SECRET)
    made = Fleet(
        folder / "data",
        "--no-node",
        FLOTILLA_OIDC_ISSUER=provider.issuer,
        FLOTILLA_OIDC_CLIENT_ID=CLIENT,
        FLOTILLA_OIDC_CLIENT_SECRET_FILE=str(secret),
        FLOTILLA_OIDC_NAME="Example ID",
        FLOTILLA_OIDC_ROLES="ops=admin",
        FLOTILLA_OIDC_DEFAULT_ROLE="none",
    )
    yield made.start()
    made.remove()


@pytest.mark.parametrize("script", [True, False])
def test_one_signs_in_is_known_and_signs_out(
    chromium: Browser, signed_on: Fleet, provider: IdentityProvider, script: bool
) -> None:
    with chromium.new_context(base_url=signed_on.url, java_script_enabled=script) as context:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto("/jobs?state=failed")
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.get_by_role("link", name="nobody").click()
        expect(page.get_by_role("alert")).to_contain_text("Example ID did not log you in: access_denied")
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.get_by_role("link", name="bob").click()
        expect(page.get_by_role("alert")).to_contain_text("No role here is meant for your account")
        page.goto("/jobs?state=failed")
        page.get_by_role("link", name="Sign in with Example ID").click()
        provider.rotate()
        page.get_by_role("link", name="ann").click()
        page.wait_for_url("**/jobs?state=failed")
        expect(page.locator(".who")).to_have_text("ann@example.org")
        page.goto("/audit")
        expect(page.locator("main")).to_contain_text("GET /login/oidc/callback")
        page.goto("/tokens")
        row = page.locator("tr", has_text="login of ann@example.org")
        expect(row).to_contain_text("yours")
        expect(row.get_by_text("Renew")).to_have_count(0)
        page.get_by_role("button", name="Log out").click()
        expect(page.locator(".said")).to_have_text("You are logged out here.")
        page.get_by_role("link", name="Log out of Example ID, too").click()
        expect(page.get_by_role("heading", name="Logged out")).to_be_visible()
        page.goto("/jobs")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_login_page_shuts_nobody_out(chromium: Browser, signed_on: Fleet) -> None:
    for scheme in ("light", "dark"):
        with chromium.new_context(base_url=signed_on.url, color_scheme=scheme) as context:
            page = context.new_page()
            for address in ("/login", "/login?out", "/login/oidc/callback"):
                page.goto(address)
                page.evaluate(AXE.read_text())
                found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
                assert [(one["id"], one["help"]) for one in found if one["impact"] in GRAVE] == [], (scheme, address)
