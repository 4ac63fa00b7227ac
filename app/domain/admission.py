"""Who comes in through an identity provider, and as what? What it claims of somebody goes in, an admission comes out.

A claim is named by its path, as `groups` or `realm_access.roles`; its value is a text or a list of texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.errors import Forbidden

Claims = Mapping[str, Any]  # JSON
LONGEST_NAME: Final = 200
_ASK: Final = "ask whoever runs this installation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """`subject` is unique at its issuer and never another's. `role` is None where the provider does not say, and
    `default_role` is then that of somebody new; `organization` is a name or an id, None for the first one.
    """

    issuer: str
    subject: str
    name: str
    role: str | None
    default_role: str
    organization: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """`roles` are pairs of a value of the claim `role_claim` and the role it gives; the first that fits counts, and
    without any pairs roles are given here and not by the provider. Without a `default_role` who is given none is
    refused. Of `groups`, which are values of `role_claim` too, and of `domains` of e-mail addresses one must fit.
    """

    role_claim: str = "groups"
    roles: tuple[tuple[str, str], ...] = ()
    default_role: str = "viewer"
    organization_claim: str = ""
    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def judge(self, claims: Claims) -> Admission:
        """Of claims that were proved. Raises Forbidden, in words for who wants to come in."""
        held = texts(claims, self.role_claim)
        self._check_domain(claims)
        if self.groups and not set(self.groups).intersection(held):
            raise Forbidden(f"your account {_name(claims)} is in none of the groups that are let in here; {_ASK}")
        return Admission(
            issuer=str(claims["iss"]),
            subject=str(claims["sub"]),
            name=_name(claims),
            role=self._role(claims, held),
            default_role=self.default_role,
            organization=self._organization(claims),
        )

    def _check_domain(self, claims: Claims) -> None:
        if not self.domains:
            return
        address = _address(claims)
        if address is None:
            raise Forbidden(f"the provider vouches for no e-mail address of your account {_name(claims)}; {_ASK}")
        domain = address.rpartition("@")[2].lower()
        if domain not in {one.lower() for one in self.domains}:
            raise Forbidden(f"accounts of {domain} are not let in here, and yours is {address}; {_ASK}")

    def _role(self, claims: Claims, held: tuple[str, ...]) -> str | None:
        if not self.roles:
            return None
        role = next((role for value, role in self.roles if value in held), self.default_role)
        if not role:
            raise Forbidden(f"no role here is meant for your account {_name(claims)}; {_ASK}")
        return role

    def _organization(self, claims: Claims) -> str | None:
        if not self.organization_claim:
            return None
        named = texts(claims, self.organization_claim)
        if len(named) != 1:
            says = "none" if not named else "several"
            raise Forbidden(f"the provider names {says} of the organizations here for {_name(claims)}; {_ASK}")
        return named[0]


def texts(claims: Claims, path: str) -> tuple[str, ...]:
    """Empty where there is no such claim. A name with full stops in it is tried as it is first."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _address(claims: Claims) -> str | None:
    """Only one that the provider has made sure of: anybody can write down another's."""
    address = claims.get("email")
    proved = claims.get("email_verified") in (True, "true")
    return address if isinstance(address, str) and "@" in address and proved else None


def _name(claims: Claims) -> str:
    given = (_address(claims), claims.get("preferred_username"), claims.get("name"))
    name = next((one for one in given if isinstance(one, str) and one.strip()), str(claims["sub"]))
    return "".join(letter for letter in name.strip() if letter.isprintable())[:LONGEST_NAME] or "nameless"
