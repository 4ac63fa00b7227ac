"""Organizations, and the people in them.

What is one organization's own: jobs and all below them, projects, files, templates, users, tokens, the audit, and the
counts and the pause of a queue, also where another has a queue of the same name. What is shared: the fleet, which every
organization sees and serves itself from, and the broker's queues, which go by the queue's name and carry ids alone.
"""

from dataclasses import replace

from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.ports.people import Organization, User
from app.ports.records import Token
from app.ports.store import Writer
from app.services import access
from app.services.access import Principal
from app.services.core import Core

HOME = "default"
"""The name of the organization that runs the installation."""


def ensure_home(core: Core) -> None:
    """At start: the first organization has a row like every other."""
    if core.store.read(lambda tx: tx.organization(access.ORG)) is None:
        core.store.write(
            lambda tx: tx.save_organization(Organization(id=access.ORG, name=HOME, created_at_us=tx.now_us))
        )


def listing(core: Core, who: Principal) -> list[Organization]:
    who.require(access.SYSTEM)
    return core.store.read(lambda tx: tx.organizations())


def create(core: Core, who: Principal, name: str) -> Organization:
    who.require(access.SYSTEM)

    def work(tx: Writer) -> Organization:
        if any(known.name == name for known in tx.organizations()):
            raise Conflict(f"there is an organization named {name!r}")
        made = Organization(id=core.chance.new_id(tx.now_us), name=name, created_at_us=tx.now_us)
        tx.save_organization(made)
        return made

    return core.store.write(work)


def admin_token(core: Core, who: Principal, org_id: str, name: str) -> tuple[Token, str]:
    """A token that administers that organization: its first, or one in place of all that were lost."""
    who.require(access.SYSTEM)

    def work(tx: Writer) -> tuple[Token, str]:
        if tx.organization(org_id) is None:
            raise NotFound("there is no such organization")
        return access.issue(core, tx, org_id=org_id, name=name, role="admin")

    return core.store.write(work)


def users(core: Core, who: Principal) -> list[User]:
    who.require("org:admin")
    return core.store.read(lambda tx: tx.users(who.org_id))


def create_user(core: Core, who: Principal, name: str, role: str) -> User:
    who.require("org:admin")

    def work(tx: Writer) -> User:
        _check_free(tx, who, name)
        user = User(id=core.chance.new_id(tx.now_us), org_id=who.org_id, name=name, role=role, created_at_us=tx.now_us)
        tx.save_user(user)
        return user

    return core.store.write(work)


def change_user(core: Core, who: Principal, user_id: str, *, name: str | None = None, role: str | None = None) -> User:
    """All tokens of the user follow within seconds."""
    who.require("org:admin")

    def work(tx: Writer) -> User:
        user = _find(tx, who, user_id)
        if user.revoked_at_us is not None:
            raise Conflict("this user was revoked")
        if name not in (None, user.name):
            _check_free(tx, who, str(name))
        user = replace(user, name=name or user.name, role=role or user.role)
        tx.save_user(user)
        return user

    return core.store.write(work)


def revoke_user(core: Core, who: Principal, user_id: str) -> None:
    """All tokens of the user are refused within seconds. What he made stays."""
    who.require("org:admin")

    def work(tx: Writer) -> None:
        user = _find(tx, who, user_id)
        tx.save_user(replace(user, revoked_at_us=user.revoked_at_us or tx.now_us))

    core.store.write(work)


def _find(tx: Writer, who: Principal, user_id: str) -> User:
    user = tx.user(user_id)
    if user is None or user.org_id != who.org_id:
        raise NotFound("there is no such user")
    return user


def _check_free(tx: Writer, who: Principal, name: str) -> None:
    if any(user.name == name and user.revoked_at_us is None for user in tx.users(who.org_id)):
        raise Invalid([Problem("/name", "is the name of another user")])
