"""An organization as a whole, in memory."""

from collections import Counter
from collections.abc import Mapping
from heapq import nlargest

from app.adapters.memory.state import State
from app.domain.job import Job
from app.ports.overview import Slice
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState


class OverviewReads:
    _state: State

    def newest_event(self, org_id: str) -> int:
        return max(self._state.events_of.of(("org", org_id)), default=0)

    def job_counts(self, org_id: str, most: int) -> Mapping[JobState, int]:
        counts = Counter(job.state for job in self._jobs_shown(org_id))
        return {state: min(count, most) for state, count in counts.items()}

    def oldest_waiting(self, org_id: str) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for job in self._jobs_shown(org_id):
            waits = job.counts.get(TaskState.READY, 0) + job.counts.get(TaskState.QUEUED, 0)
            if waits and job.state not in JOB_TERMINAL:
                found[job.queue] = min(job.created_at_us, found.get(job.queue, job.created_at_us))
        return found

    def activity(self, org_id: str, since_us: int, slice_us: int, most: int) -> list[Slice]:
        jobs: Counter[tuple[int, JobState]] = Counter()
        tasks: Counter[tuple[int, JobState]] = Counter()
        for job in nlargest(most, self._jobs_shown(org_id), key=lambda job: job.seq):
            if job.created_at_us >= since_us:
                key = (job.created_at_us // slice_us, job.state)
                jobs[key] += 1
                tasks[key] += sum(job.counts.get(state, 0) for state in TASK_TERMINAL)
        return [Slice(at_us=key[0] * slice_us, state=key[1], jobs=jobs[key], tasks=tasks[key]) for key in sorted(jobs)]

    def _jobs_shown(self, org_id: str) -> list[Job]:
        found = map(self._state.jobs.__getitem__, self._state.jobs_of_org.of(org_id))
        return [job for job in found if not job.removed]
