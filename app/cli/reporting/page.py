"""The report's page: header, advice, failures, graph, timeline and tasks in one file. It has no script and asks for
nothing; names, messages and results are escaped by `markup.py`, and its own policy would stop what got through.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator

from app.cli.client import Json
from app.cli.columns import counts_text, done_of
from app.cli.glyphs import SIGNS
from app.cli.output import duration, error_text, size, took
from app.cli.reporting.advice import Advice, Kind, advise, cpu_of, kinds, of_run
from app.cli.reporting.gather import Gathered
from app.cli.reporting.graph_svg import graph_svg
from app.cli.reporting.markup import Markup, Number, joined, safe, table, tag
from app.cli.reporting.style import STYLE
from app.cli.reporting.timeline_svg import timeline_svg

MOST_ROWS = 2000
GB_H = 1024 * 3600
URGENCY = ("failed", "running", "queued", "ready", "waiting", "canceled", "skipped", "succeeded")


def page(gathered: Gathered, written_at: str, server: str) -> str:
    job = gathered.job
    body = tag(
        "main",
        _head(gathered),
        _section("advice", "Resources", _advice(gathered)),
        _section("failures", "Failures", _failures(gathered)),
        _section("graph", "Graph", tag("div", graph_svg(gathered.graph), class_="scroll")),
        _section("timeline", "Timeline", _timeline(gathered)),
        _section("tasks", "Tasks", _tasks(gathered)),
        tag("footer", f"Written at {written_at} from {server}/v1/jobs/{job['id']} by flotilla."),
    )
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    head = (
        '<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{safe(_title(job))}</title>\n<style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _title(job: Json) -> str:
    return f"{SIGNS[job['state']]} {job['name']} · {done_of(job)}"


def _section(name: str, title: str, inside: Markup) -> Markup:
    return tag("section", tag("h2", title, id=name), inside, aria_labelledby=name)


def _head(gathered: Gathered) -> Markup:
    job, usages = gathered.job, [run["usage"] for run in gathered.runs]
    facts: list[tuple[str, object]] = [
        ("State", tag("span", f"{SIGNS[job['state']]} {job['state']}", class_=f"state {job['state']}")),
        ("Tasks", counts_text(job["counts"]) or "none"),
        ("Runs", f"{len(gathered.runs):,} on {len({run['nodeId'] for run in gathered.runs if run['nodeId']})} nodes"),
        ("Took", took(job) or "has not begun"),
        ("Cpu time", duration(sum(map(cpu_of, usages)))),
        ("Largest peak", size(max((usage["peakRssBytes"] for usage in usages), default=0))),
        ("Created", f"{job['createdAt']} by {job['createdBy']}"),
        ("Finished", job["finishedAt"] or "not yet"),
        ("Queue", job["queue"]),
        ("Labels", ", ".join(f"{key}={value}" for key, value in job["labels"].items()) or None),
        ("Error", error_text(job)),
        ("Id", tag("code", job["id"])),
    ]
    pairs = (joined((tag("dt", name), tag("dd", value))) for name, value in facts if value)
    return tag("header", tag("h1", job["name"]), tag("dl", *pairs))


def _advice(gathered: Gathered) -> Markup:
    found = kinds(gathered)
    if not found:
        return tag("p", "Nothing has run yet.")
    said = [advice for kind in found for advice in advise(kind)]
    idle = sum(kind.idle_mb_s for kind in found) / GB_H
    words = f"Memory asked for and not used: {f'{idle:.2f}' if idle >= 0.01 else 'less than 0.01'} GB-hours."
    items = tag("ul", *map(_item, said)) if said else tag("p", "What was asked for is about what was used.")
    titles = ("Tasks", "Runs", "Asked cpu", "Busy", "Asked memory", "Peak", "Longest")
    return joined(
        (tag("p", words), items, table("What was asked for and what was used", titles, map(_kind_row, found)))
    )


def _item(advice: Advice) -> Markup:
    return tag("li", tag("strong", advice.kind.name), ": ", advice.text, class_="urgent" if advice.urgent else None)


def _kind_row(kind: Kind) -> Iterator[object]:
    yield kind.name
    yield Number(f"{kind.runs:,}")
    yield Number(f"{kind.cpu:g}")
    yield Number("" if kind.cores is None else f"{kind.cores:.1f}")
    yield Number(size(kind.memory_mb << 20))
    yield Number(size(kind.peak_bytes))
    yield Number(duration(kind.longest_s))


def _failures(gathered: Gathered) -> Markup:
    failed = [task for task in gathered.tasks if task["state"] == "failed"]
    if not failed:
        return tag("p", "None.")
    runs = gathered.runs_by_task
    shown = (_failure(task, runs.get(task["id"], ()), gathered) for task in failed[:MOST_ROWS])
    return joined((*shown, _more(len(failed))))


def _failure(task: Json, runs: Iterable[Json], gathered: Gathered) -> Markup:
    parts: list[Markup] = []
    for run in runs:
        if error := run["error"]:
            where = gathered.nodes.get(run["nodeId"] or "", "")
            parts.append(
                tag("p", f"Run {run['number']}{f' on {where}' if where else ''}, {run['state']}: {error['message']}")
            )
        if words := gathered.last_words.get(run["id"]):
            parts.append(tag("pre", *(Markup(f"{safe(line)}\n") for line in words)))
    return tag("details", tag("summary", tag("strong", task["name"]), f": {error_text(task)}"), *parts, open="open")


def _timeline(gathered: Gathered) -> Markup:
    names = {task["id"]: task["name"] for task in gathered.tasks}
    drawn = timeline_svg(gathered.runs, names, gathered.nodes)
    return tag("div", drawn, class_="scroll") if drawn else tag("p", "Nothing has run yet.")


def _tasks(gathered: Gathered) -> Markup:
    """Those that failed or go on first."""
    tasks = sorted(gathered.tasks, key=lambda task: URGENCY.index(task["state"]))
    runs = gathered.runs_by_task
    titles = (
        "Task",
        "State",
        "Executor",
        "Runs",
        "Took",
        "Cpu time",
        "Peak memory",
        "Asked",
        "Read",
        "Written",
        "Node",
    )
    rows = (_task_row(task, runs.get(task["id"], ()), gathered) for task in tasks[:MOST_ROWS])
    return joined((tag("div", table("The tasks and what they used", titles, rows), class_="scroll"), _more(len(tasks))))


def _task_row(task: Json, runs: Iterable[Json], gathered: Gathered) -> Iterator[object]:
    did = list(runs)
    usages = [run["usage"] for run in did]
    executor = of_run(task)["executor"]
    yield task["name"]
    yield tag("span", f"{SIGNS[task['state']]} {task['state']}", class_=f"state {task['state']}")
    yield executor["name"] if isinstance(executor, dict) else executor
    yield Number(len(did))
    yield Number(took(task))
    yield Number(duration(sum(map(cpu_of, usages))) if did else "")
    yield Number(size(max(usage["peakRssBytes"] for usage in usages)) if did else "")
    yield Number(size(of_run(task)["requirements"]["memory"] << 20))
    yield Number(size(sum(usage["readBytes"] for usage in usages)) if did else "")
    yield Number(size(sum(usage["writtenBytes"] for usage in usages)) if did else "")
    yield ", ".join(sorted({gathered.nodes.get(run["nodeId"], run["nodeId"]) for run in did if run["nodeId"]}))


def _more(count: int) -> Markup:
    return tag("p", f"and {count - MOST_ROWS:,} more") if count > MOST_ROWS else Markup()
