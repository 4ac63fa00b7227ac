"""The report: what it tells, what it suggests, and that nothing in it does anything."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from app.cli.reporting.advice import advise, kinds
from app.cli.reporting.gather import Gathered
from app.cli.reporting.page import page as page_of
from app.cli.reporting.timeline_svg import MOST_BARS, timeline_svg
from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import JOB_ID, NODE_ID, message, node, page
from tests.cli.shapes import job as job_
from tests.cli.shapes import task as task_

JOBS = f"/v1/jobs/{JOB_ID}"
GB = 1 << 30
EVIL = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'\u202e"
NO_USAGE = {
    "wallSeconds": 0.0, "cpuUserSeconds": 0.0, "cpuSystemSeconds": 0.0, "peakRssBytes": 0, "currentRssBytes": 0,
    "readBytes": 0, "writtenBytes": 0, "maxProcesses": 1, "gpuSeconds": 0.0, "peakGpuBytes": 0,
}  # fmt: skip


def task(name: str, state: str = "succeeded", cpu: float = 1, memory: int = 256, **more: Any) -> dict[str, Any]:
    wanted = {"requirements": {"cpu": cpu, "memory": memory}, "limitations": {"maxExecutionTimeInSeconds": 60}}
    return task_(state, id=name, name=name, executor="command", **wanted, **more)


def run(of: str, state: str = "succeeded", number: int = 1, **more: Any) -> dict[str, Any]:
    usage = NO_USAGE | {key: more.pop(key) for key in list(more) if key in NO_USAGE}
    return {
        "id": f"{of}-{number}",
        "taskId": of,
        "mapIndex": None,
        "number": number,
        "state": state,
        "nodeId": NODE_ID,
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "startedAt": "2026-01-02T03:04:06.000000Z",
        "finishedAt": "2026-01-02T03:04:16.000000Z",
        "error": None,
        "usage": usage,
    } | more


def gathered(tasks: list[dict[str, Any]], runs: list[dict[str, Any]], **more: Any) -> Gathered:
    nodes = [
        {"id": t["id"], "name": t["name"], "type": "task", "executor": "command", "state": t["state"], "progress": 1.0}
        for t in tasks
    ]
    given = {"job": job_(), "graph": {"nodes": nodes, "edges": []}, "nodes": {NODE_ID: "rack-1"}} | more
    return Gathered(tasks=tasks, runs=runs, **given)


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def told(found: Gathered) -> list[str]:
    return [advice.text for kind in kinds(found) for advice in advise(kind)]


def test_memory_that_was_asked_for_in_vain_is_named_with_what_would_do() -> None:
    runs = [run("solve", wallSeconds=10.0, cpuUserSeconds=9.0, peakRssBytes=int(2.1 * GB))]
    (advice,) = told(gathered([task("solve", memory=30 * 1024)], runs))
    assert advice == "asked 30.0 GiB, peak 2.1 GiB: 2.8 GiB would do (memory: 2816)"


def test_the_largest_of_a_fan_out_counts_for_all_of_it() -> None:
    tasks = [task(f"r-{i}", memory=8192, cpu=8) for i in range(3)]
    peaks = (1 * GB, 6 * GB, 2 * GB)
    runs = [
        run(t["id"], wallSeconds=2.0, cpuUserSeconds=4.0, peakRssBytes=p) for t, p in zip(tasks, peaks, strict=True)
    ]
    found = gathered(tasks, runs)
    (kind,) = kinds(found)
    assert (kind.name, kind.runs, kind.peak_bytes, kind.cores) == ("r-0 and 2 more", 3, 6 * GB, 2.0)
    assert told(found) == ["asked 8 cpu, kept 2.0 busy: 3 would do"]


def test_what_ran_out_of_something_comes_first_and_asks_for_more() -> None:
    tasks = [task("idle", memory=9000), task("big", "failed", memory=512), task("slow", "failed")]
    runs = [
        run("idle", wallSeconds=9.0, peakRssBytes=1 << 20),
        run("big", "out_of_memory", peakRssBytes=512 << 20),
        run("slow", "timed_out", wallSeconds=60.0, cpuUserSeconds=60.0, peakRssBytes=200 << 20),
    ]
    first, second, third = told(gathered(tasks, runs))
    assert first.startswith("once ended by the time limit of 1m 00s")
    assert second == "once out of memory at 512 MiB of 512 MiB: ask for 1.0 GiB, or let memoryGrowth do it"
    assert third.startswith("asked 8.8 GiB, peak 1 MiB: 64 MiB would do")


def test_what_fits_well_gets_no_advice() -> None:
    assert told(gathered([task("a", memory=300)], [run("a", wallSeconds=5.0, peakRssBytes=200 << 20)])) == []
    assert told(gathered([task("a")], [])) == []


def test_hostile_text_is_shown_and_does_nothing() -> None:
    error = {"code": "exit_code", "message": EVIL}
    broken = task(EVIL, "failed", error=error)
    runs = [run(EVIL, "failed", error=error)]
    job = job_("failed", name=EVIL, createdBy=EVIL, queue=EVIL, labels={EVIL: EVIL}, error=error)
    nodes = {NODE_ID: EVIL}
    text = page_of(gathered([broken], runs, job=job, nodes=nodes, last_words={f"{EVIL}-1": [EVIL]}), "now", "http://x")
    seen = Page(text)
    assert seen.words.count("<script>alert(1)</script>") >= 8
    assert not {"script", "img", "iframe", "link", "object", "a", "form"} & set(seen.tags)
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in ("href", "src", "style")]
    assert "\u202e" not in text
    assert seen.tags.count("title") == text.count("<title>")


def test_it_asks_for_nothing_and_its_policy_would_not_let_it() -> None:
    text = page_of(gathered([task("a")], [run("a")]), "now", "http://server")
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?\s*(https?:)?//""", text)
    assert "@import" not in text


def test_it_says_what_failed_on_which_node_and_with_which_last_words() -> None:
    error = {"code": "exit_code", "message": "ended with 3"}
    found = gathered(
        [task("mesh", "failed", error=error), task("fine")],
        [run("mesh", "failed", error=error), run("fine")],
        last_words={"mesh-1": ["one", "no such file"]},
    )
    words = Page(page_of(found, "now", "http://x")).words
    assert "Run 1 on rack-1, failed: ended with 3" in words
    assert "one\nno such file\n" in words
    assert words.index("✗ failed") < words.index("✓ succeeded", words.index("The tasks"))


def test_runs_at_the_same_time_are_in_rows_of_their_node_and_many_are_a_curve() -> None:
    runs = [run("a"), run("b"), run("c", nodeId="n2")]
    few = str(timeline_svg(runs, {"a": "A"}, {NODE_ID: "rack-1"}))
    assert few.count("<rect") == 3
    assert "rack-1" in few
    assert "A: succeeded after 10s" in few
    many = str(timeline_svg([run(str(i)) for i in range(MOST_BARS + 1)], {}, {}))
    assert "<rect" not in many
    assert "up to 1501 at once" in many
    assert timeline_svg([run("a", startedAt=None)], {}, {}) is None


@pytest.fixture
def served(server: FakeServer) -> FakeServer:
    error = {"code": "exit_code", "message": "ended with 3"}
    found = gathered([task("mesh", "failed", error=error)], [run("mesh", "failed", error=error)])
    server.on("GET", JOBS, job_("failed"))
    server.on("GET", f"{JOBS}/graph", found.graph)
    server.on("GET", f"{JOBS}/tasks", page(*found.tasks))
    server.on("GET", f"{JOBS}/runs", page(*found.runs))
    server.on("GET", "/v1/nodes", page(node()))
    server.on("GET", "/v1/runs/mesh-1/messages", page(message(1, "oh no")))
    return server


def test_the_command_writes_the_file_it_names(served: FakeServer, flotilla: Flotilla, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    said = flotilla("report", JOB_ID, "-o", str(path))
    assert (said.code, said.out) == (0, f"{path}\n")
    assert "oh no" in Page(path.read_text()).words
    assert flotilla("report", JOB_ID, "-o", "-").out.startswith("<!doctype html>")
    assert flotilla("report", JOB_ID, "-o", str(tmp_path / "absent" / "r.html")).code == 1


def test_messages_that_one_may_not_read_are_left_out(served: FakeServer, flotilla: Flotilla) -> None:
    served.answers["GET", "/v1/runs/mesh-1/messages"] = [(403, {"detail": "no"})]
    said = flotilla("report", JOB_ID, "-o", "-")
    assert said.code == 0
    assert "ended with 3" in said.out
