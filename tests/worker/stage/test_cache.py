"""The same input is fetched once for a node, whoever wants it when; and no run can change what another one gets."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.wait import wait_until
from tests.worker.fake_api import FakeApi
from tests.worker.stage.conftest import Bench
from tests.worker.stage.web import Web, page, stuck
from worker.stage import cache as caches
from worker.stage import copying
from worker.stage.cache import Cache
from worker.stage.leash import Leash, Pulled

MIB = 1 << 20


def again(bench: Bench, most_bytes: int = MIB) -> Cache:
    """The cache of the node's next life."""
    bench.cache = Cache(bench.root / "cache", most_bytes)
    return bench.cache


def cached(bench: Bench) -> list[Path]:
    return sorted((bench.root / "cache/files").iterdir())


def test_an_asset_is_fetched_once_for_the_node_and_its_next_life(bench: Bench, api: FakeApi) -> None:
    source = api.give("/v1/links/a", b"content")
    assert [bench.content(source) for _ in range(3)] == [b"content"] * 3
    again(bench)
    assert bench.content({**source, "link": "/v1/links/another"}) == b"content"
    assert api.link_calls == ["/v1/links/a"]


def test_slots_that_want_the_same_wait_for_the_one_that_fetches_it(bench: Bench, web: Web) -> None:
    web.pages["/x"] = stuck(web, b"some", tag='"1"')
    url = f"{web.url}/x"
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(bench.bring, {"uri": url}, paths=(f"file-{n}",)) for n in range(1)]
        wait_until(lambda: web.count("/x") == 1)
        found += [pool.submit(Bench.content, other(bench, n), url) for n in range(3)]
        web.pages["/x"] = page(b"somemore", ETag='"1"')
        web.freed.set()
        assert (found[0].result() / "file-0").read_bytes() == b"somemore"
        assert [each.result() for each in found[1:]] == [b"somemore"] * 3
    tags = [headers.get("If-None-Match") for _, headers in web.asked]
    assert tags == [None, '"1"', '"1"', '"1"']


def other(bench: Bench, number: int) -> Bench:
    """Another slot of the same node."""
    made = object.__new__(Bench)
    made.__dict__ |= bench.__dict__ | {"root": bench.root / f"slot-{number}"}
    made.root.mkdir()
    return made


def test_what_has_no_strong_validator_is_fetched_each_time_and_nobody_waits_for_it(bench: Bench, web: Web) -> None:
    web.pages["/none"] = page(b"x")
    web.pages["/weak"] = page(b"x", ETag='W/"1"')
    web.pages["/secret"] = page(b"x", ETag='"1"', Cache_Control="private, no-store")
    for path in ("/none", "/weak", "/secret"):
        assert [bench.content(web.url + path) for _ in range(2)] == [b"x", b"x"]
        assert web.count(path) == 2
    assert cached(bench) == []
    web.pages["/stuck"] = stuck(web)
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(Bench.content, other(bench, n), f"{web.url}/stuck") for n in range(2))
        wait_until(lambda: web.count("/stuck") == 2)
        web.freed.set()
        assert first.result() == second.result() == b"more"


def test_a_url_that_brings_something_new_is_noticed(bench: Bench, web: Web) -> None:
    web.pages["/x"] = page(b"old", ETag='"1"')
    assert bench.content(f"{web.url}/x") == b"old"
    assert bench.content(f"{web.url}/x") == b"old"
    web.pages["/x"] = page(b"new", ETag='"2"')
    assert bench.content(f"{web.url}/x") == b"new"
    assert bench.content(f"{web.url}/x") == b"new"


def test_a_run_gets_a_copy_that_it_may_change(bench: Bench, api: FakeApi) -> None:
    source = api.give("/v1/links/a", b"content")
    folder = bench.bring(source)
    (folder / "0").write_bytes(b"changed")
    assert bench.content(source) == b"content"
    assert len(api.link_calls) == 1
    assert [path.stat().st_nlink for path in cached(bench)] == [1]


@pytest.mark.parametrize("next_life", [False, True])
def test_a_damaged_copy_is_thrown_away_and_fetched_again(bench: Bench, api: FakeApi, next_life: bool) -> None:
    source = api.give("/v1/links/a", b"content")
    bench.bring(source)
    (path,) = cached(bench)
    os.chmod(path, 0o600)
    path.write_bytes(b"changed")
    if next_life:
        again(bench)
    assert bench.content(source) == b"content"
    assert len(api.link_calls) == 2


def test_a_copy_that_is_gone_is_fetched_again(bench: Bench, api: FakeApi, web: Web) -> None:
    source = api.give("/v1/links/a", b"content")
    web.pages["/x"] = page(b"other", ETag='"1"')
    bench.bring(source, f"{web.url}/x")
    for path in cached(bench):
        path.unlink()
    assert bench.content(source) == b"content"
    assert bench.content(f"{web.url}/x") == b"other"


def test_an_asset_with_another_checksum_is_refused_and_not_kept(bench: Bench, api: FakeApi) -> None:
    source = api.give("/v1/links/a", b"content", checksum=f"sha256:{'0' * 64}")
    assert f"should have sha256:{'0' * 64}" in bench.refusal(source)
    assert cached(bench) == []


def test_what_was_used_longest_ago_goes_first(bench: Bench, api: FakeApi) -> None:
    a, b, c = (api.give(f"/v1/links/{name}", name.encode() * (MIB // 2)) for name in "abc")
    for source in (a, b, a, c, a):
        bench.bring(source)
    assert api.link_calls == ["/v1/links/a", "/v1/links/b", "/v1/links/c"]
    assert bench.cache.bytes == MIB
    bench.bring(b)
    assert api.link_calls[3:] == ["/v1/links/b"]


def test_what_is_larger_than_the_cache_passes_by(bench: Bench, api: FakeApi) -> None:
    large = api.give("/v1/links/large", b"x" * (MIB + 1))
    small = api.give("/v1/links/small", b"x")
    bench.bring(small)
    assert len(bench.content(large)) == MIB + 1
    bench.bring(small)
    assert api.link_calls == ["/v1/links/small", "/v1/links/large"]
    again(bench, 0)
    assert cached(bench) == []
    assert bench.content(small) == b"x"
    assert cached(bench) == []


def test_the_cache_gives_way_on_a_disk_that_is_nearly_full(
    bench: Bench, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (api.give(f"/v1/links/{name}", name.encode()) for name in "ab")
    bench.bring(a)
    monkeypatch.setattr(caches, "KEEP_FREE_BYTES", 1 << 62)
    assert bench.content(b) == b"b"
    assert cached(bench) == []
    assert bench.cache.bytes == 0


def test_a_reader_reads_on_while_its_file_is_thrown_out(bench: Bench, api: FakeApi) -> None:
    a = api.give("/v1/links/a", b"a" * MIB)
    bench.bring(a)
    with bench.cache.opened(a["checksum"].removeprefix("sha256:")) as source:
        assert source is not None
        bench.bring(api.give("/v1/links/b", b"b" * MIB))
        assert os.pread(source, 1, MIB - 1) == b"a"
        assert len(cached(bench)) == 1


def test_who_waits_for_another_can_be_told_to_end(bench: Bench) -> None:
    leash = Leash()
    entered = threading.Event()

    def wait() -> None:
        entered.set()
        with pytest.raises(Pulled), bench.turns.turn("key", leash):
            pass

    with bench.turns.turn("key", Leash()):
        thread = threading.Thread(target=wait)
        thread.start()
        entered.wait(5)
        leash.pull()
        thread.join(5)
        assert not thread.is_alive()


def test_copying_without_the_kernel_s_help_is_the_same(
    bench: Bench, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: object, **kwargs: object) -> int:
        raise OSError("not here")

    monkeypatch.setattr(copying.os, "copy_file_range", none)
    content = os.urandom(3 * copying.BLOCK_BYTES // 4) * 2
    bench.cache = again(bench, 8 * MIB)
    assert bench.content(api.give("/v1/links/a", content)) == content


def test_urls_that_lead_to_nothing_are_forgotten(bench: Bench, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "TIDY_EVERY", 2)
    for name in "abc":
        web.pages[f"/{name}"] = page(name.encode() * MIB, ETag=f'"{name}"')
        bench.bring(f"{web.url}/{name}")
    assert len(list((bench.root / "cache/urls").iterdir())) == 2
    (bench.root / "cache/urls/broken").write_text("{")
    again(bench)
    assert len(list((bench.root / "cache/urls").iterdir())) == 1
