"""Organizations, users, the use of tokens, and the audit log, in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from app.adapters.memory.state import State
from app.ports.people import Entry, Organization, User
from app.ports.records import KeptAnswer, Page, Token


class PeopleReads:
    _state: State
    _now_us: int

    def owners(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        return {seq: self._state.jobs[seq].org_id for seq in job_seqs if seq in self._state.jobs}

    def organization(self, org_id: str) -> Organization | None:
        return self._state.organizations.get(org_id)

    def organizations(self) -> list[Organization]:
        return sorted(self._state.organizations, key=lambda one: (one.created_at_us, one.id))

    def user(self, user_id: str) -> User | None:
        return self._state.users.get(user_id)

    def users(self, org_id: str) -> list[User]:
        found = [user for user in self._state.users if user.org_id == org_id]
        return sorted(found, key=lambda user: (user.created_at_us, user.id))

    def audit(self, org_id: str, page: Page) -> list[Entry]:
        entries = [entry for entry in self._state.audit if entry.org_id == org_id]
        entries = [entry for entry in entries if page.after is None or entry.seq < page.after[0]]
        return sorted(entries, key=lambda entry: -entry.seq)[: page.limit]


class PeopleWrites(PeopleReads):
    def save_organization(self, organization: Organization) -> None:
        self._state.organizations.put(organization.id, organization)

    def save_user(self, user: User) -> None:
        self._state.users.put(user.id, user)

    def lock_token(self, token_id: str) -> Token | None:
        return self._state.tokens.get(token_id)

    def note_uses(self, token_ids: Collection[str], before_us: int) -> None:
        for token_id in token_ids:
            token = self._state.tokens.get(token_id)
            if token is not None and (token.used_at_us is None or token.used_at_us < before_us):
                self._state.tokens.put(token_id, replace(token, used_at_us=self._now_us))

    def add_audit(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            seq = self._state.number("audit")
            self._state.audit.put(seq, replace(entry, seq=seq))

    def forget_audit(self, written_before_us: int, limit: int) -> int:
        oldest = sorted(self._state.audit, key=lambda entry: entry.seq)[:limit]
        gone = [entry for entry in oldest if entry.at_us < written_before_us]
        for entry in gone:
            self._state.audit.drop(entry.seq)
        return len(gone)

    def complete_answer(self, answer: KeptAnswer) -> None:
        key = (answer.org_id, answer.route, answer.key)
        known = self._state.answers.get(key)
        if known is not None:
            self._state.answers.put(key, replace(known, status=answer.status, answer=answer.answer))

    def drop_answer(self, org_id: str, route: str, key: str) -> None:
        self._state.answers.drop((org_id, route, key))
