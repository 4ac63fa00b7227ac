"""Everything there is to tell of runs: what is around them, and what they have left as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.errors import Unauthorized
from app.domain.job import Job
from app.domain.node import Node
from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ports.records import Asset
from app.ports.store import Reader
from app.services import links
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.wire.outputs import RESULT

LINK_US: Final = 24 * 3600 * MICROSECONDS
"""Links end with a whole day, the next but one: they are the same all day, and good for a day at least."""

STREAMS: Final = ("stdout", "stderr")
_PURPOSE: Final = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What a run has left: an output, or one of its streams. The link is good for a day or more, without a token."""

    run_id: str
    name: str
    size: int
    created_at_us: int
    link: str
    asset: Asset | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """`said` is of who feeds it from outside of the fleet, None of a node's; `node` is None once that is forgotten."""

    run: Run
    job: Job
    spec: TaskSpec
    updated_at_us: int
    said: Mapping[str, Any] | None = None
    node: Node | None = None
    files: Sequence[File] = field(default_factory=tuple)


def tell_runs(core: Core, tx: Reader, who: Principal, found: Sequence[Run]) -> list[RunTold]:
    """In a fixed number of questions, however many runs these are."""
    if not found:
        return []
    ids = [run.id for run in found]
    owners = tx.jobs_by_seq({run.job_seq for run in found})
    specs = tx.specs_by_seq({run.owner_seq for run in found})
    times, said = tx.run_times(ids), tx.said_outside(ids)
    nodes = {node.id: node for node in tx.nodes()}
    files = _files(core, tx, who, found)
    return [
        RunTold(
            run=run,
            job=owners[run.job_seq],
            spec=specs[run.owner_seq],
            updated_at_us=times.get(run.id, run.created_at_us),
            said=said.get(run.id),
            node=nodes.get(run.node_id or ""),
            files=files.get(run.id, ()),
        )
        for run in found
    ]


def _files(core: Core, tx: Reader, who: Principal, found: Sequence[Run]) -> Mapping[str, Sequence[File]]:
    until_us = (tx.now_us // LINK_US + 2) * LINK_US
    files: dict[str, list[File]] = {run.id: [] for run in found}
    ended = {run.id: run for run in found if run.finished_at_us is not None}
    if "messages:read" in who.scopes:
        sizes = tx.said_bytes(ended)
        for run_id, run in ended.items():
            for stream in STREAMS if run.node_id is not None else ():
                files[run_id].append(_stream(core, run, stream, sizes.get((run_id, stream), 0), until_us))
    for asset in tx.outputs_of_runs(ended):
        if asset.name != RESULT and asset.run_id is not None:
            link = links.link_until(core, asset, until_us)
            files[asset.run_id].append(
                File(
                    run_id=asset.run_id,
                    name=asset.name,
                    size=asset.size,
                    created_at_us=asset.created_at_us,
                    link=link,
                    asset=asset,
                )
            )
    return files


def _stream(core: Core, run: Run, stream: str, size: int, until_us: int) -> File:
    link = core.signer.sign(_PURPOSE, [run.id, stream], until_us)
    at_us = run.finished_at_us or run.created_at_us
    return File(run_id=run.id, name=stream, size=size, created_at_us=at_us, link=link)


def stream_by_link(core: Core, signed: str) -> tuple[str, str] | None:
    """The run's id and the stream; None when the link leads nowhere, or nowhere any more."""

    def work(tx: Reader) -> tuple[str, str] | None:
        try:
            run_id, stream = core.signer.check(_PURPOSE, signed, tx.now_us)
        except Unauthorized:
            return None
        return (run_id, stream) if tx.run(run_id) else None

    return core.store.read(work)
