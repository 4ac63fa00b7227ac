"""Stored files as inputs: at submit they must be there, and when a run is claimed each becomes a link for the node.

An input's source is a URI, `flotilla:<asset id>` among them, or a key in a space. Other URIs are the node's matter. A
reference may bring in a list, as the files that the values of a map left behind: they come into a folder, in order.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import structs

from app.domain import filenames, limits
from app.domain.errors import Invalid, Problem
from app.domain.references import MARK
from app.domain.task import TaskSpec
from app.ports.records import Asset
from app.ports.store import Reader, Writer
from app.services import links
from app.services.core import MICROSECONDS, Core
from app.wire.claim import RunSpec
from app.wire.outputs import ASSET_SCHEME

_LINK_S: Final = 24 * 3600
"""How much longer than a run may take its links are good."""
_LONGEST_NAME: Final = 60
"""Of what a gathered file was called: its number goes before that, and a letter may take four bytes."""

Place = tuple[str, str]
"""("", asset id), or (space, key)."""


def place_of(source: Any) -> Place | None:
    """The asset that a source names; None for a source that names none, or is not known yet."""
    if "spaceId" in source:
        place = (source["spaceId"], source["key"])
        return None if MARK in place[0] + place[1] else place
    uri = source.get("uri")
    if isinstance(uri, dict):  # a reference to a file brings in the whole of it
        uri = uri.get("uri")
    if isinstance(uri, str) and uri.startswith(ASSET_SCHEME) and MARK not in uri:
        return "", uri.removeprefix(ASSET_SCHEME)
    return None


def find(tx: Reader, org_id: str, places: set[Place]) -> Mapping[Place, Asset]:
    """Those of them that the organization has."""
    keys: dict[str, set[str]] = defaultdict(set)
    for space, key in places:
        keys[space].add(key)
    found: dict[Place, Asset] = {}
    for space, wanted in keys.items():
        if space:
            found |= {(space, asset.key): asset for asset in tx.assets_in_space(org_id, space, wanted)}
        else:
            found |= {("", asset.id): asset for asset in tx.assets_by_id(wanted) if asset.org_id == org_id}
    return found


def check(tx: Writer, org_id: str, tasks: Sequence[TaskSpec]) -> set[int]:
    """The assets that these tasks name, held so that nobody deletes them meanwhile, by seq. Raises Invalid."""
    named = list(_named(tasks))
    if not named:
        return set()
    found = find(tx, org_id, {place for _, place in named})
    held = {asset.id for asset in tx.lock_assets([asset.id for asset in found.values()])}
    problems = [
        Problem(pointer, "there is no such asset; POST /v1/assets stores a file")
        for pointer, place in named
        if place not in found or found[place].id not in held
    ]
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))
    return {asset.seq for asset in found.values()}


def _named(tasks: Sequence[TaskSpec]) -> Iterator[tuple[str, Place]]:
    for position, task in enumerate(tasks):
        for index, each in enumerate(task.inputs):
            if place := place_of(each["source"]):
                inner = "/task" if task.type == "map" else ""
                yield f"/tasks/{position}{inner}/inputs/{index}/source", place


def link(core: Core, tx: Reader, specs: Sequence[RunSpec]) -> tuple[list[RunSpec], Mapping[str, str]]:
    """The specs with their assets as links, in order; and by run id why others cannot start."""
    if not any(spec.inputs for spec in specs):
        return list(specs), {}
    wanted: dict[str, set[Place]] = defaultdict(set)
    for spec in specs:
        places = {place for each in spec.inputs for one in _sources(each) if (place := place_of(one))}
        if places:
            wanted[spec.job_id] |= places
    found = {job_id: find(tx, _org_of(tx, job_id), places) for job_id, places in wanted.items()}
    good: list[RunSpec] = []
    bad: dict[str, str] = {}
    for spec in specs:
        if not spec.inputs:
            good.append(spec)
            continue
        linked = _Linked(core=core, until_us=tx.now_us + (spec.time_limit_s + _LINK_S) * MICROSECONDS)
        try:
            inputs = [one for each in spec.inputs for one in linked.of(each, found.get(spec.job_id, {}))]
        except Missing as missing:
            bad[spec.run_id] = str(missing)
        else:
            good.append(structs.replace(spec, inputs=inputs))
    return good, bad


def _sources(asked: Any) -> list[Any]:
    uri = asked["source"].get("uri")
    return [{"uri": each} for each in uri] if isinstance(uri, list) else [asked["source"]]


class Missing(Exception):
    """An input that nobody can fetch; the message is for the task's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linked:
    core: Core
    until_us: int

    def of(self, asked: Any, found: Mapping[Place, Asset]) -> list[Any]:
        """Raises Missing."""
        path = asked["target"]["path"]
        sources = _sources(asked)
        if len(sources) > limits.MAX_GATHERED:
            raise Missing(
                f"the list for input {path!r} has {len(sources)} files; at most {limits.MAX_GATHERED} may come"
            )
        given = [self._one(source, path, found) for source in sources]
        if not isinstance(asked["source"].get("uri"), list):
            return [{**asked, "source": given[0]}]
        return [
            {**asked, "source": source, "target": {"path": f"{path}/{index:06d}-{_name(source)}"}}
            for index, source in enumerate(given)
        ]

    def _one(self, source: Any, path: str, found: Mapping[Place, Asset]) -> Any:
        place = place_of(source)
        if place is None:
            if not isinstance(source.get("uri"), str):
                kind = type(source.get("uri")).__name__
                raise Missing(f"the source of input {path!r} must be a URI or a list of URIs, not {kind}")
            return source
        asset = found.get(place)
        if asset is None:
            raise Missing(f"the asset for input {path!r} is gone: {place[0] or ASSET_SCHEME}{place[1]}")
        known = {"asset": asset.id, "checksum": asset.checksum, "size": asset.size, "filename": asset.filename}
        return {**known, "link": links.link_until(self.core, asset, self.until_us)}


def _name(source: Any) -> str:
    return filenames.safe(source.get("filename") or source["uri"].partition("?")[0])[-_LONGEST_NAME:]


def _org_of(tx: Reader, job_id: str) -> str:
    job = tx.job(job_id)
    return job.org_id if job else ""
