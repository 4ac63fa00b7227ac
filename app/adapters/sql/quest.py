"""How does a question of `app/ports/finding.py` become a statement? One for each way of asking, made at its first use.

Nothing that a caller wrote becomes part of a statement: fields are looked up in the noun's table, patterns are
parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, cast, func, literal_column, select, tuple_

from app.adapters.sql.patterns import fits, like_text, member
from app.adapters.sql.statement import Statement, among
from app.adapters.sql.tables import assets, hidden_tasks, job_sources, jobs, projects, task_ranges, task_specs, tasks
from app.domain.search import Sort, Term
from app.ports.finding import NOT_YET, Seek, Wanted
from app.wire.outputs import RESULT

_EXECUTOR = 1
"""Its place in a stored spec (`specs.py`)."""

_KEPT_STATEMENTS = 256
_LARGEST = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quest:
    """A noun that is looked for. `rows` are all that the organization has in the project, `fields` what may be asked of
    them, `number` what they are told apart by, and `place` is in front of it where an index has it so.
    """

    rows: Select[Any]
    fields: Mapping[str, ColumnElement[Any]]
    number: ColumnElement[int]
    state: ColumnElement[str] | None = None
    range_: tuple[ColumnElement[int], ColumnElement[int]] | None = None


def _time(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(column, literal_column(str(NOT_YET)))


_ORG: ColumnElement[str] = bindparam("org_id")
_PROJECT: ColumnElement[str] = bindparam("project_id")

TASKS = Quest(
    rows=select(tasks.c.seq)
    .select_from(
        task_ranges.join(tasks, tasks.c.seq.between(task_ranges.c.first_seq, task_ranges.c.last_seq))
        .join(jobs, jobs.c.seq == task_ranges.c.job_seq)
        .join(task_specs, task_specs.c.seq == tasks.c.seq)
    )
    .where(
        task_ranges.c.org_id == _ORG,
        task_ranges.c.project_id == _PROJECT,
        ~jobs.c.removed,
        tasks.c.seq.not_in(select(hidden_tasks.c.task_seq)),
    ),
    fields={
        "id": tasks.c.seq,
        "name": tasks.c.name,
        "type": member(task_specs.c.spec, _EXECUTOR),
        "created": tasks.c.created_at_us,
        "started": _time(tasks.c.started_at_us),
        "finished": _time(tasks.c.finished_at_us),
    },
    number=tasks.c.seq,
    state=tasks.c.state,
    range_=(task_ranges.c.first_seq, task_ranges.c.last_seq),
)
JOBS = Quest(
    rows=select(jobs).where(
        jobs.c.org_id == _ORG,
        jobs.c.project_id == _PROJECT,
        ~jobs.c.removed,
        ~select(job_sources.c.job_seq).where(job_sources.c.job_seq == jobs.c.seq, job_sources.c.single).exists(),
    ),
    fields={
        "id": jobs.c.seq,
        "created": jobs.c.created_at_us,
        "started": _time(jobs.c.started_at_us),
        "finished": _time(jobs.c.finished_at_us),
    },
    number=jobs.c.seq,
    state=jobs.c.state,
)
ASSETS = Quest(
    rows=select(assets).where(
        assets.c.org_id == _ORG, assets.c.project_id == _PROJECT, assets.c.name != literal_column(f"'{RESULT}'")
    ),
    fields={
        "id": assets.c.seq,
        "filename": assets.c.filename,
        "size": assets.c.size,
        "created": assets.c.created_at_us,
        "modified": assets.c.modified_at_us,
    },
    number=assets.c.seq,
)
PROJECTS = Quest(
    rows=select(projects).where(projects.c.org_id == _ORG, ~projects.c.removed),
    fields={
        "id": projects.c.seq,
        "user": projects.c.created_by,
        "name": projects.c.name,
        "created": projects.c.created_at_us,
        "modified": func.coalesce(projects.c.modified_at_us, projects.c.created_at_us),
    },
    number=projects.c.seq,
)


def written(quest: Quest, wanted: Wanted, seek: Seek) -> tuple[Statement, dict[str, Any]]:
    """The statement and its values, but for `states`."""
    shape = tuple((term.field, _is_number(term), term.negated) for term in wanted.terms)
    statement = _statement(quest, shape, wanted.states is not None, wanted.sort, seek.after is not None)
    values: dict[str, Any] = {"org_id": wanted.org_id, "most": seek.limit}
    if quest is not PROJECTS:
        values["project_id"] = wanted.project_id
    for index, term in enumerate(wanted.terms):
        values[f"term_{index}"] = int(term.pieces[0]) if _is_number(term) else like_text(term.pieces)
    if seek.after is not None:
        values["after_seq"] = seek.after[1]
        if wanted.sort.field != "id":
            values["after_key"] = seek.after[0]
    return statement, values


def _is_number(term: Term) -> bool:
    """It asks for one number, which is an index look-up."""
    text = term.pieces[0]
    return term.field == "id" and term.exact and text.isascii() and text.isdigit() and str(int(text[:20])) == text


@lru_cache(maxsize=_KEPT_STATEMENTS)
def _statement(
    quest: Quest, terms: tuple[tuple[str, bool, bool], ...], by_state: bool, sort: Sort, goes_on: bool
) -> Statement:
    conditions = [_holds(quest, index, *term) for index, term in enumerate(terms)]
    if by_state and quest.state is not None:
        conditions.append(among(quest.state, "states"))
    if goes_on:
        conditions += _later(quest, sort)
    keys: list[ColumnElement[Any]] = [quest.number]
    if sort.field != "id":
        keys.insert(0, quest.fields[sort.field])
    elif quest.range_ is not None:
        keys.insert(0, quest.range_[0])
    order = [key.desc() if sort.descending else key.asc() for key in keys]
    return Statement(quest.rows.where(*conditions).order_by(*order).limit(bindparam("most")))


def _holds(quest: Quest, index: int, field: str, is_number: bool, negated: bool) -> ColumnElement[bool]:
    column, name = quest.fields[field], f"term_{index}"
    if is_number:
        condition: ColumnElement[bool] = column == bindparam(name)
    else:
        condition = fits(cast(column, String) if field == "id" else column, name)
    return ~condition if negated else condition


def _later(quest: Quest, sort: Sort) -> list[ColumnElement[bool]]:
    seq: ColumnElement[int] = bindparam("after_seq")
    if sort.field != "id":
        here, there = tuple_(quest.fields[sort.field], quest.number), tuple_(bindparam("after_key"), seq)
        return [here < there if sort.descending else here > there]
    later = [quest.number < seq if sort.descending else quest.number > seq]
    if quest.range_ is not None:
        first, last = quest.range_
        later.append(first < seq if sort.descending else last > seq)
    return later
