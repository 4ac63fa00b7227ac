"""Which server and which token a client command uses."""

from pathlib import Path

import pytest

from app.cli import profile
from app.cli.failures import Usage


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_without_anything_it_is_the_default_port_and_no_token(environ: dict[str, str]) -> None:
    assert profile.load(environ) == profile.Profile(url="http://127.0.0.1:8080", token=None)


def test_what_up_wrote_is_found_with_the_token_of_its_file(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    profile.save(environ, "http://127.0.0.1:9999", tmp_path / "token")
    assert profile.load(environ) == profile.Profile(url="http://127.0.0.1:9999", token="secret")
    assert "secret" not in profile.profile_path(environ).read_text()


def test_the_environment_goes_first(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    profile.save(environ, "http://127.0.0.1:9999", tmp_path / "token")
    assert profile.load(environ | {"FLOTILLA_TOKEN": "mine"}).token == "mine"


def test_the_token_of_one_server_is_not_sent_to_another(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    profile.save(environ, "http://127.0.0.1:9999", tmp_path / "token")
    assert profile.load(environ | {"FLOTILLA_URL": "http://elsewhere"}).token is None


def test_a_profile_that_is_no_json_is_named(environ: dict[str, str]) -> None:
    path = profile.profile_path(environ)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(Usage, match="profile"):
        profile.load(environ)
