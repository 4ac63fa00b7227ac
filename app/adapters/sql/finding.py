"""Lists by pattern and in an order of the caller's choice (`app/ports/finding.py`).

In order of number, which is the default, they are read off an index: tasks by the ranges in which they were submitted.
In another order what the project has is sorted.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

from msgspec import structs
from sqlalchemy import BigInteger, bindparam, delete, func, literal_column, select, update

from app.adapters.sql.assets import asset_of
from app.adapters.sql.jobs import NUMBER_OF_JOBS, job_of
from app.adapters.sql.part import Part
from app.adapters.sql.projects import project_of, project_row
from app.adapters.sql.quest import ASSETS, JOBS, PROJECTS, TASKS, Quest, written
from app.adapters.sql.session import Row
from app.adapters.sql.specs import spec_text
from app.adapters.sql.statement import Insert, Statement, among, holds
from app.adapters.sql.tables import assets, hidden_tasks, job_sources, jobs, projects, task_ranges, task_specs, tasks
from app.adapters.sql.tasks import PLAIN_TASK, VIEWED, TaskWrites, view_of
from app.domain.job import Job, Source
from app.domain.task import Task, TaskSpec
from app.ports.finding import Seek, Tally, Wanted
from app.ports.records import Asset, Project, TaskView
from app.wire.outputs import RESULT

_FIXED = ("seq", "id", "org_id", "created_at_us", "created_by")

_shown = tasks.c.seq.not_in(select(hidden_tasks.c.task_seq))
_views = Statement(VIEWED.where(among(tasks.c.seq, "seqs")))
_task_at = Statement(VIEWED.where(tasks.c.seq == bindparam("seq"), _shown))
_job_at = Statement(select(jobs).where(jobs.c.seq == bindparam("seq")))
_asset_at = Statement(select(assets).where(assets.c.seq == bindparam("seq")))
_newest = (
    select(func.max(assets.c.seq))
    .where(
        assets.c.org_id == bindparam("org_id"),
        assets.c.project_id == bindparam("project_id"),
        among(assets.c.filename, "filenames"),
        assets.c.name != literal_column(f"'{RESULT}'"),
    )
    .group_by(assets.c.filename)
)
_called = Statement(select(assets).where(assets.c.seq.in_(_newest)))
_project_at = Statement(select(projects).where(projects.c.seq == bindparam("seq")))
_shown_tasks = Statement(
    select(tasks.c.job_seq, tasks.c.seq)
    .where(among(tasks.c.job_seq, "job_seqs"), PLAIN_TASK, _shown)
    .order_by(tasks.c.job_seq, tasks.c.position)
)
_named = Statement(
    select(tasks.c.name, tasks.c.seq).where(
        tasks.c.job_seq == bindparam("job_seq"), PLAIN_TASK, among(tasks.c.name, "names")
    )
)
_sources = Statement(select(job_sources).where(among(job_sources.c.job_seq, "job_seqs")))
_mine = assets.c.org_id == bindparam("org_id")
_tally = Statement(
    select(
        *(
            select(func.count()).select_from(table).where(*conditions).scalar_subquery()
            for table, *conditions in (
                (projects, projects.c.org_id == bindparam("org_id"), ~projects.c.removed),
                (assets, _mine, assets.c.run_id.is_(None)),
                (assets, _mine, assets.c.run_id.is_not(None)),
            )
        ),
        NUMBER_OF_JOBS,
    )
)
_removed = Statement(
    select(projects).where(holds(projects.c.removed)).order_by(projects.c.seq).limit(bindparam("most"))
)

_first, _last = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
_of_job = select(_first, _last, jobs.c.seq, jobs.c.org_id, jobs.c.project_id).where(jobs.c.seq == bindparam("job_seq"))
_insert_ranges = Statement(task_ranges.insert().from_select([each.name for each in task_ranges.columns], _of_job))
_insert_source = Insert(job_sources)
_rename = Statement(update(tasks).where(tasks.c.seq == bindparam("k_seq")), sets=["name"])
_respecify = Statement(update(task_specs).where(task_specs.c.seq == bindparam("k_seq")), sets=["spec"])
_hide = Insert(hidden_tasks, unless_there=True)
_save_project = Statement(
    update(projects).where(projects.c.seq == bindparam("k_seq")),
    sets=[column.name for column in projects.columns if column.name not in _FIXED],
)
_delete_project = Statement(delete(projects).where(projects.c.seq == bindparam("seq")))


class FindingReads(Part):
    def find_tasks(self, wanted: Wanted, seek: Seek) -> list[TaskView]:
        seqs = [row[0] for row in self._found(TASKS, wanted, seek)]
        rows = self._session.rows(_views, seqs=self._session.listed(seqs)) if seqs else []
        by_seq = {row[0]: row for row in rows}
        return [view_of(by_seq[seq]) for seq in seqs]

    def find_jobs(self, wanted: Wanted, seek: Seek) -> list[Job]:
        return [job_of(row) for row in self._found(JOBS, wanted, seek)]

    def find_assets(self, wanted: Wanted, seek: Seek) -> list[Asset]:
        return [asset_of(row) for row in self._found(ASSETS, wanted, seek)]

    def find_projects(self, wanted: Wanted, seek: Seek) -> list[Project]:
        return [project_of(row) for row in self._found(PROJECTS, wanted, seek)]

    def _found(self, quest: Quest, wanted: Wanted, seek: Seek) -> list[Row]:
        statement, values = written(quest, wanted, seek)
        if wanted.states is not None:
            values["states"] = self._session.listed(sorted(wanted.states))
        return self._session.rows(statement, **values)

    def task_at(self, seq: int) -> TaskView | None:
        row = self._session.row(_task_at, seq=seq)
        return None if row is None else view_of(row)

    def job_at(self, seq: int) -> Job | None:
        row = self._session.row(_job_at, seq=seq)
        return None if row is None else job_of(row)

    def asset_at(self, seq: int) -> Asset | None:
        row = self._session.row(_asset_at, seq=seq)
        return None if row is None else asset_of(row)

    def assets_called(self, org_id: str, project_id: str, filenames: Collection[str]) -> Mapping[str, Asset]:
        if not filenames:
            return {}
        values = {"org_id": org_id, "project_id": project_id, "filenames": self._session.listed(filenames)}
        return {asset.filename: asset for asset in map(asset_of, self._session.rows(_called, **values))}

    def project_at(self, seq: int) -> Project | None:
        row = self._session.row(_project_at, seq=seq)
        return None if row is None else project_of(row)

    def shown_tasks(self, job_seqs: Collection[int]) -> Mapping[int, tuple[int, ...]]:
        rows = self._session.rows(_shown_tasks, job_seqs=self._session.listed(job_seqs)) if job_seqs else []
        return {seq: tuple(row[1] for row in group) for seq, group in groupby(rows, key=lambda row: row[0])}

    def named_tasks(self, job_seq: int, names: Collection[str]) -> Mapping[str, int]:
        if not names:
            return {}
        rows = self._session.rows(_named, job_seq=job_seq, names=self._session.listed(names))
        return {row[0]: row[1] for row in rows}

    def sources(self, job_seqs: Collection[int]) -> Mapping[int, Source]:
        rows = self._session.rows(_sources, job_seqs=self._session.listed(job_seqs)) if job_seqs else []
        return {row[0]: Source(single=bool(row[1]), text=row[2]) for row in rows}

    def tally(self, org_id: str) -> Tally:
        row = self._session.row(_tally, org_id=org_id) or (0, 0, 0, 0)
        return Tally(projects=row[0], uploads=row[1], outputs=row[2], jobs=row[3])

    def removed_projects(self, limit: int) -> list[Project]:
        return [project_of(row) for row in self._session.rows(_removed, most=limit)]


class FindingWrites(TaskWrites):
    def insert_tasks(self, tasks: Sequence[Task], specs: Sequence[TaskSpec]) -> None:
        super().insert_tasks(tasks, specs)
        for first, last, job_seq in _ranges(tasks):
            self._session.run(_insert_ranges, first=first, last=last, job_seq=job_seq)

    def insert_source(self, job_seq: int, source: Source) -> None:
        self._session.insert(_insert_source, [(job_seq, source.single, source.text)], 1)

    def rename_task(self, task: Task, name: str) -> None:
        self._session.run(_rename, k_seq=task.seq, name=name)
        self._session.known.pop(task.seq, None)
        spec = self.specs([task.seq])[task.seq]
        self._session.run(_respecify, k_seq=task.seq, spec=spec_text(structs.replace(spec, name=name)))

    def hide_task(self, task: Task) -> None:
        self._session.insert(_hide, [(task.seq,)], 1)

    def save_project(self, project: Project) -> None:
        values = dict(zip(projects.columns.keys(), project_row(project), strict=True))
        saved = {name: value for name, value in values.items() if name not in _FIXED}
        self._session.run(_save_project, k_seq=project.seq, **saved)

    def delete_project(self, seq: int) -> None:
        self._session.run(_delete_project, seq=seq)


def _ranges(tasks: Sequence[Task]) -> list[tuple[int, int, int]]:
    """(first, last, job) of tasks whose numbers follow each other. A map's values have no place of their own."""
    found: list[tuple[int, int, int]] = []
    for task in tasks:
        if task.map_index is not None:
            continue
        if found and found[-1][1:] == (task.seq - 1, task.job_seq):
            found[-1] = (found[-1][0], task.seq, task.job_seq)
        else:
            found.append((task.seq, task.seq, task.job_seq))
    return found
