"""What the node uses of celery and kombu that is not public is there, or is named when it is missing."""

import pytest

from worker import consumer


def test_the_private_names_are_there() -> None:
    consumer.check()


def test_a_missing_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "PRIVATE_NAMES", ((consumer.SlotPool, "gone_in_the_next_version"),))
    with pytest.raises(consumer.IncompatibleError, match=r"SlotPool\.gone_in_the_next_version"):
        consumer.check()


def test_without_a_desk_queues_are_served_as_kombu_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "_desk", [])
    cycle = consumer.RouteCycle()
    cycle.update(["a", "b"])
    assert cycle.consume(2) == ["a", "b"]
    cycle.rotate("a")
    assert cycle.consume(2) == ["b", "a"]
