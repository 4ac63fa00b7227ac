"""What do the files of deploy/ start? Reads each by its own rules and gives the processes, as the files say them.

A process is words and an environment; the paths and addresses in them are those of a container, a pod or a host.
"""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
UNITS = DEPLOY / "systemd"
MANIFESTS = DEPLOY / "kubernetes"
DOCKERFILE = DEPLOY / "Dockerfile"
Json = Any  # a document, as parsed


@dataclass(frozen=True, kw_only=True)
class Program:
    """`checks` are the commands that say whether it is well, and what goes before its stop; `asks` paths of HTTP."""

    name: str
    words: list[str]
    environ: dict[str, str]
    checks: list[list[str]] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)


def image() -> dict[str, Json]:
    """The instructions of the last stage, by their name; ENV as a mapping. Written out here for one file's sake: that
    BuildKit reads it alike is another test's business.
    """
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    found: dict[str, Json] = {}
    for line in lines[last:]:
        name, _, rest = line.partition(" ")
        found[name] = yaml.safe_load(rest) if rest.startswith("[") else rest
    found["ENV"] = dict(word.split("=", 1) for word in shlex.split(found["ENV"]))
    found["HEALTHCHECK"] = yaml.safe_load(found["HEALTHCHECK"].partition("CMD ")[2])
    return found


def documents() -> list[Json]:
    return [document for path in sorted(MANIFESTS.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> dict[str, Json]:
    return {each["metadata"]["name"]: each for each in documents() if each["kind"] == kind}


# -- Compose


def services() -> dict[str, Json]:
    found: dict[str, Json] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def composed() -> dict[str, Program]:
    """The services that run the image."""
    made = image()
    return {
        name: Program(
            name=name,
            words=[*service.get("entrypoint", made["ENTRYPOINT"]), *service["command"]],
            environ={**made["ENV"], **service["environment"]},
            checks=[] if "disable" in service.get("healthcheck", {}) else [check_of(service, made["HEALTHCHECK"])],
        )
        for name, service in services().items()
        if service["image"].startswith("flotilla:")
    }


def check_of(service: Json, usual: list[str]) -> list[str]:
    test = service.get("healthcheck", {}).get("test")
    if test is None:
        return usual
    return ["sh", "-c", test[1]] if test[0] == "CMD-SHELL" else list(test[1:])


# -- systemd


def unit(name: str) -> list[tuple[str, str]]:
    """The lines of a unit; a key may come several times."""
    lines = (UNITS / f"{name}.service").read_text().splitlines()
    return [(key, value) for line in lines if line and line[0] not in "#[" for key, _, value in [line.partition("=")]]


def environment_file(path: str) -> dict[str, str]:
    lines = (UNITS / Path(path).name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def unit_programs(name: str) -> list[Program]:
    """One for each ExecStart, in order. Specifiers are as systemd.unit(5) has them for system units."""
    lines = unit(name)
    folders = {"%d": f"/run/credentials/{name}.service", "%t": "/run", "%S": "/var/lib"}
    environ: dict[str, str] = {"CREDENTIALS_DIRECTORY": folders["%d"]}
    for key, value in lines:
        if key == "EnvironmentFile":
            environ |= environment_file(value)
        elif key == "Environment":
            variable, _, text = value.partition("=")
            for specifier, folder in folders.items():
                text = text.replace(specifier, folder)
            environ[variable] = text
    return [
        Program(
            name=name,
            words=[word.replace("${CREDENTIALS_DIRECTORY}", folders["%d"]) for word in shlex.split(value)],
            environ=environ,
        )
        for key, value in lines
        if key == "ExecStart"
    ]


def credentials(name: str) -> dict[str, str]:
    """Where each is loaded from."""
    return dict(value.split(":", 1) for key, value in unit(name) if key == "LoadCredential")


# -- Kubernetes


def pod_programs(workload: Json) -> list[Program]:
    """Of its containers, those that come first first."""
    spec = workload["spec"]["template"]["spec"]
    return [_container(each, workload) for each in (*spec.get("initContainers", ()), *spec["containers"])]


def _container(container: Json, workload: Json) -> Program:
    made, maps = image(), of_kind("ConfigMap")
    environ = dict(made["ENV"])
    for source in container.get("envFrom", ()):
        environ |= maps[source["configMapRef"]["name"]]["data"]
    for each in container.get("env", ()):
        environ[each["name"]] = each.get("value") or _from(each["valueFrom"], container, workload)
    probes = [container[key] for key in ("startupProbe", "livenessProbe", "readinessProbe") if key in container]
    hook = container.get("lifecycle", {}).get("preStop")
    return Program(
        name=container["name"],
        words=[*container.get("command", made["ENTRYPOINT"]), *container["args"]],
        environ=environ,
        checks=[probe["exec"]["command"] for probe in [*probes, *([hook] if hook else [])] if "exec" in probe],
        asks=[probe["httpGet"]["path"] for probe in probes if "httpGet" in probe],
    )


def _from(source: Json, container: Json, workload: Json) -> str:
    if "fieldRef" in source:
        assert source["fieldRef"]["fieldPath"] == "metadata.name"
        return f"{workload['metadata']['name']}-0"
    part, _, name = source["resourceFieldRef"]["resource"].partition(".")
    return str(container["resources"][part][name])
