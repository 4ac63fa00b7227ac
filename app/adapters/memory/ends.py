"""Jobs by their end, in memory."""

from app.adapters.memory.state import State
from app.domain.job import Job
from app.ports.ends import End
from app.wire.states import JOB_TERMINAL


class EndReads:
    _state: State

    def end_of(self, org_id: str, skip: int) -> End | None:
        ends = sorted(self._ends(org_id), reverse=True)[skip : skip + 1]
        return ends[0] if ends else None

    def ended_jobs(self, org_id: str, after: End, upto: End, limit: int) -> list[Job]:
        ends = sorted(end for end in self._ends(org_id) if after < end <= upto)
        return [self._state.jobs[seq] for _, seq in ends[:limit]]

    def gives_inputs(self, job_seq: int) -> bool:
        left = [asset.seq for asset in self._state.assets if asset.job_seq == job_seq]
        users = (self._state.jobs.get(user) for seq in left for user in self._state.asset_uses.of(seq))
        return any(job is not None and job.state not in JOB_TERMINAL for job in users)

    def _ends(self, org_id: str) -> list[End]:
        jobs = map(self._state.jobs.__getitem__, self._state.jobs_of_org.of(org_id))
        return [(job.finished_at_us, job.seq) for job in jobs if job.finished_at_us is not None and not job.removed]
