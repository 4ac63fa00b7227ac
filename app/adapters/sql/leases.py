"""Who leads, who is alive, and which number comes next: single rows by name."""

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement
from app.adapters.sql.tables import leases, stamps

_take = insert(leases)
_put = insert(stamps)

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


class LeaseWrites(Part):
    def reserve(self, kind: str, count: int) -> int:
        return self._session.reserve({kind: count})[kind]

    def reserve_job(self, tasks: int) -> tuple[int, int]:
        first = self._session.reserve({"job": 1, "task": tasks} if tasks else {"job": 1})
        return first["job"], first.get("task", 0)

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
