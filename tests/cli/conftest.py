"""Commands run in this process, against a server of canned answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from app.cli.main import main
from tests.cli.fake_server import FakeServer, fake_server


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Flotilla = Callable[..., Said]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with fake_server() as fake:
        monkeypatch.setenv("FLOTILLA_URL", fake.url)
        monkeypatch.setenv("FLOTILLA_TOKEN", "fl_12345678_secret")
        yield fake


@pytest.fixture
def flotilla(capsys: pytest.CaptureFixture[str]) -> Flotilla:
    """Calls the command line; what it said, and its exit code."""

    def call(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        said = capsys.readouterr()
        code = end.value.code
        return Said(code if isinstance(code, int) else 0, said.out, said.err)

    return call
