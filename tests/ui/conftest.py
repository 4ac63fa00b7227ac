"""A site without a browser for most tests; for the journeys one browser and one `flotilla up` for all of them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import missing
from tests.e2e.fleet import Fleet
from tests.servers import ServerMissingError
from tests.ui.site import Site, make_site

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    yield made
    made.core.store.close()
    made.broker.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for a module whose tests do not mind each other's jobs."""
    made = make_site(tmp_path_factory.mktemp("site"))
    yield made
    made.core.store.close()
    made.broker.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        missing(ServerMissingError(f"no browser: none of {', '.join(CHROMIUM)} is on PATH (apt-get install chromium)"))
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("ui") / "data", "--cpus", "4", "--memory", "2048", "--nodes", "1")
    yield made.start()
    made.remove()


@pytest.fixture
def page(chromium: Browser, fleet: Fleet) -> Iterator[Page]:
    """A window that is logged in. A fault on the console, a violated policy or a request elsewhere fails the test."""
    context = chromium.new_context(base_url=fleet.url, viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    window = context.new_page()
    wrong: list[str] = []
    window.on("console", lambda said: said.type in ("error", "warning") and wrong.append(said.text))
    window.on("pageerror", lambda error: wrong.append(str(error)))
    window.on("request", lambda asked: asked.url.startswith((fleet.url, "data:", "blob:")) or wrong.append(asked.url))
    window.goto(fleet.client.post("/ui/link")["path"])
    yield window
    context.close()
    expected = getattr(window, "expected_faults", ())
    assert [text for text in wrong if not any(part in text for part in expected)] == []
