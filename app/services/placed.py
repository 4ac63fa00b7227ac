"""A task with what stands around it: what it needs, the files it was given, its parameters as they came out.

What a reference brings in is known once the task it names has succeeded; until then the reference itself is shown.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain import references
from app.domain.job import Source
from app.domain.references import Reference, Unresolved
from app.domain.task import TaskSpec
from app.ports.records import Asset, TaskView
from app.ports.store import Reader
from app.services import inputs
from app.services.access import Principal
from app.services.files import with_files
from app.services.inputs import Place
from app.services.lookups import Lookup, lookup_for

PARAMETERS = "parameters"
"""In `TaskSpec.submitted`: the parameters as they were given, where the payload is not what was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """`needs` are the numbers of what it needs, `given` its input files by their paths; `source` is its job's. Of its
    parameters `said` is what was written and `parameters` what came of it.
    """

    view: TaskView
    source: Source | None
    needs: tuple[int, ...]
    given: Mapping[str, Asset]
    said: Mapping[str, Any]
    parameters: Mapping[str, Any]


def place(tx: Reader, who: Principal, views: Sequence[TaskView]) -> list[Placed]:
    """In their order. One question a job at most for each thing, however many of its tasks there are."""
    of_job: dict[int, list[TaskView]] = defaultdict(list)
    for view in with_files(tx, views):
        of_job[view.task.job_seq].append(view)
    sources = tx.sources(of_job)
    places = {found for view in views for _, found in _stored(view.spec)}
    stored = inputs.find(tx, who.org_id, places) if places else {}
    placed: dict[int, Placed] = {}
    for job_seq, members in of_job.items():
        around = _around(tx, job_seq, members, stored)
        for view in members:
            placed[view.task.seq] = around.of(view, sources.get(job_seq))
    return [placed[view.task.seq] for view in views]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What is known of a job's tasks by their names."""

    seqs: Mapping[str, int]
    lookup: Lookup
    files: Mapping[tuple[str, str], Asset]
    stored: Mapping[Place, Asset]

    def of(self, view: TaskView, source: Source | None) -> Placed:
        given = {path: self.stored[place] for path, place in _stored(view.spec) if place in self.stored}
        for path, reference in _wired(view.spec):
            if found := self._file(reference):
                given[path] = found
        return Placed(
            view=view,
            source=source,
            needs=tuple(self.seqs[name] for name in view.spec.needs if name in self.seqs),
            given=given,
            said=_parameters(view.spec),
            parameters={key: self._resolved(value) for key, value in _parameters(view.spec).items()},
        )

    def _file(self, reference: Reference) -> Asset | None:
        name, _, field = reference.key.rpartition(".")
        whole = self.files.get((reference.task or "", reference.key))
        return whole or (self.files.get((reference.task or "", name)) if field in references.FILE_FIELDS else None)

    def _resolved(self, value: Any) -> Any:
        try:
            return references.resolve(value, self._known)
        except Unresolved:
            return value

    def _known(self, reference: Reference) -> Any:
        if reference.of_map:
            raise Unresolved("each value of the map has its own")
        return self.lookup(reference)


def _around(tx: Reader, job_seq: int, members: Sequence[TaskView], stored: Mapping[Place, Asset]) -> _Around:
    needs = {name for view in members for name in view.spec.needs}
    found = {ref for view in members for ref in references.find(list(_parameters(view.spec).values()))}
    wired = {ref.task for view in members for _, ref in _wired(view.spec) if ref.task is not None}
    return _Around(
        seqs=tx.named_tasks(job_seq, needs),
        lookup=lookup_for(tx, job_seq, members[0].task.job_id, found),
        files={(asset.task_name, asset.name): asset for asset in _outputs(tx, job_seq, wired)},
        stored=stored,
    )


def _outputs(tx: Reader, job_seq: int, names: Collection[str]) -> Sequence[Asset]:
    return [asset for asset in tx.outputs_of_tasks(job_seq, names) if asset.map_index < 0] if names else []


def _parameters(spec: TaskSpec) -> Mapping[str, Any]:
    said = spec.submitted.get(PARAMETERS)
    if isinstance(said, dict):
        return said
    return spec.payload if isinstance(spec.payload, dict) else {}


def _stored(spec: TaskSpec) -> Iterator[tuple[str, Place]]:
    """(path, place) of the inputs that are stored files."""
    for each in spec.inputs:
        if place := inputs.place_of(each["source"]):
            yield each["target"]["path"], place


def _wired(spec: TaskSpec) -> Iterator[tuple[str, Reference]]:
    """(path, reference) of the inputs that are other tasks' outputs."""
    for each in spec.inputs:
        for reference in references.find(each["source"].get("uri")):
            if reference.of_files:
                yield each["target"]["path"], reference
