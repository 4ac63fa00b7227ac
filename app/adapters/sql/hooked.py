"""Webhooks as they are stored: in rows of `jobs`, found by a partial index, and in what templates save of a job."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, literal_column, or_, select, update

from app.adapters.sql.jobs import job_of
from app.adapters.sql.labels import holds_text
from app.adapters.sql.part import Part
from app.adapters.sql.session import dump
from app.adapters.sql.statement import Statement
from app.adapters.sql.tables import HOOKED, jobs, template_versions, templates
from app.adapters.sql.templates import job_text, version_of
from app.domain.job import Job
from app.domain.template import Version

_version = template_versions.c
_jobs = Statement(
    select(jobs)
    .where(literal_column(HOOKED), jobs.c.seq > bindparam("after"), holds_text(jobs.c.webhooks, "marker"))
    .order_by(jobs.c.seq)
    .limit(bindparam("most"))
    .with_for_update()
)
_save_webhooks = Statement(update(jobs).where(jobs.c.seq == bindparam("k_seq")), sets=("webhooks",))
_behind = or_(
    _version.template_id > bindparam("template_id"),
    (_version.template_id == bindparam("template_id")) & (_version.number > bindparam("number")),
)
_versions = Statement(
    select(template_versions, templates.c.org_id)
    .join_from(template_versions, templates, templates.c.id == _version.template_id)
    .where(_behind, holds_text(_version.job, "marker"))
    .order_by(_version.template_id, _version.number)
    .limit(bindparam("most"))
    .with_for_update(of=template_versions)
)
_of_version = (_version.template_id == bindparam("k_template_id")) & (_version.number == bindparam("k_number"))
_save_version = Statement(update(template_versions).where(_of_version), sets=("job",))


class HookWrites(Part):
    def lock_hooked_jobs(self, marker: str, after: int, limit: int) -> list[Job]:
        return [job_of(row) for row in self._session.rows(_jobs, marker=marker, after=after, most=limit)]

    def save_webhooks(self, job_seq: int, webhooks: Sequence[Any]) -> None:
        self._session.run(_save_webhooks, k_seq=job_seq, webhooks=dump(webhooks))

    def lock_hooked_versions(self, marker: str, after: tuple[str, int], limit: int) -> list[tuple[str, Version]]:
        rows = self._session.rows(_versions, marker=marker, template_id=after[0], number=after[1], most=limit)
        return [(row[-1], version_of(row[:-1])) for row in rows]

    def save_template_version(self, version: Version) -> None:
        self._session.run(
            _save_version, k_template_id=version.template_id, k_number=version.number, job=job_text(version.job)
        )
