"""What is made of the broker's URL for Celery, for kombu and for the library that counts requests."""

import pytest

from app.wire.broker import Broker

SENTINELS = "sentinel://flotilla-api:p%40ss@a.example;sentinel://b.example:26380;sentinel://c.example:26379/0"
CHECKED = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}


def test_a_server_named_directly_stays_as_it_is() -> None:
    broker = Broker(url="redis://user:pw@redis.example:6379/0")
    assert broker.celery_url == "redis://user:pw@redis.example:6379/0"
    assert broker.tls is None
    assert broker.transport_options(timeout_s=30, connect_timeout_s=5) == {}
    assert broker.limits_url == broker.celery_url
    assert Broker(url="redis+socket:///run/s").celery_url == "redis+socket:///run/s"
    assert Broker(url="redis+socket:///run/s").limits_url == "redis+unix:///run/s"


def test_over_tls_certificate_and_name_are_checked_unless_nothing() -> None:
    assert Broker(url="rediss://:pw@redis.example").tls == CHECKED
    given = Broker(url="rediss://:pw@redis.example", ca="/ca.pem", certificate="/c.pem", key="/k.pem")
    assert given.tls == CHECKED | {
        "ssl_ca_certs": "/ca.pem",
        "ssl_certfile": "/c.pem",
        "ssl_keyfile": "/k.pem",
    }
    assert given.files == ["/ca.pem", "/c.pem", "/k.pem"]
    in_url = Broker(url="rediss://:pw@redis.example/0?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required")
    assert (in_url.tls or {})["ssl_ca_certs"] == "/ca.pem"
    assert in_url.celery_url == "rediss://:pw@redis.example/0"


def test_each_sentinel_is_told_the_user_and_the_database_of_the_redis() -> None:
    broker = Broker(url=SENTINELS, primary="jobs", sentinel_password="s")
    assert broker.celery_url == (
        "sentinel://flotilla-api:p%40ss@a.example:26379/0;"
        "sentinel://flotilla-api:p%40ss@b.example:26380/0;"
        "sentinel://flotilla-api:p%40ss@c.example:26379/0"
    )
    options = broker.transport_options(timeout_s=30, connect_timeout_s=5)
    assert options == {
        "master_name": "jobs",
        "sentinel_kwargs": {"socket_timeout": 30, "socket_connect_timeout": 5, "password": "s"},
    }
    assert broker.limits_url == (
        "redis+sentinel://flotilla-api:p%40ss@a.example:26379,b.example:26380,c.example:26379/jobs"
    )
    assert broker.limits_options["sentinel_kwargs"] == {"username": None, "password": "s"}
    assert not broker.encrypted
    encrypted = Broker(url=SENTINELS, ca="/ca.pem")
    assert encrypted.tls == CHECKED | {"ssl_ca_certs": "/ca.pem"}
    assert encrypted.transport_options(timeout_s=1, connect_timeout_s=1)["sentinel_kwargs"]["ssl"] is True


def test_celery_s_short_form_of_the_others_is_understood() -> None:
    assert Broker(url="sentinel://a:1;b:2;c").celery_url == "sentinel://a:1/0;sentinel://b:2/0;sentinel://c:26379/0"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("amqp://x", "must be redis://"),
        ("redis://", "names no host"),
        ("redis://x:port", "is no URL"),
        ("redis://a;redis://b", "names several servers"),
        ("sentinel://a;redis://b", "must name Sentinels only"),
        ("rediss://a?ssl_cert_reqs=none", "turns a check of the server off"),
        ("rediss://a?ssl_check_hostname=False", "turns a check of the server off"),
        ("rediss://a?ssl_ciphers=x", "has ssl_ciphers"),
        ("redis://a/jobs", "no number of a database"),
    ],
)
def test_what_cannot_be_used_is_said_without_the_url(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        Broker(url=url.replace("://", "://user:hunter2@", 1))
    assert "hunter2" not in str(caught.value)


def test_a_certificate_comes_with_its_key() -> None:
    with pytest.raises(ValueError, match="together with its key"):
        Broker(url="rediss://a", certificate="/c.pem")


@pytest.mark.parametrize(
    ("url", "is_open", "well_known"),
    [
        ("redis://10.0.0.7", True, False),
        ("redis://user@broker/0", True, False),
        ("sentinel://a;sentinel://b", True, False),
        ("sentinel://127.0.0.1:1;sentinel://10.0.0.1:1", True, False),
        ("sentinel://127.0.0.1:1;sentinel://127.0.0.1:2", False, False),
        ("redis://:Password@10.0.0.7", False, True),
        ("redis://:change-me@broker", False, True),
        ("redis://:redis@127.0.0.1", False, False),
        ("redis://:other@broker", False, False),
    ],
)
def test_a_broker_elsewhere_is_known_by_its_lack_of_a_secret(url: str, is_open: bool, well_known: bool) -> None:
    broker = Broker(url=url)
    assert (broker.open, broker.well_known) == (is_open, well_known)
