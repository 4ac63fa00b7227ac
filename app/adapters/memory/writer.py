"""Changes of jobs, of what runs say, of nodes and of the rest, in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from app.adapters.memory.assets import AssetWrites
from app.adapters.memory.chords import ChordWrites
from app.adapters.memory.finding import FindingWrites
from app.adapters.memory.hooks import DeliveryWrites, HookWrites
from app.adapters.memory.live import TallyWrites
from app.adapters.memory.logs import LogWrites
from app.adapters.memory.maps import MapWrites
from app.adapters.memory.people import PeopleWrites
from app.adapters.memory.points import PointWrites
from app.adapters.memory.queues import QueueWrites
from app.adapters.memory.secrets import SecretWrites
from app.adapters.memory.servers import ServerWrites
from app.adapters.memory.templates import TemplateWrites
from app.adapters.memory.unserved import OutsideWrites
from app.adapters.memory.views import ViewWrites
from app.domain.job import Desired, Job
from app.domain.node import Node
from app.domain.run import Run
from app.ports.records import Event, KeptAnswer, Project, Token
from app.wire.cards import Card
from app.wire.resources import Resources
from app.wire.states import JOB_TERMINAL, TaskState
from app.wire.usage import Sample


class MemoryWriter(
    SecretWrites,
    ViewWrites,
    ServerWrites,
    PointWrites,
    QueueWrites,
    TallyWrites,
    DeliveryWrites,
    HookWrites,
    LogWrites,
    OutsideWrites,
    ChordWrites,
    MapWrites,
    PeopleWrites,
    AssetWrites,
    TemplateWrites,
    FindingWrites,
):
    def reserve(self, kind: str, count: int) -> int:
        return self._state.number(kind, count)

    def reserve_job(self, tasks: int) -> tuple[int, int]:
        return self.reserve("job", 1), self.reserve("task", tasks) if tasks else 0

    def insert_job(self, job: Job) -> None:
        self._state.job_seqs.put(job.id, job.seq)
        self._state.jobs_of_org.add(job.org_id, job.seq)
        self._state.job_updates.put(job.seq, self.now_us)
        self._state.put_job(job)

    def keep_answer(self, answer: KeptAnswer) -> bool:
        key = (answer.org_id, answer.route, answer.key)
        if key in self._state.answers:
            return False
        self._state.answers.put(key, answer)
        return True

    def forget_answers(self, kept_before_us: int) -> None:
        for answer in self._state.answers:
            if answer.at_us < kept_before_us:
                self._state.answers.drop((answer.org_id, answer.route, answer.key))

    def lock_jobs(self, seqs: Collection[int]) -> list[Job]:
        return [self._state.jobs[seq] for seq in sorted(set(seqs)) if seq in self._state.jobs]

    def lock_canceling_jobs(self, limit: int) -> list[Job]:
        found = [job for job in self._state.jobs if job.desired is Desired.CANCEL and job.state not in JOB_TERMINAL]
        return sorted(found, key=lambda job: job.seq)[:limit]

    def lock_removed_jobs(self, limit: int) -> list[Job]:
        found = [job for job in self._state.jobs if job.removed and job.state in JOB_TERMINAL]
        return sorted(found, key=lambda job: job.seq)[:limit]

    def add_counts(self, deltas: Mapping[int, Mapping[TaskState, int]]) -> list[Job]:
        for job in self.lock_jobs(deltas):
            added = deltas[job.seq]
            self._state.put_job(replace(job, counts={s: n + added.get(s, 0) for s, n in job.counts.items()}))
        return self.lock_jobs(deltas)

    def save_jobs(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            before = self._state.jobs.get(job.seq)
            if before is not None:
                self._state.job_updates.put(job.seq, self.now_us)
                self._state.put_job(replace(job, counts=before.counts))

    def desired(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        return {job.seq: self._state.desired_of(job) for job in self.lock_jobs(job_seqs)}

    def add_samples(self, samples: Sequence[tuple[str, Sample]]) -> None:
        for run_id, sample in samples:
            if (run_id, sample.at_us) not in self._state.samples:
                self._state.samples.put((run_id, sample.at_us), sample)
                self._state.samples_of.add(run_id, sample.at_us)

    def add_events(self, events: Sequence[Event]) -> None:
        for event in events:
            seq = self._state.number("events")
            self._state.events.put(seq, replace(event, seq=seq))
            self._state.events_of.add(("org", event.org_id), seq)
            self._state.events_of.add(("job", event.job_id), seq)

    def save_node(self, node: Node) -> None:
        self._state.nodes.put(node.id, node)

    def save_cards(self, node_id: str, cards: Sequence[Card]) -> None:
        self._state.cards.put(node_id, (node_id, tuple(cards)))

    def renew_lease(self, node_id: str, until_us: int, free: Resources) -> bool:
        node = self._state.nodes.get(node_id)
        if node is None:
            return False
        self._state.nodes.put(node_id, replace(node, lease_until_us=until_us, free=free))
        return True

    def keep_lease(self, node_id: str, until_us: int, free: Resources) -> None:
        self.renew_lease(node_id, until_us, free)

    def lock_reported(self, node_id: str, run_ids: Collection[str]) -> list[Run] | None:
        return None if self._state.nodes.get(node_id) is None else self.lock_runs(run_ids)

    def expired_nodes(self) -> list[Node]:
        over = [node for node in self.nodes() if not node.offline and node.lease_until_us < self.now_us]
        return [node for node in over if self._state.held.count(node.id)]

    def insert_project(self, project: Project) -> None:
        self._state.projects.put(project.seq, project)

    def save_token(self, token: Token) -> None:
        self._state.tokens.put(token.id, token)

    def lead(self, name: str, holder: str, until_us: int) -> bool:
        lease = self._state.leases.get(name)
        if lease is not None and lease[0] != holder and lease[1] > self.now_us:
            return False
        self._state.leases.put(name, (holder, until_us))
        return True

    def resign(self, name: str, holder: str) -> None:
        lease = self._state.leases.get(name)
        if lease is not None and lease[0] == holder:
            self._state.leases.drop(name)

    def stamp(self, name: str) -> None:
        self._state.stamps.put(name, self.now_us)

    def stamped_at_us(self, name: str) -> int | None:
        return self._state.stamps.get(name)

    def delete_some(self, job_seq: int, most: int) -> bool:
        """All of it: nobody waits here."""
        self.delete_job(job_seq)
        return True

    def delete_job(self, job_seq: int) -> None:
        job = self._state.jobs.get(job_seq)
        if job is None:
            return
        self._delete_assets_of(job_seq)
        self._delete_deliveries_of(job_seq)
        self._state.job_sources.drop(job_seq)
        for key in self._state.runs_of_job.of(job_seq):
            self._delete_run(key[-1])
        self._delete_maps(job_seq)
        for position, seq in self._state.tasks_of_job.of(job_seq):
            self._delete_task(job_seq, position, seq)
        for seq in self._state.events_of.of(("job", job.id)):
            self._state.events_of.remove(("job", job.id), seq)
            self._state.events_of.remove(("org", job.org_id), seq)
            self._state.events.drop(seq)
        self._state.jobs_of_org.remove(job.org_id, job_seq)
        self._state.job_seqs.drop(job.id)
        self._state.job_updates.drop(job_seq)
        self._state.jobs.drop(job_seq)

    def _delete_run(self, run_id: str) -> None:
        run = self._state.runs[run_id]
        for seq in self._state.lines_of.of(("run", run_id)):
            self._state.said.drop((run_id, self._state.lines[seq].line.line))
            for key in (("job", run.job_seq), ("task", run.owner_seq), ("run", run_id)):
                self._state.lines_of.remove(key, seq)
            self._state.lines.drop(seq)
        for at_us in self._state.samples_of.of(run_id):
            self._state.samples_of.remove(run_id, at_us)
            self._state.samples.drop((run_id, at_us))
        self._state.drop_run(run)

    def _delete_task(self, job_seq: int, position: int, seq: int) -> None:
        task = self._state.tasks[seq]
        for entry in self._state.headers.of(seq):
            self._state.headers.remove(seq, entry)
            self._state.bodies.remove(entry[1], seq)
            self._state.outcomes.drop((entry[1], seq))
        self._state.chords.drop(seq)
        self._state.hidden_tasks.drop(seq)
        self._state.drop_task(task)
        self._state.tasks_of_job.remove(job_seq, (position, seq))
