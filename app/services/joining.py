"""How does a machine become a node? For a join token it gets a token of its own, and it is told where the broker is.

A broker that only this machine reaches (the private one of `flotilla up`, or one on a loopback address) is named to
nodes of this machine alone; any other is told what to set instead.
"""

from dataclasses import replace
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from app.domain.errors import Conflict, Incompatible, Unauthorized
from app.ports.records import Token
from app.ports.store import Reader, Writer
from app.services import access
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.wire import protocol
from app.wire.states import NodeState

_SOCKET: Final = "redis+socket"
_WHAT_TO_DO: Final = (
    "run a Redis with a password that the nodes reach, set FLOTILLA_BROKER_URL=redis://:PASSWORD@HOST:6379/0 for "
    "`flotilla up` (or for web and engine), start that again and start this node again; nothing is used up. "
    "deploy/README.md says it command by command: Grow from one machine to three"
)


def join(
    core: Core, who: Principal, node_id: str, *, needs_broker: bool, is_near: bool, speaks: int
) -> tuple[Token, str, str]:
    """The token of a new node, its text, and the broker's address, which is empty when it is not needed. The token that
    the node was invited with is used up, unless something is raised: Unauthorized when it was used meanwhile, Conflict
    when the node's id is another's or no broker can be named, Incompatible.
    """
    who.require("nodes:join")
    if why := protocol.mismatch(speaks):
        raise Incompatible(why)
    broker_url = broker_for_nodes(core, is_near=is_near) if needs_broker else ""

    def work(tx: Writer) -> tuple[Token, str]:
        invitation = tx.lock_token(who.token_id)
        if invitation is None or access.over(invitation, tx.now_us):
            raise Unauthorized("this join token was used, has expired or was revoked")
        if _is_taken(core, tx, node_id):
            raise Conflict("a node with this id is there already; stop it and revoke its token, or join as another")
        tx.save_token(replace(invitation, revoked_at_us=tx.now_us, used_at_us=tx.now_us, node_id=node_id))
        return access.issue(core, tx, org_id=who.org_id, name=invitation.name, role="node", node_id=node_id)

    token, text = core.store.write(work)
    return token, text, broker_url


def _is_taken(core: Core, tx: Reader, node_id: str) -> bool:
    node = tx.node(node_id)
    heartbeat_us = int(core.clockwork.heartbeat_s * MICROSECONDS)
    if node is not None and node.state(tx.now_us, heartbeat_us) not in (NodeState.OFFLINE, NodeState.LOST):
        return True
    bound = [token for token in tx.tokens(access.ORG) if token.node_id == node_id and token.role == "node"]
    return any(not access.over(token, tx.now_us) for token in bound)


def broker_for_nodes(core: Core, *, is_near: bool) -> str:
    """Where a node finds the broker; `is_near`: it runs on this machine. Raises Conflict when it would not find it."""
    url = core.node_broker_url
    if is_near or not (why := _why_private(url)):
        return url
    raise Conflict(f"this installation has no broker that other machines reach: {why}; {_WHAT_TO_DO}")


def _why_private(url: str) -> str:
    parts = urlsplit(url)
    if not url:
        return "it names none to nodes"
    if parts.scheme == _SOCKET:
        return "its broker listens on a socket of the API's own machine"
    host = parts.hostname or "localhost"
    if host == "localhost" or _is_loopback(host):
        other = "if nodes reach it by another address, set FLOTILLA_NODE_BROKER_URL to that; if not"
        return f"its broker is at {host}, which is the API's own machine; {other}"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
