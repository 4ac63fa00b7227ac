"""Executors of other distributions: one that works is offered and runs, one that is broken is reported and left out."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wire.states import RunState
from tests.worker.conftest import MakeWork
from worker import supervise
from worker.executors.offered import Choices, Offered, offered

CODE = """
import time
from worker.outcome import Outcome, failed
from app.wire.states import RunState


class Shout:
    versions = ("1", "2")
    description = "Says it louder"
    parameters = {"type": "object", "required": ["text"]}

    def __init__(self, home):
        self.home = home

    def run(self, works):
        for work in works:
            yield None
            text = (work.spec.payload or {}).get("text")
            now = time.monotonic()
            work.journal.begin(now)
            if text is None:
                yield work, failed(now, "bad_parameters", "/text: is missing")
            else:
                yield work, Outcome(state=RunState.SUCCEEDED, ended=time.monotonic(), result=text.upper())

    def trim(self, now):
        pass

    def close(self):
        self.home.folder.joinpath("closed").touch()


class Raises:
    def __init__(self, home):
        raise RuntimeError("no license")


class NotOne:
    def __init__(self, home):
        pass
"""
POINTS = """[flotilla.executors]
shout = shouting:Shout
raises = shouting:Raises
not-one = shouting:NotOne
missing = shouting:Nothing
no-module = nowhere:At
command = shouting:Shout
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Offered]:
    site = tmp_path / "site"
    info = site / "shouting-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "shouting.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(site)
    supervise.become_subreaper()
    home = tmp_path / "node"
    (home / "scratch").mkdir(parents=True)
    made = offered(Choices(), mark={}, api_url="http://api", node_id="n", folder=home)
    yield made
    made.close()
    sys.modules.pop("shouting", None)


def test_what_works_is_offered_and_what_does_not_is_reported(
    node: Offered, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    assert set(node.executors) == {"command", "python", "shout", "shout@1", "shout@2"}
    card = next(card for card in node.cards if card.name == "shout")
    assert (card.kind, card.versions, card.description) == ("plugin", ("1", "2"), "Says it louder")
    assert card.parameters["required"] == ["text"]
    reported = [record.getMessage() for record in caplog.get_records("setup") if "left out" in record.getMessage()]
    for name, why in (
        ("raises", "RuntimeError: no license"), ("not-one", "TypeError: shouting:NotOne has no method run"),
        ("missing", "AttributeError"), ("no-module", "ModuleNotFoundError"), ("command", "is taken"),
    ):  # fmt: skip
        (line,) = [line for line in reported if line.startswith(f"the executor {name} of shouting ")]
        assert why in line
    node.close()
    assert (tmp_path / "node" / "plugins" / "shout" / "closed").exists()


def test_it_runs_and_its_failures_are_the_run_s(node: Offered, make_work: MakeWork) -> None:
    works = [make_work("a", {"text": "hello"}), make_work("b", {})]
    done = [finished for finished in node.executors["shout@2"].run(works) if finished is not None]
    assert [outcome.state for _, outcome in done] == [RunState.SUCCEEDED, RunState.FAILED]
    assert done[0][1].result == "HELLO"
