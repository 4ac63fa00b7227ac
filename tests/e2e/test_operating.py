"""What an operator does to an installation at work: look at it, try its promises, change its keys."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.e2e.fleet import Fleet
from tests.e2e.jobs import Task, command
from tests.wait import wait_until

SECRET = "a value nobody sees"
TELL = """
import json, os, pathlib, sys, time, urllib.request
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
urllib.request.urlopen(urllib.request.Request(
    f"{os.environ['FLOTILLA_API_URL']}/v1/runs/{os.environ['FLOTILLA_RUN_ID']}/progress",
    data=json.dumps({"progress": 0.5, "statusText": "told"}).encode(),
    headers={"Authorization": f"Bearer {os.environ['FLOTILLA_RUN_TOKEN']}", "Content-Type": "application/json"},
))
"""
START = ("--nodes", "2", "--cpus", "2", "--memory", "1024")


@pytest.mark.timeout(300)
def test_doctor_drill_and_keys(tmp_path: Path, start: Callable[..., Fleet]) -> None:
    fleet = start(*START)
    data = ("--data", str(fleet.data))
    well = fleet.cli("doctor", *data, "-o", "json")
    found = {one["check"]: one for one in json.loads(well.stdout)}
    assert {"database", "web", "broker", "maxmemory-policy", "node node-1", "secrets.key", "open files"} <= found.keys()
    assert (well.returncode, [one for one in found.values() if not one["ok"]]) == (0, [])

    (fleet.data / "token").chmod(0o644)
    unsafe = fleet.cli("doctor", "--security", *data, "-o", "json")
    assert [one["check"] for one in json.loads(unsafe.stdout) if not one["ok"]] == ["token"]
    assert unsafe.returncode == 1
    (fleet.data / "token").chmod(0o600)

    refused = fleet.cli("doctor", "--drill", "--kill-node", "node-1", *data)
    assert (refused.returncode, "--i-mean-it" in refused.stderr) == (2, True)
    before = fleet.children()["node-1"]
    asked = ("--drill", "--slack", "20", "--kill-node", "node-1", "--restart-broker", "--i-mean-it")
    drill = fleet.cli("doctor", *asked, *data, "-o", "json")
    outcomes = json.loads(drill.stdout)
    assert [one for one in outcomes if one["state"] == "broken"] == []
    assert drill.returncode == 0
    held = {one["promise"] for one in outcomes if one["state"] == "held"}
    assert held == {"G1", "G2", "G3", "G4", "G5", "G6", "G10", "G11", "G12", "G13"}
    assert fleet.children()["node-1"] != before
    assert not list(fleet.client.items("/v1/jobs"))


@pytest.mark.timeout(300)
def test_keys_are_rotated_while_it_works(tmp_path: Path, start: Callable[..., Fleet]) -> None:
    fleet = start(*START)
    data, gate = ("--data", str(fleet.data)), tmp_path / "gate"
    fleet.client.put("/v1/secrets/S", {"value": SECRET})
    browser = logged_in(fleet)
    assert is_in(fleet, browser)
    job = fleet.submit([tells("tells", gate), shows("shows", "tells")])
    run = wait_until(lambda: [run for run in fleet.runs(job) if run["state"] == "running"], 30, fleet.logs)[0]

    said = fleet.offline("keys", "rotate", *data)
    assert said.returncode == 0, said.stderr
    assert "sealed 1 secrets with a new key" in said.stdout
    assert is_in(fleet, browser)
    assert is_in(fleet, logged_in(fleet))
    gate.touch()  # the run's own token is of the key before
    assert fleet.ended(job)["state"] == "succeeded"
    assert fleet.client.get(f"/v1/runs/{run['id']}")["statusText"] == "told"
    lines = [line["text"] for line in fleet.client.items(f"/v1/jobs/{job}/messages")]
    assert str(len(SECRET)) in lines

    assert fleet.offline("keys", "rotate", "--leaked", *data).returncode == 0
    wait_until(lambda: not is_in(fleet, browser), 10, fleet.logs)
    assert is_in(fleet, logged_in(fleet))


def logged_in(fleet: Fleet) -> requests.Session:
    """As a browser is that followed the link of `flotilla up`."""
    browser = requests.Session()
    browser.get(fleet.url + fleet.client.post("/ui/link")["path"], timeout=10)
    return browser


def is_in(fleet: Fleet, browser: requests.Session) -> bool:
    return browser.get(fleet.url, allow_redirects=False, timeout=10).status_code == 200


def tells(name: str, gate: Path) -> Task:
    """Waits for the gate, then says its status over HTTP with the token of its run."""
    return command(name, sys.executable, "-c", TELL, str(gate))


def shows(name: str, *needs: str) -> Task:
    """The length of the secret."""
    payload = {"argv": ["sh", "-c", "echo ${#S}"], "env": {"S": "${{ secrets.S }}"}}
    return {**command(name, "true"), "needs": list(needs), "payload": payload}
