"""The store's promises about assets: stored files, who needs them, bytes that nobody has. Part of `store.py`."""

from collections.abc import Collection, Sequence
from typing import Protocol

from app.ports.records import Asset, LooseBlob, Page


class AssetReads(Protocol):
    def asset(self, asset_id: str) -> Asset | None: ...
    def assets_by_id(self, asset_ids: Collection[str]) -> list[Asset]:
        """Those that exist, by seq."""

    def assets(
        self, org_id: str, page: Page, *, project_id: str | None = None, space: str | None = None
    ) -> list[Asset]:
        """Newest first, without results; the key is (seq,)."""

    def asset_in_space(self, org_id: str, space: str, key: str) -> Asset | None: ...
    def assets_in_space(self, org_id: str, space: str, keys: Collection[str]) -> list[Asset]:
        """Those that exist, by seq."""

    def outputs(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> list[Asset]:
        """By seq, which is the key, without results. Of a job or a task those of each task's (and map index') newest
        run that succeeded. Exactly one of the three is given.
        """

    def outputs_of_runs(self, run_ids: Collection[str]) -> list[Asset]:
        """By seq, with results."""

    def outputs_of_tasks(self, job_seq: int, names: Collection[str]) -> list[Asset]:
        """As `outputs` of all tasks so named, by map index, then seq."""

    def assets_in_use(self, seqs: Collection[int]) -> set[int]:
        """Those of them that are an output or an input of a job that has not ended."""

    def expired_assets(self, limit: int) -> list[Asset]:
        """Whose time is over and which no unfinished job needs."""

    def due_blobs(self, before_us: int, limit: int) -> list[str]:
        """Loose blobs that were due before then, the longest due first."""


class AssetWrites(Protocol):
    def lock_assets(self, asset_ids: Collection[str]) -> list[Asset]:
        """Those that exist, locked, by seq. Before anything else is locked."""

    def insert_asset(self, asset: Asset) -> None: ...
    def save_asset(self, asset: Asset) -> None:
        """Project, file name, media type, bytes (size, checksum, blob), space, key, expiry and time of the change."""

    def delete_assets(self, assets: Sequence[Asset]) -> None:
        """Their blobs become loose, due now."""

    def use_assets(self, job_seq: int, seqs: Collection[int]) -> None:
        """Note that the job has these as inputs."""

    def save_loose(self, blobs: Sequence[LooseBlob]) -> None:
        """Insert or replace."""

    def lock_loose(self, blob: str) -> LooseBlob | None: ...
    def lock_parts(self, upload_id: str) -> list[LooseBlob]:
        """By part; there may be several of one."""

    def forget_blobs(self, blobs: Collection[str]) -> None:
        """They are loose no more: gone, or an asset's."""
