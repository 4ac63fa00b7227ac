"""A project with a workflow of three jobs in a chain, whose runs are ended by hand."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any

from werkzeug.test import TestResponse

from app.services import access, outputs
from app.services.access import Principal
from app.wire.states import RunState
from tests.rest.conftest import NODE_ID, ROOM, Api

DEFINITION = """---
jobs:
  sample:
    type: implicit/from-mesh
  broken:
    type: implicit/metrics
    needs: [sample]
    assets: {volume: sample}
    parameters: {faces: {job: sample, parameter: face_count}}
  after:
    type: mesh/from-volume
    needs: [broken]
...
"""


class Running:
    """`jobs` has their ids by name; paths are below the project."""

    def __init__(self, api: Api) -> None:
        self.api = api
        node = {
            "nodeId": NODE_ID, "name": "node-1", "pid": 4711, "total": ROOM, "queues": ["*"], "tags": [],
            "version": "1", "executors": ["implicit/from-mesh", "implicit/metrics", "mesh/from-volume"],
        }  # fmt: skip
        assert api.post("/v1/nodes", node, as_="node").status_code == 201
        self.project: str = api.post("/projects", {"name": "chain"}).json["id"]
        self.asset = self.upload("part.stl", b"solid")
        given = {"assets": {"sample.mesh": "part.stl"}, "parameters": {"sample.resolution": "256"}}
        made = self.post("/workflows", {"definition": DEFINITION, **given})
        assert made.status_code == 202, made.text
        self.workflow: str = made.json["id"]
        self.link: str = made.json["link"]
        self.jobs = dict(zip(("sample", "broken", "after"), made.json["jobs"], strict=True))

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.api.get(f"/projects/{self.project}{path}", **more)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self.api.post(f"/projects/{self.project}{path}", body, **more)

    def upload(self, name: str, content: bytes, method: str = "POST", asset: str = "") -> Any:
        path = f"/projects/{self.project}/assets{asset}"
        headers = {"Authorization": f"Bearer {self.api.tokens['admin']}"}
        form = {"file": (io.BytesIO(content), name)}
        answer = self.api.client.open(path, method=method, data=form, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        assert answer.json["checksum"] == "sha256:" + hashlib.sha256(content).hexdigest()
        return answer.json

    def finish(
        self, name: str, *, result: Any = None, files: Mapping[str, bytes] | None = None, failed: bool = False
    ) -> None:
        """Claim the next run, which must be this job's, send its files and report its end."""
        (spec,) = self.api.claim()
        assert spec["task"] == name
        who = Principal(
            org_id=access.ORG, name="run", role="run", scopes=("runs:self",), run_id=spec["runId"], fence=spec["fence"]
        )
        for output, content in (files or {}).items():
            outputs.receive(
                self.api.core, who, spec["runId"], output, filename=f"{output}.bin", media_type="", source=[content]
            )
        failure = {"failure": {"code": "exit", "message": "exit code 1"}} if failed else {}
        ending = {"state": RunState.FAILED if failed else RunState.SUCCEEDED, "atUs": self._now_us(), "exitCode": 0}
        report = {
            "runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "startedAtUs": self._now_us(),
            "ending": {**ending, "result": result, **failure},
        }  # fmt: skip
        answer = self.api.report(report)
        assert answer.status_code == 200, answer.text

    def _now_us(self) -> int:
        return self.api.core.store.read(lambda tx: tx.now_us)
