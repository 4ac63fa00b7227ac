"""The report of a census: three files, and a summary that fits in a result."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.demo.test_census import Told
from worker.demo import census, report

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def found() -> census.Census:
    shards = census.list_modules(shards=40)
    return census.measure(Told(), [*shards["shard-000"], *shards["shard-001"]])["census"]


def test_it_writes_a_page_a_picture_and_a_document(found: census.Census, tmp_path: Path) -> None:
    told = Told()
    summary = report.write(told, found, str(tmp_path / "new" / "report"))
    folder = tmp_path / "new" / "report"
    assert sorted(path.name for path in folder.iterdir()) == ["census.json", "census.png", "report.html"]
    assert (folder / "census.png").read_bytes().startswith(b"\x89PNG")
    assert summary["report"] == str(folder / "report.html")
    assert summary["files"] == found["files"]
    assert len(json.dumps(summary)) < 256 << 10
    assert told.percents[-1] == 100
    assert json.loads((folder / "census.json").read_text())["census"] == found


def test_the_page_stands_alone_and_shows_names_as_text(found: census.Census) -> None:
    hostile = [{"name": "<script>x</script>", "complexity": 3, "lines": 1}]
    page = report.page(found | {"tangles": hostile}, b"png")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    seen = Seen()
    seen.feed(page)
    assert seen.title.startswith("Census of the Python")
    assert all(source.startswith("data:") for source in seen.sources)


def test_a_folder_that_is_not_absolute_is_refused(found: census.Census) -> None:
    with pytest.raises(ValueError, match="absolute"):
        report.write(Told(), found, "report")


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title"
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title, self._in_title = data, False
