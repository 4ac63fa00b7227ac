"""Whatever happens in whatever order, does every job end with each task accepted once?

`FLOTILLA_SIMULATION` sets the number of examples, each of 60 steps (`FLOTILLA_SIMULATION=20000` for a night); the
default is small enough for every run of the tests.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.simulation.machine import Fleet

# Read when collected: the session's clean environment has no settings of ours.
EXAMPLES = int(os.environ.get("FLOTILLA_SIMULATION", "0"))

pytestmark = pytest.mark.timeout(7200)  # a failure takes minutes to be made small

TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    max_examples=EXAMPLES or 100,
    stateful_step_count=60 if EXAMPLES else 40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
