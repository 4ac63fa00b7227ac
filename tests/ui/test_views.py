"""What pages are made of: lines with terminal colours, plots, outcomes in words, waste, and what is hidden."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.task import TaskSpec
from app.services.strips import Part
from app.ui import usage
from app.ui.ansi import COLOURS, Piece, pieces
from app.ui.asked import asked
from app.ui.history import history
from app.ui.manual import subjects
from app.ui.outcome import around, outcome
from app.ui.plots import HEIGHT, WIDTH, Series, plot, thinned
from app.ui.strip import HEIGHT as STRIP
from app.ui.strip import drawn
from app.ui.veil import veiled, veiled_words
from app.wire.masking import HIDDEN
from app.wire.report import Failure
from app.wire.states import RunState, TaskState
from app.wire.usage import Sample, Usage
from tests.conformance import values
from tests.replacing import replace

LOOKS = {"", *COLOURS, "bold", "dim", "italic", "underlined", "struck"}
SPEC = TaskSpec(name="a", executor="command", shape=values.SHAPE, time_limit_s=60)


def run(**changed: Any) -> Any:
    return replace(values.run(values.task(1, values.job(1), 0)), **changed)


# -- lines


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", [("plain", "")]),
        ("", [("", "")]),
        ("\x1b[1;31mno\x1b[0m way", [("no", "bold red"), (" way", "")]),
        ("\x1b[32mone\x1b[39m two", [("one", "green"), (" two", "")]),
        ("\x1b[1mbold\x1b[22m not", [("bold", "bold"), (" not", "")]),
        ("\x1b[38;5;196mred\x1b[m", [("red", "red")]),
        ("\x1b[38;2;10;10;250mblue", [("blue", "blue")]),
        ("\x1b[48;5;196;32mgreen", [("green", "green")]),
        ("\x1b[2J\x1b[Hclear", [("clear", "")]),
        ("\x1b]0;title\x07text", [("text", "")]),
        ("\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\", [("link", "")]),
        ("10 %\r50 %\r100 %", [("100 %", "")]),
        ("over\x08\x00\x9bwritten", [("overwritten", "")]),
        ("\u202eevil\u202c", [("evil", "")]),
        ("\x1b[999;;38;5mend", [("end", "")]),
        ("a\tb", [("a\tb", "")]),
    ],
)
def test_a_line_with_colours_is_pieces_of_text(line: str, shown: list[tuple[str, str]]) -> None:
    assert list(pieces(line)) == [Piece(*each) for each in shown]


@given(st.text(alphabet=st.sampled_from("\x1b[]mKH;0123458 9\x07\\ab<>&\r\x9b")))
def test_no_line_can_do_more_than_be_shown(line: str) -> None:
    found = pieces(line)
    assert found
    for text, look in found:
        assert not any(unicodedata.category(letter) == "Cc" for letter in text)
        assert set(look.split(" ")) <= LOOKS


# -- plots


def test_a_plot_marks_its_peak_and_its_limit() -> None:
    made = plot("Memory", [Series(name="used", values=[(0, 1.0), (1_000_000, 4.0), (2_000_000, 2.0)])], str, limit=8.0)
    assert made is not None
    assert made.peak is not None
    assert made.peak.x == WIDTH / 2
    assert made.limit_y is not None
    assert 0 < made.limit_y < made.peak.y < HEIGHT
    assert made.peak_words == "peak 4.0 at 1.0 s"
    assert made.readings[0] == (0.0, "0 s: used 1.0")
    assert len(made.lines[0].path.split(" ")) == 3


def test_two_points_make_a_line_and_one_does_not() -> None:
    assert plot("x", [Series(name="a", values=[(0, 1.0)])], str) is None
    assert plot("x", [Series(name="a", values=[])], str) is None
    flat = plot("x", [Series(name="a", values=[(0, 0.0), (0, 0.0)])], str)
    assert flat is not None
    assert (flat.peak, flat.peak_words) == (None, "")


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=3000))
def test_thinning_loses_no_peak_and_keeps_the_time(heights: list[float]) -> None:
    points = [(at * 1_000_000, height) for at, height in enumerate(heights)]
    kept = thinned(points)
    assert len(kept) <= 300 or len(points) <= 300
    assert max(height for _, height in kept) == max(heights)
    assert [at for at, _ in kept] == sorted(at for at, _ in kept)


def test_a_run_is_drawn_against_what_it_asked_for() -> None:
    samples = [
        Sample(at_us=values.NOW_US + at * 1_000_000, usage=Usage(cpu_user_s=at * 0.5, current_rss_bytes=at << 20))
        for at in range(1, 4)
    ]
    ended = run(started_at_us=values.NOW_US, usage=Usage(peak_rss_bytes=9 << 20))
    cpu, memory, flows = usage.plots(ended, SPEC, samples)
    assert cpu.limit == "asked for 1 cpu"
    assert "peak 0.5 cpu" in cpu.peak_words
    assert "peak 9 MiB" in memory.peak_words
    assert memory.limit == "limit 256 MiB"
    assert flows.peak is None
    assert usage.plots(ended, SPEC, []) == []


def test_what_was_asked_for_in_vain_is_said() -> None:
    spec = replace(SPEC, shape=replace(values.SHAPE, cpu_milli=8000, memory_mib=30 << 10))
    used = Usage(wall_s=100, cpu_user_s=150, peak_rss_bytes=2 << 30)
    memory, cpu = usage.wasted(run(usage=used), spec)
    assert (memory.asked, memory.used, memory.enough) == ("30 GiB of memory", "2 GiB at its peak", "2.5 GiB")
    assert (cpu.asked, cpu.used, cpu.enough) == ("8 cpu", "1.5 cpu on average", "2 cpu")
    assert list(usage.wasted(run(usage=replace(used, wall_s=5)), spec)) == []
    busy = replace(used, cpu_user_s=700, peak_rss_bytes=20 << 30)
    assert list(usage.wasted(run(usage=busy), spec)) == []


# -- words


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": RunState.QUEUED}, "waits for one that takes it."),
        ({"state": RunState.RUNNING}, "prepares it."),
        ({"state": RunState.RUNNING, "started_at_us": 1}, "It runs."),
        ({"state": RunState.SUCCEEDED, "exit_code": 0}, "It ended well, with exit code 0."),
        ({"state": RunState.FAILED, "exit_code": 127}, "It failed. A shell says so when the program was not found."),
        ({"state": RunState.FAILED, "exit_code": 137}, "Signal 9 is SIGKILL: killed."),
        ({"state": RunState.FAILED, "signal": 11}, "Signal 11 is SIGSEGV: segmentation fault."),
        ({"state": RunState.FAILED, "signal": 999}, "It failed."),
        ({"state": RunState.TIMED_OUT}, "limit of 1m 00s"),
        ({"state": RunState.OUT_OF_MEMORY}, "limit of 256 MiB"),
        ({"state": RunState.FAILED, "failure": Failure(code="x", message="disk is full")}, "Disk is full."),
    ],
)
def test_an_outcome_is_a_sentence(changed: dict[str, Any], said: str) -> None:
    assert outcome(run(**changed), SPEC).endswith(said) or said in outcome(run(**changed), SPEC)


def test_the_attempts_around_one_are_found() -> None:
    attempts = [run(number=number) for number in (1, 2, 4)]
    assert around(attempts, attempts[1]) == {"prev": attempts[0]}
    assert around(attempts, attempts[0]) == {"next": attempts[1]}


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ({"password": "x"}, {"password": HIDDEN}),
        ({"nested": [{"AWS_SECRET_ACCESS_KEY": "x"}]}, {"nested": [{"AWS_SECRET_ACCESS_KEY": HIDDEN}]}),
        ({"token": "${{ secrets.A }}"}, {"token": "${{ secrets.A }}"}),
        ({"tokens": {"a": 1}}, {"tokens": {"a": 1}}),
        ("Authorization: Bearer abcdefghijklmnop", f"Authorization: Bearer {HIDDEN}"),
        ("postgres://me:hush@host/db", f"postgres://me:{HIDDEN}@host/db"),
        ("--api-key=abc x", f"--api-key={HIDDEN} x"),
        (["no", 1, None, True], ["no", 1, None, True]),
        ("curl --token=${{ secrets.A }}", "curl --token=${{ secrets.A }}"),
        ("the keyboard and the tokenizer", "the keyboard and the tokenizer"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(given_: Any, shown: Any) -> None:
    assert veiled(given_) == shown


def test_the_word_after_a_telling_option_is_hidden() -> None:
    assert veiled_words(["curl", "--token", "abc", "-v"]) == ["curl", "--token", HIDDEN, "-v"]


def test_a_command_is_shown_as_one_would_type_it() -> None:
    payload = {"argv": ["echo", "a b", "$(id)"], "env": {"B": "2", "A_TOKEN": "x"}, "stdin": "in"}
    shown = asked(replace(SPEC, payload=payload))
    assert shown.command == "echo 'a b' '$(id)'"
    assert [(each.name, each.value) for each in shown.variables] == [("A_TOKEN", HIDDEN), ("B", "2")]
    assert shown.rest == {"stdin": "in"}
    assert asked(replace(SPEC, payload={"argv": "no list"})).rest == {"argv": "no list"}
    assert asked(SPEC).rest is None


# -- maps and the manual


def test_the_least_is_seen_in_a_strip() -> None:
    many = {TaskState.SUCCEEDED: 999_999, TaskState.FAILED: 1}
    made = drawn(
        [Part(first=0, last=999_999, counts=many), Part(first=1_000_000, last=1_000_000, counts={TaskState.READY: 1})]
    )
    failed = {state: height for state, _, height in made.columns[0].pieces}[TaskState.FAILED]
    assert failed > 2
    for column in made.columns:
        assert sum(height for _, _, height in column.pieces) == pytest.approx(STRIP, abs=0.1)
    assert made.columns[1].words == "1000000: 1 ready"


def test_a_schema_that_holds_itself_ends() -> None:
    node = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}
    text = {
        "paths": {"/a/{node_id}": {"post": {"tags": ["t"], "requestBody": {"content": content}, "responses": {}}}},
        "components": {"schemas": {"Node": node}},
    }
    (operation,) = subjects(text, "http://h")[0].operations
    assert [(row.name, row.kind, row.required) for row in operation.body] == [("next", "Node", True)]
    assert "'http://h/a/NODE_ID'" in operation.curl
    assert "-X POST" in operation.curl


def test_a_history_is_every_state_with_its_reason_in_order() -> None:
    lost = Failure(code="node_lost", message="its node has not been heard of")
    owner = values.task(1, values.job(1), 0, created_at_us=0, state=TaskState.RUNNING)
    first = run(
        number=1, node_id="n1", created_at_us=1, claimed_at_us=2, started_at_us=3, finished_at_us=9, failure=lost
    )
    first = replace(first, state=RunState.LOST)
    second = run(number=2, node_id="n2", created_at_us=10, claimed_at_us=11, state=RunState.RUNNING)
    steps = history(owner, [first, second], {"n1": "host"})
    assert [(step.at_us, step.word or step.state, step.more) for step in steps] == [
        (0, "submitted", ""),
        (1, "offered", "attempt 1"),
        (2, "taken", "by host"),
        (3, "running", ""),
        (9, "lost", "its node has not been heard of"),
        (10, "offered", "attempt 2"),
        (11, "taken", "by a node that is gone"),
    ]
    canceled = replace(
        owner, state=TaskState.CANCELED, finished_at_us=5, failure=Failure(code="c", message="on request")
    )
    assert history(canceled, [], {})[-1].more == "the task: on request"
