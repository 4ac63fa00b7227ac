"""Where does the time of a no-op task go in the services? A synthetic node over a database on disk, no HTTP, no broker.

`python -m tests.benchmarks.profile_core [--workload chain|fan|layered] [--database URL] [--profile]`
"""

import argparse
import contextlib
import cProfile
import json
import pstats
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.adapters import sql
from app.adapters.memory.blobs import MemoryBlobs
from app.adapters.memory.broker import MemoryBroker
from app.adapters.system_chance import SystemChance
from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.services import submit
from app.services.access import anonymous
from app.services.core import Core
from app.wire.resources import Resources
from app.wire.states import JobState
from tests.benchmarks import workloads
from tests.benchmarks.synthetic import SyntheticNode

SHAPE = Resources(cpu_milli=1000, memory_mib=512)
PAYLOAD = {"callable": "noop"}


def main() -> None:
    options = _options()
    shapes = {
        "chain": workloads.chain(options.hops),
        "fan": workloads.fan(options.width),
        "layered": workloads.layered(),
    }
    for name in [options.workload] if options.workload else shapes:
        samples = [_once(shapes[name], options) for _ in range(options.reps)]
        print(json.dumps(_line(name, shapes[name], samples, options)), flush=True)
    if options.profile:
        with cProfile.Profile() as profile:
            _once(shapes[options.workload or "chain"], options)
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=["chain", "fan", "layered"])
    parser.add_argument("--hops", type=int, default=200)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--no-handoff", action="store_true")
    parser.add_argument("--max-bundle", type=int, default=64)
    parser.add_argument("--database", help="default: a new SQLite file in the temporary folder")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    return parser.parse_args()


def _once(shape: workloads.Graph, options: argparse.Namespace) -> dict[str, float]:
    with _database(options.database) as url:
        store = sql.open_store(url, threads=2)
        broker = MemoryBroker()
        core = Core(
            store=store,
            broker=broker,
            chance=SystemChance(),
            blobs=MemoryBlobs(),
            handoff=not options.no_handoff,
            max_bundle=options.max_bundle,
        )
        node = SyntheticNode(core, broker, slots=options.slots)
        who = anonymous("admin")
        submit.submit(core, who, "@default", job(workloads.flat(1)))  # what happens once is not measured
        node.drain()
        node.calls = 0
        started = time.perf_counter()
        accepted = submit.submit(core, who, "@default", job(shape))
        submitted = time.perf_counter()
        spent = time.process_time()
        node.drain()
        ended = time.perf_counter()
        spent = time.process_time() - spent
        found = store.read(lambda tx: tx.job(accepted.id))
        store.close()
        if found is None or found.state is not JobState.SUCCEEDED:
            raise SystemExit(f"the job did not succeed: {found}")
    return {"submit_s": submitted - started, "run_s": ended - submitted, "cpu_s": spent, "calls": node.calls}


def job(shape: workloads.Graph) -> JobSpec:
    tasks = tuple(
        TaskSpec(name=f"t{i}", executor="python", needs=tuple(f"t{n}" for n in needs), payload=PAYLOAD, shape=SHAPE)
        for i, needs in enumerate(shape.needs)
    )
    return JobSpec(name="benchmark", tasks=tasks)


@contextlib.contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url:
        sql.upgrade(url)
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        sql.upgrade(url)
        yield url


def _line(
    name: str, shape: workloads.Graph, samples: list[dict[str, float]], options: argparse.Namespace
) -> dict[str, object]:
    run_s = statistics.median(sample["run_s"] for sample in samples)
    return {
        "workload": name,
        "tasks": len(shape),
        "handoff": not options.no_handoff,
        "us_per_task": round(run_s / len(shape) * 1e6, 1),
        "cpu_us_per_task": round(statistics.median(sample["cpu_s"] for sample in samples) / len(shape) * 1e6, 1),
        "tasks_per_s": round(len(shape) / run_s),
        "submit_us_per_task": round(statistics.median(s["submit_s"] for s in samples) / len(shape) * 1e6, 1),
        "calls": samples[-1]["calls"],
        "us_per_call": round(run_s / samples[-1]["calls"] * 1e6, 1),
    }


if __name__ == "__main__":
    main()
