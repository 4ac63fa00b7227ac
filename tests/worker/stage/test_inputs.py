"""Inputs come to their places, from where they may come from, and what cannot be had fails with its host or path."""

import socket
import threading
import time
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.wait import wait_until
from tests.worker.fake_api import FakeApi
from tests.worker.stage.conftest import Bench
from tests.worker.stage.web import Names, Web, absent, broken_off, in_turn, moved, page, stuck, unsized
from worker.stage.leash import Leash, OutOfTime, Pulled

PUBLIC = "93.184.216.34"


def test_an_asset_a_url_and_a_data_uri_come_to_their_places(bench: Bench, api: FakeApi, web: Web) -> None:
    web.pages["/part.stl?x=1"] = page(b"solid")
    sources = (api.give("/v1/links/abc", b"asset"), f"{web.url}/part.stl?x=1", "data:text/plain;base64,aGVsbG8=")
    folder = bench.bring(*sources, "data:,a%20b", paths=("a/b/asset", "./part.stl", "data", "a/text"))
    assert (folder / "a/b/asset").read_bytes() == b"asset"
    assert (folder / "part.stl").read_bytes() == b"solid"
    assert (folder / "data").read_bytes() == b"hello"
    assert (folder / "a/text").read_bytes() == b"a b"
    assert web.asked[0][1]["Host"] == web.netloc
    assert bench.journal.lines == []


def test_the_link_is_below_the_server_s_path_and_bears_no_token(bench: Bench, api: FakeApi) -> None:
    bench.rules["server_url"] += "/below/"
    source = api.give("/v1/links/abc", b"asset")
    api.links = {"/below/v1/links/abc": b"asset"}
    assert bench.content(source) == b"asset"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "", ".", "a/.."])
def test_a_target_outside_the_folder_is_refused(bench: Bench, path: str) -> None:
    assert f"the input {path} cannot be put there" in bench.refusal("data:,x", paths=(path,))


def test_two_inputs_do_not_overwrite_each_other(bench: Bench, api: FakeApi) -> None:
    for source in ("data:,x", api.give("/v1/links/a", b"asset")):
        with pytest.raises(Exception, match="is there already"):
            bench.bring("data:,first", source, paths=("a", "a"))


def test_what_is_not_200_fails_with_the_host_and_the_status_alone(bench: Bench, web: Web, api: FakeApi) -> None:
    web.pages["/x"] = absent
    text = bench.refusal(f"{web.url}/x?signature=s3cret", paths=("part.stl",))
    assert text == f"the input part.stl cannot be fetched from {web.url}: 127.0.0.1 answered 404"
    assert "the API (asset a1)" in bench.refusal({**api.give("/v1/links/abc", b""), "link": "/v1/links/gone"})
    assert "none of its own" in bench.refusal({**api.give("/v1/links/abc", b""), "link": "//evil/x"})


def test_what_may_be_better_later_is_tried_again(bench: Bench, web: Web, api: FakeApi) -> None:
    web.pages["/x"] = in_turn(page(b"", 503, Retry_After="0"), broken_off(b"half"), page(b"whole"))
    assert bench.content(f"{web.url}/x") == b"whole"
    web.pages["/y"] = page(b"secret words", 500)
    assert "answered 500 (tried 4 times)" in bench.refusal(f"{web.url}/y")
    assert web.count("/y") == 4
    api.file_answers = [503] * 6
    assert bench.content(api.give("/v1/links/abc", b"asset")) == b"asset"


def test_a_server_that_speaks_no_http_or_nobody_is_told_apart_by_name(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        bench.rules["gate"] = bench.rules["gate"].parse(allow="127.0.0.1", ports=str(port))

        def speak() -> None:
            for _ in range(4):
                with server.accept()[0] as line:
                    line.recv(4096)
                    line.sendall(b"-ERR secret words\r\n")

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        assert "127.0.0.1: the answer is not HTTP" in bench.refusal(f"http://127.0.0.1:{port}/")
        thread.join(5)
    assert "no answer from 127.0.0.1: Connection refused" in bench.refusal(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("path", ["/sized", "/unsized"])
def test_a_file_that_is_too_large_is_not_taken(bench: Bench, web: Web, path: str) -> None:
    bench.rules["file_bytes"] = 1 << 20
    web.pages["/sized"] = page(b"x" * (1 << 20) + b"x")
    web.pages["/unsized"] = unsized(b"x" * 65536, 10_000)
    assert "larger than the 1 MB" in bench.refusal(web.url + path)
    assert list((bench.root / "cache/new").iterdir()) == []


# -- the way inside


def test_nothing_inside_is_reached_unless_the_operator_opens_it(bench: Bench, web: Web) -> None:
    web.pages["/x"] = page(b"secret words")
    bench.open_gate(web, allow="")
    bench.resolve = Names(inside=[["127.0.0.1"]], both=[[PUBLIC, "127.0.0.1"]], mapped=[["::ffff:127.0.0.1"]])
    for host in ("127.0.0.1", "inside", "both", "mapped"):
        text = bench.refusal(f"http://{host}:{web.port}/x")
        assert f"http://{host}:{web.port}" in text
        assert "FLOTILLA_FETCH_ALLOW" in text
    assert web.asked == []


def test_a_name_that_changes_its_answer_gains_nothing(bench: Bench, web: Web) -> None:
    """The connection goes to the address that was judged: the first answer, which the test opens, not the second."""
    web.pages["/x"] = page(b"right")
    bench.open_gate(web, allow="127.0.0.1/32")
    bench.resolve = names = Names(rebinds=[["127.0.0.1"], ["127.0.0.2"]])
    assert bench.content(f"http://rebinds:{web.port}/x") == b"right"
    assert names.asked == ["rebinds"]
    assert web.asked[0][1]["Host"] == f"rebinds:{web.port}"
    assert "127.0.0.2 is a loopback address" in bench.refusal(f"http://rebinds:{web.port}/x")


def test_each_redirect_is_judged_again(bench: Bench, web: Web) -> None:
    bench.open_gate(web, allow="outside")
    bench.resolve = Names(outside=[["127.0.0.1"]], inside=[["127.0.0.1"]])
    web.pages |= {
        "/x": page(b"right"),
        "/again": moved("/x"),
        "/address": moved(f"http://127.0.0.1:{web.port}/x"),
        "/name": moved(f"http://inside:{web.port}/x", 307),
        "/number": moved("http://2130706433/"),
        "/file": moved("file:///etc/passwd"),
        "/port": moved("http://outside:22/"),
        "/round": moved("/round"),
    }
    base = f"http://outside:{web.port}"
    assert bench.content(f"{base}/again") == b"right"
    assert "127.0.0.1 is a loopback" in bench.refusal(f"{base}/address")
    assert "inside is not fetched from" in bench.refusal(f"{base}/name")
    assert "2130706433" in bench.refusal(f"{base}/number")
    assert "scheme 'file'" in bench.refusal(f"{base}/file")
    assert "port 22" in bench.refusal(f"{base}/port")
    assert "more than 3 times" in bench.refusal(f"{base}/round")
    assert web.count("/round") == 4
    assert web.count("/x") == 1


def test_an_unknown_name_is_said(bench: Bench) -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    bench.resolve = nobody
    assert "no host is known by the name nobody.example" in bench.refusal("http://nobody.example/x")


# -- other sources


def test_files_are_read_below_the_operator_s_folders_alone(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "open"
    (root / "a").mkdir(parents=True)
    (root / "a/b c").write_text("in")
    (tmp_path / "secret").write_text("secret words")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    assert "open: none (FLOTILLA_FILE_ROOTS)" in bench.refusal(f"file://{root}/a/b%20c")
    bench.rules["file_roots"] = (root,)
    assert bench.content(f"file://{root}/a/b%20c") == b"in"
    assert "is a symbolic link" in bench.refusal(f"file://{root}/link")
    assert "leads through a symbolic link" in bench.refusal(f"file://{root}/folder/secret")
    assert "with .." in bench.refusal(f"file://{root}/../secret")
    assert "is a folder" in bench.refusal(f"file://{root}/a")
    assert "no folder that is open" in bench.refusal("file:///etc/passwd")
    assert "no other host" in bench.refusal("file://host/etc/passwd")


def test_what_nobody_fetches_is_refused(bench: Bench) -> None:
    assert "scheme 'gopher'" in bench.refusal("gopher://h/")
    assert "without .." in bench.refusal("s3://bucket/../other")
    assert "not base64" in bench.refusal("data:;base64,*")
    assert "1 MiB" in bench.refusal("data:," + "x" * ((1 << 20) + 1))
    for source in ({}, None, {"uri": 1}):
        assert "an input must be" in bench.refusal(source)


def test_a_bucket_needs_its_package(bench: Bench) -> None:
    try:
        fsspec.filesystem("gs")
    except ImportError:
        assert "install flotilla[gcs]" in bench.refusal("gs://bucket/key")


class Tagged(MemoryFileSystem):
    """A bucket that knows the versions of its objects."""

    store: dict[str, object] = {}  # noqa: RUF012  as in the class it is made from
    opened = 0

    def info(self, path: str, **kwargs: object) -> dict[str, object]:
        found: dict[str, object] = super().info(path, **kwargs)
        return {**found, "ETag": f'"{found["size"]}"'}

    def _open(self, *args: object, **kwargs: object) -> object:
        Tagged.opened += 1
        return super()._open(*args, **kwargs)


def test_an_object_of_a_bucket_is_fetched_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Tagged()
    monkeypatch.setattr(fsspec, "filesystem", lambda scheme: bucket)
    bucket.pipe("s3://bucket/key", b"object")
    before = Tagged.opened
    assert bench.content("s3://bucket/key") == bench.content("s3://bucket/key") == b"object"
    assert Tagged.opened == before + 1
    assert "s3://bucket has no such object" in bench.refusal("s3://bucket/other")


# -- the end of a transfer


def test_a_pull_ends_a_transfer_at_once(bench: Bench, web: Web) -> None:
    web.pages["/stuck"] = stuck(web)
    leash = Leash()
    ended: list[float] = []

    def bring() -> None:
        with pytest.raises(Pulled):
            bench.bring(f"{web.url}/stuck", leash=leash)
        ended.append(time.monotonic())

    thread = threading.Thread(target=bring)
    thread.start()
    wait_until(lambda: web.asked)
    pulled = time.monotonic()
    leash.pull()
    thread.join(5)
    assert ended[0] - pulled < 1


def test_a_resolver_that_hangs_is_left_behind(bench: Bench, web: Web) -> None:
    def hang(host: str, port: int) -> list[str]:
        web.freed.wait(30)
        return [PUBLIC]

    bench.resolve = hang
    leash = Leash()
    with leash.within(0.1), pytest.raises(OutOfTime):
        bench.bring("http://slow.example/", leash=leash)


def test_the_time_cap_holds_for_a_server_that_trickles(bench: Bench, web: Web) -> None:
    web.pages["/stuck"] = stuck(web, b"some")
    leash = Leash()
    with leash.within(0.2), pytest.raises(OutOfTime):
        bench.bring(f"{web.url}/stuck", leash=leash)


def test_a_long_transfer_is_seen(bench: Bench, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.stage.telling.PAUSE_S", 0.0)
    monkeypatch.setattr("worker.stage.telling.LARGE_BYTES", 1000)
    web.pages["/part.stl"] = page(b"x" * 1000)
    bench.bring(f"{web.url}/part.stl", paths=("part.stl",))
    assert bench.journal.passings[-2:] == ["fetching part.stl 100 %", ""]
    first, last = bench.journal.texts("system")
    assert first == "fetching part.stl: 1000 bytes"
    assert last.startswith("fetching part.stl: done, 1000 bytes in ")
