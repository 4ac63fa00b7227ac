"""The commands that become a process of the deployment, and the one that sees to the database."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Flotilla


class BecameAnother(Exception):
    pass


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the process would have become: the words, and the environment."""
    found: list[Any] = []

    def execve(program: str, words: list[str], environ: dict[str, str]) -> None:
        found.extend((words, environ))
        raise BecameAnother

    monkeypatch.setattr("os.execve", execve)
    return found


@pytest.mark.parametrize(("name", "module"), [("web", "app.main"), ("engine", "app.engine"), ("node", "worker.main")])
def test_a_process_takes_the_place_of_the_command(name: str, module: str, became: list[Any]) -> None:
    from app.cli.main import main

    with pytest.raises(BecameAnother):
        main([name])
    assert became[0] == [sys.executable, "-m", module]


def test_a_nodes_options_go_before_the_environment(became: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli.main import main

    monkeypatch.setenv("FLOTILLA_NODE_NAME", "from-environment")
    monkeypatch.setenv("FLOTILLA_QUEUES", "kept")
    with pytest.raises(BecameAnother):
        main(["node", "--server", "http://s", "--name", "n7", "--cpus", "2", "--memory", "512"])
    environ = became[1]
    assert environ["FLOTILLA_SERVER_URL"] == "http://s"
    assert environ["FLOTILLA_NODE_NAME"] == "n7"
    assert environ["FLOTILLA_QUEUES"] == "kept"
    assert (environ["FLOTILLA_CPUS"], environ["FLOTILLA_MEMORY_MB"]) == ("2", "512")


def test_the_database_is_brought_to_this_version_once(
    flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOTILLA_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    assert "was empty" in flotilla("db", "upgrade").out
    said = flotilla("db", "upgrade")
    assert said.code == 0
    assert "was" not in said.out


def test_without_a_database_named_it_is_a_usage_error(flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOTILLA_DATABASE_URL", raising=False)
    said = flotilla("db", "upgrade")
    assert said.code == 2
    assert "FLOTILLA_DATABASE_URL" in said.err
