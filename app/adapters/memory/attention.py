"""What needs somebody, in memory."""

from app.adapters.memory.state import State
from app.domain.job import Job
from app.domain.task import Task
from app.wire.states import JOB_TERMINAL, JobState, TaskState

_OUT = (TaskState.READY, TaskState.QUEUED)


class AttentionReads:
    _state: State

    def stuck(self, org_id: str, jobs: int, tasks: int) -> list[Task]:
        waiting = [
            job
            for job in self._jobs_seen(org_id)
            if job.state not in JOB_TERMINAL and any(job.counts.get(state, 0) for state in _OUT)
        ]
        found = []
        for job in waiting[:jobs]:
            of_job = [each for each in self._all_tasks(job) if not each.ended]
            first: dict[str, Task] = {}
            for task in of_job[:tasks]:
                if task.state in _OUT:
                    first.setdefault(task.route, task)
            found += sorted(first.values(), key=lambda each: each.seq)
        return found

    def failed_with(self, org_id: str, code: str, jobs: int, tasks: int) -> list[Task]:
        failed = [job for job in reversed(self._jobs_seen(org_id)) if job.state is JobState.FAILED]
        found = []
        for job in failed[:jobs]:
            ended = [each for each in self._all_tasks(job) if each.state is TaskState.FAILED][:tasks]
            found += [each for each in ended if each.failure is not None and each.failure.code == code]
        return found

    def _jobs_seen(self, org_id: str) -> list[Job]:
        found = map(self._state.jobs.__getitem__, self._state.jobs_of_org.of(org_id))
        return [job for job in found if not job.removed]

    def _all_tasks(self, job: Job) -> list[Task]:
        seqs = [seq for _, seq in self._state.tasks_of_job.of(job.seq)]
        values = [seq for a_map in self._state.maps_of_job.of(job.seq) for seq in self._state.values_of.of(a_map)]
        return [self._state.tasks[seq] for seq in sorted(seqs + values)]
