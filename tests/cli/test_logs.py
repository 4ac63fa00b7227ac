"""One form of log for all processes: the same fields, JSON into a pipe, ids of what a line is about, no secrets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
OF_THE_API = """
import logging, structlog
from app.adapters import logs
logs.start("web", "info")
with structlog.contextvars.bound_contextvars(request_id="r1", job_id="j1"):
    structlog.get_logger("app.x").warning("it happened", token="fl_12345678_" + "s" * 43)
    logging.getLogger("some.library").warning("said %s", "hello", extra={"run_id": "u1"})
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("app.x").exception("it broke")
logging.getLogger("waitress.queue").warning("never seen")
"""
OF_A_NODE = """
import logging
from types import SimpleNamespace
from worker import logs
logs.start("node-1", "INFO")
run = SimpleNamespace(job_id="j1", task_id="t1", run_id="u1")
with logs.of_run(run):
    logging.getLogger("worker.x").warning("it happened %s", "fl_12345678_" + "s" * 43)
with logs.of_run(run, run):
    logging.getLogger("worker.x").warning("said", extra={"run_id": "u2"})
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("worker.x").exception("it broke")
logging.getLogger("worker.x").info("after")
"""


def said(program: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


COMMON = {"timestamp", "level", "logger", "process", "event"}


def test_web_and_engine() -> None:
    first, library, broken = said(OF_THE_API)
    assert set(first) == COMMON | {"request_id", "job_id", "token"}
    assert (first["process"], first["level"], first["logger"], first["event"]) == (
        "web",
        "warning",
        "app.x",
        "it happened",
    )
    assert "sssss" not in first["token"]
    assert set(library) == COMMON | {"request_id", "job_id", "run_id"}
    assert library["event"] == "said hello"
    assert "ValueError: broken" in broken["exception"]


def test_node() -> None:
    first, second, broken, after = said(OF_A_NODE)
    assert set(first) == COMMON | {"node", "job_id", "task_id", "run_id"}
    assert (first["process"], first["node"], first["run_id"]) == ("node", "node-1", "u1")
    assert "sssss" not in first["event"]
    assert set(second) == COMMON | {"node", "job_id", "run_id"}
    assert "ValueError: broken" in broken["exception"]
    assert set(after) == COMMON | {"node"}


@pytest.mark.parametrize("program", [OF_THE_API, OF_A_NODE])
def test_on_a_terminal_it_is_for_people(program: str) -> None:
    on_a_terminal = "import sys; sys.stdout.isatty = lambda: True\n" + program
    done = subprocess.run(
        [sys.executable, "-c", on_a_terminal], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "it happened" in done.stdout
    assert not done.stdout.startswith("{")
