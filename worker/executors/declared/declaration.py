"""What has an operator declared? One executor of a file, as values: made by `reading.py`, run by the others here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.wire.cards import Card
from app.wire.codec import Json
from worker.executors.declared.parameters import Parameters, schema
from worker.executors.declared.templates import Text, Words

KINDS = ("command", "python", "container", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is started, in a container or not. `fixed` and the node's variables named in `passed` are its environment,
    besides what every run has. `readable` are folders that it sees in the sandbox, besides those of the system.
    """

    argv: tuple[Words, ...] = ()
    stdin: Text | None = None
    success_codes: tuple[int, ...] = (0,)
    fixed: Mapping[str, Text] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    network: bool = False
    readable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`image` is for podman and docker, `rootfs`, an unpacked one, for runc."""

    image: Text | None
    rootfs: str
    program: Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A registered callable; the parameters are its arguments."""

    callable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`bearer` is the node's variable that holds a token for it. `cancel`: a DELETE of what is polled ends it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    bearer: str = ""
    cancel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """`timeout_s` is the most that a run may take, whatever its task allows."""

    name: str
    kind: str
    versions: tuple[str, ...] = ()
    description: str = ""
    parameters: Parameters = field(default_factory=dict)
    requirements: Json = field(default_factory=dict)
    timeout_s: int | None = None
    how: Program | Image | Call | Service

    @property
    def card(self) -> Card:
        return Card(
            name=self.name,
            kind=self.kind,
            versions=self.versions,
            description=self.description,
            parameters=schema(self.parameters),
            requirements=self.requirements,
        )
