"""`flotilla secrets`: values go in by standard input, keys are rotated where the database is."""

import io
from pathlib import Path

import pytest

from app.adapters import keyring, sql
from app.adapters.keyring import KeyFile, Keyring, new_key
from app.cli.data_folder import DataFolder
from app.ports.secrets import Secret
from app.services.access import ORG
from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import page

VALUE = "hunter2 and more"


@pytest.mark.parametrize(("typed", "sent"), [(f"{VALUE}\n", VALUE), (VALUE, VALUE), ("two\nlines\n\n", "two\nlines\n")])
def test_a_value_comes_from_standard_input(
    server: FakeServer, flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch, typed: str, sent: str
) -> None:
    server.on("PUT", "/v1/secrets/KEY", {"name": "KEY"})
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    said = flotilla("secrets", "set", "KEY")
    assert (said.out, said.err) == ("stored KEY\n", "")
    assert server.bodies("PUT", "/v1/secrets/KEY") == [{"value": sent}]


def test_secrets_are_listed_and_deleted(server: FakeServer, flotilla: Flotilla) -> None:
    at = "2026-01-01T00:00:00.000000Z"
    server.on("GET", "/v1/secrets", page({"name": "KEY", "createdAt": at, "changedAt": at, "changedBy": "ann"}))
    server.on("DELETE", "/v1/secrets/KEY", {})
    assert "KEY" in flotilla("secrets", "list").out
    assert flotilla("secrets", "delete", "KEY").out == "deleted KEY\n"


def test_a_rotation_seals_anew_and_keeps_the_key_before(
    flotilla: Flotilla, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOTILLA_DATABASE_URL", raising=False)
    folder = DataFolder(path=tmp_path)
    folder.make_secrets_key()
    first = folder.secrets_key_file.read_text()
    sql.upgrade(folder.database_url)
    store = sql.open_store(folder.database_url, threads=1)
    running = Keyring(KeyFile(folder.secrets_key_file))
    sealed = running.seal(VALUE, f"{ORG}/KEY")
    made = Secret(org_id=ORG, name="KEY", sealed=sealed, created_at_us=1, changed_at_us=1, changed_by="a")
    store.write(lambda tx: tx.save_secret(made))
    for turn in range(3):
        assert flotilla("secrets", "rotate-key", "--data", str(tmp_path)).out == "sealed 1 secrets with the new key\n"
        keys = keyring.keys_of(folder.secrets_key_file.read_text())
        assert len(keys) == 2
        assert (first.strip() in keys) is (turn == 0)
        sealed = store.read(lambda tx: tx.sealed(ORG, ["KEY"]))["KEY"]
        assert running.open(sealed, f"{ORG}/KEY") == VALUE
        assert Keyring(lambda keys=keys: keys[0]).open(sealed, f"{ORG}/KEY") == VALUE  # type: ignore[misc]
    assert folder.secrets_key_file.stat().st_mode & 0o777 == 0o600
    folder.secrets_key_file.write_text(new_key())
    said = flotilla("secrets", "rotate-key", "--data", str(tmp_path))
    assert said.code == 1
    assert "KEY" in said.err
    store.close()


def test_a_rotation_needs_a_key(flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOTILLA_SECRETS_KEY_FILE", raising=False)
    monkeypatch.delenv("FLOTILLA_SECRETS_KEY", raising=False)
    assert flotilla("secrets", "rotate-key").code == 2
