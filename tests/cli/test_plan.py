"""Which settings each process of `up` gets."""

from pathlib import Path

import pytest

from app.cli.data_folder import DataFolder
from app.cli.plan import Plan

BROKER = {"FLOTILLA_BROKER_URL": "redis+socket:///s"}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(path=tmp_path)
    made.make()
    return made


def plan(folder: DataFolder, host: str = "127.0.0.1", **environ: str) -> Plan:
    return Plan(
        data=folder,
        host=host,
        port=8080,
        nodes=2,
        cpus="2",
        memory_mb=512,
        flower_port=None,
        grace_s=10,
        environ={"PATH": "/bin", **environ},
    )


def test_the_store_is_in_the_data_folder_unless_one_is_named(folder: DataFolder) -> None:
    assert plan(folder).web(BROKER).environ["FLOTILLA_DATABASE_URL"] == f"sqlite:///{folder.path}/flotilla.db"
    other = plan(folder, FLOTILLA_DATABASE_URL="postgresql+psycopg://x/y")
    assert other.engine(BROKER).environ["FLOTILLA_DATABASE_URL"] == "postgresql+psycopg://x/y"
    assert not other.own_database


def test_a_broker_that_is_named_is_used(folder: DataFolder) -> None:
    assert plan(folder).own_broker
    named = plan(folder, FLOTILLA_BROKER_URL="redis://elsewhere/0")
    assert not named.own_broker
    assert named.node(1, {}).environ["FLOTILLA_BROKER_URL"] == "redis://elsewhere/0"


def test_a_node_knows_the_server_and_its_own_token_and_no_database(folder: DataFolder) -> None:
    node = plan(folder, FLOTILLA_DATABASE_URL="postgresql+psycopg://user:secret@x/y").node(2, BROKER)
    assert node.name == node.environ["FLOTILLA_NODE_NAME"] == "node-2"
    assert node.environ["FLOTILLA_SERVER_URL"] == "http://127.0.0.1:8080"
    assert node.environ["FLOTILLA_NODE_TOKEN"] == folder.node_token_file.read_text().strip()
    assert not any("DATABASE" in key for key in node.environ)
    assert folder.token(folder.token_file) not in node.environ.values()


def test_no_process_is_given_the_callers_own_token(folder: DataFolder) -> None:
    given = plan(folder, FLOTILLA_TOKEN="mine", FLOTILLA_URL="http://elsewhere")
    for program in (given.web(BROKER), given.engine(BROKER), given.node(1, BROKER)):
        assert not {"FLOTILLA_TOKEN", "FLOTILLA_URL"} & set(program.environ)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080"), ("10.0.0.5", "http://10.0.0.5:8080")],
)
def test_this_machine_finds_the_server(folder: DataFolder, host: str, url: str) -> None:
    assert plan(folder, host).url == url


def test_stored_files_are_in_the_data_folder_unless_a_place_is_named(folder: DataFolder) -> None:
    assert plan(folder).web(BROKER).environ["FLOTILLA_ASSETS_URL"] == f"file://{folder.path}/assets"
    assert plan(folder).engine(BROKER).environ["FLOTILLA_ASSETS_URL"] == f"file://{folder.path}/assets"
    named = plan(folder, FLOTILLA_ASSETS_URL="s3://bucket/folder", TMPDIR="/elsewhere").web(BROKER).environ
    assert (named["FLOTILLA_ASSETS_URL"], named["TMPDIR"]) == ("s3://bucket/folder", "/elsewhere")
    assert plan(folder).web(BROKER).environ["TMPDIR"] == f"{folder.path}/tmp"
