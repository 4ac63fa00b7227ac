"""Assets: rows of the table `assets`, and which unfinished jobs need them.

What a job shows is the outputs of each task's newest run that succeeded: what an earlier one left stays with its run.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, exists, literal_column, or_, select, update

from app.adapters.sql.loose import LooseReads, LooseWrites
from app.adapters.sql.part import FIRST, LAST
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Insert, Statement, among, is_one_of
from app.adapters.sql.tables import OPEN_JOBS, asset_uses, assets, jobs, runs
from app.ports.records import Asset, LooseBlob, Page
from app.wire.outputs import RESULT
from app.wire.states import RunState

_FIELDS: Final = tuple(column.name for column in assets.columns)
_SAVED: Final = (
    *("project_id", "filename", "size", "checksum", "blob", "media_type", "modified_at_us"),
    *("space", "key", "expires_at_us"),
)
_EMPTY: ColumnElement[str] = literal_column("''")

_later = runs.alias("later")
_succeeded = is_one_of(runs.c.state, RunState.SUCCEEDED.value)
_overtaken = exists().where(
    _later.c.job_seq == runs.c.job_seq,
    _later.c.task_seq == runs.c.task_seq,
    _later.c.map_index == runs.c.map_index,
    _later.c.number > runs.c.number,
    is_one_of(_later.c.state, RunState.SUCCEEDED.value),
)
_stands = exists().where(runs.c.id == assets.c.run_id, _succeeded, ~_overtaken)
_open = is_one_of(jobs.c.state, *OPEN_JOBS)
_as_output = exists().where(jobs.c.seq == assets.c.job_seq, _open)
_as_input = exists().where(asset_uses.c.asset_seq == assets.c.seq, jobs.c.seq == asset_uses.c.job_seq, _open)
_needed = or_(_as_output, _as_input)
_is_file = assets.c.name != literal_column(f"'{RESULT}'")


def _listed(*conditions: ColumnElement[bool]) -> Statement:
    mine = (assets.c.org_id == bindparam("org_id"), assets.c.seq < bindparam("before"), _is_file, *conditions)
    return Statement(select(assets).where(*mine).order_by(assets.c.seq.desc()).limit(bindparam("most")))


def _outputs(*conditions: ColumnElement[bool]) -> Statement:
    page = select(assets).where(assets.c.seq > bindparam("after"), _is_file, *conditions)
    return Statement(page.order_by(assets.c.seq).limit(bindparam("most")))


_by_id = Statement(select(assets).where(assets.c.id == bindparam("id")))
_these = select(assets).where(among(assets.c.id, "ids")).order_by(assets.c.seq)
_by_ids, _locked = Statement(_these), Statement(_these.with_for_update())
_in_project, _in_space = assets.c.project_id == bindparam("project_id"), assets.c.space == bindparam("space")
_lists: Mapping[tuple[bool, bool], Statement] = {
    (False, False): _listed(),
    (True, False): _listed(_in_project),
    (False, True): _listed(_in_space, assets.c.space != _EMPTY),
    (True, True): _listed(_in_project, _in_space, assets.c.space != _EMPTY),
}
_by_keys = Statement(
    select(assets)
    .where(assets.c.org_id == bindparam("org_id"), _in_space, assets.c.space != _EMPTY, among(assets.c.key, "keys"))
    .order_by(assets.c.seq)
)
_of_job = _outputs(assets.c.job_seq == bindparam("key"), _stands)
_of_task = _outputs(assets.c.task_seq == bindparam("key"), _stands)
_of_run = _outputs(assets.c.run_id == bindparam("key"))
_of_runs = Statement(select(assets).where(among(assets.c.run_id, "run_ids")).order_by(assets.c.seq))
_of_tasks = Statement(
    select(assets)
    .where(assets.c.job_seq == bindparam("job_seq"), among(assets.c.task_name, "names"), _is_file, _stands)
    .order_by(assets.c.map_index, assets.c.seq)
)
_in_use = Statement(select(assets.c.seq).where(among(assets.c.seq, "seqs"), _needed))
_expired = Statement(
    select(assets)
    .where(assets.c.expires_at_us < bindparam("now_us"), ~_needed)
    .order_by(assets.c.expires_at_us)
    .limit(bindparam("most"))
)

_insert = Insert(assets)
_save = Statement(update(assets).where(assets.c.seq == bindparam("k_seq")), sets=_SAVED)
_delete = Statement(delete(assets).where(among(assets.c.seq, "seqs")))
_unuse = Statement(delete(asset_uses).where(among(asset_uses.c.asset_seq, "seqs")))
_use = Insert(asset_uses, unless_there=True)


def asset_of(row: Row) -> Asset:
    return Asset(**dict(zip(_FIELDS, row, strict=True)))


class AssetReads(LooseReads):
    def asset(self, asset_id: str) -> Asset | None:
        row = self._session.row(_by_id, id=asset_id)
        return None if row is None else asset_of(row)

    def assets_by_id(self, asset_ids: Collection[str]) -> list[Asset]:
        return self._assets(_by_ids, ids=self._session.listed(asset_ids)) if asset_ids else []

    def assets(
        self, org_id: str, page: Page, *, project_id: str | None = None, space: str | None = None
    ) -> list[Asset]:
        statement = _lists[project_id is not None, space is not None]
        values: dict[str, Any] = {"org_id": org_id, "before": page.after[0] if page.after else LAST, "most": page.limit}
        if project_id is not None:
            values["project_id"] = project_id
        if space is not None:
            values["space"] = space
        return self._assets(statement, **values)

    def assets_in_space(self, org_id: str, space: str, keys: Collection[str]) -> list[Asset]:
        if not keys:
            return []
        return self._assets(_by_keys, org_id=org_id, space=space, keys=self._session.listed(keys))

    def asset_in_space(self, org_id: str, space: str, key: str) -> Asset | None:
        return next(iter(self.assets_in_space(org_id, space, [key])), None)

    def outputs(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> list[Asset]:
        statement, key = _of_run, run_id or ""
        values: dict[str, Any] = {"after": page.after[0] if page.after else FIRST, "most": page.limit, "key": key}
        if job_seq is not None:
            statement, values["key"] = _of_job, job_seq
        elif task_seq is not None:
            statement, values["key"] = _of_task, task_seq
        return self._assets(statement, **values)

    def outputs_of_runs(self, run_ids: Collection[str]) -> list[Asset]:
        return self._assets(_of_runs, run_ids=self._session.listed(run_ids)) if run_ids else []

    def outputs_of_tasks(self, job_seq: int, names: Collection[str]) -> list[Asset]:
        return self._assets(_of_tasks, job_seq=job_seq, names=self._session.listed(names)) if names else []

    def assets_in_use(self, seqs: Collection[int]) -> set[int]:
        return {row[0] for row in self._session.rows(_in_use, seqs=self._session.listed(seqs))} if seqs else set()

    def expired_assets(self, limit: int) -> list[Asset]:
        return self._assets(_expired, now_us=self.now_us, most=limit)

    def _assets(self, statement: Statement, **values: Any) -> list[Asset]:
        return [asset_of(row) for row in self._session.rows(statement, **values)]


class AssetWrites(AssetReads, LooseWrites):
    def lock_assets(self, asset_ids: Collection[str]) -> list[Asset]:
        return self._assets(_locked, ids=self._session.listed(asset_ids)) if asset_ids else []

    def insert_asset(self, asset: Asset) -> None:
        self._session.insert(_insert, [tuple(getattr(asset, name) for name in _FIELDS)], 1)

    def save_asset(self, asset: Asset) -> None:
        self._session.run(_save, k_seq=asset.seq, **{name: getattr(asset, name) for name in _SAVED})

    def delete_assets(self, assets: Sequence[Asset]) -> None:
        if assets:
            seqs = self._session.listed([asset.seq for asset in assets])
            self._session.run(_unuse, seqs=seqs)
            self._session.run(_delete, seqs=seqs)
            self.save_loose([LooseBlob(blob=asset.blob, due_at_us=self.now_us) for asset in assets])

    def use_assets(self, job_seq: int, seqs: Collection[int]) -> None:
        self._session.insert(_use, [(seq, job_seq) for seq in sorted(seqs)], len(seqs))
