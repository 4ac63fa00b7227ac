"""The dashboard in an application of its own, and browsers without JavaScript: one with a session for each role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse

from app.adapters import sql
from app.adapters.keyring import Keyring, new_key
from app.adapters.memory import MemoryBlobs
from app.adapters.memory.broker import MemoryBroker
from app.adapters.system_chance import SystemChance
from app.domain.job import Job
from app.main import add_dashboard
from app.rest import application
from app.rest.auth import GuardedFlask
from app.rest.native.schemas.job_in import JobIn, to_spec
from app.services import access
from app.services.access import Principal
from app.services.core import FAST, Core
from app.services.submit import submit
from app.ui import dashboard

OTHER_ORG = "00000000-0000-7000-8000-00000000000f"
SECRETS_KEY = new_key()
HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
MISSING = "01a1fa7f-297b-774b-8000-0000000000ff"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&{{7*7}}"


@dataclass(kw_only=True)
class Site:
    app: GuardedFlask
    core: Core
    broker: MemoryBroker
    tokens: Mapping[str, str]
    browsers: dict[str, "Browser"] = field(default_factory=dict)

    def browser(self, role: str = "admin") -> "Browser":
        """Logged in, once for all tests of the site."""
        if role not in self.browsers:
            self.browsers[role] = Browser(self.app.test_client()).log_in(self.tokens[role])
        return self.browsers[role]

    def stranger(self) -> "Browser":
        return Browser(self.app.test_client())

    def submit(self, *tasks: Mapping[str, Any], name: str = "job", queue: str = "@default", **more: Any) -> Job:
        document = {"name": name, "tasks": list(tasks) or [noop("only")], **more}
        return submit(self.core, self.admin, queue, to_spec(JobIn().load(document)))

    @property
    def admin(self) -> Principal:
        return access.authenticate(self.core, self.tokens["admin"])


class Browser:
    """Follows no redirects."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.mark = ""

    def log_in(self, token: str) -> "Browser":
        answer = self.client.post("/login", data={"token": token, "next": "/jobs"}, headers=HTML)
        assert (answer.status_code, answer.location) == (303, "/jobs"), answer.text
        page = self.read("/jobs")
        self.mark = page.values.get("csrf", "")
        return self

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=HTML | headers)

    def post(self, path: str, headers: Mapping[str, str] = HTML, **fields: Any) -> TestResponse:
        return self.client.post(path, data={"csrf": self.mark, **fields}, headers=headers)

    def read(self, path: str) -> "Html":
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, Html(answer.text).words[:300])
        return Html(answer.text)


class Html(HTMLParser):
    """What a page says, and what it is made of."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.values: dict[str, str] = {}
        self.title = ""
        self._path: list[str] = []
        self._words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "input" and "name" in given:
            self.values.setdefault(given["name"], given.get("value", ""))
        if tag not in self.VOID:
            self._path.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._path and self._path.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._path and self._path[-1] == "title" and "svg" not in self._path:
            self.title += data
        self._words.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.tags if name == tag]

    @property
    def links(self) -> list[str]:
        return [given["href"] for given in self.all("a") if "href" in given]


def noop(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "executor": "python", "payload": {"callable": "noop"}, **more}


def make_site(folder: Path, anonymous_role: str = "", hosts: tuple[str, ...] = ()) -> Site:
    url = f"sqlite:///{folder / 'flotilla.db'}"
    sql.upgrade(url)
    broker = MemoryBroker()
    core = Core(
        store=sql.open_store(url, threads=4),
        broker=broker,
        chance=SystemChance(),
        blobs=MemoryBlobs(),
        vault=Keyring(lambda: SECRETS_KEY),
        clockwork=FAST,
        handoff=False,
    )
    tokens = {role: access.create_token(core, org_id=access.ORG, name=role, role=role)[1] for role in access.SCOPES}
    tokens["foreign"] = access.create_token(core, org_id=OTHER_ORG, name="foreign", role="admin")[1]
    app = application.build(
        core,
        anonymous_role=anonymous_role,
        allowed_hosts=hosts,
        own_guard=frozenset({dashboard.NAME}),
        more=[add_dashboard],
    )
    return Site(app=app, core=core, broker=broker, tokens=tokens)
