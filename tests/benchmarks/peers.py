"""Other systems on the same work, in turn with ours: A B A B, so that a slow minute of the machine meets all alike.

A folder of peers has `<name>_/run.py`, which prints one JSON line, and an environment `venvs/<name>` each.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import percentile
from tests.servers import find_redis

LIMIT_S = 600.0


class Peers:
    def __init__(self, scripts: dict[Path, Path], environ: dict[str, str]) -> None:
        self._scripts = scripts  # a peer's script, and the Python that runs it
        self._environ = environ
        self._lines: dict[str, list[dict[str, Any]]] = defaultdict(list)

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: Path, venvs: Path | None) -> Iterator["Peers"]:
        """With a broker of their own, on a port that nobody else has."""
        pythons = {
            script: (venvs or folder / "venvs") / script.parent.name.rstrip("_") for script in folder.glob("*_/run.py")
        }
        scripts = {script: venv / "bin" / "python" for script, venv in sorted(pythons.items())}
        present = {script: python for script, python in scripts.items() if python.exists()}
        if not present:
            raise SystemExit(f"no peer of {folder} has an environment; see its README")
        scratch = Path(tempfile.mkdtemp(prefix="fl-peers-"))
        port = _free_port()
        command = [str(find_redis()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        broker = subprocess.Popen([*command, "--dir", str(scratch)], stdout=subprocess.DEVNULL)
        environ = {"BENCH_REDIS_PORT": str(port), "BENCH_LOGS": str(scratch), "BENCH_RESULTS": str(scratch / "results")}
        try:
            yield cls(present, {**os.environ, **environ})
        finally:
            broker.terminate()
            broker.wait()
            shutil.rmtree(scratch, ignore_errors=True)

    def repeat(self, workload: str, size: int | None) -> None:
        """One repeat of each. One that cannot do a workload, or not in time, is left out."""
        for script, python in self._scripts.items():
            command = [str(python), str(script), workload, "--reps", "1", *(["--n", str(size)] if size else [])]
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(
                    command, env=self._environ, capture_output=True, text=True, timeout=LIMIT_S, check=False
                )
                for text in done.stdout.splitlines():
                    if text.startswith("{"):
                        figure = json.loads(text)
                        self._lines[figure["peer"]].append(figure)

    def figures(self) -> list[dict[str, Any]]:
        """One line a peer over all its repeats so far, which are then forgotten."""
        merged = [_merge(lines) for lines in self._lines.values()]
        self._lines.clear()
        return merged


def _merge(lines: list[dict[str, Any]]) -> dict[str, Any]:
    samples = [sample for line in lines for sample in line["extra"]["samples"]]
    median = statistics.median(samples)
    extra = {**lines[-1]["extra"], "samples": samples, "min": min(samples), "max": max(samples)}
    for name in ("p50_ms", "p99_ms", "hop_ms", "ratio"):
        if name in extra:
            extra[name] = percentile([line["extra"][name] for line in lines], 50)
    return {**lines[-1], "seconds": median, "tasks_per_s": round(lines[-1]["n"] / median, 1), "extra": extra}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
