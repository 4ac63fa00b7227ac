"""What the store keeps of organizations: who belongs to them, and the log of what they did."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.ports.records import Page, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The tenant: it owns all that belongs to anybody."""

    id: str
    name: str
    created_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A named principal of one organization. A token of a user never may more than the user's role. `issuer` and
    `subject` are who he is at the identity provider that he comes in through; None for who is only known here.
    """

    id: str
    org_id: str
    name: str
    role: str
    created_at_us: int
    revoked_at_us: int | None = None
    issuer: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who did what, when, from where, and with what outcome. `token_id` and `resource_id` are empty where unknown."""

    seq: int = 0
    org_id: str
    at_us: int
    who: str
    token_id: str
    address: str
    method: str
    route: str
    resource_id: str
    status: int
    request_id: str


class PeopleReads(Protocol):
    def owners(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        """The organization of each of these jobs."""

    def organization(self, org_id: str) -> Organization | None: ...
    def organizations(self) -> list[Organization]:
        """All of them, oldest first."""

    def user(self, user_id: str) -> User | None: ...
    def users(self, org_id: str) -> list[User]:
        """Oldest first, the revoked ones too."""

    def audit(self, org_id: str, page: Page) -> list[Entry]:
        """Newest first; the key is (seq,)."""


class PeopleWrites(Protocol):
    def save_organization(self, organization: Organization) -> None: ...
    def save_user(self, user: User) -> None: ...
    def lock_token(self, token_id: str) -> Token | None: ...
    def note_uses(self, token_ids: Collection[str], before_us: int) -> None:
        """Note that these tokens are used now, unless a use at or after `before_us` is noted already."""

    def add_audit(self, entries: Sequence[Entry]) -> None:
        """`seq` is ignored and given by the store."""

    def forget_audit(self, written_before_us: int, limit: int) -> int:
        """At most so many of those entries, oldest first; how many went."""
