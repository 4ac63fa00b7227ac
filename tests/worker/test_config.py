"""Settings come from one table, and all that is wrong with them is said at once."""

from pathlib import Path

import pytest

from app.wire.broker import Broker
from worker.config import CLOCKWORKS, TABLE, Settings, read
from worker.setting import SettingsError
from worker.where import BROKER_TABLE


def test_no_setting_is_needed() -> None:
    settings = read({"FLOTILLA_SERVER_URL": "http://api/"})
    assert settings.server_url == "http://api"
    assert (read({}).server_url, settings.broker.url) == ("", "")
    assert settings.queues == ("@default",)
    assert settings.tags == ()
    assert settings.handoff
    assert settings.cpus is None
    assert settings.clockwork == CLOCKWORKS["production"]
    assert settings.grace_s == settings.clockwork.drain_s


def test_what_is_set_is_read() -> None:
    settings = read(
        {
            "FLOTILLA_NODE_DIR": "/x",
            "FLOTILLA_CPUS": "1.5",
            "FLOTILLA_MEMORY_MB": "512",
            "FLOTILLA_QUEUES": "a, b,",
            "FLOTILLA_HANDOFF": "0",
            "FLOTILLA_CLOCKWORK": "fast",
            "FLOTILLA_GRACE_S": "7",
            "FLOTILLA_FILE_ROOTS": "/a:/b/c",
            "FLOTILLA_FETCH_ALLOW": "files.example, 10.0.0.0/8",
            "FLOTILLA_FETCH_PORTS": "9000",
            "FLOTILLA_EXECUTORS_FILE": "/a.toml, b.toml",
            "FLOTILLA_SANDBOX": "required",
            "FLOTILLA_CONTAINER_RUNTIME": "podman",
            "FLOTILLA_CONTAINER_REGISTRIES": "docker.io,registry.example:5000",
        }
    )
    choices = settings.choices
    assert choices.files == (Path("/a.toml"), Path("b.toml"))
    assert (choices.sandbox, choices.container_runtime) == ("required", "podman")
    assert choices.container_registries == {"docker.io", "registry.example:5000"}
    assert settings.node_dir == Path("/x")
    assert (settings.cpus, settings.memory_mb) == (1.5, 512)
    assert settings.queues == ("a", "b")
    assert not settings.handoff
    assert settings.clockwork == CLOCKWORKS["fast"]
    assert settings.grace_s == 7
    assert settings.file_roots == (Path("/a"), Path("/b/c"))
    assert (settings.fetch_allow, settings.fetch_ports) == ("files.example, 10.0.0.0/8", "9000")


def test_everything_wrong_is_named_at_once() -> None:
    wrong = {"FLOTILLA_CPUS": "0", "FLOTILLA_MEMORY_MB": "1.5", "FLOTILLA_HANDOFF": "yes", "FLOTILLA_CALLABLES": "x"}
    wrong |= {"FLOTILLA_FETCH_ALLOW": "10.0.0.0/99", "FLOTILLA_FETCH_PORTS": "0", "FLOTILLA_FILE_ROOTS": "here"}
    wrong |= {"FLOTILLA_CACHE_MB": "-1", "FLOTILLA_FILE_MB": "x", "FLOTILLA_TRANSFER_S": "0"}
    wrong |= {"FLOTILLA_SANDBOX": "on", "FLOTILLA_SANDBOX_READABLE": "here", "FLOTILLA_SANDBOX_NETWORK": "x"}
    wrong |= {"FLOTILLA_CA_FILE": "/dev/null", "FLOTILLA_SERVER_URL": "api:8080"}
    wrong |= {"FLOTILLA_CONTAINER_RUNTIME": "lxc", "FLOTILLA_CONTAINER_REGISTRIES": "docker.io/library"}
    with pytest.raises(SettingsError) as raised:
        read(wrong)
    for name in wrong:
        assert name in str(raised.value)


def test_the_table_is_the_settings() -> None:
    assert {"broker", *(row.field for row in TABLE)} == set(Settings.__dataclass_fields__)
    assert {row.field for row in BROKER_TABLE} == set(Broker.__dataclass_fields__)
    assert all(row.about for row in (*TABLE, *BROKER_TABLE))


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    token, url = tmp_path / "token", tmp_path / "url"
    token.write_text("fl_a_b\n")
    url.write_text("rediss://flotilla-node:pw@broker.example:6379/0\n")
    settings = read(
        {
            "FLOTILLA_SERVER_URL": "http://api",
            "FLOTILLA_NODE_TOKEN_FILE": str(token),
            "FLOTILLA_BROKER_URL_FILE": str(url),
        }
    )
    assert (settings.node_token, settings.broker.url) == ("fl_a_b", "rediss://flotilla-node:pw@broker.example:6379/0")
    with pytest.raises(SettingsError, match="FLOTILLA_NODE_TOKEN: is set, and so is FLOTILLA_NODE_TOKEN_FILE"):
        read({"FLOTILLA_NODE_TOKEN": "x", "FLOTILLA_NODE_TOKEN_FILE": str(token)})
    with pytest.raises(SettingsError, match="FLOTILLA_NODE_TOKEN_FILE cannot be read"):
        read({"FLOTILLA_NODE_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://broker.example/0", "has no password"),
        ("redis://:hunter2@x;redis://y", "names several servers"),
        ("redis://:guest@broker.example/0", "stands in examples"),
        ("amqp://:hunter2@x", "must be redis://"),
    ],
)
def test_a_broker_that_a_node_may_not_use(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as caught:
        read({"FLOTILLA_BROKER_URL": url})
    assert "hunter2" not in str(caught.value)
    assert read({"FLOTILLA_BROKER_URL": "redis://b.example", "FLOTILLA_OPEN_BROKER": "1"}).broker.broker().open
