"""Lists by pattern and in an order of the caller's choice, in memory: all there is, sifted and sorted."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from msgspec import structs

from app.adapters.memory.state import State
from app.domain.job import Job, Source
from app.domain.task import Task
from app.ports.finding import ASSET_KEYS, JOB_KEYS, PROJECT_KEYS, TASK_KEYS, Keys, Seek, Tally, Wanted
from app.ports.records import Asset, Project, TaskView
from app.wire.outputs import RESULT

T = TypeVar("T")


class FindingReads:
    _state: State

    def find_tasks(self, wanted: Wanted, seek: Seek) -> list[TaskView]:
        jobs = {job.seq for job in self._state.jobs if _in_project(job, wanted) and not job.removed}
        tasks = [task for task in self._state.tasks if task.job_seq in jobs and self._is_shown(task)]
        if wanted.states is not None:
            tasks = [task for task in tasks if task.state.value in wanted.states]
        return _found(map(self._seen, tasks), TASK_KEYS, wanted, seek)

    def find_jobs(self, wanted: Wanted, seek: Seek) -> list[Job]:
        jobs = [job for job in self._state.jobs if _in_project(job, wanted) and not job.removed]
        jobs = [job for job in jobs if not (self._state.job_sources.get(job.seq) or Source()).single]
        if wanted.states is not None:
            jobs = [job for job in jobs if job.state.value in wanted.states]
        return _found(jobs, JOB_KEYS, wanted, seek)

    def find_assets(self, wanted: Wanted, seek: Seek) -> list[Asset]:
        assets = (asset for asset in self._state.assets if _in_project(asset, wanted) and asset.name != RESULT)
        return _found(assets, ASSET_KEYS, wanted, seek)

    def find_projects(self, wanted: Wanted, seek: Seek) -> list[Project]:
        mine = (one for one in self._state.projects if one.org_id == wanted.org_id and not one.removed)
        return _found(mine, PROJECT_KEYS, wanted, seek)

    def task_at(self, seq: int) -> TaskView | None:
        task = self._state.tasks.get(seq)
        return None if task is None or not self._is_shown(task) else self._seen(task)

    def job_at(self, seq: int) -> Job | None:
        return self._state.jobs.get(seq)

    def asset_at(self, seq: int) -> Asset | None:
        return self._state.assets.get(seq)

    def assets_called(self, org_id: str, project_id: str, filenames: Collection[str]) -> Mapping[str, Asset]:
        mine = [asset for asset in self._state.assets if (asset.org_id, asset.project_id) == (org_id, project_id)]
        called = [asset for asset in mine if asset.filename in filenames and asset.name != RESULT]
        return {asset.filename: asset for asset in sorted(called, key=lambda asset: asset.seq)}

    def project_at(self, seq: int) -> Project | None:
        return self._state.projects.get(seq)

    def shown_tasks(self, job_seqs: Collection[int]) -> Mapping[int, tuple[int, ...]]:
        found = {job_seq: [seq for _, seq in self._state.tasks_of_job.of(job_seq)] for job_seq in job_seqs}
        shown = {job: tuple(seq for seq in seqs if seq not in self._state.hidden_tasks) for job, seqs in found.items()}
        return {job: seqs for job, seqs in shown.items() if seqs}

    def named_tasks(self, job_seq: int, names: Collection[str]) -> Mapping[str, int]:
        found = {name: self._state.named.get((job_seq, name)) for name in names}
        return {name: seq for name, seq in found.items() if seq is not None}

    def sources(self, job_seqs: Collection[int]) -> Mapping[int, Source]:
        found = {seq: self._state.job_sources.get(seq) for seq in job_seqs}
        return {seq: source for seq, source in found.items() if source is not None}

    def tally(self, org_id: str) -> Tally:
        files = [asset.run_id is None for asset in self._state.assets if asset.org_id == org_id]
        return Tally(
            projects=sum(one.org_id == org_id and not one.removed for one in self._state.projects),
            uploads=files.count(True),
            outputs=files.count(False),
            jobs=sum(job.org_id == org_id and not job.removed for job in self._state.jobs),
        )

    def removed_projects(self, limit: int) -> list[Project]:
        return sorted((one for one in self._state.projects if one.removed), key=lambda one: one.seq)[:limit]

    def _is_shown(self, task: Task) -> bool:
        return task.map_index is None and task.seq not in self._state.hidden_tasks

    def _seen(self, task: Task) -> TaskView:
        run = self._state.runs.get(task.run_id) if task.run_id else None
        return TaskView(task=task, spec=self._state.specs[task.seq], run=run)


class FindingWrites(FindingReads):
    def insert_source(self, job_seq: int, source: Source) -> None:
        self._state.job_sources.put(job_seq, source)

    def rename_task(self, task: Task, name: str) -> None:
        self._state.named.drop((task.job_seq, task.name))
        self._state.named.put((task.job_seq, name), task.seq)
        self._state.specs.put(task.seq, structs.replace(self._state.specs[task.seq], name=name))
        self._state.put_task(structs.replace(self._state.tasks[task.seq], name=name))

    def hide_task(self, task: Task) -> None:
        self._state.hidden_tasks.put(task.seq, True)

    def save_project(self, project: Project) -> None:
        if project.seq in self._state.projects:
            self._state.projects.put(project.seq, project)

    def delete_project(self, seq: int) -> None:
        self._state.projects.drop(seq)


def _in_project(one: Job | Asset, wanted: Wanted) -> bool:
    return (one.org_id, one.project_id) == (wanted.org_id, wanted.project_id)


def _found(all_: Iterable[T], keys: Keys, wanted: Wanted, seek: Seek) -> list[T]:
    fitting = [one for one in all_ if all(term.holds(str(keys[term.field](one))) for term in wanted.terms)]
    placed = sorted(
        (((keys[wanted.sort.field](one), keys["id"](one)), one) for one in fitting),
        key=lambda pair: pair[0],
        reverse=wanted.sort.descending,
    )
    if seek.after is not None:
        after = seek.after
        down = wanted.sort.descending
        placed = [(at, one) for at, one in placed if (at < after if down else at > after)]
    return [one for _, one in placed[: seek.limit]]
