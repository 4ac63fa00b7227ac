"""Jobs by their end: questions that the index `jobs_by_finish` answers."""

from sqlalchemy import bindparam, select, tuple_

from app.adapters.sql.jobs import job_of
from app.adapters.sql.part import Part
from app.adapters.sql.statement import ONE, Statement, is_one_of
from app.adapters.sql.tables import OPEN_JOBS, asset_uses, assets, jobs
from app.domain.job import Job
from app.ports.ends import End

_ended = (jobs.c.org_id == bindparam("org_id"), jobs.c.finished_at_us.is_not(None), ~jobs.c.removed)
_end = tuple_(jobs.c.finished_at_us, jobs.c.seq)
_newest = Statement(
    select(jobs.c.finished_at_us, jobs.c.seq)
    .where(*_ended)
    .order_by(jobs.c.finished_at_us.desc(), jobs.c.seq.desc())
    .limit(ONE)
    .offset(bindparam("skip"))
)
_between = Statement(
    select(jobs)
    .where(
        *_ended,
        _end > tuple_(bindparam("after_us"), bindparam("after_seq")),
        _end <= tuple_(bindparam("upto_us"), bindparam("upto_seq")),
    )
    .order_by(jobs.c.finished_at_us, jobs.c.seq)
    .limit(bindparam("most"))
)
_gives = Statement(
    select(ONE)
    .select_from(
        assets.join(asset_uses, asset_uses.c.asset_seq == assets.c.seq).join(jobs, jobs.c.seq == asset_uses.c.job_seq)
    )
    .where(assets.c.job_seq == bindparam("job_seq"), is_one_of(jobs.c.state, *OPEN_JOBS))
    .limit(ONE)
)


class EndReads(Part):
    def end_of(self, org_id: str, skip: int) -> End | None:
        row = self._session.row(_newest, org_id=org_id, skip=skip)
        return None if row is None else (row[0], row[1])

    def ended_jobs(self, org_id: str, after: End, upto: End, limit: int) -> list[Job]:
        values = {"after_us": after[0], "after_seq": after[1], "upto_us": upto[0], "upto_seq": upto[1]}
        return [job_of(row) for row in self._session.rows(_between, org_id=org_id, most=limit, **values)]

    def gives_inputs(self, job_seq: int) -> bool:
        return self._session.row(_gives, job_seq=job_seq) is not None
