"""All that the store in memory holds, and the order in which it is found again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.adapters.memory.table import Index, Journal, Table
from app.domain.chords import Count
from app.domain.job import Desired, Job, Source
from app.domain.map import Map
from app.domain.node import Node
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.domain.template import Template, Version
from app.ports.gauges import TallyKey
from app.ports.hooks import Delivery
from app.ports.people import Entry, Organization, User
from app.ports.points import Point
from app.ports.records import Asset, Event, KeptAnswer, LooseBlob, Project, Queue, StoredLine, Token, ValueChunk
from app.ports.secrets import Secret
from app.ports.servers import Key, ServerProcess
from app.ports.views import SavedView
from app.wire.cards import Card
from app.wire.states import RunState, TaskState
from app.wire.usage import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A chord of Celery's own canvas. A closed one has given its body away."""

    size: int
    body: str
    closed: bool = False


class State:
    def __init__(self) -> None:
        self.journal = Journal()
        self.counters: dict[str, int] = {}  # beside the journal: a number is not given again after a rollback
        journal = self.journal
        self.jobs: Table[int, Job] = Table(journal)
        self.job_seqs: Table[str, int] = Table(journal)
        self.job_updates: Table[int, int] = Table(journal)  # when it was last written, but for its counts
        self.tasks: Table[int, Task] = Table(journal)
        self.task_seqs: Table[str, int] = Table(journal)
        self.specs: Table[int, TaskSpec] = Table(journal)
        self.named: Table[tuple[int, str], int] = Table(journal)
        self.runs: Table[str, Run] = Table(journal)
        self.run_updates: Table[str, int] = Table(journal)
        self.outside: Table[str, Mapping[str, Any]] = Table(journal)  # JSON by run id
        self.chords: Table[int, Count] = Table(journal)
        self.maps: Table[int, Map] = Table(journal)
        self.map_sources: Table[int, Any] = Table(journal)  # JSON
        self.map_chunks: Table[tuple[int, int], ValueChunk] = Table(journal)  # by (map, first index)
        self.outcomes: Table[tuple[int, int], bool] = Table(journal)  # by (header, body), once returned
        self.literals: Table[str, Literal] = Table(journal)
        self.literal_parts: Table[tuple[str, int], tuple[bool, Any]] = Table(journal)  # (succeeded, JSON)
        self.lines: Table[int, StoredLine] = Table(journal)
        self.said: Table[tuple[str, int], int] = Table(journal)
        self.samples: Table[tuple[str, int], Sample] = Table(journal)
        self.events: Table[int, Event] = Table(journal)
        self.nodes: Table[str, Node] = Table(journal)
        self.projects: Table[int, Project] = Table(journal)
        self.job_sources: Table[int, Source] = Table(journal)
        self.hidden_tasks: Table[int, bool] = Table(journal)
        self.queues: Table[tuple[str, str], Queue] = Table(journal)
        # By organization: how many runs ended, by (minute, queue).
        self.queue_minutes: Table[str, tuple[tuple[tuple[int, str], int], ...]] = Table(journal)
        self.tokens: Table[str, Token] = Table(journal)
        self.answers: Table[tuple[str, str, str], KeptAnswer] = Table(journal)
        self.organizations: Table[str, Organization] = Table(journal)
        self.users: Table[str, User] = Table(journal)
        self.audit: Table[int, Entry] = Table(journal)
        self.assets: Table[int, Asset] = Table(journal)
        self.asset_seqs: Table[str, int] = Table(journal)
        self.asset_uses: Index[int] = Index(journal)  # job seq by asset seq
        self.loose: Table[str, LooseBlob] = Table(journal)
        self.templates: Table[str, Template] = Table(journal)
        self.template_versions: Table[tuple[str, int], Version] = Table(journal)
        self.leases: Table[str, tuple[str, int]] = Table(journal)
        self.stamps: Table[str, int] = Table(journal)
        self.keys: Table[str, Key] = Table(journal)
        self.servers: Table[str, ServerProcess] = Table(journal)
        self.secrets: Table[tuple[str, str], Secret] = Table(journal)
        self.views: Table[tuple[str, str, str], SavedView] = Table(journal)  # by (organization, owner, name)
        self.tallies: Table[TallyKey, tuple[TallyKey, int]] = Table(journal)
        self.deliveries: Table[int, Delivery] = Table(journal)
        self.cards: Table[str, tuple[str, tuple[Card, ...]]] = Table(journal)  # with the node id
        self.points: Table[str, tuple[Point, ...]] = Table(journal)  # by node id
        self.jobs_of_org: Index[str] = Index(journal)  # seq
        self.tasks_of_job: Index[int] = Index(journal)  # (position, seq)
        self.maps_of_job: Index[int] = Index(journal)  # seq
        self.values_of: Index[int] = Index(journal)  # seq by map
        self.map_chunks_of: Index[int] = Index(journal)  # first index by map
        self.ready: Index[str] = Index(journal)  # (-priority, job seq, -height, seq) by route
        self.runs_of_job: Index[int] = Index(journal)  # (task seq, map index, number, id)
        self.queued: Index[str] = Index(journal)  # (offered at, id) by route
        self.held: Index[str] = Index(journal)  # run id by node
        self.bodies: Index[int] = Index(journal)  # body seq by header seq
        self.headers: Index[int] = Index(journal)  # (part index, header seq) by body seq
        self.literal_indexes: Index[str] = Index(journal)
        self.lines_of: Index[tuple[str, Any]] = Index(journal)  # seq by ("job" | "task" | "run", which)
        self.samples_of: Index[str] = Index(journal)  # at
        self.events_of: Index[tuple[str, str]] = Index(journal)  # seq by ("org" | "job", id)

    def number(self, kind: str, count: int = 1) -> int:
        """The first of so many new numbers."""
        first = self.counters.get(kind, 0) + 1
        self.counters[kind] = first + count - 1
        return first

    def desired_of(self, job: Job) -> Desired:
        """A paused queue pauses its jobs."""
        queue = self.queues.get((job.org_id, job.queue))
        return Desired.PAUSE if job.desired is Desired.RUN and queue is not None and queue.paused else job.desired

    def put_job(self, job: Job) -> None:
        counts = {state: job.counts.get(state, 0) for state in TaskState}
        self.jobs.put(job.seq, replace(job, counts=counts))

    def put_task(self, task: Task) -> None:
        before = self.tasks.get(task.seq)
        if before is not None and before.state is TaskState.READY:
            self.ready.remove(before.route, release_key(before))
        if task.state is TaskState.READY:
            self.ready.add(task.route, release_key(task))
        self.tasks.put(task.seq, task)

    def drop_task(self, task: Task) -> None:
        self.ready.remove(task.route, release_key(task))
        self.named.drop((task.job_seq, task.name))
        self.task_seqs.drop(task.id)
        self.specs.drop(task.seq)
        self.tasks.drop(task.seq)

    def drop_value(self, task: Task) -> None:
        self.ready.remove(task.route, release_key(task))
        self.tasks.drop(task.seq)

    def put_run(self, run: Run) -> None:
        before = self.runs.get(run.id)
        if before is not None:
            self._place(before, self.queued.remove, self.held.remove)
        self._place(run, self.queued.add, self.held.add)
        self.runs.put(run.id, run)

    def drop_run(self, run: Run) -> None:
        self._place(run, self.queued.remove, self.held.remove)
        self.runs_of_job.remove(run.job_seq, run_key(run))
        self.run_updates.drop(run.id)
        self.outside.drop(run.id)
        self.runs.drop(run.id)

    @staticmethod
    def _place(run: Run, queued: Any, held: Any) -> None:  # Any: the same method of two indexes
        if run.state is RunState.QUEUED:
            queued(run.route, (run.offered_at_us, run.id))
        elif run.state is RunState.RUNNING and run.node_id is not None:
            held(run.node_id, run.id)


def release_key(task: Task) -> tuple[int, int, int, int]:
    return -task.priority, task.job_seq, -task.height, task.seq


def run_key(run: Run) -> tuple[int, int, int, str]:
    return run.task_seq, -1 if run.map_index is None else run.map_index, run.number, run.id
