"""Assets in memory, who needs them, and the blobs that nobody has."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from app.adapters.memory.state import State
from app.domain.run import Run
from app.ports.records import Asset, LooseBlob, Page
from app.wire.outputs import RESULT
from app.wire.states import JOB_TERMINAL, RunState


class AssetReads:
    _state: State
    _now_us: int

    def asset(self, asset_id: str) -> Asset | None:
        return next(iter(self.assets_by_id([asset_id])), None)

    def assets_by_id(self, asset_ids: Collection[str]) -> list[Asset]:
        seqs = {self._state.asset_seqs.get(asset_id) for asset_id in asset_ids} - {None}
        return [self._state.assets[seq] for seq in sorted(seq for seq in seqs if seq is not None)]

    def assets(
        self, org_id: str, page: Page, *, project_id: str | None = None, space: str | None = None
    ) -> list[Asset]:
        def wanted(asset: Asset) -> bool:
            return (
                asset.org_id == org_id
                and asset.name != RESULT
                and project_id in (None, asset.project_id)
                and (space is None or (asset.space == space and space != ""))
                and (page.after is None or asset.seq < page.after[0])
            )

        return self._found(wanted)[::-1][: page.limit]

    def asset_in_space(self, org_id: str, space: str, key: str) -> Asset | None:
        return next(iter(self.assets_in_space(org_id, space, [key])), None)

    def assets_in_space(self, org_id: str, space: str, keys: Collection[str]) -> list[Asset]:
        place = (org_id, space)
        return self._found(
            lambda asset: asset.space != "" and (asset.org_id, asset.space) == place and asset.key in keys
        )

    def outputs(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> list[Asset]:
        def wanted(asset: Asset) -> bool:
            if asset.name == RESULT or (page.after is not None and asset.seq <= page.after[0]):
                return False
            if job_seq is not None:
                return asset.job_seq == job_seq and self._stands(asset)
            if task_seq is not None:
                return asset.task_seq == task_seq and self._stands(asset)
            return asset.run_id == run_id

        return self._found(wanted)[: page.limit]

    def outputs_of_runs(self, run_ids: Collection[str]) -> list[Asset]:
        return self._found(lambda asset: asset.run_id is not None and asset.run_id in run_ids)

    def outputs_of_tasks(self, job_seq: int, names: Collection[str]) -> list[Asset]:
        found = self._found(
            lambda asset: asset.job_seq == job_seq and asset.task_name in names and asset.name != RESULT
        )
        return sorted(filter(self._stands, found), key=lambda asset: (asset.map_index, asset.seq))

    def assets_in_use(self, seqs: Collection[int]) -> set[int]:
        return {seq for seq in seqs if seq in self._state.assets and self._in_use(self._state.assets[seq])}

    def expired_assets(self, limit: int) -> list[Asset]:
        over = [asset for asset in self._state.assets if (asset.expires_at_us or self._now_us) < self._now_us]
        gone = [asset for asset in over if not self._in_use(asset)]
        return sorted(gone, key=lambda asset: asset.expires_at_us or 0)[:limit]

    def due_blobs(self, before_us: int, limit: int) -> list[str]:
        due = sorted((loose.due_at_us, loose.blob) for loose in self._state.loose if loose.due_at_us < before_us)
        return [blob for _, blob in due[:limit]]

    def _in_use(self, asset: Asset) -> bool:
        jobs = map(self._state.jobs.get, [asset.job_seq or 0, *self._state.asset_uses.of(asset.seq)])
        return any(job.state not in JOB_TERMINAL for job in jobs if job is not None)

    def _stands(self, asset: Asset) -> bool:
        """Its run is the newest of its task and map index that succeeded."""
        run = self._state.runs.get(asset.run_id) if asset.run_id else None
        if run is None or run.state is not RunState.SUCCEEDED:
            return False
        others = [self._state.runs[key[-1]] for key in self._state.runs_of_job.of(run.job_seq)]
        return not any(_overtakes(other, run) for other in others)

    def _found(self, wanted: Callable[[Asset], bool]) -> list[Asset]:
        return sorted(filter(wanted, self._state.assets), key=lambda asset: asset.seq)


class AssetWrites(AssetReads):
    def lock_assets(self, asset_ids: Collection[str]) -> list[Asset]:
        return self.assets_by_id(asset_ids)

    def insert_asset(self, asset: Asset) -> None:
        self._state.asset_seqs.put(asset.id, asset.seq)
        self._state.assets.put(asset.seq, asset)

    def save_asset(self, asset: Asset) -> None:
        before = self._state.assets.get(asset.seq)
        if before is not None:
            changed = replace(
                before,
                project_id=asset.project_id,
                filename=asset.filename,
                size=asset.size,
                checksum=asset.checksum,
                blob=asset.blob,
                media_type=asset.media_type,
                modified_at_us=asset.modified_at_us,
                space=asset.space,
                key=asset.key,
                expires_at_us=asset.expires_at_us,
            )
            self._state.assets.put(asset.seq, changed)

    def delete_assets(self, assets: Iterable[Asset]) -> None:
        for asset in assets:
            self._drop(asset, self._now_us)

    def use_assets(self, job_seq: int, seqs: Collection[int]) -> None:
        for seq in seqs:
            self._state.asset_uses.add(seq, job_seq)

    def save_loose(self, blobs: Sequence[LooseBlob]) -> None:
        for loose in blobs:
            self._state.loose.put(loose.blob, loose)

    def lock_loose(self, blob: str) -> LooseBlob | None:
        return self._state.loose.get(blob)

    def lock_parts(self, upload_id: str) -> list[LooseBlob]:
        found = [loose for loose in self._state.loose if loose.upload_id == upload_id != ""]
        return sorted(found, key=lambda loose: (loose.part, loose.blob))

    def forget_blobs(self, blobs: Collection[str]) -> None:
        for blob in blobs:
            self._state.loose.drop(blob)

    def _delete_assets_of(self, job_seq: int) -> None:
        for asset in self._found(lambda asset: asset.job_seq == job_seq):
            self._drop(asset, 0)
        for seq in self._state.asset_uses.keys():  # noqa: SIM118  # a method of Index
            self._state.asset_uses.remove(seq, job_seq)

    def _drop(self, asset: Asset, due_at_us: int) -> None:
        for job_seq in self._state.asset_uses.of(asset.seq):
            self._state.asset_uses.remove(asset.seq, job_seq)
        self._state.asset_seqs.drop(asset.id)
        self._state.assets.drop(asset.seq)
        self._state.loose.put(asset.blob, LooseBlob(blob=asset.blob, due_at_us=due_at_us))


def _overtakes(other: Run, run: Run) -> bool:
    same = (other.task_seq, other.map_index) == (run.task_seq, run.map_index)
    return same and other.number > run.number and other.state is RunState.SUCCEEDED
