"""`make bench`: measures the workloads and prints one JSON line each. README.md says how figures are taken."""

import argparse
import contextlib
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.benchmarks import figures, large, measure, real, swarm, workloads
from tests.benchmarks.measure import Repeat
from tests.benchmarks.peers import Peers
from tests.benchmarks.service import Service, Wanted, started

SMALL = {"W1": 1000, "W2": 200, "W3": 1000, "W4": 200, "W5": 200, "W6": 100, "W7": 2000, "W8": 0, "W9": 50}
MIXED_SLOTS = 4
REAL_SLOTS = 8
"""W8: tasks of real workflows have up to eight cores."""


def main() -> None:
    options = _options()
    with contextlib.ExitStack() as stack:
        peers = stack.enter_context(Peers.opened(options.peers, options.venvs)) if options.peers else None
        for workload in options.workloads or SMALL:
            _measure(workload, options, peers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="W1..W9", help="default: all")
    parser.add_argument("--n", type=int, help="size, in place of the small one of each workload; of W9 nodes")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2, help="of each node; W4 has 4, and W8 8")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--database", metavar="URL", help="default: SQLite")
    parser.add_argument("--no-handoff", action="store_true")
    parser.add_argument("--url", help="a service that runs already, in place of one of its own; with --token-file")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--history", type=int, default=5000, metavar="RUNS", help="W7: ended runs put into the store")
    parser.add_argument("--instances", type=Path, metavar="DIR", help="W8: a folder of *.json.gz in WfFormat 1.5")
    parser.add_argument("--longest", type=float, default=0.1, metavar="S", help="W8: of the scaled tasks")
    parser.add_argument("--task-s", type=float, default=2, metavar="S", help="W9: how long the nodes' runs take")
    parser.add_argument("--length", type=float, default=10, metavar="S", help="W9: how long the nodes are watched")
    parser.add_argument("--timeout", type=float, default=300, metavar="S")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="run those systems in turn with this one")
    parser.add_argument("--venvs", type=Path, metavar="DIR", help="their environments; default: DIR/venvs")
    options = parser.parse_args()
    unknown = set(options.workloads) - set(SMALL)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SMALL)}")
    if options.url and not options.token_file:
        parser.error("--url needs --token-file")
    return options


def _measure(workload: str, options: argparse.Namespace, peers: Peers | None) -> None:
    if workload in SPECIAL:
        for line in SPECIAL[workload](options):
            figures.say(line)
        return
    slots = MIXED_SLOTS if workload == "W4" else options.slots
    size = options.n or SMALL[workload]
    once = _repeat(workload, size, slots * options.nodes, options.timeout)
    with _service(options, slots) as service:
        measure.warm_up(service)
        repeats = []
        for _ in range(options.reps):
            repeats.append(once(service))
            if peers:
                peers.repeat(workload, options.n)
    figures.say(_line(workload, repeats, _setting(options, slots * options.nodes)))
    if peers:
        for figure in peers.figures():
            figures.say(figure)


def _repeat(workload: str, size: int, slots: int, timeout_s: float) -> Callable[[Service], Repeat]:
    table: dict[str, Callable[[Service], Repeat]] = {
        "W1": lambda service: measure.fan(service, size, timeout_s),
        "W2": lambda service: measure.chain(service, size, timeout_s),
        "W3": lambda service: measure.layered(service, timeout_s),
        "W4": lambda service: measure.mixed(service, slots, timeout_s),
        "W5": lambda service: measure.processes(service, size, timeout_s),
        "W6": lambda service: measure.latency(service, size, timeout_s),
    }
    return table[workload]


def _service(
    options: argparse.Namespace, slots: int, nodes: int | None = None
) -> contextlib.AbstractContextManager[Service]:
    if options.url:
        return contextlib.nullcontext(Service(options.url, options.token_file.read_text().strip()))
    count = options.nodes if nodes is None else nodes
    return started(Wanted(cpus=slots, nodes=count, database=options.database, handoff=not options.no_handoff))


def _setting(options: argparse.Namespace, slots: int) -> dict[str, object]:
    database = (options.database or "sqlite").partition(":")[0]
    return {"slots": slots, "nodes": options.nodes, "handoff": not options.no_handoff, "database": database}


def _large(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """W7: a line a shape; the last one has what the lists take beside the history."""
    size = options.n or SMALL["W7"]
    with _service(options, options.slots) as service:
        measure.warm_up(service)
        for name, shape in large.shapes(size).items():
            repeats = [large.accept(service, shape, options.timeout) for _ in range(options.reps)]
            yield _line("W7", repeats, {"shape": name, **_setting(options, options.slots)})
        last = service.submit(measure.job(workloads.flat(1)))["id"]
        service.ended(last, options.timeout, measure.LOOK_S)
        seen = large.beside_history(service, options.history, last)
        done = Repeat(count=options.history, seconds=max(seen.values()) / 1e3, extra=seen)
        yield _line("W7", [done], {"shape": "history", **_setting(options, options.slots)})


def _real(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """W8: a line an instance. Without a folder of instances there is nothing to run."""
    if options.instances is None:
        return
    slots = max(options.slots, REAL_SLOTS)
    with _service(options, slots) as service:
        measure.warm_up(service)
        for path in real.files(options.instances):
            once = [real.instance(service, path, slots, options.longest, options.timeout) for _ in range(options.reps)]
            yield _line("W8", once, {"instance": path.name.partition(".")[0], **_setting(options, slots)})


def _swarm(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """W9: requests answered in a second stand in the place of tasks."""
    size = options.n or SMALL["W9"]
    with _service(options, options.slots, nodes=0) as service:
        repeats = [swarm.swarm(service, size, options.task_s, options.length) for _ in range(options.reps)]
    yield _line("W9", repeats, {**_setting(options, size), "nodes": size})


SPECIAL: Mapping[str, Callable[[argparse.Namespace], Iterator[dict[str, object]]]] = {
    "W7": _large,
    "W8": _real,
    "W9": _swarm,
}


def _line(workload: str, repeats: list[Repeat], setting: dict[str, object]) -> dict[str, object]:
    extra = {name: round(statistics.median(repeat.extra[name] for repeat in repeats), 3) for name in repeats[0].extra}
    samples = [repeat.seconds for repeat in repeats]
    return figures.line(workload, repeats[0].count, samples, **setting, **extra)
