"""What every store promises of sealed secrets."""

from app.ports.secrets import Secret
from app.ports.store import Store
from tests.conformance.values import NOW_US, ORG
from tests.replacing import replace

OTHER = "org-2"


def secret(name: str, sealed: str = "sealed", org_id: str = ORG) -> Secret:
    return Secret(
        org_id=org_id, name=name, sealed=sealed, created_at_us=NOW_US, changed_at_us=NOW_US + 1, changed_by="ann"
    )


def test_each_organization_has_its_own(store: Store) -> None:
    mine, also, theirs = secret("B"), secret("A"), secret("B", "theirs", OTHER)
    store.write(lambda tx: [tx.save_secret(one) for one in (mine, also, theirs)])
    assert store.read(lambda tx: tx.secrets(ORG)) == [also, mine]
    assert dict(store.read(lambda tx: tx.sealed(ORG, ["B", "C"]))) == {"B": "sealed"}
    assert dict(store.read(lambda tx: tx.sealed(OTHER, ["B"]))) == {"B": "theirs"}
    assert dict(store.read(lambda tx: tx.sealed(ORG, []))) == {}


def test_a_secret_is_replaced_and_deleted(store: Store) -> None:
    store.write(lambda tx: tx.save_secret(secret("A")))
    changed = replace(secret("A"), sealed="again", changed_at_us=NOW_US + 9, changed_by="bob")
    store.write(lambda tx: tx.save_secret(changed))
    assert store.read(lambda tx: tx.secrets(ORG)) == [changed]
    assert store.write(lambda tx: tx.delete_secret(OTHER, "A")) is False
    assert store.write(lambda tx: tx.delete_secret(ORG, "A")) is True
    assert store.write(lambda tx: tx.delete_secret(ORG, "A")) is False
    assert store.read(lambda tx: tx.secrets(ORG)) == []


def test_a_use_is_noted_once_in_a_while(store: Store) -> None:
    known = [secret(name, org_id=org_id) for org_id in (ORG, OTHER) for name in ("A", "B")]
    store.write(lambda tx: [tx.save_secret(one) for one in known])
    first_us = store.write(lambda tx: (tx.note_secret_uses([(ORG, "A"), (ORG, "none")], 0), tx.now_us))[1]
    assert [one.used_at_us for one in store.read(lambda tx: tx.secrets(ORG))] == [first_us, None]
    assert [one.used_at_us for one in store.read(lambda tx: tx.secrets(OTHER))] == [None, None]
    store.write(lambda tx: tx.note_secret_uses([(ORG, "A")], first_us))
    assert store.read(lambda tx: tx.secrets(ORG))[0].used_at_us == first_us
    again_us = store.write(lambda tx: (tx.note_secret_uses([(ORG, "A")], first_us + 1), tx.now_us))[1]
    assert store.read(lambda tx: tx.secrets(ORG))[0] == replace(known[0], used_at_us=again_us)


def test_all_of_them_are_walked_once(store: Store) -> None:
    known = [secret(name, org_id=org_id) for org_id in sorted((ORG, OTHER)) for name in ("A", "B", "a")]
    store.write(lambda tx: [tx.save_secret(one) for one in reversed(known)])
    seen: list[Secret] = []
    after = ("", "")
    for _ in range(4):
        some = store.write(lambda tx, after=after: tx.lock_secrets(after, 2))  # type: ignore[misc]
        seen += some
        after = (some[-1].org_id, some[-1].name) if some else after
    assert seen == known
