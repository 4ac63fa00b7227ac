"""Which port is taken, and what of the machine is shared out."""

import socket
from pathlib import Path

import pytest

from app.cli.failures import Failure, Usage
from app.cli.machine import free_port, host_cpus, host_memory_mb, next_free


@pytest.fixture
def taken() -> int:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


def test_a_port_asked_for_that_is_taken_is_an_error(taken: int) -> None:
    with pytest.raises(Failure, match=f"port {taken} of 127.0.0.1 is taken"):
        free_port("127.0.0.1", taken)


def test_without_one_asked_for_it_is_the_next_that_is_free(taken: int) -> None:
    assert next_free("127.0.0.1", taken) > taken


def test_0_is_any_free_port() -> None:
    assert free_port("127.0.0.1", 0) > 0


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(Usage, match=r"192\.0\.2\.1"):
        free_port("192.0.2.1", 8080)


def test_the_machine_has_something_to_share() -> None:
    assert host_cpus() >= 1
    assert host_memory_mb() > 64


@pytest.mark.parametrize(
    ("files", "cpus"),
    [({"cpu.max": "150000 100000"}, 1), ({"cpu.max": "max 100000"}, 64), ({"quota": "200000", "period": "100000"}, 2)],
)
def test_a_container_s_quota_is_what_there_is(
    files: dict[str, str], cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))
    limits = ((str(tmp_path / "cpu.max"),), (str(tmp_path / "quota"), str(tmp_path / "period")))
    monkeypatch.setattr("app.cli.machine.CPU_LIMITS", limits)
    assert host_cpus() == cpus
