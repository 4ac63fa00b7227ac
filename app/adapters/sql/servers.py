"""Who uses the database, and the keys they sign with: rows of `servers` and `keys`."""

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement
from app.adapters.sql.tables import keys, servers
from app.ports.servers import Key, ServerProcess

_put = insert(servers)
_put_key = insert(keys)
_columns = [column.name for column in servers.columns]

_servers = Statement(select(servers).order_by(servers.c.started_at_us, servers.c.id))
_save = Statement(_put.on_conflict_do_update(index_elements=["id"], set_=dict(_put.excluded)), sets=_columns)
_forget = Statement(
    delete(servers).where(or_(servers.c.seen_at_us < bindparam("before"), servers.c.id == bindparam("server_id")))
)
_keys = Statement(select(keys).order_by(keys.c.name))
_save_key = Statement(
    _put_key.on_conflict_do_update(index_elements=["name"], set_=dict(_put_key.excluded)),
    sets=["name", "secret", "until_us"],
)
_drop_key = Statement(delete(keys).where(keys.c.name == bindparam("name")))
# Sets what is there to itself, so that the row that another process made first is returned too.
_make_key = Statement(
    _put_key.on_conflict_do_update(index_elements=["name"], set_={"secret": keys.c.secret}).returning(keys.c.secret),
    sets=["name", "secret"],
)


class ServerReads(Part):
    def servers(self) -> list[ServerProcess]:
        return [ServerProcess(**dict(zip(_columns, row, strict=True))) for row in self._session.rows(_servers)]

    def signing_keys(self) -> list[Key]:
        return [Key(name=row[0], secret=row[1], until_us=row[2]) for row in self._session.rows(_keys)]


class ServerWrites(ServerReads):
    def save_server(self, server: ServerProcess) -> None:
        self._session.run(_save, **{column: getattr(server, column) for column in _columns})

    def forget_servers(self, seen_before_us: int, server_id: str = "") -> None:
        self._session.run(_forget, before=seen_before_us, server_id=server_id)

    def make_key(self, name: str, fresh: str) -> str:
        row = self._session.row(_make_key, name=name, secret=fresh)
        if row is None:
            raise RuntimeError(f"the key {name} was neither found nor made")
        return str(row[0])

    def save_key(self, key: Key) -> None:
        self._session.run(_save_key, name=key.name, secret=key.secret, until_us=key.until_us)

    def drop_key(self, name: str) -> None:
        self._session.run(_drop_key, name=name)
