"""Which form of the protocol does a node speak, and does the API understand it? One number, told at each registration
and with each heartbeat.

It grows whenever a node of the number before would be misunderstood or would misunderstand. An API serves the numbers
from `OLDEST` to its own; what it does not serve it refuses in words that say which side is to be upgraded.

    1   the first, which did not tell its number
    2   tells its number and how far its clock is off; may be told the broker's address
    3   may be handed runs that follow others (`RunSpec.follows`)
"""

from app.wire.codec import Json, maybe

FIELD = "protocol"
PROTOCOL = 3
OLDEST = 1
FOLLOWS = 3
"""From here on a node knows runs that follow."""


def spoken(source: Json) -> int:
    """The number that a message tells; one that tells none is of the first form."""
    told = maybe(source, FIELD, int)
    return 1 if told is None else told


def mismatch(number: int) -> str:
    """Why a node that speaks this cannot be served, and what to do; empty when it can."""
    here = f"protocol {PROTOCOL}" if OLDEST == PROTOCOL else f"protocols {OLDEST} to {PROTOCOL}"
    if number > PROTOCOL:
        return (
            f"this node speaks protocol {number} and this API {here}: upgrade the API first "
            "(flotilla db upgrade, then its engine and web processes), or start a node of the API's version"
        )
    if number < OLDEST:
        return f"this node speaks protocol {number} and this API {here}: upgrade the node to the API's version"
    return ""
