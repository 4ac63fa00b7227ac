"""A secret on a real fleet: programs get it and tell it in every way they have, and afterwards it stands nowhere."""

import base64
import json
import sys
from pathlib import Path
from urllib.parse import quote

from tests.e2e.conftest import Start
from tests.e2e.fleet import Fleet
from tests.e2e.jobs import Task, command

VALUE = 'hunter2/Zwölf+secret"quoted'
REFERENCE = "${{ secrets.DEPLOY_KEY }}"

LEAKY = """
import base64, binascii, json, os, sys, urllib.parse, urllib.request
key = os.environ["KEY"]
assert key == sys.argv[1] == sys.stdin.read()
coded = [base64.b64encode(b"user:" + key.encode()).decode(), binascii.hexlify(key.encode()).decode()]
for form in (key, json.dumps(key), repr(key), urllib.parse.quote(key), *coded, "password=" + key, "x" * 16380 + key):
    print(form)
    print(form, file=sys.stderr)
sys.stdout.write(key[:7]); sys.stdout.flush(); sys.stdout.write(key[7:] + "\\n")
print("openjd_status: with " + key)
with open(os.environ["FLOTILLA_RESULT"], "w") as file:
    json.dump({"key": key, key: [key] * int(sys.argv[2])}, file)
said = json.dumps({"messages": [{"text": "told " + key}]}).encode()
url = f"{os.environ['FLOTILLA_API_URL']}/v1/runs/{os.environ['FLOTILLA_RUN_ID']}/messages"
headers = {"Authorization": f"Bearer {os.environ['FLOTILLA_RUN_TOKEN']}", "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(url, said, headers)).read()
print("openjd_fail: because of " + key) if sys.argv[3] == "fail" else None
print("the token is", os.environ["FLOTILLA_RUN_TOKEN"])
"""


def forms() -> list[bytes]:
    data = VALUE.encode()
    texts = [VALUE, json.dumps(VALUE)[1:-1], quote(VALUE), quote(VALUE, safe=""), data.hex(), repr(VALUE)[1:-1]]
    coded = [base64.b64encode(b"\\0" * start + data)[4:-4] for start in range(3)]
    return [text.encode() for text in texts] + coded + [b"hunter2/Zw", base64.b64encode(b"user:" + data)[8:-4]]


def leaks(found: bytes) -> list[bytes]:
    return [form for form in forms() if form in found]


def leaky(name: str, many: int, end: str) -> Task:
    task = command(name, sys.executable, "-c", LEAKY, REFERENCE, str(many), end)
    task["payload"] |= {"env": {"KEY": REFERENCE, "PYTHONIOENCODING": "utf-8"}, "stdin": REFERENCE}
    return task


def everything_shown(fleet: Fleet, job_id: str) -> bytes:
    """All that the API says of the job."""
    client = fleet.client
    shown = [client.get(f"/v1/jobs/{job_id}")]
    for part in ("tasks", "runs", "messages", "outputs", "events", "graph"):
        shown.append(client.get(f"/v1/jobs/{job_id}/{part}"))
    for run in fleet.runs(job_id):
        shown.append(client.get(f"/v1/runs/{run['id']}"))
        shown.append(b"".join(client.fetch(f"/v1/runs/{run['id']}/log")).decode())
    for task in fleet.tasks(job_id).values():
        shown.append(client.get(f"/v1/tasks/{task['id']}"))
    return json.dumps(shown, ensure_ascii=False).encode()


def files_that_leak(folder: Path) -> dict[str, list[bytes]]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and (bad := leaks(path.read_bytes())):
            found[str(path)] = bad
    return found


def test_a_secret_reaches_programs_and_nothing_else(start: Start) -> None:
    fleet = start("--cpus", "2", "--memory", "1024")
    done = fleet.cli("secrets", "set", "DEPLOY_KEY", stdin=VALUE)
    assert done.returncode == 0, done.stderr
    assert "DEPLOY_KEY" in fleet.cli("secrets", "list").stdout
    small, large, failing = leaky("small", 1, "well"), leaky("large", 20_000, "well"), leaky("failing", 1, "fail")
    wrong = {"callable": "noop", "arguments": {"x": REFERENCE}}
    callable_ = {"name": "callable", "executor": "python", "payload": wrong}
    job_id = fleet.submit([small, large, failing, callable_])
    fleet.ended(job_id)
    tasks = fleet.tasks(job_id)
    assert {name: task["state"] for name, task in tasks.items() if name != "callable"} == {
        "small": "succeeded",
        "large": "succeeded",
        "failing": "failed",
    }, [task["error"] for task in tasks.values()]
    assert tasks["callable"]["error"]["code"] == "exception"
    assert tasks["small"]["result"] == {"key": "***", "***": ["***"]}
    assert tasks["failing"]["error"]["message"] == "because of ***"
    assert tasks["failing"]["payload"]["env"]["KEY"] == REFERENCE
    shown = everything_shown(fleet, job_id)
    assert leaks(shown) == []
    assert b"flr_" not in shown.replace(b"flr_***", b"")
    assert shown.count(b"***") > 20
    stored = b"".join(fleet.client.fetch(f"{_result_of(tasks['large'])}/content"))
    assert json.loads(stored)["***"] == ["***"] * 20_000
    assert files_that_leak(fleet.data) == {}
    fleet.interrupt()
    assert files_that_leak(fleet.data) == {}
    assert (fleet.data / "secrets.key").stat().st_mode & 0o777 == 0o600


def _result_of(task: Task) -> str:
    return f"/v1/assets/{task['result']['asset']['id']}"


def test_a_key_is_rotated_while_all_goes_on(start: Start) -> None:
    fleet = start("--cpus", "1", "--memory", "512")
    assert fleet.cli("secrets", "set", "DEPLOY_KEY", stdin=VALUE).returncode == 0
    before = (fleet.data / "secrets.key").read_text()
    done = fleet.cli("secrets", "rotate-key", "--data", str(fleet.data))
    assert (done.returncode, done.stdout) == (0, "sealed 1 secrets with the new key\n"), done.stderr
    assert (fleet.data / "secrets.key").read_text() != before
    check = command("check", sys.executable, "-c", "import sys; sys.exit(sys.argv[1] != sys.stdin.read())", REFERENCE)
    check["payload"]["stdin"] = VALUE
    assert fleet.ended(fleet.submit([check]))["state"] == "succeeded"
