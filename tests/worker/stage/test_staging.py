"""A run with files, as its slot sees it: inputs, program, outputs, and every way in which that may end."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.wire.addresses import Gate
from app.wire.resources import NOTHING, Resources
from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, living
from tests.worker.fake_api import FakeApi
from tests.worker.stage.web import Web, page, stuck
from worker import supervise
from worker.api_client import Api
from worker.executors.command import Command
from worker.executors.python import Python
from worker.outcome import Why
from worker.report import Reporter
from worker.slot import Slots
from worker.stage.cache import Cache
from worker.stage.rules import Rules
from worker.stage.staging import Staging

CALLABLES = ",".join(f"{name}=tests.worker.callables_for_tests:{name}" for name in ("huge", "double", "add"))
ROOM = Resources(cpu_milli=1000, memory_mib=256)


class Bench:
    """One slot with both executors, and the API that it works for."""

    def __init__(self, api: FakeApi, web: Web, folder: Path) -> None:
        mark = {"FLOTILLA_NODE_DIR": str(folder)}
        client = Api(api.url, "token")
        client.named("node")
        self.api, self.scratch = api, folder / "scratch"
        self.scratch.mkdir()
        self.reporter = Reporter(
            api=client,
            folder=folder,
            free=lambda: NOTHING,
            on_stale=lambda run_id: self.slots.stop(run_id, Why.STALE),
            on_handoff=lambda runs, clock: self.slots.decline(runs, clock),
        )
        self.executors = {
            "command": Command(mark=mark, api_url=api.url),
            "python": Python(mark=mark, api_url=api.url, callables=CALLABLES, folder=self.scratch),
        }
        gate = Gate.parse(allow="127.0.0.1", ports=str(web.port))
        rules = Rules(server_url=api.url, gate=gate, file_bytes=1 << 20, transfer_s=3)
        self.slots = Slots(
            api=client,
            reporter=self.reporter,
            executors=self.executors,
            staging=Staging.of(rules, Cache(folder / "cache", 1 << 20)),
            scratch=self.scratch,
            handoff=True,
            free=lambda: NOTHING,
            on_stranger=lambda: None,
        )
        self._ids = itertools.count()

    def run(self, payload: Any, wait: bool = True, **spec: Any) -> str:
        """Serves one run; its id."""
        run_id = f"run-{next(self._ids)}"
        self.api.add(run_id, payload, **{"shape": ROOM, **spec})
        self.serving = threading.Thread(target=self.slots.serve, args=([run_id], ROOM))
        self.serving.start()
        if wait:
            self.end()
        return run_id

    def end(self, within_s: float = 20) -> None:
        self.serving.join(within_s)
        assert not self.serving.is_alive()
        left = [path.name for path in self.scratch.iterdir() if not path.name.startswith("runner-")]
        assert left == []

    def failure(self, run_id: str) -> tuple[str, str]:
        failure = self.api.endings[run_id].failure
        assert failure is not None
        return failure.code, failure.message

    def close(self) -> None:
        self.reporter.close()
        for executor in self.executors.values():
            executor.close()


@pytest.fixture
def bench(api: FakeApi, web: Web, tmp_path: Path) -> Iterator[Bench]:
    supervise.become_subreaper()
    made = Bench(api, web, tmp_path)
    yield made
    made.close()


def shell(text: str) -> dict[str, object]:
    return {"argv": ["sh", "-c", text]}


def put(source: Any, path: str) -> dict[str, Any]:
    return {"source": {"uri": source} if isinstance(source, str) else source, "target": {"path": path}}


def kept(path: str, name: str) -> dict[str, Any]:
    return {"source": {"path": path}, "name": name}


def test_a_program_finds_its_inputs_and_its_outputs_are_stored(bench: Bench, api: FakeApi, web: Web) -> None:
    web.pages["/part"] = page(b"from the web")
    run_id = bench.run(
        shell("cat a/asset web > out/both; echo '[1]' > $FLOTILLA_RESULT"),
        inputs=[
            put(api.give("/v1/links/a", b"an asset and "), "a/asset"),
            put(f"{web.url}/part", "web"),
            put("data:,", "out/empty"),
        ],
        outputs=[kept("out/both", "both/of them"), kept("out/empty", "..")],
    )
    ending = api.endings[run_id]
    assert (ending.state, ending.exit_code, ending.result) == (RunState.SUCCEEDED, 0, [1])
    assert api.outputs == {(run_id, "both/of them"): b"an asset and from the web", (run_id, ".."): b""}
    path, headers = api.output_calls[0]
    assert path == f"/v1/runs/{run_id}/outputs/both%2Fof%20them?filename=both"
    assert headers["Authorization"] == "Bearer run-token"


def test_a_callable_has_its_files_in_its_working_folder(bench: Bench, api: FakeApi) -> None:
    payload = {"callable": "double", "arguments": {"source": "in", "target": "out.json"}}
    source = api.give("/v1/links/a", b"ab")
    run_id = bench.run(payload, executor="python", inputs=[put(source, "in")], outputs=[kept("out.json", "o")])
    assert api.endings[run_id].state is RunState.SUCCEEDED
    assert api.outputs[run_id, "o"] == b"abab"
    assert api.output_calls[0][1]["Content-Type"] == "application/json"


def test_runs_with_and_without_files_share_a_bundle(bench: Bench, api: FakeApi) -> None:
    ids = [f"b{n}" for n in range(6)]
    for number, run_id in enumerate(ids):
        files = {"inputs": [put("data:,ab", "in")], "outputs": [kept("out", "o")]} if number % 3 == 1 else {}
        call = ("double", {"source": "in", "target": "out"}) if files else ("add", {"a": number, "b": 0})
        api.add(run_id, {"callable": call[0], "arguments": call[1]}, executor="python", shape=ROOM, **files)
    bench.slots.serve(ids, ROOM)
    assert [api.endings[run_id].result for run_id in ids] == [0, None, 2, 3, None, 5]
    assert api.outputs == {("b1", "o"): b"abab", ("b4", "o"): b"abab"}


def test_an_input_that_cannot_be_fetched_fails_the_run_before_it_begins(bench: Bench, web: Web) -> None:
    run_id = bench.run(shell("true"), inputs=[put(f"{web.url}/gone", "part.stl")])
    code, text = bench.failure(run_id)
    assert code == "input_failed"
    assert "part.stl" in text
    assert web.netloc in text
    assert run_id not in bench.api.started_us


def test_the_programs_clock_does_not_run_while_inputs_come(bench: Bench, web: Web) -> None:
    web.pages["/x"] = stuck(web)
    run_id = bench.run(shell("sleep 0.2"), wait=False, inputs=[put(f"{web.url}/x", "x")], time_limit_s=1)
    wait_until(lambda: web.asked)
    threading.Timer(1.2, web.freed.set).start()
    bench.end()
    ending = bench.api.endings[run_id]
    assert ending.state is RunState.SUCCEEDED
    assert ending.at_us - bench.api.started_us[run_id] < 900_000


def test_outputs_that_were_not_written_are_named(bench: Bench, api: FakeApi) -> None:
    outputs = [kept("here", "here"), kept("a/gone", "gone"), kept("gone too", "too")]
    run_id = bench.run(shell("echo x > here; echo 1 > $FLOTILLA_RESULT"), outputs=outputs)
    assert bench.failure(run_id) == ("output_missing", "the run did not write its declared output a/gone, gone too")
    assert (api.outputs, api.endings[run_id].result) == ({}, None)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("ln -s /etc/shadow out", "is a symbolic link"),
        ("mkfifo out", "is a FIFO"),
        ("mkdir out", "is a folder"),
        ("truncate -s 1T out", "is larger than the 1 MB"),
    ],
)
def test_what_is_no_file_of_the_run_is_refused(bench: Bench, api: FakeApi, script: str, says: str) -> None:
    run_id = bench.run(shell(script), outputs=[kept("out", "o")])
    code, text = bench.failure(run_id)
    assert (code, api.outputs) == ("output_refused", {})
    assert "the output out " + says in text


def test_a_folder_on_the_way_may_be_no_link(bench: Bench, api: FakeApi) -> None:
    run_id = bench.run(shell("ln -s /etc sub"), outputs=[kept("sub/passwd", "o")])
    assert bench.failure(run_id)[0] == "output_refused"
    assert api.outputs == {}


def test_a_run_that_failed_keeps_nothing(bench: Bench, api: FakeApi) -> None:
    run_id = bench.run(shell("echo x > out; exit 3"), outputs=[kept("out", "o")])
    assert bench.failure(run_id)[0] == "exit_code"
    assert api.output_calls == []


# -- storing


def test_outputs_wait_for_an_api_that_is_away(bench: Bench, api: FakeApi) -> None:
    api.file_answers = [503, 500, 429, 502, 500, 503, 503]
    run_id = bench.run(shell("echo x > out"), outputs=[kept("out", "o")])
    assert api.endings[run_id].state is RunState.SUCCEEDED
    assert api.outputs[run_id, "o"] == b"x\n"
    assert len(api.output_calls) == 8


@pytest.mark.parametrize(("answers", "says"), [([413], "Refused: for a reason"), ([500] * 10, "(tried 10 times)")])
def test_what_the_api_will_never_take_fails_the_run(bench: Bench, api: FakeApi, answers: list[int], says: str) -> None:
    api.file_answers = answers
    run_id = bench.run(shell("echo x > a.out"), outputs=[kept("a.out", "o")])
    code, text = bench.failure(run_id)
    assert code == "output_failed"
    assert "a.out" in text
    assert says in text


def test_an_upload_that_is_broken_off_begins_anew(bench: Bench, api: FakeApi) -> None:
    api.cuts = 3
    outputs = [kept("out", "o")]
    run_id = bench.run(shell("head -c 1000000 /dev/zero > out"), outputs=outputs)
    assert api.outputs[run_id, "o"] == bytes(1_000_000)
    api.cuts = 1000
    assert bench.failure(bench.run(shell("head -c 1000000 /dev/zero > out"), outputs=outputs))[0] == "output_failed"


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_run_that_is_not_this_node_s_any_more_is_dropped(bench: Bench, api: FakeApi, status: int) -> None:
    api.file_answers = [status]
    run_id = bench.run(shell("echo x > out"), outputs=[kept("out", "o")])
    assert run_id not in api.endings
    assert bench.slots.held() == ()


def test_a_large_result_becomes_an_asset(bench: Bench, api: FakeApi) -> None:
    program = "import json, os; json.dump('x' * 300000, open(os.environ['FLOTILLA_RESULT'], 'w'))"
    first = bench.run({"argv": ["python3", "-c", program]})
    second = bench.run({"callable": "huge", "arguments": {"size": 300_000}}, executor="python")
    third = bench.run({"argv": ["python3", "-c", program]}, outputs=[kept(".flotilla-result.json", "o")])
    for run_id in (first, second):
        asset = api.endings[run_id].result["asset"]
        assert (asset["id"], asset["uri"], asset["size"]) == ("asset-1", "flotilla:asset-1", 300_002)
        assert api.outputs[run_id, ".result"] == b'"' + b"x" * 300_000 + b'"'
    assert bench.failure(third)[0] == "output_missing"  # it has been moved away: the result is no output


@pytest.mark.parametrize("text", ["[1, 2, 3", "1, 2, 3]", "words"])
def test_a_large_result_that_is_no_json_is_refused(bench: Bench, text: str) -> None:
    program = f"import os; open(os.environ['FLOTILLA_RESULT'], 'w').write({text!r} + ' ' * 400000)"
    assert bench.failure(bench.run({"argv": ["python3", "-c", program]}))[0] == "bad_result"


def test_a_result_over_the_limit_is_refused_whatever_it_is(bench: Bench) -> None:
    code, text = bench.failure(bench.run(shell("truncate -s 1T $FLOTILLA_RESULT")))
    assert code == "bad_result"
    assert "64 MiB" in text


# -- ended from outside


@pytest.mark.parametrize(("why", "state"), [(Why.CANCELED, RunState.CANCELED), (Why.RELEASED, RunState.LOST)])
def test_a_run_ends_at_once_while_its_inputs_come(bench: Bench, web: Web, why: Why, state: RunState) -> None:
    web.pages["/x"] = stuck(web)
    run_id = bench.run(shell("sleep 1102"), wait=False, inputs=[put(f"{web.url}/x", "x")])
    wait_until(lambda: web.asked)
    began = time.monotonic()
    bench.slots.stop(run_id, why)
    bench.end(2)
    assert time.monotonic() - began < 1
    assert bench.api.endings[run_id].state is state
    assert living("1102") == []


def test_a_cancel_ends_a_run_that_waits_to_store_its_outputs(bench: Bench, api: FakeApi) -> None:
    api.file_answers = [503] * 1000
    run_id = bench.run(shell("echo x > out"), wait=False, outputs=[kept("out", "o")])
    wait_until(lambda: len(api.output_calls) > 2)
    bench.slots.stop(run_id, Why.CANCELED)
    bench.end(2)
    assert api.endings[run_id].state is RunState.CANCELED


def test_a_run_told_to_end_before_it_began_fetches_nothing(bench: Bench, web: Web, make_work: MakeWork) -> None:
    work = make_work("r", shell("true"), inputs=[put(f"{web.url}/x", "x")])
    work.stop(Why.RELEASED)
    _, ended = bench.slots.staging.run(bench.executors["command"], work)
    assert ended is not None
    assert ended[1].released
    assert web.asked == []


def test_inputs_that_take_too_long_fail_the_run(bench: Bench, web: Web) -> None:
    web.pages["/x"] = stuck(web)
    run_id = bench.run(shell("true"), inputs=[put(f"{web.url}/x", "x")])
    assert bench.failure(run_id) == ("input_failed", "the inputs were not there after 3 s (FLOTILLA_TRANSFER_S)")
