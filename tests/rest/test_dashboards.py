"""The Grafana dashboard and the alert rules speak of metrics that are there, with labels that they have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.services.tally import DELIVERIES
from tests.rest.conftest import Api, make_api
from tests.rest.test_metrics import live_in

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\b(?:flotilla|process)_[a-z0-9_]+\b")
SELECTED = re.compile(r"\b((?:flotilla|process)_[a-z0-9_]+)\{([^}]*)\}")
LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
WORD = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
GIVEN_BY_PROMETHEUS = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, set[str]]]:
    """The labels of each metric of an installation in which everything has happened once."""
    api: Api = make_api(tmp_path_factory.mktemp("dashboards"))
    api.core.tally.count(DELIVERIES, "delivered")
    live_in(api)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(api.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    yield found
    api.core.store.close()
    api.broker.close()


def board() -> Any:
    return json.loads((DEPLOY / "grafana" / "flotilla.json").read_text())


def rules() -> list[Any]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions() -> list[str]:
    asked = [target["expr"] for panel in board()["panels"] for target in panel.get("targets", [])]
    variables = [each["definition"] for each in board()["templating"]["list"] if "definition" in each]
    return [*asked, *variables, *(rule["expr"] for rule in rules())]


def test_every_metric_is_one_of_ours(shown: Mapping[str, set[str]]) -> None:
    asked = {name for question in questions() for name in NAME.findall(question)}
    assert asked - set(shown) == set()
    assert len(asked) > 15


def test_every_label_is_one_that_the_metric_has(shown: Mapping[str, set[str]]) -> None:
    for question in questions():
        for name, selector in SELECTED.findall(question):
            assert set(LABEL.findall(selector)) - GIVEN_BY_PROMETHEUS <= shown[name], question
        has = set().union(*(shown[name] for name in NAME.findall(question)), GIVEN_BY_PROMETHEUS)
        for words in WORD.findall(question):
            assert {word.strip() for word in words.split(",")} <= has, question


def test_every_metric_of_ours_is_drawn_or_watched(shown: Mapping[str, set[str]]) -> None:
    asked = {re.sub("_(bucket|count|sum)$", "", name) for question in questions() for name in NAME.findall(question)}
    ours = {re.sub("_(bucket|count|sum|created)$", "", name) for name in shown if name.startswith("flotilla_")}
    assert ours - asked == {"flotilla_build_info", "flotilla_work_tasks"} - asked


def test_brackets_are_closed() -> None:
    for question in questions():
        for opening, closing in ("()", "{}", "[]"):
            assert question.count(opening) == question.count(closing), question


def test_panels_have_places_and_words() -> None:
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells, panel["title"]
        cells |= own
        assert at["x"] + at["w"] <= 24
        assert panel["title"]
        assert panel["type"] == "row" or panel["description"]


RINGING = Path(__file__).parent / "alerts_test.yml"


@pytest.mark.parametrize(
    "asked",
    [("check", "rules", "--lint-fatal", str(DEPLOY / "prometheus" / "alerts.yml")), ("test", "rules", str(RINGING))],
    ids=["sound", "ring when they should"],
)
def test_prometheus_says_the_alerts_are(asked: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH (apt-get install prometheus)")
    done = subprocess.run([promtool, *asked], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_made_to_ring_and_kept_silent() -> None:
    cases = [case for test in yaml.safe_load(RINGING.read_text())["tests"] for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


def test_alerts_say_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
