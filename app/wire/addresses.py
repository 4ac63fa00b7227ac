"""May this URL be fetched for somebody? Decides; resolves nothing, connects to nothing.

Nodes fetch inputs from URLs that users write, the engine fetches values and calls webhooks. None of them may become a
way into the network it stands in. Whoever fetches asks three times: `read` before a name is resolved, `judge` with all
addresses that the name has, `follow` for each redirect; then connects to an address that was judged and to no other.

What is not globally reachable is refused, by the registries of special addresses (IANA, IPv4 and IPv6): of IPv6 only
2000::/3 is left, so that IPv4 inside IPv6 in all its forms, NAT64 and local addresses are out by themselves.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urljoin, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = frozenset({80, 443, 8080, 8443})
MOST_REDIRECTS = 3
ALLOW_VARIABLE = "FLOTILLA_FETCH_ALLOW"
PORTS_VARIABLE = "FLOTILLA_FETCH_PORTS"
PLAIN_VARIABLE = "FLOTILLA_FETCH_HTTP"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_KEPT = "%/:=&?~+!$,;'@()*[]"
"""Not quoted in a path: reserved, or a quotation already."""
_LABEL = re.compile(r"[\w-]{1,63}")
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]*")
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("a loopback address", ("127.0.0.0/8", "::1/128")),
    ("a link-local address", ("169.254.0.0/16", "fe80::/10")),
    ("a private address", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    ("an address shared behind a carrier", ("100.64.0.0/10",)),
    ("an address of this host", ("0.0.0.0/8", "::/128")),
    ("a multicast address", ("224.0.0.0/4", "ff00::/8")),
    ("an IPv4 address inside an IPv6 address", ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")),
    ("an IPv4 address inside an IPv6 address", ("2001::/32", "2002::/16")),
    ("an address of a cloud's own services", ("168.63.129.16/32",)),
    (
        "a reserved address",
        ("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    ),
    ("a reserved address", ("240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20")),
)
_TABLE: tuple[tuple[Network, str], ...] = tuple((ip_network(text), kind) for kind, texts in _SPECIAL for text in texts)


class Refused(ValueError):
    """It may not be fetched. The text names the host and what is allowed, nothing of the rest of the URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A URL that may be resolved: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What an operator has opened. `plain`: http too, not https alone. A name with a leading dot is a domain's end."""

    plain: bool = True
    ports: frozenset[int] = PORTS
    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, *, allow: str = "", ports: str = "", plain: bool = True) -> "Gate":
        """`allow`: hosts, `*.domain`, addresses and networks; `ports`: those besides the usual. With commas.

        Raises ValueError.
        """
        names, networks = set(), []
        for word in filter(None, (part.strip().lower() for part in allow.split(","))):
            try:
                networks.append(ip_network(word.strip("[]")))
            except ValueError as wrong:
                if "/" in word or ":" in word or not _host(word.removeprefix("*.")):
                    raise ValueError(f"{word!r} is no host, *.domain, address or network: {wrong}") from None
                names.add(word.removeprefix("*").rstrip("."))
        more = {int(part) for part in ports.split(",") if part.strip()}
        if not all(0 < port < 65536 for port in more):
            raise ValueError("ports are from 1 to 65535")
        return cls(plain=plain, ports=PORTS | more, names=frozenset(names), networks=tuple(networks))

    def opens(self, host: str) -> bool:
        """Whether the operator vouches for this name, whatever its addresses are."""
        name = host.rstrip(".")
        return any(name == each or (each.startswith(".") and name.endswith(each)) for each in self.names)

    def read(self, url: str) -> Place:
        """Where the URL leads, before anything is resolved. Raises Refused."""
        if any(ord(char) <= 32 or ord(char) == 127 or char == "\\" for char in url):
            raise Refused("a URL must have no blanks, control characters or backslashes")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Refused("this is not a URL: its host or port is malformed") from None
        if parts.scheme not in self._schemes:
            raise Refused(f"the scheme {parts.scheme!r} is not fetched; allowed: {', '.join(self._schemes)}")
        if "@" in parts.netloc:
            raise Refused("a URL must have no user name or password in it")
        if "#" in url:
            raise Refused("a URL must have no part behind #, which no server is ever sent")
        host = _host(parts.hostname or "")
        if not host:
            raise Refused(
                f"the host {(parts.hostname or '')[:100]!r} is neither a name nor an address in its usual form"
            )
        port = _DEFAULT_PORTS[parts.scheme] if port is None else port
        if port not in self.ports:
            known = ", ".join(map(str, sorted(self.ports)))
            raise Refused(f"port {port} of {host} is not open for fetching; open: {known} ({PORTS_VARIABLE} adds some)")
        query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
        return Place(scheme=parts.scheme, host=host, port=port, target=(quote(parts.path, safe=_KEPT) or "/") + query)

    def judge(self, place: Place, addresses: Collection[str]) -> None:
        """All addresses that the host has are checked, whichever is used. Raises Refused."""
        if not addresses:
            raise Refused(f"{place.host} has no address")
        if self.opens(place.host):
            return
        for text in addresses:
            address = ip_address(text)
            if any(address in network for network in self.networks):
                continue
            if kind := special(address):
                raise Refused(
                    f"{place.host} is not fetched from: {address} is {kind}; "
                    f"the operator can open it with {ALLOW_VARIABLE}"
                )

    def follow(self, place: Place, location: str) -> Place:
        """Where a redirect leads. Raises Refused."""
        try:
            url = urljoin(place.url, location)
        except ValueError:
            raise Refused(f"{place.host} redirects to what is no URL") from None
        after = self.read(url.partition("#")[0])
        if place.scheme == "https" and after.scheme == "http":
            raise Refused(f"{place.host} redirects from https to http, which is not followed")
        return after

    @property
    def _schemes(self) -> tuple[str, ...]:
        return ("https", "http") if self.plain else ("https",)


def special(address: Address) -> str | None:
    """What kind of address it is that nobody outside can reach; None when it is a global one."""
    for network, kind in _TABLE:
        if address in network:
            return kind
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return "a reserved address"
    return None


def _host(text: str) -> str:
    """The host as it is resolved, in ASCII; '' for what is none. Numbers that only a resolver reads as an address
    (0x7f.1, 2130706433, 0177.0.0.1) are none.
    """
    if "%" in text:
        return ""
    try:
        return str(ip_address(text))
    except ValueError:
        labels = text.rstrip(".").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
        return ""
    try:
        plain = text.encode("idna").decode().lower()
    except UnicodeError:
        return ""
    return plain if plain == text.lower() else _host(plain)
