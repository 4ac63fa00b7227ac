"""Templates: rows of `templates`, a row for each version, and jobs as those who start from templates list them."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, bindparam, delete, select, update

from app.adapters.sql.jobs import job_of
from app.adapters.sql.part import LAST, Part
from app.adapters.sql.session import Row, dump
from app.adapters.sql.specs import spec_of, spec_text
from app.adapters.sql.statement import Insert, Statement, among
from app.adapters.sql.tables import jobs, tasks, template_versions, templates
from app.adapters.sql.tasks import PLAIN_TASK
from app.domain.job import Job, JobSpec
from app.domain.template import Kind, Question, QuestionType, Template, Version, VersionNote
from app.ports.records import Page
from app.ports.templates import JobsWanted, Order

_SAVED: Final = ("name", "description", "kind", "changed_at_us", "version")
_JOB: Final = (
    *("name", "priority", "project_id", "parameters", "labels"),
    *("max_failed_tasks", "continue_on_failure", "webhooks"),
)
"""Of what was submitted: the rest of a JobSpec is of one job alone."""
_TYPES: Final = {each.value: each for each in QuestionType}

_versions = template_versions.c
_insert = Insert(templates)
_insert_version = Insert(template_versions)
_by_id = select(templates).where(templates.c.id == bindparam("id"))
_one, _locked = Statement(_by_id), Statement(_by_id.with_for_update())
_mine = (
    select(templates)
    .where(templates.c.org_id == bindparam("org_id"), templates.c.seq < bindparam("before"))
    .order_by(templates.c.seq.desc())
    .limit(bindparam("most"))
)
_all, _named = Statement(_mine), Statement(_mine.where(templates.c.name == bindparam("name")))
_of_template = select(template_versions).where(_versions.template_id == bindparam("id"))
_version = Statement(_of_template.where(_versions.number == bindparam("number")))
_notes = select(
    _versions.template_id, _versions.number, _versions.created_by, _versions.created_at_us, _versions.comment
)
_page = _notes.where(_versions.template_id == bindparam("id"), _versions.number < bindparam("before")).order_by(
    _versions.number.desc()
)
_history = Statement(_page.limit(bindparam("most")))
_save = Statement(update(templates).where(templates.c.id == bindparam("k_id")), sets=_SAVED)
_count = Statement(
    update(templates).where(templates.c.id == bindparam("id")).values(runs=templates.c.runs + bindparam("more"))
)
_delete = Statement(delete(templates).where(templates.c.id == bindparam("id")))
_delete_versions = Statement(delete(template_versions).where(_versions.template_id == bindparam("id")))
_routes = Statement(
    select(tasks.c.job_seq, tasks.c.route).where(
        among(tasks.c.job_seq, "seqs"), tasks.c.position == bindparam("first"), PLAIN_TASK
    )
)
_places = Statement(select(tasks.c.seq, tasks.c.position).where(among(tasks.c.seq, "seqs")))


@cache
def _jobs(of_template: bool, of_creator: bool, in_states: bool, order: Order, descending: bool) -> Statement:
    conditions: list[ColumnElement[bool]] = [jobs.c.org_id == bindparam("org_id"), ~jobs.c.removed]
    if of_template:
        conditions.append(jobs.c.template_id == bindparam("template_id"))
    if of_creator:
        conditions.append(jobs.c.created_by == bindparam("created_by"))
    if in_states:
        conditions.append(among(jobs.c.state, "states"))
    keys = [jobs.c.priority, jobs.c.seq] if order == "priority" else [jobs.c.seq]
    ordered = select(jobs).where(*conditions).order_by(*(key.desc() if descending else key for key in keys))
    return Statement(ordered.limit(bindparam("most")))


def _template_of(row: Row) -> Template:
    return Template(
        seq=row[0],
        id=row[1],
        org_id=row[2],
        name=row[3],
        description=row[4],
        kind=Kind(row[5]),
        created_by=row[6],
        created_at_us=row[7],
        changed_at_us=row[8],
        version=row[9],
        runs=row[10],
    )


def _note(row: Row) -> dict[str, Any]:
    return dict(zip(("template_id", "number", "created_by", "created_at_us", "comment"), row, strict=False))


def version_of(row: Row) -> Version:
    return Version(
        **_note(row),
        job=_job_spec(orjson.loads(row[5])),
        questions=tuple(_question(each) for each in orjson.loads(row[6])),
    )


def job_text(spec: JobSpec) -> str:
    return dump([{name: getattr(spec, name) for name in _JOB}, [spec_text(task) for task in spec.tasks]])


def _job_spec(written: list[Any]) -> JobSpec:
    values, specs = written
    values["webhooks"] = tuple(values["webhooks"])
    return JobSpec(**values, tasks=tuple(spec_of(text) for text in specs))


def _question(values: dict[str, Any]) -> Question:
    kind, choices = _TYPES[values.pop("type")], tuple(values.pop("choices"))
    return Question(**values, type=kind, choices=choices)


class TemplateReads(Part):
    def template(self, template_id: str) -> Template | None:
        row = self._session.row(_one, id=template_id)
        return None if row is None else _template_of(row)

    def templates(self, org_id: str, page: Page, name: str | None = None) -> list[Template]:
        values: dict[str, Any] = {"org_id": org_id, "most": page.limit}
        values |= {"before": page.after[0] if page.after else LAST}
        statement, more = (_all, {}) if name is None else (_named, {"name": name})
        return [_template_of(row) for row in self._session.rows(statement, **values, **more)]

    def template_version(self, template_id: str, number: int) -> Version | None:
        row = self._session.row(_version, id=template_id, number=number)
        return None if row is None else version_of(row)

    def template_versions(self, template_id: str, page: Page) -> list[VersionNote]:
        before = page.after[0] if page.after else LAST
        rows = self._session.rows(_history, id=template_id, before=before, most=page.limit)
        return [VersionNote(**_note(row)) for row in rows]

    def jobs_wanted(self, wanted: JobsWanted) -> list[Job]:
        given = {"template_id": wanted.template_id, "created_by": wanted.created_by}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if wanted.states is not None:
            values["states"] = self._session.listed(sorted(wanted.states))
        statement = _jobs(
            wanted.template_id is not None,
            wanted.created_by is not None,
            wanted.states is not None,
            wanted.order,
            wanted.descending,
        )
        rows = self._session.rows(statement, org_id=wanted.org_id, most=wanted.offset + wanted.limit, **values)
        return [job_of(row) for row in rows[wanted.offset :]]

    def first_routes(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        return self._pairs(_routes, job_seqs, first=0)

    def places(self, task_seqs: Collection[int]) -> Mapping[int, int]:
        return self._pairs(_places, task_seqs)

    def _pairs(self, statement: Statement, seqs: Collection[int], **values: int) -> dict[int, Any]:
        if not seqs:
            return {}
        return {row[0]: row[1] for row in self._session.rows(statement, seqs=self._session.listed(seqs), **values)}


class TemplateWrites(TemplateReads):
    def insert_template(self, template: Template) -> None:
        values = {field.name: getattr(template, field.name) for field in fields(Template)}
        values["kind"] = template.kind.value
        self._session.insert(_insert, [tuple(values[name] for name in _insert.columns)], 1)

    def lock_template(self, template_id: str) -> Template | None:
        row = self._session.row(_locked, id=template_id)
        return None if row is None else _template_of(row)

    def save_template(self, template: Template) -> None:
        values = {name: getattr(template, name) for name in _SAVED}
        self._session.run(_save, k_id=template.id, **values | {"kind": template.kind.value})

    def insert_template_version(self, version: Version) -> None:
        row = (
            *(version.template_id, version.number, version.created_by, version.created_at_us, version.comment),
            *(job_text(version.job), dump(version.questions)),  # dataclasses are objects to orjson
        )
        self._session.insert(_insert_version, [row], 1)

    def count_start(self, template_id: str) -> None:
        self._session.run(_count, id=template_id, more=1)

    def delete_template(self, template_id: str) -> None:
        self._session.run(_delete_versions, id=template_id)
        self._session.run(_delete, id=template_id)
