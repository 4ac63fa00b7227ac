"""Saved views: rows of the table `views`, by organization, owner and name."""

from dataclasses import asdict

import orjson
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.session import dump
from app.adapters.sql.statement import Statement
from app.adapters.sql.tables import views
from app.ports.views import SavedView

_NAMES = [column.name for column in views.columns]  # named as the view's fields
_mine = (views.c.org_id == bindparam("org_id")) & (views.c.owner == bindparam("owner"))
_put = insert(views)
_views = Statement(select(views).where(_mine).order_by(views.c.name))
_save = Statement(
    _put.on_conflict_do_update(index_elements=["org_id", "owner", "name"], set_=dict(_put.excluded)), sets=_NAMES
)
_delete = Statement(delete(views).where(_mine, views.c.id == bindparam("id")).returning(views.c.id))


class ViewReads(Part):
    def saved_views(self, org_id: str, owner: str) -> list[SavedView]:
        rows = (dict(zip(_NAMES, row, strict=True)) for row in self._session.rows(_views, org_id=org_id, owner=owner))
        return [SavedView(**{**row, "filters": orjson.loads(row["filters"])}) for row in rows]


class ViewWrites(Part):
    def save_view(self, view: SavedView) -> None:
        self._session.run(_save, **{**asdict(view), "filters": dump(view.filters)})

    def delete_view(self, org_id: str, owner: str, view_id: str) -> bool:
        return self._session.row(_delete, org_id=org_id, owner=owner, id=view_id) is not None
