"""What does a node say of an executor that it offers? Its card: for people and programs that write tasks for it."""

from dataclasses import dataclass, field

from app.wire.codec import Json, each, take, text


def versioned(executor: str, version: str) -> str:
    """As a node names what it offers, and a route what it asks for."""
    return f"{executor}@{version}" if version else executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`parameters` is a JSON Schema of the payload, `requirements` what its runs need as a rule; {} when not said."""

    name: str
    kind: str = ""
    versions: tuple[str, ...] = ()
    description: str = ""
    parameters: Json = field(default_factory=dict)
    requirements: Json = field(default_factory=dict)

    @property
    def offers(self) -> tuple[str, ...]:
        """What can be asked for: the name alone, or with a version."""
        return (self.name, *(versioned(self.name, version) for version in self.versions))

    def to_wire(self) -> Json:
        return {
            "name": self.name,
            "kind": self.kind,
            "versions": list(self.versions),
            "description": self.description,
            "parameters": self.parameters,
            "requirements": self.requirements,
        }

    @classmethod
    def from_wire(cls, source: Json) -> "Card":
        return cls(
            name=take(source, "name", str),
            kind=take(source, "kind", str),
            versions=each(source, "versions", text),
            description=take(source, "description", str),
            parameters=take(source, "parameters", dict),
            requirements=take(source, "requirements", dict),
        )
