"""`make bench`: measures the workloads and prints one JSON line each. README.md says how figures are taken."""

import argparse
import contextlib
import statistics
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import figures, measure
from tests.benchmarks.measure import Repeat
from tests.benchmarks.peers import Peers
from tests.benchmarks.service import Service, Wanted, started

SMALL = {"W1": 1000, "W2": 200, "W3": 1000, "W4": 200, "W5": 200, "W6": 100}
MIXED_SLOTS = 4


def main() -> None:
    options = _options()
    with contextlib.ExitStack() as stack:
        peers = stack.enter_context(Peers.opened(options.peers, options.venvs)) if options.peers else None
        for workload in options.workloads or SMALL:
            _measure(workload, options, peers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="W1..W6", help="default: all")
    parser.add_argument("--n", type=int, help="size, in place of the small one of each workload")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2, help="of each node; W4 has 4")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--database", metavar="URL", help="default: SQLite")
    parser.add_argument("--no-handoff", action="store_true")
    parser.add_argument("--url", help="a service that runs already, in place of one of its own; with --token-file")
    parser.add_argument("--token-file", type=Path)
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
    setting = {"slots": slots * options.nodes, "nodes": options.nodes, "handoff": not options.no_handoff}
    setting["database"] = (options.database or "sqlite").partition(":")[0]
    figures.say(_line(workload, repeats, setting))
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


def _service(options: argparse.Namespace, slots: int) -> contextlib.AbstractContextManager[Service]:
    if options.url:
        return contextlib.nullcontext(Service(options.url, options.token_file.read_text().strip()))
    return started(Wanted(cpus=slots, nodes=options.nodes, database=options.database, handoff=not options.no_handoff))


def _line(workload: str, repeats: list[Repeat], setting: dict[str, object]) -> dict[str, object]:
    extra = {name: round(statistics.median(repeat.extra[name] for repeat in repeats), 3) for name in repeats[0].extra}
    samples = [repeat.seconds for repeat in repeats]
    return figures.line(workload, repeats[0].count, samples, **setting, **extra)
