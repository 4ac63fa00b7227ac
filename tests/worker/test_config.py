"""Settings come from one table, and all that is wrong with them is said at once."""

from pathlib import Path

import pytest

from worker.config import CLOCKWORKS, TABLE, Settings, SettingsError, read

NEEDED = {"FLOTILLA_BROKER_URL": "redis://x", "FLOTILLA_SERVER_URL": "http://api/"}


def test_two_settings_are_needed_and_the_others_have_defaults() -> None:
    settings = read(NEEDED)
    assert settings.server_url == "http://api"
    assert settings.queues == ("@default",)
    assert settings.tags == ()
    assert settings.handoff
    assert settings.cpus is None
    assert settings.clockwork == CLOCKWORKS["production"]
    assert settings.grace_s == settings.clockwork.drain_s


def test_what_is_set_is_read() -> None:
    settings = read(
        {
            **NEEDED,
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
    wrong |= {"FLOTILLA_CONTAINER_RUNTIME": "lxc", "FLOTILLA_CONTAINER_REGISTRIES": "docker.io/library"}
    with pytest.raises(SettingsError) as raised:
        read(wrong)
    for name in (*wrong, *NEEDED):
        assert name in str(raised.value)


def test_the_table_is_the_settings() -> None:
    assert {row.field for row in TABLE} == set(Settings.__dataclass_fields__)
    assert all(row.about for row in TABLE)
