"""What tests of staging share: a web server, inputs brought to a folder, and a run as the slot sees it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.wire.addresses import Gate
from tests.worker.conftest import Notebook
from tests.worker.fake_api import FakeApi
from tests.worker.stage.web import Web
from worker.stage.cache import Cache
from worker.stage.dial import Resolve, resolve
from worker.stage.inputs import InputError, Inputs
from worker.stage.leash import Leash
from worker.stage.rules import Rules
from worker.stage.turns import Turns


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are short."""
    for module in ("fetch", "upload"):
        monkeypatch.setattr(f"worker.stage.{module}.FIRST_PAUSE_S", 0.01)
        monkeypatch.setattr(f"worker.stage.{module}.LONGEST_PAUSE_S", 0.1)


class Bench:
    """Brings inputs by the rules that the test sets."""

    def __init__(self, root: Path, api: FakeApi, web: Web) -> None:
        self.root = root
        self.rules: dict[str, Any] = {"server_url": api.url}
        self.open_gate(web)
        self.cache = Cache(root / "cache", 1 << 20)
        self.turns = Turns()
        self.resolve: Resolve = resolve
        self.journal = Notebook()
        self._count = 0

    def open_gate(self, web: Web, allow: str = "127.0.0.1") -> None:
        self.rules["gate"] = Gate.parse(allow=allow, ports=str(web.port))

    def bring(self, *sources: Any, paths: tuple[str, ...] = (), leash: Leash | None = None) -> Path:
        """The folder that holds them at `paths`, or as `0`, `1`, ..."""
        self._count += 1
        folder = self.root / f"run-{self._count}"
        folder.mkdir()
        named = zip(sources, paths or map(str, range(len(sources))), strict=True)
        inputs = [
            {"source": {"uri": each} if isinstance(each, str) else each, "target": {"path": path}}
            for each, path in named
        ]
        made = Inputs(rules=Rules(**self.rules), cache=self.cache, resolve=self.resolve, turns=self.turns)
        made.bring(inputs, folder, self.journal, leash or Leash())
        return folder

    def content(self, source: Any) -> bytes:
        return (self.bring(source) / "0").read_bytes()

    def refusal(self, source: Any, **how: Any) -> str:
        with pytest.raises(InputError) as caught:
            self.bring(source, **how)
        assert "secret words" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def bench(tmp_path: Path, api: FakeApi, web: Web) -> Bench:
    return Bench(tmp_path, api, web)
