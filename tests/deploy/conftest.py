"""Servers and fleets of the tests of a deployment on many machines."""

from collections.abc import Iterator

import pytest

from tests.conftest import missing
from tests.deploy.brokers import TlsRedis
from tests.deploy.certificates import Authority
from tests.servers import ServerMissingError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def guarded_broker(authority: Authority) -> Iterator[TlsRedis]:
    """With the users of deploy/redis/users.acl, over TLS, and with a certificate for each client."""
    server = TlsRedis(authority.certificate("server", hosts=("127.0.0.1",)), authority.ca, asks=True, users=True)
    try:
        server.start()
        yield server
    except ServerMissingError as error:
        missing(error)
    finally:
        server.remove()
