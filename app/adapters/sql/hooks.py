"""Deliveries of webhooks: rows of the table `deliveries`. Those that are due are asked of a partial index."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, select, update

from app.adapters.sql.part import FIRST, Part
from app.adapters.sql.session import Row, dump
from app.adapters.sql.statement import ONE, Insert, Statement
from app.adapters.sql.tables import deliveries
from app.ports.hooks import Delivery, DeliveryState
from app.ports.records import Page

_NAMES = [column.name for column in deliveries.columns]  # named as the delivery's fields
_SAVED = ("state", "since_us", "due_at_us", "tried_at_us", "tries", "status", "detail")

_insert = Insert(deliveries, without="seq")
_one = select(deliveries).where(deliveries.c.id == bindparam("id"))
_by_id = Statement(_one)
_locked = Statement(_one.with_for_update())
_of_job = Statement(
    select(deliveries)
    .where(deliveries.c.job_seq == bindparam("job_seq"), deliveries.c.seq > bindparam("after"))
    .order_by(deliveries.c.seq)
    .limit(bindparam("most"))
)
_waiting = deliveries.c.due_at_us.is_not(None)
_pending = Statement(select(func.count()).select_from(deliveries).where(_waiting))
_is_due = deliveries.c.due_at_us <= bindparam("now_us")
_any_due = Statement(select(deliveries.c.seq).where(_waiting, _is_due).order_by(deliveries.c.due_at_us).limit(ONE))
_due = Statement(
    select(deliveries)
    .where(_waiting, _is_due)
    .order_by(deliveries.c.due_at_us)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_save = Statement(update(deliveries).where(deliveries.c.seq == bindparam("k_seq")), sets=_SAVED)
_over = (
    select(deliveries.c.seq)
    .where(deliveries.c.due_at_us.is_(None), deliveries.c.tried_at_us < bindparam("before"))
    .order_by(deliveries.c.tried_at_us)
    .limit(bindparam("most"))
)
_forget = Statement(delete(deliveries).where(deliveries.c.seq.in_(_over)).returning(deliveries.c.seq))


def _delivery_of(row: Row) -> Delivery:
    values = dict(zip(_NAMES, row, strict=True))
    return Delivery(**{**values, "body": orjson.loads(values["body"]), "state": DeliveryState(values["state"])})


def _values(delivery: Delivery) -> dict[str, Any]:
    values = {name: getattr(delivery, name) for name in _NAMES}
    return {**values, "body": dump(delivery.body), "state": delivery.state.value}


class DeliveryReads(Part):
    def delivery(self, delivery_id: str) -> Delivery | None:
        row = self._session.row(_by_id, id=delivery_id)
        return None if row is None else _delivery_of(row)

    def deliveries(self, job_seq: int, page: Page) -> list[Delivery]:
        after = page.after[0] if page.after else FIRST
        rows = self._session.rows(_of_job, job_seq=job_seq, after=after, most=page.limit)
        return [_delivery_of(row) for row in rows]

    def pending_deliveries(self) -> int:
        rows = self._session.rows(_pending)
        return int(rows[0][0])

    def has_due_delivery(self) -> bool:
        return self._session.row(_any_due, now_us=self.now_us) is not None


class DeliveryWrites(Part):
    def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        values = (_values(each) for each in deliveries)
        rows = (tuple(each[name] for name in _insert.columns) for each in values)
        self._session.insert(_insert, rows, len(deliveries))

    def lock_delivery(self, delivery_id: str) -> Delivery | None:
        row = self._session.row(_locked, id=delivery_id)
        return None if row is None else _delivery_of(row)

    def lock_due_deliveries(self, limit: int) -> list[Delivery]:
        return [_delivery_of(row) for row in self._session.rows(_due, now_us=self.now_us, most=limit)]

    def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        changed = [{"k_seq": each.seq, **_values(each)} for each in sorted(deliveries, key=_seq)]
        self._session.each(_save, [{name: row[name] for name in ("k_seq", *_SAVED)} for row in changed])

    def forget_deliveries(self, tried_before_us: int, limit: int) -> int:
        return len(self._session.rows(_forget, before=tried_before_us, most=limit))


def _seq(delivery: Delivery) -> int:
    return delivery.seq
