"""How are a storage space, a resource in it and its URN related?

    space     <provider>:<name>                                                scratch:@default, outputs:<job id>
    URN       urn:adsk:fc.<provider>:<region>.prd:resource:<name>/<resource>

What is in a space `outputs:` belongs to a job: its outputs by their asset's id, its logs by their run's. What is in any
other space are uploads, by the names they were given.
"""

import re
from dataclasses import dataclass
from typing import Final

OUTPUTS: Final = "outputs"
_URN: Final = re.compile(r"urn:adsk:fc\.(?P<provider>[^:]+):[^:]+:resource:(?P<name>[^/]+)/(?P<resource>.+)", re.DOTALL)
_LOG: Final = ".log"


@dataclass(frozen=True, slots=True)
class Place:
    """One resource of one space."""

    space: str
    resource: str

    @property
    def job_id(self) -> str | None:
        """The job it belongs to; None for an upload."""
        provider, _, name = self.space.partition(":")
        return name if provider == OUTPUTS else None

    def urn(self, region: str) -> str:
        provider, _, name = self.space.partition(":")
        return f"urn:adsk:fc.{provider}:{region}.prd:resource:{name}/{self.resource}"


def parse(urn: str) -> Place | None:
    """None for what is no such URN. Its region is not looked at: there is one."""
    found = _URN.fullmatch(urn)
    return Place(f"{found['provider']}:{found['name']}", found["resource"]) if found else None


def output(job_id: str, asset_id: str) -> Place:
    return Place(f"{OUTPUTS}:{job_id}", asset_id)


def log(job_id: str, run_id: str) -> Place:
    return Place(f"{OUTPUTS}:{job_id}", run_id + _LOG)


def run_of_log(resource: str) -> str | None:
    """The run whose log this is; None when it is none."""
    return resource.removesuffix(_LOG) if resource.endswith(_LOG) else None


def path(task: str, index: int, name: str) -> str:
    """Where a file of an execution lies. Callers take what is behind the last slash as the file's name."""
    return f"/{task}/{index}/{name.replace('/', '_')}"
