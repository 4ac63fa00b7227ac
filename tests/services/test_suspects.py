"""Does a task that brings its nodes down fail alone, and not take its neighbours along?"""

from app.services import explain
from tests.services.world import Node, World


def live(world: World, node: Node, seconds: int) -> None:
    """The node takes what it can; whenever it runs `poison` it dies and starts anew, and other work of it is lost."""
    for _ in range(seconds):
        world.pass_time(1, node)
        node.take_all()
        if any(spec.task == "poison" for spec in node.held.values()):
            node.register()
        for name in [spec.task for spec in node.held.values()][:1]:
            node.finish(name)


def test_a_poison_task_fails_alone(world: World) -> None:
    node = world.node(cpu=8)
    job = world.submit({"poison": [], **{f"innocent-{n}": [] for n in range(6)}})
    live(world, node, 200)
    poison = world.task(job, "poison")
    assert poison.failure is not None
    assert poison.failure.code == "crash_limit"
    assert world.states(job) == {"poison": "failed", **{f"innocent-{n}": "succeeded" for n in range(6)}}
    world.check()


def test_a_node_takes_one_suspect_at_a_time_and_says_so(world: World) -> None:
    node = world.node(cpu=8)
    job = world.submit({"a": [], "b": []})
    for _ in range(2):
        node.take_all()
        assert len(node.held) == 2
        node.register()
        world.pass_time(12, node)
    node.take_all()
    assert len(node.held) == 1
    waiting = next(task for task in world.tasks(job).values() if task.state == "queued")
    reasons = explain.explain(world.core, world.who, waiting.id).reasons
    assert "suspect" in [reason.code for reason in reasons]
    node.finish(next(iter(node.held.values())).task)
    world.pass_time(12, node)
    node.take_all()
    assert [spec.task for spec in node.held.values()] == [waiting.name]
