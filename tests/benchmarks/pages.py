"""What does each page of the dashboard cost the server? `python -m tests.benchmarks.pages [JOBS] [TASKS]`

Prints the median and the slowest of some answers in milliseconds, with JOBS jobs in the store (10,000), one of them
with TASKS tasks (2,000), on SQLite in a temporary folder.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from app.services.access import ORG
from app.wire.states import JobState, TaskState
from tests.conformance.values import submit
from tests.ui.site import Browser, Site, make_site

REPEATS = 15
PART = {"X-Flotilla-Part": "main"}


def fill(site: Site, jobs: int, tasks: int) -> str:
    states = tuple(JobState)
    for number in range(jobs - 1):
        state = states[number % len(states)]
        ended = TaskState.SUCCEEDED if state in (JobState.SUCCEEDED, JobState.FAILED) else TaskState.READY
        submit(
            site.core.store,
            [(), (0,)],
            of_job={"org_id": ORG, "state": state, "name": f"render {number:05}"},
            of_all={"state": ended},
        )
    large, _ = submit(
        site.core.store,
        [(max(0, at - 40),) if at else () for at in range(tasks)],
        of_job={"org_id": ORG, "name": "large"},
    )
    return large.id


def measure(browser: Browser, path: str, *, part: bool) -> tuple[float, float, int]:
    times, size = [], 0
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = browser.get(path, **(PART if part else {}))
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
        size = len(answer.data)
    return statistics.median(times), max(times), size


def main() -> None:
    jobs, tasks = (int(word) for word in (*sys.argv[1:], "10000", "2000")[:2])
    with tempfile.TemporaryDirectory() as folder:
        site = make_site(Path(folder))
        large = fill(site, jobs, tasks)
        browser = site.browser("admin")
        paths = ["/", "/jobs", "/jobs?state=failed", "/jobs?q=00123", "/ui/live?after=0", "/fleet", "/queues"]
        paths += [f"/jobs/{large}{tab}" for tab in ("", "/timeline", "/tasks", "/tasks?state=failed", "/events")]
        paths.append(f"/ui/jobs/{large}/graph")
        print(f"{jobs} jobs, one of them with {tasks} tasks; milliseconds: median, slowest; bytes")
        for path in paths:
            middle, slowest, size = measure(browser, path, part=True)
            print(f"{path.replace(large, 'LARGE'):32} {middle:8.1f} {slowest:8.1f} {size:9}")
        site.core.store.close()


main()
