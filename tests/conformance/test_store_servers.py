"""Who uses the store, and the keys that are signed with."""

from dataclasses import replace

from app.ports.servers import Key, ServerProcess
from app.ports.store import Store

ONE = ServerProcess(
    id="a", kind="web", host="h", pid=7, version="1", revision="0005", started_at_us=5, seen_at_us=1 << 50
)


def test_servers_come_are_seen_and_go(store: Store) -> None:
    other = replace(ONE, id="b", kind="engine", started_at_us=4, seen_at_us=100)
    for server in (ONE, other, replace(ONE, seen_at_us=(1 << 50) + 1)):
        store.write(lambda tx, server=server: tx.save_server(server))
    assert store.read(lambda tx: tx.servers()) == [other, replace(ONE, seen_at_us=(1 << 50) + 1)]
    store.write(lambda tx: tx.forget_servers(100))
    assert len(store.read(lambda tx: tx.servers())) == 2
    store.write(lambda tx: tx.forget_servers(101))
    assert [server.id for server in store.read(lambda tx: tx.servers())] == ["a"]
    store.write(lambda tx: tx.forget_servers(0, "a"))
    assert store.read(lambda tx: tx.servers()) == []


def test_keys_are_made_once_replaced_and_dropped(store: Store) -> None:
    assert store.write(lambda tx: tx.make_key("signing", "first")) == "first"
    assert store.write(lambda tx: tx.make_key("signing", "second")) == "first"
    store.write(lambda tx: tx.save_key(Key(name="signing", secret="third")))
    store.write(lambda tx: tx.save_key(Key(name="before", secret="first", until_us=1 << 50)))
    assert store.read(lambda tx: tx.signing_keys()) == [
        Key(name="before", secret="first", until_us=1 << 50),
        Key(name="signing", secret="third"),
    ]
    store.write(lambda tx: tx.drop_key("before"))
    assert [key.name for key in store.read(lambda tx: tx.signing_keys())] == ["signing"]
