"""Whole nodes as processes of their own, between a real broker and a fake API."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.fake_api import Bell, FakeApi

ROOT = Path(__file__).parent.parent.parent
START_S = 60.0


class Fleet:
    """Nodes that the test started; what is left of them is killed at its end."""

    def __init__(self, api: FakeApi, broker_url: str, folder: Path) -> None:
        self.api = api
        self.broker_url = broker_url
        self.folder = folder
        self.bell = Bell(broker_url)
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str = "one", wait: bool = True, **settings: str) -> subprocess.Popen[bytes]:
        """An empty setting is one that is not set."""
        environment = {
            "PATH": os.environ["PATH"],
            "FLOTILLA_BROKER_URL": self.broker_url,
            "FLOTILLA_SERVER_URL": self.api.url,
            "FLOTILLA_NODE_TOKEN": "node-token",
            "FLOTILLA_NODE_NAME": name,
            "FLOTILLA_NODE_DIR": str(self.folder / name),
            "FLOTILLA_CPUS": "2",
            "FLOTILLA_MEMORY_MB": "1024",
            "FLOTILLA_CLOCKWORK": "fast",
            **settings,
        }
        environment = {key: value for key, value in environment.items() if value}
        before = self.api.registrations
        with (self.folder / f"{name}.log").open("ab") as log:
            node = subprocess.Popen(
                [sys.executable, "-m", "worker.main"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.nodes.append(node)
        if wait:
            wait_until(lambda: self.api.registrations > before, START_S, dump=self.logs)
        return node

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self.folder.glob("*.log"))

    def ended(self, *run_ids: str, within_s: float = 15) -> None:
        wait_until(lambda: all(run_id in self.api.endings for run_id in run_ids), within_s, dump=self.logs)

    def state(self, run_id: str) -> RunState:
        return self.api.endings[run_id].state

    def close(self) -> None:
        for node in self.nodes:
            with contextlib.suppress(ProcessLookupError):
                node.send_signal(signal.SIGCONT)
                node.kill()
            node.wait()
