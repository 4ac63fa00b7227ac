"""Every test of the services runs with hand-off on and off, and with bundles and without."""

import pytest

from tests.services.world import World


@pytest.fixture(params=[(True, 64), (True, 1), (False, 64)], ids=["handoff", "handoff-alone", "broker"])
def world(request: pytest.FixtureRequest) -> World:
    handoff, max_bundle = request.param
    return World(handoff=handoff, max_bundle=max_bundle)
