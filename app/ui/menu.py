"""Which screens are there, and how does one get to them? A new screen is entered here."""

from typing import Final

from app.ui.screens import (
    actions,
    attention,
    docs,
    events,
    fleet,
    graph,
    health,
    job,
    job_log,
    jobs,
    live,
    log,
    login,
    overview,
    queues,
    secrets,
    task,
    timeline,
    tokens,
)

SCREENS: Final = (
    overview.routes,
    jobs.routes,
    job.routes,
    graph.routes,
    timeline.routes,
    task.routes,
    log.routes,
    job_log.routes,
    fleet.routes,
    queues.routes,
    attention.routes,
    events.routes,
    tokens.routes,
    secrets.routes,
    docs.routes,
    health.routes,
    actions.routes,
    live.routes,
    login.routes,
)

NAV: Final = (
    # key (a page's `active`), word, address, second key after g, scope that it takes; empty: that of every page
    ("overview", "Overview", "/", "o", ""),
    ("jobs", "Jobs", "/jobs", "j", ""),
    ("fleet", "Fleet", "/fleet", "f", ""),
    ("queues", "Queues", "/queues", "q", ""),
    ("attention", "Attention", "/attention", "a", ""),
    ("events", "Events", "/events", "e", ""),
    ("docs", "API", "/docs", "d", ""),
    ("health", "Health", "/health", "h", ""),
    ("tokens", "Tokens", "/tokens", "t", "org:admin"),
    ("secrets", "Secrets", "/secrets", "s", "org:admin"),
)
