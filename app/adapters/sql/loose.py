"""Loose blobs: rows of the table `loose_blobs`, the bytes that no asset has."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement, among
from app.adapters.sql.tables import loose_blobs
from app.ports.records import LooseBlob

_put_loose = insert(loose_blobs)
_save_loose = Statement(
    _put_loose.on_conflict_do_update(index_elements=["blob"], set_=dict(_put_loose.excluded)),
    sets=[column.name for column in loose_blobs.columns],
)
_loose = Statement(select(loose_blobs).where(loose_blobs.c.blob == bindparam("blob")).with_for_update())
_parts = Statement(
    select(loose_blobs)
    .where(loose_blobs.c.upload_id == bindparam("upload_id"), loose_blobs.c.upload_id != literal_column("''"))
    .order_by(loose_blobs.c.part, loose_blobs.c.blob)
    .with_for_update()
)
_due = Statement(
    select(loose_blobs.c.blob)
    .where(loose_blobs.c.due_at_us < bindparam("before"))
    .order_by(loose_blobs.c.due_at_us)
    .limit(bindparam("most"))
)
_forget = Statement(delete(loose_blobs).where(among(loose_blobs.c.blob, "blobs")))


def _loose_of(row: Row) -> LooseBlob:
    return LooseBlob(blob=row[0], due_at_us=row[1], upload_id=row[2], part=row[3], size=row[4], checksum=row[5])


def _loose_row(loose: LooseBlob) -> dict[str, Any]:
    return {name: getattr(loose, name) for name in LooseBlob.__slots__}


class LooseReads(Part):
    def due_blobs(self, before_us: int, limit: int) -> list[str]:
        return [row[0] for row in self._session.rows(_due, before=before_us, most=limit)]


class LooseWrites(Part):
    def save_loose(self, blobs: Sequence[LooseBlob]) -> None:
        self._session.each(_save_loose, [_loose_row(loose) for loose in blobs])

    def lock_loose(self, blob: str) -> LooseBlob | None:
        row = self._session.row(_loose, blob=blob)
        return None if row is None else _loose_of(row)

    def lock_parts(self, upload_id: str) -> list[LooseBlob]:
        return [_loose_of(row) for row in self._session.rows(_parts, upload_id=upload_id)]

    def forget_blobs(self, blobs: Collection[str]) -> None:
        if blobs:
            self._session.run(_forget, blobs=self._session.listed(blobs))
