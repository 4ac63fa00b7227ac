"""The processes of a deployment, each started by itself as on machines of their own: no `up` looks after them."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from app.cli.failures import Failure
from tests.e2e.fleet import READY_S, Fleet
from tests.wait import wait_until

STOP_S = 20.0


class Apart(Fleet):
    """`flotilla db upgrade`, `web`, `engine`, and `node` as often as wanted, told everything by the environment."""

    def __init__(self, data: Path, *, nodes: int, node: Mapping[str, str], **environ: str) -> None:
        super().__init__(data, **{"FLOTILLA_ASSETS_URL": f"file://{data / 'assets'}", **environ})
        self._nodes, self._node = nodes, node
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> "Apart":
        (self.data / "logs").mkdir(parents=True)
        self.said += self.command("db", "upgrade").splitlines()
        self._launch("web", FLOTILLA_PORT="0", FLOTILLA_ANONYMOUS_ROLE="admin")
        wait_until(self._listening, READY_S, self.logs)
        self._environ["FLOTILLA_URL"] = self.url
        (self.data / "token").write_text(self.command("token", "create", "people", "--role", "admin"))
        self._launch("engine")
        self._token = self.command("token", "create", "nodes", "--role", "node").strip()
        for number in range(1, self._nodes + 1):
            self.launch_node(f"node-{number}")
        wait_until(lambda: self.online() == self._nodes, READY_S, self.logs)
        # Nodes need no engine to be online, and one that is told to end while it still loads dies of the signal.
        wait_until(lambda: any(said.get("event") == "started" for said in self._said("engine")), READY_S, self.logs)
        return self

    def launch_node(self, name: str, **environ: str) -> None:
        own = {"FLOTILLA_SERVER_URL": self.url, "FLOTILLA_NODE_TOKEN": self._token, "FLOTILLA_NODE_NAME": name}
        own |= {"FLOTILLA_NODE_DIR": str(self.data / name)}
        self._launch("node", name, **{**own, **self._node, **environ})

    def command(self, *words: str) -> str:
        """What the command said; it has to succeed."""
        command = [sys.executable, "-m", "app.cli.main", *words]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def online(self) -> int:
        with contextlib.suppress(Failure):
            return sum(node["state"] == "online" for node in self.client.items("/v1/nodes"))
        return 0

    def _launch(self, what: str, name: str = "", **environ: str) -> None:
        with (self.data / "logs" / f"{name or what}.log").open("wb") as log:
            self._processes[name or what] = subprocess.Popen(
                [sys.executable, "-m", "app.cli.main", what],
                env={**self._environ, **environ},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _listening(self) -> bool:
        assert self._processes["web"].poll() is None, self.logs()
        for said in self._said("web"):
            if said.get("event") == "listening":
                host, port = said["addresses"][0][:2]
                self.url = f"http://{host}:{port}"
                return True
        return False

    def _said(self, name: str) -> Iterator[dict[str, Any]]:
        for line in (self.data / "logs" / f"{name}.log").read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(line)

    def tree(self) -> list[psutil.Process]:
        roots = [psutil.Process(process.pid) for process in self._processes.values() if process.poll() is None]
        return [each for root in roots for each in (root, *root.children(recursive=True))]

    def stop(self) -> dict[str, int]:
        """Nodes first; the exit codes."""
        return {name: self.stop_one(name) for name in sorted(self._processes, key=lambda name: "node" not in name)}

    def stop_one(self, name: str) -> int:
        """The exit code."""
        self._processes[name].terminate()
        return self._processes[name].wait(STOP_S)

    def remove(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            if process.poll() is None:
                process.kill()
