"""Which lines begin and end groups, however they are written, and where."""

import pytest

from app.domain.errors import Invalid
from app.services import log_groups
from app.services.log_groups import Mark, mark_of
from app.wire.report import LogLine
from tests.services.world import World

LINES = [
    ("::group::Install", "Install", ""),
    ("::group::", "group", ""),
    ("##[group]Run make", "Run make", ""),
    ("\x1b[36m::group::Coloured\x1b[0m", "Coloured", ""),
    ("::endgroup::", None, ""),
    ("##[endgroup]", None, ""),
    ("section_start:1560896352:build_it\r\x1b[0K\x1b[36;1mBuild it", "Build it", "build_it"),
    ("\x1b[0Ksection_start:1560896352:x.y-1[collapsed=true]\r\x1b[0KHead", "Head", "x.y-1"),
    ("section_start:1:bare", "bare", "bare"),
    ("section_end:1560896353:build_it\r\x1b[0K", None, "build_it"),
]


@pytest.mark.parametrize(("text", "name", "key"), LINES, ids=repr)
def test_a_line_that_marks_a_group_is_known(text: str, name: str | None, key: str) -> None:
    assert mark_of(7, text) == Mark(place=7, name=name, key=key)


@pytest.mark.parametrize(
    "text",
    ["", "a group", "echo ::group::x", "::endgroup:: more", "section_start:now:x", "::groups::", "the section_end:1:x"],
)
def test_other_lines_mark_nothing(text: str) -> None:
    assert mark_of(1, text) is None


def test_marks_are_found_in_order_from_anywhere_on(world: World) -> None:
    node = world.node()
    world.submit({"a": []})
    node.take()
    spec = node.run_of("a")
    texts = ["x", "::group::one", "y", "section_start:1:k\rTwo", "z", "section_end:1:k\r", "::endgroup::", "the group"]
    lines = [LogLine(line=n, at_us=1, stream="stdout", level="info", text=text) for n, text in enumerate(texts, 1)]
    node.report(node.news(spec, lines=tuple(lines)))
    found = log_groups.marks(world.core, world.who, spec.run_id, 1)
    assert [(mark.place, mark.name) for mark in found.marks] == [(2, "one"), (4, "Two"), (6, None), (7, None)]
    assert found.next_line is None
    assert [mark.place for mark in log_groups.marks(world.core, world.who, spec.run_id, 5).marks] == [6, 7]
    with pytest.raises(Invalid):
        log_groups.marks(world.core, world.who, spec.run_id, 0)
