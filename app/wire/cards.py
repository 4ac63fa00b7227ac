"""What does a node say of an executor that it offers? Its card: for people and programs that write tasks for it."""

from msgspec import field

from app.wire.codec import Json, Message


def versioned(executor: str, version: str) -> str:
    """As a node names what it offers, and a route what it asks for."""
    return f"{executor}@{version}" if version else executor


class Card(Message, frozen=True, kw_only=True):
    """`parameters` is a JSON Schema of the payload, `requirements` what its runs need as a rule; {} when not said."""

    name: str
    kind: str = ""
    versions: tuple[str, ...] = ()
    description: str = ""
    parameters: dict[str, Json] = field(default_factory=dict)
    requirements: dict[str, Json] = field(default_factory=dict)

    @property
    def offers(self) -> tuple[str, ...]:
        """What can be asked for: the name alone, or with a version."""
        return (self.name, *(versioned(self.name, version) for version in self.versions))
