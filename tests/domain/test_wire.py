"""Does every message survive the journey, and is every wrong one refused by one exception with the place?"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.claim import Claim, ClaimAnswer, RunSpec
from app.wire.codec import WireError
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Held, Registration
from app.wire.report import Ending, Failure, LogLine, Report, ReportAnswer, ReportBatch
from app.wire.resources import NOTHING, Resources, Route
from app.wire.states import RUN_TERMINAL
from app.wire.usage import Sample, Usage


class Message(Protocol):
    def to_wire(self) -> Any: ...


int64 = st.integers(-(2**63) + 1, 2**63 - 1)
amounts = st.integers(0, 2**40)
seconds = st.floats(0, 1e9)
words = st.text(max_size=12)
names = st.lists(words, max_size=3).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | int64 | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
resources = st.builds(Resources, cpu_milli=amounts, memory_mib=amounts)
usages = st.builds(
    Usage, wall_s=seconds, cpu_user_s=seconds, peak_rss_bytes=amounts, max_processes=amounts, gpu_s=seconds
)
samples = st.builds(Sample, at_us=int64, usage=usages)
lines = st.builds(LogLine, line=int64, at_us=int64, stream=words, level=words, text=words)
failures = st.builds(Failure, code=words, message=words)
endings = st.builds(
    Ending,
    state=st.sampled_from(sorted(RUN_TERMINAL)),
    at_us=int64,
    exit_code=st.none() | int64,
    signal=st.none() | int64,
    failure=st.none() | failures,
    result=json_values,
    released=st.booleans(),
)
reports = st.builds(
    Report,
    run_id=words,
    fence=int64,
    sequence=int64,
    started_at_us=st.none() | int64,
    progress=st.none() | st.floats(0, 1),
    status_text=st.none() | words,
    usage=st.none() | usages,
    samples=st.lists(samples, max_size=2).map(tuple),
    lines=st.lists(lines, max_size=2).map(tuple),
    ending=st.none() | endings,
    takes=st.integers(0, 64),
)
specs = st.builds(
    RunSpec,
    run_id=words,
    fence=int64,
    job_id=words,
    task_id=words,
    task=words,
    attempt=int64,
    map_index=st.none() | int64,
    executor=words,
    version=words,
    payload=json_values,
    inputs=st.lists(json_values, max_size=2),
    outputs=st.lists(json_values, max_size=2),
    shape=resources,
    time_limit_s=int64,
    grace_s=int64,
    token=words,
)
runs = st.lists(specs, max_size=2).map(tuple)
held = st.builds(Held, run_id=words, fence=int64)

MESSAGES: dict[type[Any], st.SearchStrategy[Any]] = {
    Resources: resources,
    Usage: usages,
    Sample: samples,
    LogLine: lines,
    Failure: failures,
    Ending: endings,
    Report: reports,
    ReportBatch: st.builds(ReportBatch, free=resources, reports=st.lists(reports, max_size=2).map(tuple)),
    ReportAnswer: st.builds(ReportAnswer, now_us=int64, stale=names, handoffs=st.dictionaries(words, runs, max_size=2)),
    RunSpec: specs,
    Claim: st.builds(Claim, claim_id=words, run_ids=names, free=resources),
    ClaimAnswer: st.builds(ClaimAnswer, now_us=int64, runs=runs),
    Registration: st.builds(
        Registration,
        node_id=words,
        name=words,
        pid=int64,
        total=resources,
        queues=names,
        tags=names,
        executors=names,
        version=words,
    ),
    Held: held,
    Heartbeat: st.builds(
        Heartbeat,
        free=resources,
        held=st.lists(held, max_size=2).map(tuple),
        draining=st.booleans(),
        cpu_percent=seconds,
        used_memory_bytes=int64,
        idle_s=seconds,
        leaving=st.booleans(),
    ),
    HeartbeatAnswer: st.builds(
        HeartbeatAnswer,
        now_us=int64,
        known=st.booleans(),
        drain=st.booleans(),
        cancel=names,
        stale=names,
        queues=names,
    ),
}
KINDS = sorted(MESSAGES, key=lambda kind: kind.__name__)


def reader(kind: type[Any]) -> Callable[[Any], Message]:
    read: Callable[[Any], Message] = kind.from_wire
    return read


def refusal(kind: type[Any], source: Any) -> str | None:
    """The pointer of what is wrong; None when nothing is."""
    try:
        reader(kind)(source)
    except WireError as wrong:
        return wrong.pointer
    return None


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_message_survives_the_journey(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    assert reader(kind)(json.loads(json.dumps(message.to_wire()))) == message


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@given(source=wild)
def test_any_json_is_read_or_refused_and_nothing_else_happens(kind: type[Any], source: Any) -> None:
    pointer = refusal(kind, source)
    assert pointer is None or pointer == "" or pointer.startswith("/")


def places(source: Any, pointer: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield pointer
    items: list[tuple[str | int, Any]] = []
    if isinstance(source, dict):
        items = list(source.items())
    elif isinstance(source, list):
        items = list(enumerate(source))
    for key, value in items:
        yield from places(value, (*pointer, key))


def written(place: tuple[str | int, ...]) -> str:
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in place)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), strange=wild)
def test_one_wrong_place_is_named_by_its_pointer(kind: type[Any], data: st.DataObject, strange: Any) -> None:
    """Whatever is put anywhere into a good message, the complaint is about that place or one within or around it."""
    source = json.loads(json.dumps(data.draw(MESSAGES[kind]).to_wire()))
    place = data.draw(st.sampled_from(list(places(source))))
    if not place:
        return
    inside = source
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = strange
    pointer, here = refusal(kind, source), written(place)
    # A log line is an array that is read by name.
    if pointer is not None and "/lines/" not in here and kind is not LogLine:
        assert pointer.startswith(here) or here.startswith(pointer)


@pytest.mark.parametrize(
    ("read", "source", "pointer"),
    [
        (Report.from_wire, [], ""),
        (Report.from_wire, {"runId": "r", "fence": "1", "sequence": 1}, "/fence"),
        (Report.from_wire, {"runId": "r", "fence": True, "sequence": 1}, "/fence"),
        (Report.from_wire, {"runId": "r", "fence": 2**63, "sequence": 1}, "/fence"),
        (Report.from_wire, {"runId": "r", "fence": 1}, "/sequence"),
        (Report.from_wire, {"runId": "r", "fence": 1, "sequence": 1, "progress": 10**400}, "/progress"),
        (Report.from_wire, {"runId": "r", "fence": 1, "sequence": 1, "lines": [7]}, "/lines/0"),
        (Report.from_wire, {"runId": "r", "fence": 1, "sequence": 1, "lines": [[1, 2, "x"]]}, "/lines/0"),
        (Ending.from_wire, {"state": "queued", "atUs": 1}, ""),
        (Ending.from_wire, {"state": "fine", "atUs": 1}, "/state"),
        (Ending.from_wire, {"state": "failed", "atUs": 1, "error": "no"}, "/error"),
        (ReportBatch.from_wire, {"reports": []}, "/free"),
        (ReportBatch.from_wire, {"free": {"cpuMilli": 1}}, "/free/memoryMib"),
        (ReportAnswer.from_wire, {"nowUs": 1, "handoffs": {"a/b~c": [1]}}, "/handoffs"),
        (Claim.from_wire, {"claimId": "c", "runIds": ["a", 3], "free": NOTHING.to_wire()}, "/runIds/1"),
        (Sample.from_wire, {"atUs": 1, "usage": {"wallSeconds": "1"}}, "/usage/wallSeconds"),
    ],
)
def test_a_wrong_message_says_where(read: Callable[[Any], Message], source: Any, pointer: str) -> None:
    with pytest.raises(WireError) as caught:
        read(source)
    assert caught.value.pointer == pointer


# -- amounts and routes


@given(resources, resources)
def test_what_was_taken_is_what_is_given_back(total: Resources, shape: Resources) -> None:
    assert (total - shape) + shape == total
    assert shape.fits(total) == (shape.cpu_milli <= total.cpu_milli and shape.memory_mib <= total.memory_mib)


@given(resources, resources)
def test_times_in_is_the_largest_number_that_fits(total: Resources, shape: Resources) -> None:
    times = shape.times_in(total)
    assert times * shape.cpu_milli <= total.cpu_milli
    assert times * shape.memory_mib <= total.memory_mib
    if shape.cpu_milli and shape.memory_mib:
        assert (times + 1) * shape.cpu_milli > total.cpu_milli or (times + 1) * shape.memory_mib > total.memory_mib


@given(st.builds(Route, queue=st.text(), tag=st.text(), executor=st.text(), version=st.text(), shape=resources))
def test_a_route_with_any_names_comes_back_from_its_key(route: Route) -> None:
    assert Route.parse(route.key) == route
    assert route.key.isascii()
    assert " " not in route.key


@pytest.mark.parametrize(
    "key", ["", "a", "a/b/c/d", "a/b/c/d/", "a/b/c/d/1", "a/b/c/d/xm1", "a/b/c/d/1m", "a/b/c/d/1m1/e"]
)
def test_what_is_no_route_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Route.parse(key)
