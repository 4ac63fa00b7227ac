"""Measurements as Prometheus knows them: names, units and labels; nothing is asked here."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from app.ports.gauges import TallyKey
from app.services import tally
from app.services.core import MICROSECONDS
from app.services.measures import Measures
from app.wire.resources import Resources, Route
from app.wire.states import JobState, NodeState

OTHER: Final = tally.OTHER
MOST_LABELS: Final = 100
Words = tuple[str, ...]
"""The values of a metric's labels."""

_MIB: Final = 1 << 20
_PLACE: Final = ("queue", "tag", "executor")
_PHASES: Final = ("ready", "held", "queued", "running")
_GONE: Final = (NodeState.OFFLINE, NodeState.LOST)


def measured(found: Measures) -> Iterator[Metric]:
    yield _gauge("flotilla_build_info", "Which version this is", ("version",), [((found.version,), 1)])
    yield from _of_queues(found)
    yield from _of_work(found)
    yield from _of_nodes(found)
    yield from _of_tallies(found.tallies)
    yield _gauge("flotilla_live_streams", "Live streams of this process", (), [((), found.streams)])
    pending = "Deliveries of webhooks that are still to be made"
    yield _gauge("flotilla_webhook_deliveries_pending", pending, (), [((), found.pending_deliveries)])


def _of_queues(found: Measures) -> Iterator[Metric]:
    tasks: Counter[tuple[str, str]] = Counter()
    for work in found.work:
        tasks[Route.parse(work.route).queue, work.phase] += work.count
    for backlog in found.backlogs:
        tasks[backlog.queue, "waiting"] += backlog.waiting
    names = {queue for queue, _ in tasks} | {backlog.queue for backlog in found.backlogs}
    shown = _shown({(name,) for name in names}, lambda name: sum(tasks[name[0], phase] for phase in _PHASES))
    sums: Counter[Words] = Counter()
    ages: dict[Words, float] = {}
    jobs: Counter[Words] = Counter()
    for name in names:
        for state in ("waiting", *_PHASES):
            sums[*shown((name,)), state] += tasks[name, state]
    oldest = [(backlog.queue, backlog.oldest_us or found.now_us) for backlog in found.backlogs]
    # Values of maps are counted in no job.
    oldest += [(Route.parse(work.route).queue, work.oldest_us) for work in found.work if work.oldest_us is not None]
    for name, at_us in oldest:
        label = shown((name,))
        ages[label] = max(ages.get(label, 0.0), (found.now_us - at_us) / MICROSECONDS)
    for backlog in found.backlogs:
        (queue,) = shown((backlog.queue,))
        for job_state in (JobState.PENDING, JobState.RUNNING, JobState.PAUSED):
            jobs[queue, job_state.value] += backlog.jobs.get(job_state, 0)
    text = "Tasks by queue: waiting for needs, ready, held by a pause or cancel, queued for nodes, running"
    yield _gauge("flotilla_queue_tasks", text, ("queue", "state"), sums.items())
    text = "Age of the oldest unfinished job of the queue that has a task or a value of a map ready or queued"
    yield _gauge("flotilla_queue_oldest_seconds", text, ("queue",), ages.items())
    yield _gauge("flotilla_queue_jobs", "Unfinished jobs by queue", ("queue", "state"), jobs.items())


def _of_work(found: Measures) -> Iterator[Metric]:
    routes = [(Route.parse(work.route), work) for work in found.work]
    weights: Counter[Words] = Counter()
    for route, work in routes:
        weights[route.queue, route.tag, route.executor] += work.count * route.shape.cpu_milli
    shown = _shown(weights, lambda place: weights[place])
    tasks: Counter[Words] = Counter()
    cpu: Counter[Words] = Counter()
    memory: Counter[Words] = Counter()
    for route, work in routes:
        labels = (*shown((route.queue, route.tag, route.executor)), work.phase)
        tasks[labels] += work.count
        cpu[labels] += work.count * route.shape.cpu_milli
        memory[labels] += work.count * route.shape.memory_mib
    names = (*_PLACE, "state")
    yield _gauge("flotilla_work_tasks", "Tasks that ask for a place on a node, or have one", names, tasks.items())
    cores = ((labels, amount / 1000) for labels, amount in cpu.items())
    yield _gauge("flotilla_work_cpu_cores", "What these tasks ask for", names, cores)
    sizes = ((labels, amount * _MIB) for labels, amount in memory.items())
    yield _gauge("flotilla_work_memory_bytes", "What these tasks ask for", names, sizes)


def _of_nodes(found: Measures) -> Iterator[Metric]:
    counts = Counter(state for _, state in found.nodes)
    text = "Nodes by state"
    yield _gauge("flotilla_nodes", text, ("state",), (((state.value,), counts[state]) for state in NodeState))
    here = [node for node, state in found.nodes if state not in _GONE]
    shown = _shown({(node.name,) for node in here}, lambda _: 0)
    amounts: dict[Words, Resources] = defaultdict(lambda: Resources(cpu_milli=0, memory_mib=0))
    for node in here:
        amounts[*shown((node.name,)), "total"] += node.total
        amounts[*shown((node.name,)), "free"] += node.free
    names = ("node", "kind")
    cores = ((labels, amount.cpu_milli / 1000) for labels, amount in amounts.items())
    yield _gauge("flotilla_node_cpu_cores", "What nodes have, and what is not reserved of it", names, cores)
    sizes = ((labels, amount.memory_mib * _MIB) for labels, amount in amounts.items())
    yield _gauge("flotilla_node_memory_bytes", "What nodes have, and what is not reserved of it", names, sizes)


def _of_tallies(tallies: Mapping[TallyKey, int]) -> Iterator[Metric]:
    of: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for (name, one, two), value in tallies.items():
        of[name][one, two] = value
    text = "Runs that have ended, by executor and state"
    yield _counter("flotilla_runs_ended", text, ("executor", "state"), of[tally.ENDED])
    text = "Runs that have not succeeded, by cause and state"
    yield _counter("flotilla_runs_unsuccessful", text, ("cause", "state"), of[tally.CAUSES])
    yield _counter("flotilla_task_retries", "Tasks that are tried again, by cause", ("cause",), of[tally.RETRIES])
    text = "Reports of nodes; fenced: with an old fence; refused: of a run that is another's or has ended otherwise"
    yield _counter("flotilla_reports", text, ("outcome",), of[tally.REPORTS])
    text = "Tries of webhooks by what became of them"
    yield _counter("flotilla_webhook_tries", text, ("outcome",), of[tally.DELIVERIES])
    yield _durations(of[tally.DURATIONS], of[tally.TIME])


def _durations(counts: Mapping[tuple[str, str], int], times: Mapping[tuple[str, str], int]) -> Metric:
    family = HistogramMetricFamily("flotilla_run_duration_seconds", "Wall time of runs", labels=("executor",))
    for executor in sorted({one for one, _ in counts}):
        total, buckets = 0, []
        for bound in (*(f"{each:g}" for each in tally.BUCKETS_S), tally.ABOVE):
            total += counts.get((executor, bound), 0)
            buckets.append((bound, float(total)))
        family.add_metric((executor,), buckets, times.get((executor, ""), 0) / 1000)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[Words, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for place, value in values:
        family.add_metric(place, value)
    return family


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, str], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for words, value in sorted(values.items()):
        family.add_metric(words[: len(labels)], value)
    return family


def _shown(names: Collection[Words], weight: Callable[[Words], float]) -> Callable[[Words], Words]:
    """What a name is shown as: itself where it is one of the largest, else `other`, in as many words as it has."""
    known = frozenset(sorted(names, key=lambda name: (-weight(name), name))[:MOST_LABELS])
    return lambda name: name if name in known else (OTHER,) * len(name)
