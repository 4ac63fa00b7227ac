"""Organizations, users, the use of tokens, and the audit log."""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.accounts import token_of
from app.adapters.sql.part import LAST, Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Insert, Statement, among
from app.adapters.sql.tables import audit, jobs, organizations, tokens, users
from app.ports.people import Entry, Organization, User
from app.ports.records import Page, Token

_put_organization = insert(organizations)
_put_user = insert(users)

_organization = Statement(select(organizations).where(organizations.c.id == bindparam("id")))
_organizations = Statement(select(organizations).order_by(organizations.c.created_at_us, organizations.c.id))
_save_organization = Statement(
    _put_organization.on_conflict_do_update(index_elements=["id"], set_=dict(_put_organization.excluded)),
    sets=[column.name for column in organizations.columns],
)
_owners = Statement(select(jobs.c.seq, jobs.c.org_id).where(among(jobs.c.seq, "seqs")))
_user = Statement(select(users).where(users.c.id == bindparam("id")))
_users = Statement(
    select(users).where(users.c.org_id == bindparam("org_id")).order_by(users.c.created_at_us, users.c.id)
)
_USER = [column.name for column in users.columns]  # named as the user's fields
_save_user = Statement(
    _put_user.on_conflict_do_update(index_elements=["id"], set_=dict(_put_user.excluded)),
    sets=_USER,
)
_lock_token = Statement(select(tokens).where(tokens.c.id == bindparam("id")).with_for_update())
_use = Statement(
    update(tokens)
    .where(
        among(tokens.c.id, "ids"),
        or_(tokens.c.used_at_us.is_(None), tokens.c.used_at_us < bindparam("before")),
    )
    .values(used_at_us=bindparam("now_us"))
)
_insert_entries = Insert(audit, without="seq")
_ENTRY = [column.name for column in audit.columns]  # named as the entry's fields
_values_of = attrgetter(*_insert_entries.columns)
_audit = Statement(
    select(audit)
    .where(audit.c.org_id == bindparam("org_id"), audit.c.seq < bindparam("before"))
    .order_by(audit.c.seq.desc())
    .limit(bindparam("most"))
)
_oldest = select(audit.c.seq, audit.c.at_us).order_by(audit.c.seq).limit(bindparam("most")).subquery()
_forget = Statement(
    delete(audit)
    .where(audit.c.seq.in_(select(_oldest.c.seq).where(_oldest.c.at_us < bindparam("before"))))
    .returning(audit.c.seq)
)


class PeopleReads(Part):
    def owners(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        rows = self._session.rows(_owners, seqs=self._session.listed(job_seqs)) if job_seqs else []
        return {row[0]: row[1] for row in rows}

    def organization(self, org_id: str) -> Organization | None:
        row = self._session.row(_organization, id=org_id)
        return None if row is None else Organization(id=row[0], name=row[1], created_at_us=row[2])

    def organizations(self) -> list[Organization]:
        rows = self._session.rows(_organizations)
        return [Organization(id=row[0], name=row[1], created_at_us=row[2]) for row in rows]

    def user(self, user_id: str) -> User | None:
        row = self._session.row(_user, id=user_id)
        return None if row is None else _user_of(row)

    def users(self, org_id: str) -> list[User]:
        return [_user_of(row) for row in self._session.rows(_users, org_id=org_id)]

    def audit(self, org_id: str, page: Page) -> list[Entry]:
        before = page.after[0] if page.after else LAST
        rows = self._session.rows(_audit, org_id=org_id, before=before, most=page.limit)
        return [Entry(**dict(zip(_ENTRY, row, strict=True))) for row in rows]


class PeopleWrites(Part):
    def save_organization(self, organization: Organization) -> None:
        self._session.run(
            _save_organization,
            id=organization.id,
            name=organization.name,
            created_at_us=organization.created_at_us,
        )

    def save_user(self, user: User) -> None:
        self._session.run(
            _save_user,
            id=user.id,
            org_id=user.org_id,
            name=user.name,
            role=user.role,
            created_at_us=user.created_at_us,
            revoked_at_us=user.revoked_at_us,
            issuer=user.issuer,
            subject=user.subject,
        )

    def lock_token(self, token_id: str) -> Token | None:
        row = self._session.row(_lock_token, id=token_id)
        return None if row is None else token_of(row)

    def note_uses(self, token_ids: Collection[str], before_us: int) -> None:
        if token_ids:
            self._session.run(_use, ids=self._session.listed(token_ids), before=before_us, now_us=self.now_us)

    def add_audit(self, entries: Sequence[Entry]) -> None:
        self._session.insert(_insert_entries, [_values_of(entry) for entry in entries], len(entries))

    def forget_audit(self, written_before_us: int, limit: int) -> int:
        return len(self._session.rows(_forget, before=written_before_us, most=limit))


def _user_of(row: Row) -> User:
    return User(**dict(zip(_USER, row, strict=True)))
