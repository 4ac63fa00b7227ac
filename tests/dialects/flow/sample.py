"""The requests of Autodesk's published samples, in their order and with what they read of the answers.

The samples (aps-flowgraphengine-bifrost-python-sample and -js-sample, and flowgraphengine-queue, which pages) are in no
package index, so that this says the same with `requests`: the first two by `Sample`, the third by `Paging`, which puts
its host before `nextUrl` and asks for download addresses 25 at a time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from tests.wait import wait_until

ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
SPACE = "scratch:@default"
LONGEST_S = 60


class Sample:
    """As the Python sample's class. Errors are raised, where the sample would go on with an error's body."""

    agent = "python-requests/2.32"

    def __init__(self, host: str, client_id: str, client_secret: str, queue: str = "@default") -> None:
        self.host, self.queue = host, queue
        credentials = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        scope = {"scope": "data:read data:create data:write code:all"}
        answer = requests.post(f"{host}/authentication/v2/token", data=scope | credentials, timeout=10)
        answer.raise_for_status()
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["expires_in"] > 0
        self.token = answer.json()["access_token"]

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": self.agent}
        url = path if path.startswith("http") else self.host + path
        answer = requests.request(method, url, headers=headers, timeout=10, **more)
        answer.raise_for_status()
        return answer

    def upload(self, content: bytes, resource: str) -> str:
        """The URN of the stored file."""
        base = f"/flow/storage/v1/spaces/{SPACE}"
        begun = self.ask("GET", f"{base}/resources/{resource}/upload-urls").json()
        put = requests.put(begun["urls"][0]["url"], data=content, timeout=10)
        put.raise_for_status()
        done = {
            "resourceId": begun["upload"]["resourceId"],
            "uploadId": begun["upload"]["id"],
            "parts": [{"partId": 1, "etag": put.headers["etag"]}],
        }
        return str(self.ask("POST", f"{base}/uploads:complete", json=done).json()["urn"])

    @property
    def jobs(self) -> str:
        return f"/flow/compute/v1/queues/{self.queue}/jobs"

    def submit(self, job: dict[str, Any]) -> str:
        return str(self.ask("POST", self.jobs, json=job).json()["id"])

    def wait(self, job_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.ask("GET", f"{self.jobs}/{job_id}").json()
            return job if job["status"] in ENDED else None

        return wait_until(ended, LONGEST_S) or {}

    def files(self, job_id: str, what: str) -> Iterator[dict[str, Any]]:
        yield from self.ask("GET", f"{self.jobs}/{job_id}/{what}").json()["results"]

    def download(self, job_id: str, what: str, folder: Path) -> list[Path]:
        """By the file's name in `path`, as the sample does."""
        saved = []
        for file in self.files(job_id, what):
            space, resource = file["spaceId"], file["resourceId"]
            link = self.ask("GET", f"/flow/storage/v1/spaces/{space}/resources/{resource}/download-url").json()
            saved.append(_save(link["url"], folder / file["path"].split("/")[-1]))
        return saved


class Paging(Sample):
    """As flowgraphengine-queue, whose HTTP client is axios."""

    agent = "axios/1.7.2"
    at_once = 25

    def files(self, job_id: str, what: str) -> Iterator[dict[str, Any]]:
        url = f"{self.host}{self.jobs}/{job_id}/{what}"
        while True:
            page = self.ask("GET", url).json()
            yield from page["results"]
            following = page.get("pagination", {}).get("nextUrl")
            if not following:
                return
            url = self.host + following

    def download(self, job_id: str, what: str, folder: Path) -> list[Path]:
        saved = []
        files = list(self.files(job_id, what))
        names = {file["resourceId"]: file["path"].split("/")[-1] for file in files}
        for start in range(0, len(files), self.at_once):
            batch = files[start : start + self.at_once]
            path = f"/flow/storage/v1/spaces/{batch[0]['spaceId']}/resources:batch-get-download-urls"
            body = {"resources": [{"resourceId": file["resourceId"]} for file in batch]}
            answer = self.ask("POST", f"{path}?expirationInMinutes=5", json=body).json()
            saved += [_save(one["url"], folder / names[one["resourceId"]]) for one in answer["results"]]
        return saved


def _save(url: str, path: Path) -> Path:
    """Without the token."""
    answer = requests.get(url, timeout=10)
    answer.raise_for_status()
    path.write_bytes(answer.content)
    return path
