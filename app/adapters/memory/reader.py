"""Queries of the store in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from app.adapters.memory.assets import AssetReads
from app.adapters.memory.attention import AttentionReads
from app.adapters.memory.ends import EndReads
from app.adapters.memory.executions import ExecutionReads
from app.adapters.memory.finding import FindingReads
from app.adapters.memory.hooks import DeliveryReads
from app.adapters.memory.live import EventReads, GaugeReads
from app.adapters.memory.logs import LogReads
from app.adapters.memory.maps import MapReads
from app.adapters.memory.numbered import NumberedReads
from app.adapters.memory.outside import OutsideReads
from app.adapters.memory.overview import OverviewReads
from app.adapters.memory.people import PeopleReads
from app.adapters.memory.points import PointReads
from app.adapters.memory.queues import QueueReads
from app.adapters.memory.secrets import SecretReads
from app.adapters.memory.servers import ServerReads
from app.adapters.memory.state import State
from app.adapters.memory.strips import StripReads
from app.adapters.memory.templates import TemplateReads
from app.adapters.memory.views import ViewReads
from app.domain.job import Job
from app.domain.node import Node
from app.domain.run import Run
from app.ports.records import (
    Event,
    JobFilter,
    KeptAnswer,
    NeedResult,
    Page,
    Project,
    TaskView,
    Token,
)
from app.wire.cards import Card
from app.wire.states import JOB_TERMINAL, TaskState
from app.wire.usage import Sample

ALL = 1 << 62


class MemoryReader(
    SecretReads,
    ViewReads,
    EndReads,
    ServerReads,
    EventReads,
    GaugeReads,
    DeliveryReads,
    LogReads,
    MapReads,
    PeopleReads,
    AssetReads,
    ExecutionReads,
    NumberedReads,
    OutsideReads,
    OverviewReads,
    AttentionReads,
    StripReads,
    PointReads,
    QueueReads,
    TemplateReads,
    FindingReads,
):
    def __init__(self, state: State, now_us: int) -> None:
        self._state = state
        self._now_us = now_us

    @property
    def now_us(self) -> int:
        return self._now_us

    def job(self, job_id: str) -> Job | None:
        seq = self._state.job_seqs.get(job_id)
        return None if seq is None else self._state.jobs.get(seq)

    def jobs(self, wanted: JobFilter, page: Page) -> list[Job]:
        before = page.after[0] if page.after else ALL
        seqs = reversed(self._state.jobs_of_org.of(wanted.org_id))
        found = (self._state.jobs[seq] for seq in seqs if seq < before)
        return [job for job, _ in zip((job for job in found if _matches(job, wanted)), range(page.limit), strict=False)]

    def task(self, task_id: str) -> TaskView | None:
        seq = self._state.task_seqs.get(task_id)
        return None if seq is None else self._view(seq)

    def tasks(self, job_seq: int, page: Page, name: str | None = None) -> list[TaskView]:
        after = (page.after[0], ALL) if page.after else None
        if name is None:
            return [self._view(seq) for _, seq in self._state.tasks_of_job.after(job_seq, after, page.limit)]
        seq = self._state.named.get((job_seq, name))
        views = [] if seq is None else [self._view(seq)]
        return [view for view in views if after is None or view.task.position > after[0]]

    def _view(self, seq: int) -> TaskView:
        task = self._state.tasks[seq]
        run = self._state.runs.get(task.run_id) if task.run_id else None
        return TaskView(task=task, spec=self._state.specs[seq], run=run)

    def results(self, job_seq: int, names: Collection[str]) -> Mapping[str, NeedResult]:
        found: dict[str, NeedResult] = {}
        for name in names:
            seq = self._state.named.get((job_seq, name))
            if seq is not None:
                task = self._state.tasks[seq]
                run = self._state.runs.get(task.run_id) if task.run_id else None
                result = run.result if run else None
                found[name] = NeedResult(state=task.state, result=result, map_seq=seq if task.is_map else None)
        return found

    def edges(self, job_seq: int) -> list[tuple[int, int]]:
        return [
            (self._state.tasks[header].position, position)
            for position, seq in self._state.tasks_of_job.of(job_seq)
            for _, header in self._state.headers.of(seq)
        ]

    def run(self, run_id: str) -> Run | None:
        return self._state.runs.get(run_id)

    def runs(self, job_seq: int, page: Page, task_seq: int | None = None, *, first_seq: int | None = None) -> list[Run]:
        after = (*page.after, "\U0010ffff") if page.after else None
        keys = self._state.runs_of_job.after(job_seq, after, page.limit if task_seq is None else ALL)
        first_seq = task_seq if first_seq is None else first_seq
        wanted = [key[-1] for key in keys if task_seq is None or (first_seq or 0) <= key[0] <= task_seq]
        return [self._state.runs[run_id] for run_id in wanted[: page.limit]]

    def samples(self, run_id: str, page: Page) -> list[Sample]:
        times = self._state.samples_of.after(run_id, page.after[0] if page.after else None, page.limit)
        return [self._state.samples[run_id, at_us] for at_us in times]

    def events(self, org_id: str, page: Page, job_id: str | None = None) -> list[Event]:
        key = ("org", org_id) if job_id is None else ("job", job_id)
        seqs = self._state.events_of.after(key, page.after[0] if page.after else None, page.limit)
        return [event for event in map(self._state.events.__getitem__, seqs) if event.org_id == org_id]

    def nodes(self) -> list[Node]:
        return sorted(self._state.nodes, key=lambda node: (node.name, node.id))

    def node(self, node_id: str) -> Node | None:
        return self._state.nodes.get(node_id)

    def cards(self) -> Mapping[str, Sequence[Card]]:
        return dict(self._state.cards)

    def held(self, node_ids: Collection[str]) -> list[Run]:
        return [self._state.runs[run_id] for run_id in sorted(self._held_ids(node_ids))]

    def _held_ids(self, node_ids: Collection[str]) -> list[str]:
        return [run_id for node_id in set(node_ids) for run_id in self._state.held.of(node_id)]

    def unwanted(self, node_id: str) -> list[str]:
        return [run.id for run in self.held([node_id]) if self._state.tasks[run.task_seq].cancel]

    def queue_counts(self, org_id: str) -> Mapping[str, Mapping[TaskState, int]]:
        totals: dict[str, Counter[TaskState]] = {}
        for seq in self._state.jobs_of_org.of(org_id):
            job = self._state.jobs[seq]
            if job.state not in JOB_TERMINAL:
                totals.setdefault(job.queue, Counter()).update(job.counts)
        return {queue: {state: counts[state] for state in TaskState} for queue, counts in totals.items()}

    def projects(self, org_id: str) -> list[Project]:
        found = [project for project in self._state.projects if project.org_id == org_id and not project.removed]
        return sorted(found, key=lambda project: project.seq)

    def token(self, token_id: str) -> Token | None:
        return self._state.tokens.get(token_id)

    def tokens(self, org_id: str) -> list[Token]:
        found = [token for token in self._state.tokens if token.org_id == org_id]
        return sorted(found, key=lambda token: (token.created_at_us, token.id))

    def kept_answer(self, org_id: str, route: str, key: str) -> KeptAnswer | None:
        return self._state.answers.get((org_id, route, key))


def _matches(job: Job, wanted: JobFilter) -> bool:
    return (
        not job.removed
        and (wanted.queue or job.queue) == job.queue
        and (wanted.state or job.state) is job.state
        and (wanted.project_id or job.project_id) == job.project_id
        and (wanted.text or "").casefold() in job.name.casefold()
        and all(job.labels.get(label) == value for label, value in wanted.labels.items())
    )
