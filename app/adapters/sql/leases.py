"""Who leads, who is alive, which number comes next, and the installation's secrets: single rows by name."""

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement
from app.adapters.sql.tables import keys, leases, stamps

_take = insert(leases)
_put = insert(stamps)
_make = insert(keys)

_lead = Statement(
    _take.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": _take.excluded.holder, "until_us": _take.excluded.until_us},
        where=or_(leases.c.holder == _take.excluded.holder, leases.c.until_us <= bindparam("now_us")),
    ).returning(leases.c.name),
    sets=["name", "holder", "until_us"],
)
_resign = Statement(delete(leases).where(leases.c.name == bindparam("name"), leases.c.holder == bindparam("holder")))
_stamp = Statement(
    _put.on_conflict_do_update(index_elements=["name"], set_={"at_us": _put.excluded.at_us}), sets=["name", "at_us"]
)
_stamped = Statement(select(stamps.c.at_us).where(stamps.c.name == bindparam("name")))

# Sets what is there to itself, so that the row that another process made first is returned too.
_make_key = Statement(
    _make.on_conflict_do_update(index_elements=["name"], set_={"secret": keys.c.secret}).returning(keys.c.secret),
    sets=["name", "secret"],
)


class LeaseWrites(Part):
    def reserve(self, kind: str, count: int) -> int:
        return self._session.reserve(kind, count)

    def lead(self, name: str, holder: str, until_us: int) -> bool:
        taken = self._session.row(_lead, name=name, holder=holder, until_us=until_us, now_us=self.now_us)
        return taken is not None

    def resign(self, name: str, holder: str) -> None:
        self._session.run(_resign, name=name, holder=holder)

    def stamp(self, name: str) -> None:
        self._session.run(_stamp, name=name, at_us=self.now_us)

    def stamped_at_us(self, name: str) -> int | None:
        row = self._session.row(_stamped, name=name)
        return None if row is None else row[0]

    def make_key(self, name: str, fresh: str) -> str:
        row = self._session.row(_make_key, name=name, secret=fresh)
        if row is None:
            raise RuntimeError(f"the key {name} was neither found nor made")
        return str(row[0])
