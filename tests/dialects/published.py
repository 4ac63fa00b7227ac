"""The published clients of the services whose dialects we speak, each with an environment of its own, made once.

They lie in `.cache/clients/<name>` of the project, which git ignores; a change of the wanted packages makes them anew.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / ".cache" / "clients"
INSTALL_S = 300
_WANTED = "wanted.json"


def python_client(name: str, *packages: str, options: Sequence[str] = ()) -> Path:
    """The python of a virtual environment with these packages; `options` are pip's."""

    def build(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", f"--python={folder}", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-input", "install", "--no-compile", *options, *packages])

    return _made(name, [*packages, *options, sys.version], build) / "bin" / "python"


def node_client(name: str, *packages: str) -> Path:
    """The folder whose node_modules has these packages: run `node` in it."""
    if not shutil.which("npm") or not shutil.which("node"):
        _missing("there is no node with npm on PATH")

    def build(folder: Path) -> None:
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true}')
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packages], folder)

    return _made(name, packages, build)


def _made(name: str, wanted: Sequence[str], build: Callable[[Path], None]) -> Path:
    """One process builds while the others wait; a build that failed leaves nothing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder, text = FOLDER / name, json.dumps(list(wanted))
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _WANTED).is_file() or (folder / _WANTED).read_text() != text:
            shutil.rmtree(folder, ignore_errors=True)
            try:
                build(folder)
            except (OSError, subprocess.SubprocessError) as error:
                shutil.rmtree(folder, ignore_errors=True)
                said = getattr(error, "stderr", None) or str(error)
                _missing(f"the client {name} ({', '.join(wanted[:3])}) cannot be installed: {said[-1000:]}")
            (folder / _WANTED).write_text(text)
    return folder


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLOTILLA_", "PYTHON"))}
    subprocess.run(command, cwd=folder, env=kept, check=True, capture_output=True, text=True, timeout=INSTALL_S)


def _missing(reason: str) -> None:
    """An index may lack a package at any time, so that this is a skip everywhere."""
    pytest.skip(reason)
