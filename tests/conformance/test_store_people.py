"""Organizations, users, the use of tokens, the audit log and answers kept for repeats: the same in every store."""

from app.ports.people import Entry, Organization, User
from app.ports.records import KeptAnswer, Page, Token
from app.ports.store import Store
from tests.conformance.values import NOW_US, ORG, submit, unset
from tests.replacing import replace

TOKEN = Token(id="t", org_id=ORG, name="n", role="node", scopes=("a",), secret_hash="h", created_at_us=NOW_US)
ENTRY = Entry(
    org_id=ORG,
    at_us=NOW_US,
    who="ann",
    token_id="t",
    address="127.0.0.1",
    method="POST",
    route="/v1/projects",
    resource_id="p",
    status=201,
    request_id="r",
)


def test_organizations_come_oldest_first(store: Store) -> None:
    second, first = (Organization(id=f"o{n}", name="x", created_at_us=NOW_US - n) for n in (1, 2))
    for one in (second, first, replace(second, name="y")):
        store.write(lambda tx, one=one: tx.save_organization(one))  # type: ignore[misc]
    assert store.read(lambda tx: tx.organizations()) == [first, replace(second, name="y")]
    assert store.read(lambda tx: (tx.organization(first.id), tx.organization("none"))) == (first, None)


def test_users_are_their_organizations(store: Store) -> None:
    user = User(id="u1", org_id=ORG, name="ann", role="member", created_at_us=NOW_US)
    revoked = replace(user, role="admin", revoked_at_us=5, issuer="https://id.example", subject="42")
    assert not unset(revoked)
    for one in (
        user,
        replace(user, id="u0", created_at_us=NOW_US - 1),
        replace(user, id="u2", org_id="org-2"),
        revoked,
    ):
        store.write(lambda tx, one=one: tx.save_user(one))  # type: ignore[misc]
    assert [one.id for one in store.read(lambda tx: tx.users(ORG))] == ["u0", "u1"]
    assert store.read(lambda tx: (tx.user("u1"), tx.user("none"))) == (revoked, None)


def test_a_token_is_kept_whole(store: Store) -> None:
    whole = replace(TOKEN, expires_at_us=1, revoked_at_us=2, user_id="u", node_id="n", used_at_us=3)
    assert not unset(whole)
    store.write(lambda tx: tx.save_token(whole))
    assert store.read(lambda tx: tx.token("t")) == whole
    assert store.write(lambda tx: (tx.lock_token("t"), tx.lock_token("none"))) == (whole, None)


def test_a_use_is_noted_once_in_a_while(store: Store) -> None:
    for token_id in ("t", "u", "v"):
        store.write(lambda tx, token_id=token_id: tx.save_token(replace(TOKEN, id=token_id)))  # type: ignore[misc]
    now_us = store.read(lambda tx: tx.now_us)
    store.write(lambda tx: tx.note_uses([], now_us))
    store.write(lambda tx: tx.note_uses(["t", "u", "none"], now_us))
    first, second, third = store.read(lambda tx: [tx.token(each) for each in ("t", "u", "v")])
    assert [each and each.used_at_us is not None for each in (first, second, third)] == [True, True, False]
    assert first is not None
    assert first.used_at_us is not None
    assert first.used_at_us >= now_us
    store.write(lambda tx: tx.note_uses(["t"], now_us))
    assert store.read(lambda tx: tx.token("t")) == first
    later_us = first.used_at_us + 1
    store.write(lambda tx: tx.note_uses(["t"], later_us))
    again = store.read(lambda tx: tx.token("t"))
    assert again is not None
    assert (again.used_at_us or 0) >= first.used_at_us


def test_the_audit_comes_newest_first_and_is_forgotten_oldest_first(store: Store) -> None:
    entries = [replace(ENTRY, at_us=NOW_US + n, resource_id=str(n)) for n in range(4)]
    store.write(lambda tx: tx.add_audit(entries[:2]))
    store.write(lambda tx: tx.add_audit([entries[2], replace(ENTRY, org_id="org-2"), entries[3]]))
    found = store.read(lambda tx: tx.audit(ORG, Page(limit=9)))
    assert [replace(one, seq=0) for one in found] == entries[::-1]
    assert store.read(lambda tx: tx.audit(ORG, Page(limit=2, after=(found[1].seq,)))) == found[2:]
    assert store.write(lambda tx: tx.forget_audit(NOW_US + 2, 1)) == 1
    assert store.write(lambda tx: tx.forget_audit(NOW_US + 2, 9)) == 2, "the other organization's too"
    assert store.read(lambda tx: tx.audit(ORG, Page(limit=9))) == found[:2]


def test_an_answer_is_completed_or_dropped(store: Store) -> None:
    begun = KeptAnswer(org_id=ORG, route="POST /x", key="k", body_hash="b", resource_id="", at_us=NOW_US)
    done = replace(begun, status=201, answer='{"id": 1}')
    store.write(lambda tx: tx.complete_answer(done))
    assert store.read(lambda tx: tx.kept_answer(ORG, "POST /x", "k")) is None
    assert store.write(lambda tx: tx.keep_answer(begun))
    assert not store.write(lambda tx: tx.keep_answer(done))
    assert store.read(lambda tx: tx.kept_answer(ORG, "POST /x", "k")) == begun
    store.write(lambda tx: tx.complete_answer(done))
    assert store.read(lambda tx: tx.kept_answer(ORG, "POST /x", "k")) == done
    store.write(lambda tx: tx.drop_answer(ORG, "POST /x", "k"))
    assert store.write(lambda tx: tx.keep_answer(begun))


def test_jobs_have_owners(store: Store) -> None:
    one, _ = submit(store, [()])
    other, _ = submit(store, [()], of_job={"org_id": "org-2"})
    assert store.read(lambda tx: tx.owners([])) == {}
    assert store.read(lambda tx: tx.owners([one.seq, other.seq, 99_999])) == {one.seq: ORG, other.seq: "org-2"}
