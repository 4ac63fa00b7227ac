"""Sealed secrets by organization and name."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement, among
from app.adapters.sql.tables import secrets
from app.ports.secrets import Secret

_put = insert(secrets)
_of_org = secrets.c.org_id == bindparam("org_id")
_secrets = Statement(select(secrets).where(_of_org).order_by(secrets.c.name))
_sealed = Statement(select(secrets.c.name, secrets.c.sealed).where(_of_org, among(secrets.c.name, "names")))
_save = Statement(
    _put.on_conflict_do_update(index_elements=["org_id", "name"], set_=dict(_put.excluded)),
    sets=[column.name for column in secrets.columns],
)
_delete = Statement(delete(secrets).where(_of_org, secrets.c.name == bindparam("name")).returning(secrets.c.name))
_behind = or_(
    secrets.c.org_id > bindparam("org_id"),
    (secrets.c.org_id == bindparam("org_id")) & (secrets.c.name > bindparam("name")),
)
_all = Statement(
    select(secrets).where(_behind).order_by(secrets.c.org_id, secrets.c.name).limit(bindparam("most")).with_for_update()
)


def _secret_of(row: Row) -> Secret:
    return Secret(
        org_id=row[0], name=row[1], sealed=row[2], created_at_us=row[3], changed_at_us=row[4], changed_by=row[5]
    )


class SecretReads(Part):
    def secrets(self, org_id: str) -> list[Secret]:
        return [_secret_of(row) for row in self._session.rows(_secrets, org_id=org_id)]

    def sealed(self, org_id: str, names: Collection[str]) -> Mapping[str, str]:
        if not names:
            return {}
        return dict(self._session.rows(_sealed, org_id=org_id, names=self._session.listed(names)))


class SecretWrites(SecretReads):
    def save_secret(self, secret: Secret) -> None:
        self._session.run(_save, **{column.name: getattr(secret, column.name) for column in secrets.columns})

    def delete_secret(self, org_id: str, name: str) -> bool:
        return self._session.row(_delete, org_id=org_id, name=name) is not None

    def lock_secrets(self, after: tuple[str, str], limit: int) -> list[Secret]:
        rows = self._session.rows(_all, org_id=after[0], name=after[1], most=limit)
        return [_secret_of(row) for row in rows]
