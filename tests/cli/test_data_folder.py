"""The data folder of `up`: its tokens and its lock."""

import os
import stat
from pathlib import Path

import pytest

from app.cli import data_folder
from app.cli.data_folder import DataFolder, new_token
from app.cli.failures import Failure


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(path=tmp_path / "data")
    made.make()
    return made


def test_only_its_owner_may_look_into_it(folder: DataFolder) -> None:
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_a_token_is_made_once_and_only_its_owner_may_read_it(folder: DataFolder) -> None:
    first = folder.token(folder.token_file)
    assert folder.token(folder.token_file) == first == folder.token_file.read_text().strip()
    assert stat.S_IMODE(folder.token_file.stat().st_mode) == 0o600


def test_tokens_have_the_form_that_the_api_reads() -> None:
    prefix, token_id, secret = new_token().split("_", 2)
    assert (prefix, len(token_id), len(secret)) == ("fl", 8, 43)


def test_a_second_up_on_the_same_folder_is_refused_and_told_by_whom(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_folder, "LOCK_PATIENCE_S", 0.0)
    held = folder.lock()
    with pytest.raises(Failure, match=str(os.getpid())):
        folder.lock()
    os.close(held)
    os.close(folder.lock())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot use the data folder"):
        DataFolder(path=tmp_path / "file" / "data").make()
