"""Saved views, in memory."""

from app.adapters.memory.state import State
from app.ports.views import SavedView


class ViewReads:
    _state: State

    def saved_views(self, org_id: str, owner: str) -> list[SavedView]:
        found = [view for view in self._state.views if (view.org_id, view.owner) == (org_id, owner)]
        return sorted(found, key=lambda view: view.name)


class ViewWrites(ViewReads):
    def save_view(self, view: SavedView) -> None:
        self._state.views.put((view.org_id, view.owner, view.name), view)

    def delete_view(self, org_id: str, owner: str, view_id: str) -> bool:
        found = [view for view in self.saved_views(org_id, owner) if view.id == view_id]
        for view in found:
            self._state.views.drop((org_id, owner, view.name))
        return bool(found)
