"""Saved views of the list of jobs: each person's own, by name. To save one under a name that is there replaces it."""

from collections.abc import Mapping
from typing import Final

from app.domain import limits
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.ports.store import Writer
from app.ports.views import SavedView
from app.services.access import Principal
from app.services.core import Core
from app.wire.states import JobState

SCOPE: Final = "jobs:read"
FILTERS: Final = ("state", "q", "queue", "projectId")


def listing(core: Core, who: Principal) -> list[SavedView]:
    """By name."""
    who.require(SCOPE)
    return core.store.read(lambda tx: tx.saved_views(who.org_id, owner_of(who)))


def save(core: Core, who: Principal, name: str, filters: Mapping[str, str]) -> SavedView:
    """Raises Invalid, and Conflict when there are too many."""
    who.require(SCOPE)
    given = {key: value for key, value in filters.items() if value}
    if problems := _wrong(name, given):
        raise Invalid(problems)

    def work(tx: Writer) -> SavedView:
        known = {view.name: view for view in tx.saved_views(who.org_id, owner_of(who))}
        if name not in known and len(known) >= limits.MAX_VIEWS:
            raise Conflict(f"you have {len(known)} saved views, and may have no more; delete one")
        view = SavedView(
            id=known[name].id if name in known else core.chance.new_id(tx.now_us),
            org_id=who.org_id,
            owner=owner_of(who),
            name=name,
            filters=given,
            created_at_us=known[name].created_at_us if name in known else tx.now_us,
        )
        tx.save_view(view)
        return view

    return core.store.write(work)


def delete(core: Core, who: Principal, view_id: str) -> None:
    """Raises NotFound, also when it is another's."""
    who.require(SCOPE)
    if not core.store.write(lambda tx: tx.delete_view(who.org_id, owner_of(who), view_id)):
        raise NotFound("there is no such view")


def owner_of(who: Principal) -> str:
    """All who come without a token are one."""
    return who.user_id or who.token_id or who.name


def _wrong(name: str, given: Mapping[str, str]) -> list[Problem]:
    problems = []
    if not 1 <= len(name.strip()) <= limits.MAX_VIEW_NAME or not name.isprintable():
        problems.append(Problem("/name", f"a view's name must have 1 to {limits.MAX_VIEW_NAME} printable characters"))
    if not given:
        problems.append(Problem("/filters", f"a view has at least one filter: {', '.join(FILTERS)}"))
    for key, value in given.items():
        if key not in FILTERS:
            problems.append(Problem(f"/filters/{key}", f"is no filter; there are {', '.join(FILTERS)}"))
        elif key == "state" and value not in set(JobState):
            problems.append(Problem("/filters/state", f"must be one of {', '.join(JobState)}"))
        elif len(value) > limits.MAX_QUERY or not value.isprintable():
            problems.append(Problem(f"/filters/{key}", f"must have at most {limits.MAX_QUERY} printable characters"))
    return problems
