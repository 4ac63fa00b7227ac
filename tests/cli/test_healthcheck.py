"""`flotilla healthcheck` says whether a process is well; `flotilla db seed` stores an installation's first tokens."""

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import bootstrap
from app.adapters import sql
from app.cli.data_folder import new_token
from app.cli.failures import Failure, Usage
from app.cli.main import flotilla
from app.config import Settings
from app.services import access


def call(*words: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(flotilla, words)


def test_a_file_that_was_touched_lately_is_well(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    file.touch()
    assert call("healthcheck", FLOTILLA_ALIVE_FILE=str(file)).exit_code == 0
    long_ago = time.time() - 40
    os.utime(file, (long_ago, long_ago))
    stale = call("healthcheck", "--file", str(file))
    assert isinstance(stale.exception, Failure)
    assert "touched 40 s ago, which is more than 30 s" in stale.exception.what
    assert call("healthcheck", "--file", str(file), "--within", "60").exit_code == 0


def test_what_was_never_alive_is_not_well(tmp_path: Path) -> None:
    never = call("healthcheck", "--file", str(tmp_path / "none"))
    assert isinstance(never.exception, Failure)
    assert "No such file" in never.exception.what
    nothing = call("healthcheck")
    assert isinstance(nothing.exception, Failure)
    assert "FLOTILLA_ALIVE_FILE" in (nothing.exception.remedy or "")
    deaf = call("healthcheck", "--url", "http://127.0.0.1:1/readyz")
    assert isinstance(deaf.exception, Failure)
    assert "does not answer" in deaf.exception.what


def test_first_tokens_are_good_for_their_role_and_stored_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'flotilla.db'}"
    sql.upgrade(url)
    texts = {"admin": new_token(), "node": new_token()}
    for role, text in texts.items():
        (tmp_path / role).write_text(f"{text}\n")
    words = ("db", "seed", "--admin", str(tmp_path / "admin"), "--node", str(tmp_path / "node"))
    for _ in range(2):
        assert call(*words, FLOTILLA_DATABASE_URL=url).exit_code == 0
    core = bootstrap.core(
        Settings.from_environ({"FLOTILLA_DATABASE_URL": url, "FLOTILLA_BROKER_URL": "redis+socket:///x"})
    )
    assert {access.authenticate(core, text).role for text in texts.values()} == {"admin", "node"}
    core.store.close()


@pytest.mark.parametrize("text", ["", "secret", "fl_short_x", f"fl_12345678_{'x' * 42}"])
def test_what_is_no_token_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "admin").write_text(text)
    refused = call("db", "seed", "--admin", str(tmp_path / "admin"), FLOTILLA_DATABASE_URL="sqlite:////none/x.db")
    assert isinstance(refused.exception, Usage)
    assert "holds no token" in refused.exception.what
    assert not text or text not in refused.exception.what
    assert isinstance(call("db", "seed").exception, Usage)
