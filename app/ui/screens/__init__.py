"""The screens, each a module with a blueprint `routes`; and the navigation that leads to them."""

from typing import Final

from app.ui.screens import actions, graph, job, jobs, live, login, overview, timeline

SCREENS: Final = (
    overview.routes,
    jobs.routes,
    job.routes,
    graph.routes,
    timeline.routes,
    actions.routes,
    live.routes,
    login.routes,
)

NAV: Final = (
    # key (a page's `active`), word, address, second key after g
    ("overview", "Overview", "/", "o"),
    ("jobs", "Jobs", "/jobs", "j"),
)
