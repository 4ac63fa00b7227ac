"""The dashboard's own files: small, kept by browsers, and nobody else's. And the words for values."""

import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest

from app.ui import words
from app.ui.assets import Files
from app.wire.states import JobState, NodeState, RunState, TaskState
from tests.ui.site import Site

BUDGET = 150_000
VENDORED = {
    "axe-4.14.1.min.js": "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
}


def test_all_scripts_together_are_small() -> None:
    sizes = Files().packed_sizes()
    assert sum(size for path, size in sizes.items() if path.endswith((".js", ".mjs"))) < BUDGET
    assert {f"icons/{tone}.svg" for tone in {*words.TONES.values(), "flotilla"}} <= set(sizes)


def test_a_file_is_kept_for_ever_and_its_address_changes_with_it(shared: Site) -> None:
    page = shared.stranger().read("/login")
    script = page.all("script")[0]["src"]
    client = shared.app.test_client()
    plain, packed = client.get(script), client.get(script, headers={"Accept-Encoding": "gzip"})
    assert plain.content_type == "text/javascript; charset=utf-8"
    assert "immutable" in plain.headers["Cache-Control"]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data)
    again = client.get(script, headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(re.sub(r"static/\w+/", "static/0123/", script)).status_code == 404
    for path in ("../pages.py", "..%2f..%2fpages.py", "js/../../pages.py", ""):
        assert client.get(script.rpartition("/js/")[0] + "/" + path).status_code == 404


def test_scripts_ask_for_nothing_outside_and_write_no_markup() -> None:
    folder = resources.files("app.ui") / "static" / "js"
    scripts = list(Path(str(folder)).rglob("*.mjs"))
    assert scripts
    for script in scripts:
        text = script.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            script
        )
        assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}, script


def test_what_is_not_ours_is_as_it_was_published() -> None:
    folder = Path(__file__).parent / "vendor"
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.js")}
    assert found == VENDORED
    assert (folder / "LICENSE.axe-core.txt").exists()


def test_every_state_has_a_look() -> None:
    states = {state.value for kind in (JobState, TaskState, RunState, NodeState) for state in kind}
    assert states <= set(words.TONES)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ms"),
        (12_400, "12 ms"),
        (4_200_000, "4.2 s"),
        (187_000_000, "3m 07s"),
        (3_720_000_000, "1h 02m"),
        (180_000_000_000, "2d 02h"),
    ],
)
def test_durations(value: int, text: str) -> None:
    assert words.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (256 << 20, "256 MiB"), (5 << 50, "5120 TiB")]
)
def test_sizes(value: int, text: str) -> None:
    assert words.size(value) == text


def test_how_long_ago() -> None:
    second = 1_000_000
    said = [words.ago(0, seconds * second) for seconds in (0, 30, 90, 7200, 200_000)]
    assert said == ["just now", "30 s ago", "1 min ago", "2 h ago", "2 d ago"]
    assert [words.ago(seconds * second, 0) for seconds in (3, 30, 200_000)] == ["just now", "in 30 s", "in 2 d"]
