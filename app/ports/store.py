"""The store: the truth about jobs, tasks, chords, runs, nodes. Memory, SQLite and PostgreSQL keep these promises alike.

`read` and `write` run a function in one transaction. A write commits when the function returns and rolls back when it
raises; it may be run again from the start after a conflict with another writer, so it must have no effect outside.
What was committed survives the death of every process. `Unavailable` is raised when the database is away.

Order of locks, which every writer keeps: a node, a template, assets, then runs, tasks, chords, and jobs last, each in
ascending order. Methods named `lock_...`, those said to lock, and `node` in a write hold their rows until the
transaction ends; nobody else changes them meanwhile.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from app.domain.job import Job
from app.domain.node import Node
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.assets import AssetReads, AssetWrites
from app.ports.attention import AttentionReads
from app.ports.ends import EndReads
from app.ports.executions import ExecutionReads
from app.ports.finding import FindingReads, FindingWrites
from app.ports.gauges import GaugeReads, TallyWrites
from app.ports.hooks import DeliveryReads, DeliveryWrites, HookWrites
from app.ports.live import EventReads
from app.ports.logs import LogReads, LogWrites
from app.ports.maps import MapReads, MapWrites
from app.ports.numbered import NumberedReads
from app.ports.outside import OutsideReads, OutsideWrites
from app.ports.overview import OverviewReads
from app.ports.people import PeopleReads, PeopleWrites
from app.ports.points import PointReads, PointWrites
from app.ports.queues import QueueReads, QueueWrites
from app.ports.records import (
    ChordState,
    Event,
    JobFilter,
    KeptAnswer,
    LiteralChord,
    NeedResult,
    Page,
    Part,
    Project,
    TaskView,
    Token,
)
from app.ports.secrets import SecretReads, SecretWrites
from app.ports.servers import ServerReads, ServerWrites
from app.ports.strips import StripReads
from app.ports.templates import TemplateReads, TemplateWrites
from app.ports.views import ViewReads, ViewWrites
from app.wire.cards import Card
from app.wire.resources import Resources
from app.wire.states import TaskState
from app.wire.usage import Sample

T = TypeVar("T")

LARGEST_SEQ = (1 << 63) - 1


class Reader(
    SecretReads,
    ViewReads,
    EndReads,
    ServerReads,
    EventReads,
    GaugeReads,
    DeliveryReads,
    MapReads,
    PeopleReads,
    AssetReads,
    ExecutionReads,
    TemplateReads,
    FindingReads,
    NumberedReads,
    LogReads,
    OutsideReads,
    OverviewReads,
    AttentionReads,
    PointReads,
    QueueReads,
    StripReads,
    Protocol,
):
    """Queries. A single thing is None when it is not there; a list is empty. Nothing here grows with the history."""

    @property
    def now_us(self) -> int:
        """The database's clock, the same value throughout the transaction."""

    def job(self, job_id: str) -> Job | None: ...
    def jobs(self, wanted: JobFilter, page: Page) -> list[Job]:
        """Newest first, without removed ones; the key is (seq,)."""

    def task(self, task_id: str) -> TaskView | None: ...
    def tasks(self, job_seq: int, page: Page, name: str | None = None) -> list[TaskView]:
        """In order of submission; the key is (position,)."""

    def results(self, job_seq: int, names: Collection[str]) -> Mapping[str, NeedResult]:
        """The newest run's result of each task of the job so named."""

    def edges(self, job_seq: int) -> list[tuple[int, int]]:
        """(header position, body position) of every part of the job's chords, by body, then header order."""

    def run(self, run_id: str) -> Run | None: ...
    def runs(self, job_seq: int, page: Page, task_seq: int | None = None, *, first_seq: int | None = None) -> list[Run]:
        """By task, then number; the key is (task_seq, map index or -1, number). Those of a map are those of the tasks
        from `first_seq` to `task_seq`, in the order of its values.
        """

    def samples(self, run_id: str, page: Page) -> list[Sample]:
        """By time; the key is (at_us,)."""

    def events(self, org_id: str, page: Page, job_id: str | None = None) -> list[Event]:
        """Oldest first; the key is (seq,)."""

    def nodes(self) -> list[Node]:
        """All of them, by name."""

    def node(self, node_id: str) -> Node | None: ...
    def cards(self) -> Mapping[str, Sequence[Card]]:
        """What all nodes say of their executors, by node id."""

    def held(self, node_ids: Collection[str]) -> list[Run]:
        """The running runs of these nodes."""

    def unwanted(self, node_id: str) -> list[str]:
        """Ids of the node's running runs whose task is to be canceled (`Task.cancel`)."""

    def queue_counts(self, org_id: str) -> Mapping[str, Mapping[TaskState, int]]:
        """Tasks of unfinished jobs by queue and state."""

    def projects(self, org_id: str) -> list[Project]:
        """Oldest first: the first one is the default project."""

    def token(self, token_id: str) -> Token | None: ...
    def tokens(self, org_id: str) -> list[Token]: ...
    def kept_answer(self, org_id: str, route: str, key: str) -> KeptAnswer | None: ...


class Writer(
    Reader,
    PointWrites,
    TallyWrites,
    DeliveryWrites,
    HookWrites,
    MapWrites,
    PeopleWrites,
    AssetWrites,
    TemplateWrites,
    FindingWrites,
    LogWrites,
    SecretWrites,
    ViewWrites,
    ServerWrites,
    OutsideWrites,
    QueueWrites,
    Protocol,
):
    """Changes, always by the batch. An empty batch does nothing. `save_...` writes every mutable field."""

    def reserve(self, kind: str, count: int) -> int:
        """The first of `count` consecutive new numbers of `kind` (`job`, `task`, `project`, `asset`), never twice."""

    def reserve_job(self, tasks: int) -> tuple[int, int]:
        """A number of kind `job` and the first of `tasks` of kind `task` (0 for none), as
        `reserve` gives them, with one question.
        """

    # -- submit
    def insert_job(self, job: Job) -> None: ...
    def insert_tasks(self, tasks: Sequence[Task], specs: Sequence[TaskSpec]) -> None: ...
    def insert_chords(self, chords: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Chords of tasks just inserted: (body seq, header seqs in order). Parts are not yet returned."""

    def keep_answer(self, answer: KeptAnswer) -> bool:
        """False, and nothing changed, when the key is taken."""

    def complete_answer(self, answer: KeptAnswer) -> None:
        """Its status and body, where the key is kept."""

    def drop_answer(self, org_id: str, route: str, key: str) -> None: ...

    def forget_answers(self, kept_before_us: int) -> None:
        """Those kept before then."""

    # -- runs and tasks
    def lock_runs(self, run_ids: Collection[str]) -> list[Run]:
        """Those that exist, locked, by id."""

    def lock_reported(self, node_id: str, run_ids: Collection[str]) -> list[Run] | None:
        """As `lock_runs`; None when there is no such node. The node itself is not locked."""

    def lock_tasks(self, seqs: Collection[int]) -> list[Task]:
        """Those that exist, locked, by seq."""

    def lock_line(self, seq: int, limit: int) -> list[Task]:
        """The line of waiting tasks below this one, locked, in its order: each the only one below the one before, and
        with no other need. It ends before one that somebody else has locked, that is a map, or that does not simply
        run when its need has succeeded.
        """

    def lock_tasks_in(
        self,
        job_seq: int,
        states: Collection[TaskState],
        limit: int,
        after_seq: int = 0,
        *,
        below_seq: int = LARGEST_SEQ,
    ) -> list[Task]:
        """Tasks of the job in these states whose seq is between the two, locked, by seq. Values of maps are among them
        when only open states are asked for.
        """

    def insert_runs(self, runs: Sequence[Run]) -> None: ...
    def save_runs(self, runs: Sequence[Run]) -> None: ...
    def save_tasks(self, tasks: Sequence[Task]) -> None: ...
    def specs(self, seqs: Collection[int]) -> Mapping[int, TaskSpec]: ...
    def ask_specs(self, seqs: Collection[int]) -> Callable[[], Mapping[int, TaskSpec]]:
        """As `specs`, asked now and answered when it is called for: there may be something to do meanwhile."""

    def runs_of_claim(self, node_id: str, claim_id: str) -> list[Run]:
        """The running runs that this claim gave to this node."""

    # -- chords
    def return_parts(self, parts: Sequence[Part]) -> list[ChordState]:
        """Count each part in every chord that has it, once: a part that was returned before changes nothing. Answers
        with the chords that changed, locked, by body.
        """

    def lock_waiting_below(self, seqs: Collection[int]) -> list[Task]:
        """Waiting `all_succeeded` tasks that need one of these, directly or through others of the same kind; locked."""

    def chord_states(self, body_seqs: Collection[int]) -> list[ChordState]:
        """The chords of these bodies, by body; a task without needs has none."""

    def reopen_parts(self, header_seqs: Collection[int]) -> None:
        """Take back the parts of tasks that will run again: their chords wait for them anew."""

    def open_literal_chord(self, chord_id: str, size: int, body: str) -> None:
        """A chord of Celery's own canvas. Opening one that exists changes nothing."""

    def return_literal_part(self, chord_id: str, index: int, succeeded: bool, value: Any) -> LiteralChord | None:
        """Count a part once. The closed chord, exactly once: when the last part comes in, or at the first failure."""

    # -- release
    def ready_routes(self) -> list[str]:
        """Routes with at least one ready task that is due and whose job is neither paused nor canceled, nor its queue
        paused.
        """

    def ready_orgs(self, route: str) -> list[tuple[str, int]]:
        """Organizations with a ready task on the route, by id, and the highest priority of these; also of tasks that
        are not due or whose job or queue is paused or canceled.
        """

    def lock_ready(self, route: str, limit: int, org_id: str) -> list[Task]:
        """The organization's first such tasks of the route in release order, locked; rows that another writer holds are
        passed over. Order: priority (higher first), then older job, then greater height, then seq.
        """

    def queued_routes(self) -> list[str]:
        """Routes with at least one queued run."""

    def queued_counts(self, routes: Collection[str]) -> Mapping[str, int]:
        """Runs that are out and not yet claimed, by route."""

    def lock_queued(self, route: str, offered_before_us: int, limit: int) -> list[Run]:
        """The route's queued runs last offered before then, oldest first, locked; those others hold are passed over."""

    def stale_offers(self, offered_before_us: int, limit: int) -> list[Run]:
        """Queued runs last offered before then, oldest first; not locked."""

    # -- jobs
    def lock_jobs(self, seqs: Collection[int]) -> list[Job]: ...
    def lock_canceling_jobs(self, limit: int) -> list[Job]:
        """Jobs that are to be canceled and have not ended, by seq."""

    def lock_removed_jobs(self, limit: int) -> list[Job]:
        """Jobs that their owner has deleted and that have ended, by seq; those others hold are passed over."""

    def add_counts(self, deltas: Mapping[int, Mapping[TaskState, int]]) -> list[Job]:
        """Add to the counts of these jobs, by seq; all of them as they now are, locked, also where nothing is added."""

    def save_jobs(self, jobs: Sequence[Job]) -> None:
        """Everything but the counts."""

    def set_task_priority(self, job_seq: int, priority: int) -> None:
        """Of the job's tasks that are waiting or ready, and of its maps."""

    def delete_job(self, job_seq: int) -> None:
        """The job and all that belongs to it."""

    def delete_some(self, job_seq: int, most: int) -> bool:
        """About so many small rows of what belongs to it, or fewer large ones; with the last of them the job itself
        goes, and then, or when there is none, the answer is true.
        """

    def desired(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        """What is wanted of each (`app.domain.job.Desired`), not locked: what its owner wants, and no more than `pause`
        while its queue is paused.
        """

    # -- what runs say
    def add_samples(self, samples: Sequence[tuple[str, Sample]]) -> None:
        """(run id, sample); a sample of the same run and time is ignored."""

    def add_events(self, events: Sequence[Event]) -> None: ...

    # -- fleet
    def save_node(self, node: Node) -> None:
        """Insert or replace."""

    def save_cards(self, node_id: str, cards: Sequence[Card]) -> None:
        """Replace what the node says of its executors."""

    def renew_lease(self, node_id: str, until_us: int, free: Resources) -> bool:
        """Note what the node has free, too. False when there is no such node. Locks it."""

    def keep_lease(self, node_id: str, until_us: int, free: Resources) -> None:
        """As `renew_lease`, but left undone where somebody else has the node locked, who may be waiting for what this
        transaction has locked.
        """

    def expired_nodes(self) -> list[Node]:
        """Nodes that are not offline, whose lease is over, and that still hold running runs."""

    # -- the rest
    def insert_project(self, project: Project) -> None: ...
    def save_token(self, token: Token) -> None: ...
    def lead(self, name: str, holder: str, until_us: int) -> bool:
        """Take or renew the lease `name` for `holder`; False while another holder's lasts."""

    def resign(self, name: str, holder: str) -> None: ...
    def stamp(self, name: str) -> None:
        """Note that `name` is alive now."""

    def stamped_at_us(self, name: str) -> int | None: ...


class Store(Protocol):
    def read(self, work: Callable[[Reader], T]) -> T: ...
    def write(self, work: Callable[[Writer], T]) -> T: ...
    def close(self) -> None: ...
