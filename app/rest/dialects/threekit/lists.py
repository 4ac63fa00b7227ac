"""The lists as shown: their entries under a name of their own, the page, and how many there are."""

from typing import Any, ClassVar

from marshmallow import fields

from app.rest.dialects.threekit.job_shown import JobListed
from app.rest.dialects.threekit.pages import Window
from app.rest.dialects.threekit.run_shown import RunShown
from app.rest.dialects.threekit.task_shown import TaskShown
from app.rest.native.schemas.shown import Document, Shown
from app.services.numbered import MOST


class EntryList(Shown):
    entries: ClassVar[str]
    item: ClassVar[type[Shown]]

    page = fields.Integer(required=True)
    perPage = fields.Integer(required=True)
    sort = fields.String(required=True)
    count = fields.Integer(required=True, metadata={"description": f"Of all pages together; at most {MOST}."})

    def dump(self, obj: Window[Any], *, many: bool | None = None) -> Document:
        return {
            self.entries: [self.item.show(one) for one in obj.found.items],
            "page": obj.asked.page,
            "perPage": obj.asked.spot.limit,
            "sort": obj.asked.sort,
            "count": obj.found.count,
        }


class JobList(EntryList):
    entries, item = "jobs", JobListed
    jobs = fields.List(fields.Nested(JobListed), required=True)


class TaskList(EntryList):
    entries, item = "tasks", TaskShown
    tasks = fields.List(fields.Nested(TaskShown), required=True)


class RunList(EntryList):
    entries, item = "runs", RunShown
    runs = fields.List(fields.Nested(RunShown), required=True)
