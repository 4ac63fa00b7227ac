"""Sealed secrets by organization and name."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement, among
from app.adapters.sql.tables import secrets
from app.ports.secrets import Secret

_NAMES = [column.name for column in secrets.columns]  # named as the secret's fields
_put = insert(secrets)
_of_org = secrets.c.org_id == bindparam("org_id")
_secrets = Statement(select(secrets).where(_of_org).order_by(secrets.c.name))
_sealed = Statement(select(secrets.c.name, secrets.c.sealed).where(_of_org, among(secrets.c.name, "names")))
_save = Statement(
    _put.on_conflict_do_update(index_elements=["org_id", "name"], set_=dict(_put.excluded)),
    sets=_NAMES,
)
_delete = Statement(delete(secrets).where(_of_org, secrets.c.name == bindparam("name")).returning(secrets.c.name))
_use = Statement(
    update(secrets)
    .where(_of_org, secrets.c.name == bindparam("its_name"))
    .where(or_(secrets.c.used_at_us.is_(None), secrets.c.used_at_us < bindparam("before")))
    .values(used_at_us=bindparam("now_us"))
)
_behind = or_(
    secrets.c.org_id > bindparam("org_id"),
    (secrets.c.org_id == bindparam("org_id")) & (secrets.c.name > bindparam("name")),
)
_all = Statement(
    select(secrets).where(_behind).order_by(secrets.c.org_id, secrets.c.name).limit(bindparam("most")).with_for_update()
)


def _secret_of(row: Row) -> Secret:
    return Secret(**dict(zip(_NAMES, row, strict=True)))


class SecretReads(Part):
    def secrets(self, org_id: str) -> list[Secret]:
        return [_secret_of(row) for row in self._session.rows(_secrets, org_id=org_id)]

    def sealed(self, org_id: str, names: Collection[str]) -> Mapping[str, str]:
        if not names:
            return {}
        return dict(self._session.rows(_sealed, org_id=org_id, names=self._session.listed(names)))


class SecretWrites(SecretReads):
    def save_secret(self, secret: Secret) -> None:
        self._session.run(_save, **{name: getattr(secret, name) for name in _NAMES})

    def delete_secret(self, org_id: str, name: str) -> bool:
        return self._session.row(_delete, org_id=org_id, name=name) is not None

    def note_secret_uses(self, used: Collection[tuple[str, str]], before_us: int) -> None:
        more = {"before": before_us, "now_us": self.now_us}
        self._session.each(_use, [{"org_id": org_id, "its_name": name, **more} for org_id, name in used])

    def lock_secrets(self, after: tuple[str, str], limit: int) -> list[Secret]:
        rows = self._session.rows(_all, org_id=after[0], name=after[1], most=limit)
        return [_secret_of(row) for row in rows]
