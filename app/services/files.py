"""The files that tasks left behind, as others see them: in a task's answer, and by reference."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.ports.records import Asset, TaskView
from app.ports.store import Reader
from app.wire.outputs import ASSET_SCHEME, RESULT
from app.wire.states import TaskState

Files = Mapping[str, Any]
"""By name an object, or of a map a list of them in the order of its values."""


def with_files(tx: Reader, views: Sequence[TaskView]) -> list[TaskView]:
    """The tasks with what their runs left behind, where they succeeded: one question for all of them."""
    runs = [view.task.run_id for view in views if view.task.state is TaskState.SUCCEEDED and view.task.run_id]
    left: dict[str, list[Asset]] = defaultdict(list)
    for asset in tx.outputs_of_runs(runs):
        if asset.run_id is not None and asset.name != RESULT:
            left[asset.run_id].append(asset)
    return [replace(view, assets=tuple(left[view.task.run_id or ""])) if left else view for view in views]


def files_of(tx: Reader, job_seq: int, names: Collection[str]) -> Mapping[str, Files]:
    """By task what references can name."""
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for asset in tx.outputs_of_tasks(job_seq, names):
        files = found[asset.task_name]
        if asset.map_index < 0:
            files[asset.name] = described(asset)
        else:
            files.setdefault(asset.name, []).append(described(asset))
    return found


def described(asset: Asset) -> Mapping[str, Any]:
    """A file as payloads and results have it: the fields of `references.FILE_FIELDS`."""
    return {
        "id": asset.id,
        "uri": ASSET_SCHEME + asset.id,
        "filename": asset.filename,
        "size": asset.size,
        "checksum": asset.checksum,
        "mediaType": asset.media_type,
    }
