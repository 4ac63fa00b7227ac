"""Stored files over HTTP: sent, read whole and in ranges, given away by link, and inert in a browser."""

import hashlib
import io
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from app.adapters.memory import MemoryBlobs
from app.domain.errors import Unavailable
from app.rest.outgoing import disposition
from app.services import access, assets
from tests.rest.conftest import Api, noop

ASSET = {"id", "filename", "size", "checksum", "mediaType", "uri", "projectId", "createdAt", "modifiedAt"}
OUTPUT = {"task", "name", "assetId", "filename", "size"}
CONTENT = bytes(range(256)) * 2000
ABSENT = "/v1/assets/00000000-0000-7000-8000-0000000000ff"


def upload(
    api: Api,
    content: bytes = CONTENT,
    filename: str = "part.stl",
    *,
    as_: str = "admin",
    path: str = "/v1/assets",
    **fields: str,
) -> TestResponse:
    form: dict[str, Any] = {**fields, "file": (io.BytesIO(content), filename, "model/stl")}
    headers = {"Authorization": f"Bearer {api.tokens[as_]}"}
    return api.client.post(path, data=form, content_type="multipart/form-data", headers=headers)


def stored(api: Api, content: bytes = CONTENT, filename: str = "part.stl") -> dict[str, Any]:
    answer = upload(api, content, filename)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_a_file_is_stored_and_shown(api: Api) -> None:
    made = stored(api)
    assert set(made) >= ASSET
    assert made["checksum"] == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    assert (made["filename"], made["size"], made["mediaType"]) == ("part.stl", len(CONTENT), "model/stl")
    assert made["uri"] == f"flotilla:{made['id']}"
    assert UUID(made["id"]).version == 7
    assert made["projectId"] == api.get("/v1/projects").json["items"][0]["id"]
    assert api.get(f"/v1/assets/{made['id']}").json == made
    assert upload(api).headers["Location"].startswith("/v1/assets/")


def test_its_bytes_are_read(api: Api) -> None:
    made = stored(api)
    answer = api.get(f"/v1/assets/{made['id']}/content")
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert (answer.content_length, answer.mimetype) == (len(CONTENT), "model/stl")
    assert answer.headers["ETag"] == f'"{made["checksum"].removeprefix("sha256:")}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    head = api.send("HEAD", f"/v1/assets/{made['id']}/content")
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(CONTENT))


@pytest.mark.parametrize(
    ("wanted", "status", "start", "stop"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=300-", 206, 300, len(CONTENT)),
        ("bytes=-5", 206, len(CONTENT) - 5, len(CONTENT)),
        ("bytes=0-999999999", 206, 0, len(CONTENT)),
        ("bytes=0-1,5-6", 200, 0, len(CONTENT)),
        ("lines=1-2", 200, 0, len(CONTENT)),
        ("bytes=9-2", 200, 0, len(CONTENT)),
    ],
)
def test_a_range_is_read(api: Api, wanted: str, status: int, start: int, stop: int) -> None:
    made = stored(api)
    answer = api.get(f"/v1/assets/{made['id']}/content", headers={"Range": wanted})
    assert (answer.status_code, answer.data) == (status, CONTENT[start:stop])
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"


def test_a_range_beyond_the_end_is_refused(api: Api) -> None:
    made = stored(api, b"12345")
    answer = api.get(f"/v1/assets/{made['id']}/content", headers={"Range": "bytes=5-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */5")
    assert answer.mimetype == "application/problem+json"


def test_who_has_it_is_told_so(api: Api) -> None:
    made = stored(api)
    path = f"/v1/assets/{made['id']}/content"
    tag = api.get(path).headers["ETag"]
    answer = api.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")
    changed = api.get(path, headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (changed.status_code, len(changed.data)) == (200, len(CONTENT))
    assert api.get(path, headers={"Range": "bytes=0-3", "If-Range": tag}).data == CONTENT[:4]


def test_a_browser_saves_it_and_runs_nothing(api: Api) -> None:
    made = stored(api, b"<script>alert(1)</script>", "größe.html")
    headers = api.get(f"/v1/assets/{made['id']}/content").headers
    assert (
        headers["Content-Disposition"] == "attachment; filename=\"gr__e.html\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.html"
    )
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_name_stays_in_its_quotes() -> None:
    assert disposition('a"; x=\\%41\r\n') == (
        "attachment; filename=\"a_; x=__41__\"; filename*=UTF-8''a%22%3B%20x%3D%5C%2541%0D%0A"
    )


def test_a_type_that_is_none_becomes_plain_bytes(api: Api) -> None:
    form = {"file": (io.BytesIO(b"x"), "a", "text/html\u00e9")}
    headers = {"Authorization": f"Bearer {api.tokens['admin']}"}
    answer = api.client.post("/v1/assets", data=form, content_type="multipart/form-data", headers=headers)
    assert answer.json["mediaType"] == "application/octet-stream"


def test_files_are_listed_newest_first_in_windows(api: Api) -> None:
    made = [stored(api, b"x", f"{number}") for number in range(3)]
    first = api.get("/v1/assets?limit=2").json
    assert [each["id"] for each in first["items"]] == [made[2]["id"], made[1]["id"]]
    rest = api.get(f"/v1/assets?limit=2&cursor={first['nextCursor']}").json
    assert rest == {"items": [made[0]]}


def test_a_project_may_be_named_in_the_query_or_before_the_file(api: Api) -> None:
    stored(api)
    project = api.post("/v1/projects", {"name": "parts"}).json["id"]
    assert upload(api, projectId=project).json["projectId"] == project
    assert upload(api, path=f"/v1/assets?projectId={project}").json["projectId"] == project
    assert len(api.get(f"/v1/assets?projectId={project}").json["items"]) == 2
    assert upload(api, projectId="absent").status_code == 422


def test_a_deleted_file_is_gone(api: Api) -> None:
    path = f"/v1/assets/{stored(api)['id']}"
    assert api.send("DELETE", path).status_code == 204
    assert api.send("DELETE", path).status_code == api.get(path).status_code == 404


def test_another_organization_sees_what_is_not_there(api: Api) -> None:
    made = f"/v1/assets/{stored(api)['id']}"
    for method, below in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        foreign = api.send(method, made + below, as_="foreign")
        absent = api.send(method, ABSENT + below)
        assert (foreign.status_code, foreign.data) == (absent.status_code, absent.data) == (404, absent.data)
    assert api.get("/v1/assets", as_="foreign").json == {"items": []}


@pytest.mark.parametrize(("as_", "status"), [("viewer", 403), ("node", 403), ("member", 201)])
def test_who_may_store(api: Api, as_: str, status: int) -> None:
    assert upload(api, as_=as_).status_code == status


BOUNDARY = "multipart/form-data; boundary=B"
HEAD = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("kind", "raw", "status", "words"),
    [
        ("application/json", b"{}", 415, "multipart/form-data"),
        ("multipart/form-data", b"x", 415, "boundary"),
        (BOUNDARY, b"\r\n", 400, "cut off"),
        (BOUNDARY, HEAD + b"half", 400, "cut off"),
        (BOUNDARY, b"no boundary here", 400, "cut off"),
        (BOUNDARY, b"--B--\r\n", 422, "is missing"),
        (BOUNDARY, b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--B--\r\n', 422, "is missing"),
        (BOUNDARY, HEAD.replace(b'"file"', b'"other"') + b"x\r\n--B--\r\n", 422, "the only one that is a file"),
        (BOUNDARY, HEAD + b"x\r\n" + HEAD + b"y\r\n--B--\r\n", 422, "must come before"),
        (
            BOUNDARY,
            HEAD + b'x\r\n--B\r\nContent-Disposition: form-data; name="projectId"\r\n\r\ny\r\n--B--',
            422,
            "before",
        ),
        (BOUNDARY, b"--B\r\nX: y\r\n\r\nz\r\n--B--\r\n", 400, "cut off"),
        (BOUNDARY, b'--B\r\nContent-Disposition: form-data; name="p"\r\n\r\n' + b"x" * 70_000, 413, "65536"),
        (BOUNDARY, b'--B\r\nContent-Disposition: form-data; name="p"\r\n\r\n\xff\r\n--B--\r\n', 422, "UTF-8"),
        (BOUNDARY, b'--B\r\nContent-Disposition: form-data; name="p"\r\n\r\nx\r\n' * 30 + b"--B--\r\n", 413, ""),
    ],
)
def test_a_form_that_is_none_is_refused_and_leaves_nothing(
    api: Api, kind: str, raw: bytes, status: int, words: str
) -> None:
    answer = api.post("/v1/assets", raw=raw, headers={"Content-Type": kind})
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert api.get("/v1/assets").json == {"items": []}
    assert isinstance(api.core.blobs, MemoryBlobs)
    assert api.core.blobs.keys == set()


def test_a_packed_body_is_refused(api: Api) -> None:
    packed = {"Content-Type": BOUNDARY, "Content-Encoding": "gzip"}
    assert api.post("/v1/assets", raw=b"x", headers=packed).status_code == 415


def test_a_full_disk_is_no_fault_of_the_caller(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise Unavailable("there is no room left for files here; try again later", 30)

    monkeypatch.setattr(MemoryBlobs, "put", full)
    answer = upload(api)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_repeat_with_the_same_key_stores_one_file(api: Api) -> None:
    headers = {"Content-Type": BOUNDARY, "Idempotency-Key": "k"}
    answers = [api.post("/v1/assets", raw=HEAD + b"x\r\n--B--\r\n", headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert len(api.get("/v1/assets").json["items"]) == 1


def test_a_link_needs_no_token_and_says_no_more_when_it_is_wrong(api: Api) -> None:
    made = stored(api)
    asset = assets.asset(api.core, access.anonymous("admin"), made["id"])
    link = assets.link(api.core, asset, 60)
    answer = api.get(link, as_=None)
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert api.get(link, as_=None, headers={"Range": "bytes=1-2"}).data == CONTENT[1:3]
    wrong = [api.get(each, as_=None) for each in (link[:-1], "/v1/links/x", assets.link(api.core, asset, -1))]
    assert {(each.status_code, each.data) for each in wrong} == {(404, wrong[0].data)}


def test_an_upload_in_parts(api: Api) -> None:
    begun = api.post("/v1/uploads", {"filename": "big.bin", "parts": 2, "space": "s", "key": "k"})
    assert begun.status_code == 201, begun.text
    tags = []
    for number, url in enumerate(begun.json["urls"]):
        put = api.send("PUT", url, raw=b"part %d." % number, as_=None)
        assert put.status_code == 204, put.text
        tags.append(put.headers["ETag"])
    wanted = {
        "uploadId": begun.json["uploadId"],
        "parts": [{"part": number, "etag": tag} for number, tag in enumerate(tags, 1)],
    }
    made = api.post("/v1/uploads/complete", wanted)
    assert made.status_code == 201, made.text
    assert (made.json["filename"], made.json["space"], made.json["key"]) == ("big.bin", "s", "k")
    assert api.get(f"/v1/assets/{made.json['id']}/content").data == b"part 0.part 1."
    assert api.post("/v1/uploads/complete", wanted).json == made.json
    assert api.post("/v1/uploads/complete", wanted, as_="foreign").status_code == 404
    assert api.send("PUT", begun.json["urls"][0], raw=b"x", as_=None).status_code == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"parts": 0}, "/parts"),
        ({"parts": 10_001}, "/parts"),
        ({"space": "s"}, ""),
        ({"key": "a\nb", "space": "s"}, "/key"),
        ({"projectId": "x"}, "/projectId"),
        ({"id": "x"}, "/id"),
    ],
)
def test_an_upload_that_cannot_begin(api: Api, body: Any, pointer: str) -> None:
    answer = api.post("/v1/uploads", body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def started(api: Api, *tasks: Any) -> dict[str, Any]:
    """The spec of the only run that can start."""
    api.join()
    api.submit(*tasks)
    (spec,) = api.claim()
    return spec


def put_output(
    api: Api, spec: Any, name: str = "volume", content: bytes = b"sdf", *, token: str = "", query: str = ""
) -> TestResponse:
    headers = {"Authorization": f"Bearer {token or spec['token']}", "Content-Type": "model/sdf"}
    return api.client.put(f"/v1/runs/{spec['runId']}/outputs/{name}{query}", data=content, headers=headers)


def end(api: Api, spec: Any, **more: Any) -> None:
    ending = {"state": "succeeded", "atUs": 1, **more}
    answer = api.report({"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "ending": ending})
    assert answer.status_code == 200, answer.text


def test_what_a_run_sends_is_shown_with_its_task_and_job(api: Api) -> None:
    spec = started(api, noop("mesh"))
    made = put_output(api, spec, query="?filename=part.sdf")
    assert made.status_code == 201, made.text
    assert set(made.json) >= ASSET
    assert (made.json["filename"], made.json["mediaType"], made.json["runId"]) == (
        "part.sdf",
        "model/sdf",
        spec["runId"],
    )
    end(api, spec)
    for path in (f"/v1/jobs/{spec['jobId']}", f"/v1/tasks/{spec['taskId']}", f"/v1/runs/{spec['runId']}"):
        (found,) = api.get(f"{path}/outputs").json["items"]
        assert set(found) >= OUTPUT
        assert (found["task"], found["name"], found["assetId"]) == ("mesh", "volume", made.json["id"])
        assert (found["filename"], found["size"], found["mapIndex"]) == ("part.sdf", 3, None)
    task = api.get(f"/v1/tasks/{spec['taskId']}").json
    assert task["outputs"] == {"params": {"value": None}, "assets": {"volume": made.json}}
    assert api.get(f"/v1/jobs/{spec['jobId']}/tasks").json["items"] == [task]


@pytest.mark.parametrize("name", ["a/b.sdf", "gr%C3%B6%C3%9Fe", ".result", "a%20b"])
def test_an_output_may_have_any_name_that_can_be_declared(api: Api, name: str) -> None:
    assert put_output(api, started(api), name).status_code == 201


def test_who_may_send_an_output(api: Api) -> None:
    spec = started(api, noop("a"))
    assert put_output(api, spec, token=api.tokens["admin"]).status_code == 403
    assert put_output(api, spec, token=api.tokens["node"]).status_code == 403
    other = {**spec, "runId": "00000000-0000-7000-8000-0000000000ff"}
    assert put_output(api, other).status_code == 404
    assert put_output(api, spec, "a%00b").status_code == 422
    assert upload(api, as_="viewer").status_code == 403
    run = {"Authorization": f"Bearer {spec['token']}"}
    assert api.client.get("/v1/assets", headers=run).status_code == 403
    end(api, spec)
    assert put_output(api, spec).status_code in (401, 409)


def test_a_large_result_is_shown_as_its_file(api: Api) -> None:
    spec = started(api, noop("a"))
    made = put_output(api, spec, ".result", b"[1]").json
    result = {"asset": {key: made[key] for key in ("id", "uri", "size", "checksum")}}
    end(api, spec, result=result)
    assert api.get(f"/v1/tasks/{spec['taskId']}").json["result"] == result
    assert api.get(f"/v1/runs/{spec['runId']}").json["result"] == result
    assert api.get(f"/v1/jobs/{spec['jobId']}/outputs").json == {"items": []}
    assert api.get(f"/v1/assets/{made['id']}/content").data == b"[1]"


def test_a_node_gets_an_input_by_a_link(api: Api) -> None:
    made = stored(api)
    spec = started(api, noop("use", inputs=[{"source": {"uri": made["uri"]}, "target": {"path": "part.stl"}}]))
    (given,) = spec["inputs"]
    assert given["target"] == {"path": "part.stl"}
    assert given["source"]["checksum"] == made["checksum"]
    assert api.get(given["source"]["link"], as_=None).data == CONTENT


def test_an_input_may_be_a_file_of_a_task_that_is_needed(api: Api) -> None:
    wanted = [{"source": {"uri": "${{ needs.mesh.outputs.assets.volume }}"}, "target": {"path": "a"}}]
    assert api.submit(noop("mesh"), noop("use", needs=["mesh"], inputs=wanted))["state"] == "pending"
    alone = api.post("/v1/queues/@default/jobs", {"name": "j", "tasks": [noop("use", inputs=wanted)]})
    assert (alone.status_code, alone.json["errors"][0]["pointer"]) == (422, "/tasks/0/inputs/0/source/uri")


def test_an_input_that_is_not_there_is_refused_with_its_place(api: Api) -> None:
    wanted = [{"source": {"uri": f"flotilla:{ABSENT[-36:]}"}, "target": {"path": "a"}}]
    answer = api.post("/v1/queues/@default/jobs", {"name": "j", "tasks": [noop("use", inputs=wanted)]})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/tasks/0/inputs/0/source")


@pytest.mark.parametrize(
    ("key", "value"), [("outputs", [{"source": {"path": "a"}, "name": name}]) for name in (".result", "a\nb", "")]
    + [("inputs", [{"source": {"spaceId": "s\0", "key": "k"}, "target": {"path": "a"}}])]
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_refused_at_submit(api: Api, key: str, value: Any) -> None:
    answer = api.post("/v1/queues/@default/jobs", {"name": "j", "tasks": [noop("a", **{key: value})]})
    assert answer.status_code == 422, answer.text


def test_a_file_is_found_by_its_key_in_a_space(api: Api) -> None:
    begun = api.post("/v1/uploads", {"space": "s", "key": "a/b", "filename": "x"}).json
    put = api.client.put(begun["urls"][0], data=b"1")
    made = api.post(
        "/v1/uploads/complete", {"uploadId": begun["uploadId"], "parts": [{"part": 1, "etag": put.headers["ETag"]}]}
    ).json
    stored(api)
    assert api.get("/v1/assets?space=s&key=a%2Fb").json == {"items": [made]}
    assert api.get("/v1/assets?space=s&key=a").json == {"items": []}
    assert api.get("/v1/assets?space=t&key=a%2Fb").json == {"items": []}
    assert api.get("/v1/assets?space=s&key=a%2Fb", as_="foreign").json == {"items": []}
    refused = api.get("/v1/assets?key=a%2Fb")
    assert (refused.status_code, refused.json["errors"][0]["parameter"]) == (400, "key")
