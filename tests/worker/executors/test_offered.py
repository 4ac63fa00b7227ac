"""What a node offers is one table: by name and by name and version, and containers only where an engine answers."""

from pathlib import Path
from typing import Any

import pytest

from app.wire.resources import Resources, Route
from tests.worker.executors import engines
from worker.executors.declared.boxes import DeclaredContainer
from worker.executors.offered import Choices, Offered, offered
from worker.intake import Abilities, Intake

BOTH = f"""
[[executor]]
name = "tool"
versions = ["2", "1"]
kind = "command"
argv = ["tool"]
[[executor]]
name = "tool"
versions = ["3"]
kind = "http"
url = "http://h/"
[[executor]]
name = "boxed"
kind = "container"
image = "tool@sha256:{"0" * 64}"
[[executor]]
name = "unpacked"
kind = "container"
rootfs = "/srv/root"
"""


def made(tmp_path: Path, text: str, **choices: Any) -> Offered:
    path = tmp_path / "executors.toml"
    path.write_text(text)
    return offered(Choices(files=(path,), **choices), mark={}, api_url="http://api", node_id="n", folder=tmp_path)


def test_versions_lead_to_their_declaration_and_the_name_alone_to_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(engines.install(tmp_path / "engine")))
    node = made(tmp_path, BOTH)
    table = node.executors
    assert table["tool"] is table["tool@1"] is table["tool@2"]
    assert table["tool@3"] is not table["tool"]
    assert isinstance(table["boxed"], DeclaredContainer)
    assert [(card.name, card.kind) for card in node.cards][:4] == [
        ("command", "command"), ("python", "python"), ("tool", "command"), ("tool", "http"),
    ]  # fmt: skip
    node.close()


@pytest.mark.parametrize(
    ("kind", "there", "absent"),
    [("docker", {"boxed"}, {"unpacked"}), ("runc", {"unpacked"}, {"boxed"}), ("none", set(), {"boxed", "unpacked"})],
)
def test_what_the_engine_cannot_run_is_left_out_and_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    there: set[str],
    absent: set[str],
) -> None:
    monkeypatch.setenv("PATH", str(engines.install(tmp_path / "engine", kind)))
    node = made(tmp_path, BOTH)
    assert there <= set(node.executors)
    assert not absent & set(node.executors)
    for name in absent:
        assert f"the executor {name} is left out" in caplog.text
    node.close()


def test_a_node_listens_on_routes_of_the_versions_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    node = made(tmp_path, BOTH)
    total = Resources(cpu_milli=1000, memory_mib=64)
    abilities = Abilities(
        total=total, slots=1, queues=frozenset({"@default"}), tags=frozenset(), executors=frozenset(node.executors)
    )
    intake = Intake(abilities=abilities)
    for executor, version, serves in (
        ("tool", "", True), ("tool", "3", True), ("tool", "4", False), ("command", "3", False), ("boxed", "", False),
    ):  # fmt: skip
        route = Route(queue="@default", tag="", executor=executor, version=version, shape=total)
        assert intake.serves(route.key) is serves, (executor, version)
    node.close()


def test_a_service_whose_token_is_not_there_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = '[[executor]]\nname = "solve"\nkind = "http"\nurl = "http://h/"\nbearer = "SOLVER_TOKEN"\n'
    node = made(tmp_path, text)
    assert "solve" not in node.executors
    assert "the executor solve is left out: its variable SOLVER_TOKEN is not set" in caplog.text
    node.close()
    monkeypatch.setenv("SOLVER_TOKEN", "s3cret")
    node = made(tmp_path, text)
    assert "solve" in node.executors
    node.close()
