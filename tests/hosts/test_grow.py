"""The words of deploy/README.md, from one machine to three: each command as it stands there, on hosts of their own.

What is put in their place: the address, and the token that a command before has printed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.conftest import network_of
from tests.hosts.network import Host, Network
from tests.servers import die_with_parent
from tests.wait import wait_until

pytestmark = pytest.mark.fault

RUNBOOK = Path(__file__).parents[2] / "deploy" / "README.md"
SECTION = "## Grow from one machine to three\n"
ADDRESS, TOKEN = "10.0.0.1", "TOKEN"
FIRST, OTHERS = "first", ("second", "third", "fourth")
READY_S = 60.0
COMMAND_S = 90.0
MOST_COMMANDS = 4
"""A host: more of them nobody wants to type."""
UNUSABLE, INCOMPATIBLE = 2, 76
NEWER = """
FLOTILLA_SERVER_URL=http://{address}:8080 FLOTILLA_JOIN_TOKEN={token} python -c '
from app.wire import protocol
protocol.PROTOCOL = 99
from worker.main import main
raise SystemExit(main())'
"""
ENTER = 'mount -t tmpfs none /var/lib && hostname "$0" && exec sh -e -c "$1"'
"""A host has a name and a /var/lib of its own, as machines have."""


def blocks() -> list[str]:
    section = RUNBOOK.read_text().partition(SECTION)[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Machine:
    """A host on which somebody types, with a home of his own. What he starts in the foreground goes on in `open`."""

    def __init__(self, host: Host, home: Path) -> None:
        self._host, self.home = host, home
        home.mkdir()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environ = {"PATH": path, "HOME": str(home), "FLOTILLA_CLOCKWORK": "fast", "PYTHONUNBUFFERED": "1"}
        self.open: list[subprocess.Popen[bytes]] = []

    def _command(self, script: str) -> list[str]:
        enter = ["unshare", "--mount", "--uts", "sh", "-e", "-c", ENTER, self._host.name, script]
        return self._host.command(enter)

    def types(self, script: str) -> str:
        """What it printed; it has to succeed."""
        done = self._run(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tries(self, script: str) -> tuple[int, str]:
        """The exit code, and what it printed."""
        done = self._run(script)
        return done.returncode, done.stdout + done.stderr

    def _run(self, script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(script),
            cwd=self.home,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )

    def leaves_open(self, script: str) -> None:
        with self._log.open("ab") as log:
            self.open.append(
                subprocess.Popen(
                    self._command(script),
                    cwd=self.home,
                    env=self._environ,
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent(15),
                )
            )

    @property
    def _log(self) -> Path:
        return self.home / "terminal.log"

    def said(self) -> str:
        assert all(process.poll() is None for process in self.open), self._log.read_text()
        return self._log.read_text()

    def closes(self) -> None:
        for process in self.open:
            process.terminate()
        for process in self.open:
            process.wait(30)


@pytest.fixture
def network() -> Iterator[Network]:
    with network_of(FIRST, *OTHERS) as made:
        yield made


@pytest.fixture
def machines(network: Network, tmp_path: Path) -> Iterator[dict[str, Machine]]:
    made = {name: Machine(host, tmp_path / name) for name, host in network.hosts.items()}
    yield made
    for name in (*OTHERS, FIRST):
        made[name].closes()


def test_it_is_short() -> None:
    found = blocks()
    assert len(found) == MOST_COMMANDS
    for block in found:
        commands = re.sub(r"<<'JSON'\n.*?^JSON$", "", block, flags=re.MULTILINE | re.DOTALL).strip().splitlines()
        assert len(commands) <= MOST_COMMANDS


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="the words are those of a machine with redis-server")
def test_the_words_make_a_fleet_of_three_whose_nodes_share_a_job(
    network: Network, machines: dict[str, Machine]
) -> None:
    start, invite, join, use = (block.replace(ADDRESS, network.hosts[FIRST].address) for block in blocks())
    first = machines[FIRST]
    first.leaves_open(start)
    wait_until(lambda: "ready http://" in first.said(), READY_S, first.said)
    for name in OTHERS:
        token = first.types(invite).strip()
        assert re.fullmatch(r"fl_\w{8}_[\w-]{43}", token)
        machines[name].leaves_open(join.replace(TOKEN, token))
    wait_until(lambda: first.types("flotilla nodes -o id").split()[2:], READY_S, lambda: _all_said(machines))
    said = first.types(use)
    assert all(f"{name}  " in said for name in OTHERS), "the nodes are known by their hosts' names"
    hosts = set(first.types("flotilla logs $(flotilla jobs -o id)").split())
    assert hosts == set(OTHERS), "each has worked on the job"


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="the private broker is a redis-server here")
def test_a_node_elsewhere_is_told_in_words_that_the_broker_is_private(
    network: Network, machines: dict[str, Machine]
) -> None:
    _, invite, join, _ = (block.replace(ADDRESS, network.hosts[FIRST].address) for block in blocks())
    first, other = machines[FIRST], machines[OTHERS[0]]
    first.leaves_open(f"flotilla up --host {network.hosts[FIRST].address} --no-node")
    wait_until(lambda: "ready http://" in first.said(), READY_S, first.said)
    token = first.types(invite).strip()
    code, said = other.tries(join.replace(TOKEN, token))
    assert code == UNUSABLE
    assert "this installation has no broker that other machines reach" in said
    assert "FLOTILLA_BROKER_URL=redis://" in said
    code, said = other.tries(NEWER.format(address=network.hosts[FIRST].address, token=token))
    assert code == INCOMPATIBLE
    assert "protocol 99" in said
    assert "upgrade the API first" in said


def _all_said(machines: dict[str, Machine]) -> str:
    return "\n".join(f"--- {name}\n{machine.said()}" for name, machine in machines.items() if machine.open)
