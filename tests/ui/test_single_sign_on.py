"""Coming in through an identity provider: what makes a session, what does not, and what is said of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from app.adapters.oidc import OidcProvider
from app.domain.admission import AdmissionRules
from app.ports.people import Entry
from app.ports.records import Page
from app.rest.context import TRAIL
from app.services import access, audit, organizations, single_sign_on, tokens
from tests.identity_provider import BOB, CLIENT, SECRET, IdentityProvider
from tests.ui.site import HTML, OTHER_ORG, Browser, Html, Site, make_site

BACK = "http://localhost/login/oidc/callback"


@dataclass(kw_only=True)
class Door:
    """A site that people come into through a provider."""

    site: Site
    provider: IdentityProvider

    def rules(self, **rules: Any) -> None:
        object.__setattr__(self.site.core, "admission", AdmissionRules(**rules))

    def begin(self, browser: Browser, to: str = "/jobs") -> dict[str, str]:
        """What the provider is asked for."""
        answer = browser.get(f"/login/oidc?next={to}")
        assert answer.status_code == 303, answer.text
        assert answer.location.startswith(f"{self.provider.issuer}/authorize?")
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}

    def come(self, who: str = "ann", browser: Browser | None = None, **instead: str) -> TestResponse:
        browser = browser or self.site.stranger()
        asked = self.begin(browser)
        told = {"code": self.provider.code(who, asked), "state": asked["state"], **instead}
        return browser.client.get("/login/oidc/callback", query_string=told, headers=HTML)

    def enter(self, who: str = "ann") -> Browser:
        browser = self.site.stranger()
        answer = self.come(who, browser)
        assert (answer.status_code, answer.location) == (303, "/jobs"), Html(answer.text).words
        browser.mark = browser.read("/jobs").values["csrf"]
        return browser

    def audit(self) -> list[Entry]:
        self.site.app.extensions[TRAIL].flush()
        return audit.listing(self.site.core, self.site.admin, Page(limit=20))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    site, provider = make_site(tmp_path), IdentityProvider()
    organizations.ensure_home(site.core)
    object.__setattr__(
        site.core, "provider", OidcProvider(provider.issuer, client_id=CLIENT, client_secret=SECRET, name="Example ID")
    )
    yield Door(site=site, provider=provider)
    provider.close()
    site.core.store.close()
    site.broker.close()


def refused(answer: TestResponse, status: int, *words: str) -> None:
    page = Html(answer.text)
    assert answer.status_code == status, page.words
    assert not any(cookie.startswith("flotilla_session") for cookie in answer.headers.getlist("Set-Cookie"))
    alert = page.words.partition("Or with a token")[0]
    assert all(word in alert for word in words), alert
    assert "Sign in with Example ID" in page.words


def test_the_button_is_there_where_a_provider_is_set(door: Door, shared: Site) -> None:
    page = door.site.stranger().read("/login?next=/jobs?state=failed")
    assert "Sign in with Example ID" in page.words
    assert "/login/oidc?next=/jobs%3Fstate%3Dfailed" in page.links
    assert "Sign in with" not in shared.stranger().read("/login").words
    assert shared.stranger().get("/login/oidc").status_code == 404
    assert door.provider.asked == []


def test_who_logs_in_there_comes_in_as_a_user_of_his_own(door: Door) -> None:
    browser = door.enter()
    page = browser.read("/jobs")
    assert "ann@example.org" in page.words
    assert "read only" in page.words
    [user] = organizations.users(door.site.core, door.site.admin)
    assert (user.name, user.role, user.issuer, user.subject) == (
        "ann@example.org", "viewer", door.provider.issuer, "ann-1",
    )  # fmt: skip
    door.enter()
    assert organizations.users(door.site.core, door.site.admin) == [user]
    entry = next(one for one in door.audit() if one.route == "/login/oidc/callback")
    assert (entry.who, entry.status, entry.resource_id) == (user.name, 303, user.id)


def test_the_first_name_is_nobody_elses_and_stays(door: Door) -> None:
    access.create_token(door.site.core, org_id=access.ORG, name="ann@example.org", role="admin")
    assert "ann@example.org (ann-1)" in door.enter().read("/jobs").words
    door.provider.people = {"ann": {**door.provider.people["ann"], "email": "new@example.org"}}
    assert "ann@example.org (ann-1)" in door.enter().read("/jobs").words
    door.provider.people = {"ann": {**door.provider.people["ann"], "sub": "another", "email_verified": False}}
    assert "Ann" in door.enter().read("/jobs").words


def test_groups_give_roles_at_every_login(door: Door) -> None:
    door.rules(roles=(("ops", "admin"), ("staff", "member")), default_role="")
    browser = door.enter()
    assert browser.get("/tokens").status_code == 200
    door.provider.people = {"ann": {**door.provider.people["ann"], "groups": ["staff"]}}
    door.enter()
    assert browser.get("/tokens").status_code == 403
    door.provider.people = {"ann": {**door.provider.people["ann"], "groups": []}}
    refused(door.come(), 403, "No role here is meant for your account ann@example.org")


def test_without_groups_a_role_is_given_here_and_stays(door: Door) -> None:
    browser = door.enter()
    [user] = organizations.users(door.site.core, door.site.admin)
    organizations.change_user(door.site.core, door.site.admin, user.id, role="admin")
    assert door.enter().get("/tokens").status_code == 200
    assert browser.get("/tokens").status_code == 200, "his other browser follows"


def test_an_organization_is_named_by_a_claim(door: Door) -> None:
    door.rules(organization_claim="tenant.name")
    refused(door.come(), 403, "The provider names none of the organizations here")
    door.provider.lie = {"tenant": {"name": "acme"}}
    refused(door.come(), 403, "into an organization that is not here")
    system = access.Principal(org_id=access.ORG, name="up", role="admin", scopes=(access.SYSTEM,))
    acme = organizations.create(door.site.core, system, "acme")
    door.site.submit(name="ours")
    assert "ours" not in door.enter().read("/jobs").words
    assert [user.name for user in door.site.core.store.read(lambda tx: tx.users(acme.id))] == ["ann@example.org"]
    assert organizations.users(door.site.core, door.site.admin) == []
    door.provider.lie = {"tenant": {"name": ["acme", OTHER_ORG]}}
    refused(door.come(), 403, "several")


def test_domains_and_groups_keep_others_out(door: Door) -> None:
    door.rules(domains=("Example.org",), groups=("staff",))
    door.enter()
    refused(door.come("bob"), 403, "Accounts of elsewhere.example are not let in here")
    door.provider.people = {"bob": {**BOB, "email": "bob@example.org"}}
    refused(door.come("bob"), 403, "is in none of the groups that are let in")
    door.provider.people = {"bob": {**BOB, "email": "bob@example.org", "email_verified": False}}
    refused(door.come("bob"), 403, "vouches for no e-mail address")
    assert len(organizations.users(door.site.core, door.site.admin)) == 1
    assert [(one.status, one.route) for one in door.audit() if one.status >= 400] == [(401, "/login/oidc/callback")] * 3


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 1_000_000_000}, "it has expired"),
        ({"nbf": 4_000_000_000}, "it is not good yet"),
        ({"aud": "somebody-else"}, "meant for somebody else"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "to another program"),
        ({"iss": "https://evil.example"}, "another provider"),
        ({"nonce": "another"}, "belongs to another login"),
        ({"sub": ""}, "does not say whose"),
    ],
)
def test_an_id_token_that_is_not_for_this_login_is_none(door: Door, claims: dict[str, Any], words: str) -> None:
    door.provider.claims = lambda *_, **more: {  # type: ignore[method-assign]
        **IdentityProvider.claims(door.provider, *_, **more), **claims,
    }  # fmt: skip
    refused(door.come(), 401, "Example ID did not prove who you are", words)
    assert organizations.users(door.site.core, door.site.admin) == []


def test_a_login_is_this_browser_s_own(door: Door) -> None:
    begun = door.site.stranger()
    asked = door.begin(begun)
    told = {"code": door.provider.code("ann", asked), "state": asked["state"]}
    elsewhere = door.site.stranger()
    answer = elsewhere.client.get("/login/oidc/callback", query_string=told, headers=HTML)
    refused(answer, 401, "not begun in this browser")
    refused(door.come(state="another"), 401, "belongs to another login")
    refused(again := door.come(iss="https://evil.example"), 401, "from another provider")
    assert "/login/oidc?next=/jobs" in Html(again.text).links, "the next try leads to where he wanted"
    assert begun.client.get("/login/oidc/callback", query_string=told, headers=HTML).location == "/jobs"
    refused(begun.client.get("/login/oidc/callback", query_string=told, headers=HTML), 401, "not begun")


def test_a_code_is_good_once_with_its_verifier_and_address(door: Door) -> None:
    refused(door.come(code="made-up"), 401, "refused the code of this login (invalid_grant)")
    refused(door.come(code=""), 401, "sent no code")
    browser = door.site.stranger()
    asked = door.begin(browser)
    assert (asked["redirect_uri"], asked["code_challenge_method"]) == (BACK, "S256")
    stolen = door.provider.code("ann", {**asked, "code_challenge": "another"})
    told = {"code": stolen, "state": asked["state"]}
    refused(browser.client.get("/login/oidc/callback", query_string=told, headers=HTML), 401, "invalid_grant")
    door.provider.answer = {"access_token": "x", "token_type": "Bearer"}
    refused(door.come(), 401, "it sent no ID token")


def test_what_the_provider_says_is_told_as_text(door: Door) -> None:
    asked = {"error": "access_denied", "error_description": "<script>alert(1)</script>" * 50}
    answer = door.come(**asked)
    refused(answer, 401, "Example ID did not log you in: access_denied <script>")
    assert "<script>alert" not in answer.text


def test_a_provider_that_is_away_or_odd_is_told_in_words(door: Door) -> None:
    door.provider.description = {"issuer": "https://other.example"}
    refused(door.site.stranger().get("/login/oidc"), 503, "FLOTILLA_OIDC_ISSUER must be just that")
    door.provider.description = {"authorization_endpoint": "ftp://x"}
    refused(door.site.stranger().get("/login/oidc"), 503, "names no authorization_endpoint")


def test_a_provider_that_does_not_answer_is_told_in_words(door: Door) -> None:
    browser = door.site.stranger()
    asked = door.begin(browser)
    door.provider.close()
    told = {"code": "x", "state": asked["state"]}
    answer = browser.client.get("/login/oidc/callback", query_string=told, headers=HTML)
    refused(answer, 503, "The identity provider 127.0.0.1 does not answer")


def test_off_loopback_the_provider_sends_back_to_https(door: Door) -> None:
    answer = door.site.app.test_client().get("/login/oidc", headers=HTML | {"Host": "flotilla.example"})
    assert "redirect_uri=https%3A%2F%2Fflotilla.example%2Flogin%2Foidc%2Fcallback" in answer.location
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-flotilla_login=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_it_leads_back_to_this_site_alone(door: Door) -> None:
    browser = door.site.stranger()
    asked = door.begin(browser, "//evil.example/")
    told = {"code": door.provider.code("ann", asked), "state": asked["state"]}
    assert browser.client.get("/login/oidc/callback", query_string=told, headers=HTML).location == "/"


def test_who_logs_out_is_shown_the_way_out_of_the_provider(door: Door) -> None:
    browser = door.enter()
    answer = browser.post("/logout")
    page = browser.read(answer.location)
    assert any(link.startswith(f"{door.provider.issuer}/logout?client_id=flotilla") for link in page.links)
    assert browser.get("/jobs").status_code == 303


def test_a_user_or_his_logins_are_ended_from_here(door: Door) -> None:
    browser = door.enter()
    [login] = [one for one in tokens.listing(door.site.core, door.site.admin) if single_sign_on.is_login(one)]
    tokens.revoke(door.site.core, door.site.admin, login.id)
    assert browser.get("/jobs").status_code == 303
    other = door.enter()
    assert browser.get("/jobs").status_code == 303, "no session from before is good again"
    [user] = organizations.users(door.site.core, door.site.admin)
    organizations.revoke_user(door.site.core, door.site.admin, user.id)
    assert other.get("/jobs").status_code == 303
    refused(door.come(), 403, "was revoked here")
