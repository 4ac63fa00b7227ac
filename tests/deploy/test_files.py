"""Every file of deploy/ is read by the program it is for, or by its schema, and keeps what production.md says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy import files
from tests.deploy.files import COMPOSE, DEPLOY, DOCKERFILE, MANIFESTS, ROOT, UNITS, Json

KUBERNETES = "1.31"
UNIT_NAMES = sorted(path.stem for path in UNITS.glob("*.service"))


def program(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    if not found:
        pytest.skip(f"{name} is not here")
    return found


def pods() -> Iterator[Json]:
    for document in files.documents():
        if "template" in document.get("spec", {}):
            yield document["spec"]["template"]


# -- the image


def test_buildkit_s_own_parser_reads_the_dockerfile_as_we_do() -> None:
    parser = pytest.importorskip("dockerfile", reason="no wheel of it for this platform")
    commands = parser.parse_file(str(DOCKERFILE))
    assert [command.cmd for command in commands].count("FROM") == 2
    last = {command.cmd: command for command in commands}
    read = files.image()
    for name in ("ENTRYPOINT", "CMD"):
        assert last[name].json
        assert list(last[name].value) == read[name]
    assert list(last["HEALTHCHECK"].value[1:]) == read["HEALTHCHECK"]
    pairs = last["ENV"].value
    assert dict(zip(pairs[::2], pairs[1::2], strict=True)) == read["ENV"]
    assert last["USER"].value == ("10001:10001",)


def test_the_image_can_be_built_from_what_it_is_given(tmp_path: Path) -> None:
    """The last step of the build stage, on a tree that holds only what .dockerignore lets through and COPY names. Of
    the steps before it, which make the environment and fetch what the lock names, stands this test's own environment.
    """
    source = tmp_path / "src"
    source.mkdir()
    text = DOCKERFILE.read_text().partition("\nFROM python:${PYTHON}\n")[0]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for names in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for name in names.split():
            assert name in allowed, f".dockerignore leaves {name} out"
            copied = source / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copied, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, copied)
    steps = re.findall(r"^RUN (.+)$", text, re.MULTILINE)
    assert [("-m venv" in step, "fleet.lock" in step, "--no-index" in step) for step in steps] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    target = tmp_path / "installed"
    pip = f"{sys.executable} -m pip install --no-compile --target {target}"
    words = steps[2].replace("/opt/flotilla/bin/pip install", pip)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", words], cwd=source, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    for name in ("app/ui/templates", "app/ui/static", "app/adapters/sql/migrations/versions", "bin/flotilla"):
        assert (target / name).exists(), f"the installed package has no {name}"


# -- Compose


def test_docker_compose_accepts_the_file() -> None:
    command = [program("docker-compose"), "--file", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_no_secret_is_in_a_file_and_no_container_may_do_more_than_it_must() -> None:
    document = yaml.safe_load(COMPOSE.read_text())
    assert all(secret["file"].startswith("./secrets/") for secret in document["secrets"].values())
    assert "/deploy/compose/secrets/" in (ROOT / ".gitignore").read_text()
    given = {name: set(service.get("secrets", ())) for name, service in document["services"].items()}
    assert given["node-small"] == given["node-large"] == {"broker_url_node", "node_token"}
    assert set().union(*given.values()) == set(document["secrets"])
    for name, service in document["services"].items():
        if service["image"].startswith("flotilla:"):
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
    assert document["networks"]["database"] == document["networks"]["broker"] == {"internal": True}
    sizes = {document["services"][name]["environment"]["FLOTILLA_CPUS"] for name in ("node-small", "node-large")}
    assert len(sizes) == 2


def test_a_container_of_a_node_is_given_longer_than_its_runs() -> None:
    for name in ("node-small", "node-large"):
        service = files.services()[name]
        assert int(service["stop_grace_period"].rstrip("s")) >= int(service["environment"]["FLOTILLA_GRACE_S"]) + 15


# -- systemd


@pytest.mark.parametrize("name", UNIT_NAMES)
def test_systemd_accepts_the_unit(name: str, tmp_path: Path) -> None:
    """What it would run is not installed here, so another program stands in its place."""
    copy = tmp_path / f"{name}.service"
    copy.write_text((UNITS / copy.name).read_text().replace("/opt/flotilla/bin/flotilla", "/bin/true"))
    command = [program("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_of_a_node_drains_and_limits_by_the_kernel() -> None:
    node = dict(files.unit("flotilla-node"))
    assert node["KillMode"] == "mixed"
    assert {"cpu", "memory", "pids"} <= set(node["Delegate"].split())
    grace_s = float(files.environment_file(node["EnvironmentFile"])["FLOTILLA_GRACE_S"])
    assert float(node["TimeoutStopSec"]) >= grace_s + 30
    for name in UNIT_NAMES:
        found = dict(files.unit(name))
        assert (found["User"], found["NoNewPrivileges"], found["ProtectSystem"]) == ("flotilla", "yes", "strict"), name
        assert all(path.startswith("/etc/flotilla/secrets/") for path in files.credentials(name).values()), name


# -- Kubernetes


def test_kubernetes_accepts_the_manifests() -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    seen = set()
    for document in files.documents():
        if document["apiVersion"].split("/")[0] not in ("keda.sh", "kustomize.config.k8s.io"):
            validate(document, KUBERNETES, strict=True)
            seen.add(document["kind"])
    assert seen >= {"ConfigMap", "Job", "Deployment", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"}


def test_the_kustomization_has_every_manifest_but_that_of_keda() -> None:
    (kustomization,) = (each for each in files.documents() if each["kind"] == "Kustomization")
    there = {path.name for path in MANIFESTS.glob("*.yaml")}
    assert set(kustomization["resources"]) == there - {"kustomization.yaml", "keda.yaml"}


def test_pods_run_as_nobody_in_particular_and_see_only_their_secrets() -> None:
    for pod in pods():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["automountServiceAccountToken"] is False
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    node = files.of_kind("StatefulSet")["flotilla-node"]["spec"]["template"]["spec"]
    (secret,) = (volume["secret"] for volume in node["volumes"] if "secret" in volume)
    assert [item["key"] for item in secret["items"]] == ["broker_url_node", "node_token"]
    assert int(node["terminationGracePeriodSeconds"]) >= 60 + int(
        files.of_kind("ConfigMap")["flotilla-node"]["data"]["FLOTILLA_GRACE_S"]
    )


def test_budgets_policies_and_the_autoscaler_speak_of_pods_that_exist() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods()]

    def chosen(selector: Json) -> bool:
        wanted = [{"key": key, "values": [value]} for key, value in selector.get("matchLabels", {}).items()]
        wanted += selector.get("matchExpressions", [])
        return any(all(pod.get(one["key"]) in one["values"] for one in wanted) for pod in labels)

    for budget in files.of_kind("PodDisruptionBudget").values():
        assert chosen(budget["spec"]["selector"])
    for policy in files.of_kind("NetworkPolicy").values():
        assert chosen(policy["spec"]["podSelector"])
    (scaled,) = files.of_kind("ScaledObject").values()
    target = scaled["spec"]["scaleTargetRef"]
    node = files.of_kind(target["kind"])[target["name"]]
    (trigger,) = scaled["spec"]["triggers"]
    assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold"}
    (container,) = node["spec"]["template"]["spec"]["containers"]
    assert trigger["metadata"]["threshold"] == container["resources"]["requests"]["cpu"]


def test_one_image_and_one_version_everywhere() -> None:
    found = set(re.findall(r"image: (flotilla:\S+)", "".join(path.read_text() for path in DEPLOY.rglob("*.yaml"))))
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert found == {f"flotilla:{version[1]}"}
