"""The parameters of every list: `sort` and `q` as documented, and ours, `limit` and `cursor`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import fields

from app.domain import limits, search
from app.ports.finding import ASSET_KEYS, JOB_KEYS, PROJECT_KEYS, TASK_KEYS, Key, Keys
from app.rest.dialects.metafold.words import OF_JOB, OF_TASK
from app.rest.native.fields import Number, Strict
from app.services.finding import Asked

STATE: Final = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """What a list may be sorted by and searched for. `words` are its states' here; `keys` those of the store, of what
    `within` finds in an item of the list.
    """

    sorts: tuple[str, ...]
    searches: tuple[str, ...]
    keys: Keys
    within: Callable[[Any], Any] = lambda item: item
    words: Mapping[Any, str] | None = None

    def asked(self, given: Mapping[str, Any]) -> Asked:
        """Raises Malformed."""
        sort = search.parse_sort(given["sort"], self.sorts) if "sort" in given else search.NEWEST_FIRST
        terms = search.parse(given["q"], self.searches) if "q" in given else ()
        of_state = [term for term in terms if term.field == STATE]
        states = None
        if of_state and self.words is not None:
            fitting = (state for state, word in self.words.items() if all(term.holds(word) for term in of_state))
            states = frozenset(state.value for state in fitting)
        return Asked(terms=tuple(term for term in terms if term.field != STATE), states=states, sort=sort)

    def key(self, asked: Asked, item: Any) -> tuple[Key, int]:
        """Where the list goes on after this item."""
        found = self.within(item)
        number = self.keys["id"](found)
        return self.keys[asked.sort.field](found), int(number)


JOBS: Final = Noun(
    sorts=("id", "name", "created", "started", "finished"),
    searches=("id", "name", "type", STATE),
    keys=TASK_KEYS,
    within=lambda placed: placed.view,
    words=OF_TASK,
)
WORKFLOWS: Final = Noun(
    sorts=("id", "created", "started", "finished"),
    searches=("id", STATE),
    keys=JOB_KEYS,
    within=lambda whole: whole.job,
    words=OF_JOB,
)
ASSETS: Final = Noun(
    sorts=("id", "filename", "size", "created", "modified"), searches=("id", "filename"), keys=ASSET_KEYS
)
PROJECTS: Final = Noun(
    sorts=("id", "user", "name", "created", "modified"), searches=("id", "user", "name"), keys=PROJECT_KEYS
)


class ListQuery(Strict):
    sort = fields.String(metadata={"description": "field:1 or field:-1; by default id:-1."})
    q = fields.String(
        metadata={
            "description": 'Terms field:pattern joined by " AND ". `*` is any run of characters, double quotes may '
            f"surround the pattern, ! before a term turns it round. At most {limits.MAX_QUERY} characters."
        }
    )
    limit = Number(1, limits.MAX_PAGE, metadata={"description": "Ours: a page of so many, with a Link to the next."})
    cursor = fields.String(metadata={"description": "Ours: of a Link."})
