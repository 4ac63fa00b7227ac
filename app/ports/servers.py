"""The store's word on who uses it, web and engine processes, and the keys that they sign with. Part of `store.py`."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """One web or engine process. `revision` is that of the tables it was written for."""

    id: str
    kind: str
    host: str
    pid: int
    version: str
    revision: str
    started_at_us: int
    seen_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """`until_us`: what was made with it is believed until then; None: for good."""

    name: str
    secret: str = field(repr=False)
    until_us: int | None = None


class ServerReads(Protocol):
    def servers(self) -> list[ServerProcess]:
        """All that have not said goodbye, longest running first; those that were killed are among them."""

    def signing_keys(self) -> list[Key]:
        """By name, those that are over too."""


class ServerWrites(Protocol):
    def save_server(self, server: ServerProcess) -> None:
        """Insert or replace."""

    def forget_servers(self, seen_before_us: int, server_id: str = "") -> None:
        """Those last seen before then, and the one with this id."""

    def make_key(self, name: str, fresh: str) -> str:
        """The secret of this name; `fresh` becomes it when there is none yet."""

    def save_key(self, key: Key) -> None:
        """Insert or replace."""

    def drop_key(self, name: str) -> None: ...
