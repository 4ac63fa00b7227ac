"""Templates in memory, and jobs as those who start from templates list them."""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace

from app.adapters.memory.state import State
from app.domain.job import Job
from app.domain.template import Template, Version, VersionNote
from app.ports.records import Page
from app.ports.templates import JobsWanted

ALL = 1 << 62


class TemplateReads:
    _state: State

    def template(self, template_id: str) -> Template | None:
        return self._state.templates.get(template_id)

    def templates(self, org_id: str, page: Page, name: str | None = None) -> list[Template]:
        before = page.after[0] if page.after else ALL
        found = [each for each in self._state.templates if each.org_id == org_id and each.seq < before]
        found = [each for each in found if name in (None, each.name)]
        return sorted(found, key=lambda each: each.seq, reverse=True)[: page.limit]

    def template_version(self, template_id: str, number: int) -> Version | None:
        return self._state.template_versions.get((template_id, number))

    def template_versions(self, template_id: str, page: Page) -> list[VersionNote]:
        before = page.after[0] if page.after else ALL
        found = [each for each in self._state.template_versions if each.template_id == template_id]
        found = [each for each in found if each.number < before]
        newest = sorted(found, key=lambda each: each.number, reverse=True)[: page.limit]
        return [
            VersionNote(**{field.name: getattr(each, field.name) for field in fields(VersionNote)}) for each in newest
        ]

    def jobs_wanted(self, wanted: JobsWanted) -> list[Job]:
        found = [self._state.jobs[seq] for seq in self._state.jobs_of_org.of(wanted.org_id)]
        found = [
            job
            for job in found
            if not job.removed
            and wanted.template_id in (None, job.template_id)
            and wanted.created_by in (None, job.created_by)
            and (wanted.states is None or job.state in wanted.states)
        ]
        by_priority = wanted.order == "priority"
        found.sort(key=lambda job: (job.priority if by_priority else 0, job.seq), reverse=wanted.descending)
        return found[wanted.offset : wanted.offset + wanted.limit]

    def first_routes(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        first = {seq: self._state.tasks_of_job.of(seq)[:1] for seq in job_seqs}
        return {seq: self._state.tasks[found[0][1]].route for seq, found in first.items() if found}

    def places(self, task_seqs: Collection[int]) -> Mapping[int, int]:
        return {seq: self._state.tasks[seq].position for seq in task_seqs if seq in self._state.tasks}


class TemplateWrites(TemplateReads):
    def insert_template(self, template: Template) -> None:
        self._state.templates.put(template.id, template)

    def lock_template(self, template_id: str) -> Template | None:
        return self.template(template_id)

    def save_template(self, template: Template) -> None:
        before = self._state.templates.get(template.id)
        if before is not None:
            self._state.templates.put(template.id, replace(template, runs=before.runs))

    def insert_template_version(self, version: Version) -> None:
        self._state.template_versions.put((version.template_id, version.number), version)

    def count_start(self, template_id: str) -> None:
        template = self._state.templates.get(template_id)
        if template is not None:
            self._state.templates.put(template_id, replace(template, runs=template.runs + 1))

    def delete_template(self, template_id: str) -> None:
        for version in self.template_versions(template_id, Page(limit=ALL)):
            self._state.template_versions.drop((template_id, version.number))
        self._state.templates.drop(template_id)
