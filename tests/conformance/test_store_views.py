"""What every store promises of saved views."""

from dataclasses import replace

from app.ports.store import Store
from app.ports.views import SavedView
from tests.conformance.values import NOW_US, ORG

VIEW = SavedView(
    id="v1", org_id=ORG, owner="ann", name="b", filters={"state": "failed", "q": "ü"}, created_at_us=NOW_US
)


def test_each_has_his_own_by_name(store: Store) -> None:
    mine = [VIEW, replace(VIEW, id="v2", name="a"), replace(VIEW, id="v3", name="B")]
    others = [replace(VIEW, id="v4", owner="bob"), replace(VIEW, id="v5", org_id="org-2")]
    store.write(lambda tx: [tx.save_view(one) for one in (*mine, *others)])
    assert store.read(lambda tx: tx.saved_views(ORG, "ann")) == [mine[2], mine[1], mine[0]]
    assert store.read(lambda tx: tx.saved_views(ORG, "bob")) == [others[0]]
    assert store.read(lambda tx: tx.saved_views(ORG, "eve")) == []


def test_one_is_replaced_and_deleted_by_its_owner_alone(store: Store) -> None:
    store.write(lambda tx: tx.save_view(VIEW))
    changed = replace(VIEW, filters={"queue": "batch"})
    store.write(lambda tx: tx.save_view(changed))
    assert store.read(lambda tx: tx.saved_views(ORG, "ann")) == [changed]
    assert store.write(lambda tx: tx.delete_view(ORG, "bob", "v1")) is False
    assert store.write(lambda tx: tx.delete_view("org-2", "ann", "v1")) is False
    assert store.write(lambda tx: tx.delete_view(ORG, "ann", "v1")) is True
    assert store.write(lambda tx: tx.delete_view(ORG, "ann", "v1")) is False
    assert store.read(lambda tx: tx.saved_views(ORG, "ann")) == []
