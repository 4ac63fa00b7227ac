"""Who uses the store, and the keys they sign with, in memory."""

from app.adapters.memory.state import State
from app.ports.servers import Key, ServerProcess


class ServerReads:
    _state: State

    def servers(self) -> list[ServerProcess]:
        return sorted(self._state.servers, key=lambda server: (server.started_at_us, server.id))

    def signing_keys(self) -> list[Key]:
        return sorted(self._state.keys, key=lambda key: key.name)


class ServerWrites(ServerReads):
    def save_server(self, server: ServerProcess) -> None:
        self._state.servers.put(server.id, server)

    def forget_servers(self, seen_before_us: int, server_id: str = "") -> None:
        for server in self._state.servers:
            if server.seen_at_us < seen_before_us or server.id == server_id:
                self._state.servers.drop(server.id)

    def make_key(self, name: str, fresh: str) -> str:
        known = self._state.keys.get(name)
        if known is None:
            self._state.keys.put(name, Key(name=name, secret=fresh))
        return known.secret if known else fresh

    def save_key(self, key: Key) -> None:
        self._state.keys.put(key.name, key)

    def drop_key(self, name: str) -> None:
        self._state.keys.drop(name)
