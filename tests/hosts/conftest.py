"""Hosts for tests, where the kernel lets them be made. With CI=true only its refusal is a reason to skip."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.conftest import missing
from tests.faults.conftest import figures, pytest_runtest_makereport, pytest_terminal_summary
from tests.hosts.fleet import FleetOnHosts
from tests.hosts.network import Network, NoNamespacesError, ToolsMissingError
from tests.servers import ServerMissingError

__all__ = ("figures", "pytest_runtest_makereport", "pytest_terminal_summary")


@contextmanager
def where_possible() -> Iterator[None]:
    if os.getuid() != 0:
        pytest.skip("network namespaces are made by root alone")
    try:
        yield
    except NoNamespacesError as refused:
        pytest.skip(f"this kernel makes no network namespace: {refused}")
    except ToolsMissingError as absent:
        missing(ServerMissingError(str(absent)))
    except ServerMissingError as absent:
        missing(absent)


@contextmanager
def fleet_on_hosts() -> Iterator[FleetOnHosts]:
    with where_possible():
        made = FleetOnHosts()
    with closing(made):
        made.start()
        made.watch()
        yield made


@contextmanager
def network_of(*names: str) -> Iterator[Network]:
    with where_possible():
        made = Network(*names)
    try:
        yield made
    finally:
        made.remove()
