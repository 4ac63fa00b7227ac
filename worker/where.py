"""Where is the broker, for a node and for Celery's own tools? A table of settings, and one value of all of them.

The URL may be left to the API, which names it to a node that registers.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.wire import broker
from worker.setting import Setting, SettingsError, flag, text, values


def _url(value: str) -> str:
    return broker.Broker(url=value).url if value else ""


def _file(value: str) -> str:
    if value and not Path(value).is_file():
        raise ValueError("is no file")
    return value


BROKER_TABLE = (
    Setting(
        field="url",
        variable="FLOTILLA_BROKER_URL",
        default="",
        read=_url,
        about=f"{broker.FORMS}; the API names it when empty",
        secret=True,
    ),
    Setting(
        field="ca",
        variable="FLOTILLA_BROKER_CA",
        default="",
        read=_file,
        about="PEM file of the CA of the broker's certificate; the system's when empty",
    ),
    Setting(
        field="certificate",
        variable="FLOTILLA_BROKER_CERT",
        default="",
        read=_file,
        about="PEM file of the node's certificate for the broker, if it asks for one",
    ),
    Setting(
        field="key",
        variable="FLOTILLA_BROKER_KEY",
        default="",
        read=_file,
        about="PEM file of that certificate's key",
    ),
    Setting(
        field="primary",
        variable="FLOTILLA_SENTINEL_PRIMARY",
        default="mymaster",
        read=text,
        about="what Sentinels call the Redis that is written to",
    ),
    Setting(
        field="sentinel_user",
        variable="FLOTILLA_SENTINEL_USER",
        default="",
        read=str,
        about="user at the Sentinels, if they ask for one",
    ),
    Setting(
        field="sentinel_password",
        variable="FLOTILLA_SENTINEL_PASSWORD",
        default="",
        read=str,
        about="password at the Sentinels",
        secret=True,
    ),
)
OPEN_BROKER = Setting(
    field="open_broker",
    variable="FLOTILLA_OPEN_BROKER",
    default="0",
    read=flag,
    about="1: a broker on another host may have no password",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What this machine says of the broker, with the fields of `broker.Broker`. `authority` is the one of the API's
    certificate, and asked for the broker's where that has none of its own.
    """

    url: str = ""
    primary: str
    sentinel_user: str
    sentinel_password: str
    ca: str
    certificate: str
    key: str
    authority: str = ""

    def broker(self, named: str = "") -> broker.Broker:
        """At the URL of the settings, else at the one that is named. Raises ValueError."""
        url = self.url or named
        return broker.Broker(
            url=url,
            primary=self.primary,
            sentinel_user=self.sentinel_user,
            sentinel_password=self.sentinel_password,
            ca=self.ca or (self.authority if url.startswith("rediss:") else ""),
            certificate=self.certificate,
            key=self.key,
        )


def read_broker(environ: Mapping[str, str] = os.environ) -> broker.Broker:
    """Of Celery's own tools, which need nothing else. Raises SettingsError."""
    wrong: list[str] = []
    where = find(environ, wrong)
    if where is not None and not where.url:
        wrong.append(f"FLOTILLA_BROKER_URL must be set: {broker.FORMS}")
    if where is None or wrong:
        raise SettingsError("\n".join(wrong))
    return where.broker()


def find(environ: Mapping[str, str], wrong: list[str]) -> Where | None:
    """None, and something more is wrong, when it cannot be used."""
    before = len(wrong)
    found = values((*BROKER_TABLE, OPEN_BROKER), environ, wrong)
    if len(wrong) > before:
        return None
    may_be_open = found.pop("open_broker")
    where = Where(**found)
    if where.url:
        _check(where, may_be_open, wrong)
    return where if len(wrong) == before else None


def _check(where: Where, may_be_open: bool, wrong: list[str]) -> None:
    try:
        found = where.broker()
    except ValueError as problem:
        wrong.append(f"FLOTILLA_BROKER_URL {problem}")
        return
    if found.open and not may_be_open:
        wrong.append(
            "FLOTILLA_BROKER_URL names a broker on another host and has no password; set one, or "
            "FLOTILLA_OPEN_BROKER=1 where nobody else can reach that broker"
        )
    if found.well_known:
        wrong.append("FLOTILLA_BROKER_URL has a password that stands in examples; set one of your own")
