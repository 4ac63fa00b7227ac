"""A slot that ends its last run is known to be free at once, and not with the node's next heartbeat."""

import pytest

from app.adapters import sql
from app.adapters.memory.blobs import MemoryBlobs
from app.adapters.memory.broker import MemoryBroker
from app.adapters.system_chance import SystemChance
from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.services import submit
from app.services.access import anonymous
from app.services.core import Core
from app.wire.resources import Resources
from tests.benchmarks.synthetic import NODE_ID, SyntheticNode

SHAPE = Resources(cpu_milli=1000, memory_mib=512)


@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize(("handoff", "takes"), [(True, 64), (True, 1), (True, 0), (False, 64), (False, 0)])
def test_a_node_that_has_ended_everything_is_known_to_be_all_free(
    tmp_path: object, slots: int, handoff: bool, takes: int
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    sql.upgrade(url)
    store = sql.open_store(url, threads=2)
    broker = MemoryBroker()
    core = Core(store=store, broker=broker, chance=SystemChance(), blobs=MemoryBlobs(), handoff=handoff)
    node = SyntheticNode(core, broker, slots=slots, takes=takes)
    for width in (1, 2, 7, 40):
        tasks = tuple(TaskSpec(name=f"t{n}", executor="python", shape=SHAPE) for n in range(width))
        submit.submit(core, anonymous("admin"), "@default", JobSpec(name="wide", tasks=tasks))
        node.drain()
        known = store.read(lambda tx: tx.node(NODE_ID))
        assert known is not None
        assert known.free == known.total
    assert len(node.ended) == 1 + 2 + 7 + 40
    store.close()
