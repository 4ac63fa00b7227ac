"""What every service is given: the ports, and the settings that change what it decides."""

from dataclasses import dataclass, field

from app.domain.admission import AdmissionRules
from app.ports.blobs import Blobs
from app.ports.broker import Broker
from app.ports.chance import Chance
from app.ports.fetcher import Fetcher
from app.ports.hooks import Poster
from app.ports.identity import IdentityProvider
from app.ports.live import Live
from app.ports.store import Store
from app.ports.tracer import Tracer
from app.ports.vault import Vault
from app.services import keys
from app.services.fleet import Fleet, Pace
from app.services.secret_uses import SecretUses
from app.services.shares import Shares
from app.services.signing import Signer
from app.services.tally import Tally
from app.wire.claim import MAX_BUNDLE

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """The intervals of the whole, in seconds. They belong together: a lease outlasts several heartbeats."""

    heartbeat_s: float
    lease_s: float
    sweep_s: float
    offer_timeout_s: float
    leader_lease_s: float
    unfit_grace_s: float
    """How long a task waits for a node that could ever hold it before it fails."""


PRODUCTION = Clockwork(heartbeat_s=5, lease_s=20, sweep_s=2, offer_timeout_s=10, leader_lease_s=10, unfit_grace_s=60)
FAST = Clockwork(heartbeat_s=0.5, lease_s=2, sweep_s=0.25, offer_timeout_s=1, leader_lease_s=1, unfit_grace_s=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """How large one file may be, and how long an upload is kept; None: for ever."""

    largest: int = 10 << 30
    keep_uploads_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRules:
    """How long ended jobs are kept: so many days, and so many of each organization; 0: for ever, and all of them.
    `lines`: what their runs said is archived, too.
    """

    days: int = 0
    jobs: int = 0
    lines: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """`handoff` lets a report's answer carry next runs; `max_bundle` is how many runs may travel together.

    `node_broker_url` is where nodes find the broker. `fetcher` and `poster` are for the engine, which alone fetches
    anything and calls webhooks; `live` is for who answers requests. Without a `vault` no secrets are kept, and without
    a `tracer` no spans are told. A `provider` is for who answers requests, too: people whom it knows come in as
    `admission` says. `archive` is for the engine alone, which puts ended jobs there before `keep` lets them go.
    `fleet`, `pace` and `shares` are this process's own estimates: wrong ones cost speed, never correctness.
    """

    store: Store
    broker: Broker
    chance: Chance
    blobs: Blobs
    fetcher: Fetcher | None = None
    poster: Poster | None = None
    live: Live | None = None
    vault: Vault | None = None
    tracer: Tracer | None = None
    provider: IdentityProvider | None = None
    admission: AdmissionRules = field(default_factory=AdmissionRules)
    file_rules: FileRules = FileRules()
    archive: Blobs | None = None
    keep: KeepRules = KeepRules()
    clockwork: Clockwork = PRODUCTION
    handoff: bool = True
    max_bundle: int = MAX_BUNDLE
    webhooks_tried_s: int = 24 * 3600
    version: str = "0"
    node_broker_url: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    pace: Pace = field(default_factory=Pace)
    shares: Shares = field(default_factory=Shares)
    tally: Tally = field(default_factory=Tally)
    secret_uses: SecretUses = field(default_factory=SecretUses)
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        """All processes of an installation sign with one key, which the first of them puts into the store."""
        fresh = self.chance.secret()
        object.__setattr__(self, "signer", Signer(self.store.write(lambda tx: keys.first(tx, fresh))))
