"""Is every trace context read that the standard allows, and nothing else?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.trace import Context, read, span_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_it_is_read_and_written_alike() -> None:
    assert read(GOOD) == Context(trace=TRACE, span=SPAN, flags=1)
    assert str(read(GOOD)) == GOOD


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_its_flags_say_whether_it_is_recorded(flags: str, sampled: bool) -> None:
    found = read(f"00-{TRACE}-{SPAN}-{flags}")
    assert found is not None
    assert found.sampled is sampled
    assert str(found).endswith(flags)


@pytest.mark.parametrize("text", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-will-be"])
def test_later_versions_are_read_as_the_first(text: str) -> None:
    assert str(read(text)) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        GOOD[:-1],
        f"{GOOD}-more",
        f"{GOOD}\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        GOOD.upper(),
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"{GOOD}, {GOOD}",
        f"cc-{TRACE}-{SPAN}-01.x",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 600}",
        GOOD.replace("0", "\u0660"),
    ],
)
def test_what_is_none_is_none(text: str) -> None:
    assert read(text) is None


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    assert read(text) is None or len(str(read(text))) == len(GOOD)


def test_spans_of_different_things_differ_and_are_the_same_again() -> None:
    spans = {span_of(kind, id_) for kind in ("job", "task", "run") for id_ in ("1", "2")}
    assert len(spans) == 6
    assert span_of("job", "1") in spans
    assert all(read(f"00-{TRACE}-{span}-01") for span in spans)
