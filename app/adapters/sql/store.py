"""The store on a database: the parts, one a noun, put together to what `app/ports/store.py` promises."""

from collections.abc import Callable
from typing import TypeVar

from app.adapters.sql.accounts import AccountReads, AccountWrites
from app.adapters.sql.assets import AssetReads, AssetWrites
from app.adapters.sql.attention import AttentionReads
from app.adapters.sql.chords import ChordWrites
from app.adapters.sql.database import Database
from app.adapters.sql.deletion import Deletion
from app.adapters.sql.ends import EndReads
from app.adapters.sql.executions import ExecutionReads
from app.adapters.sql.finding import FindingReads, FindingWrites
from app.adapters.sql.gauges import GaugeReads, TallyWrites
from app.adapters.sql.hooked import HookWrites
from app.adapters.sql.hooks import DeliveryReads, DeliveryWrites
from app.adapters.sql.jobs import JobReads, JobWrites
from app.adapters.sql.leases import LeaseWrites
from app.adapters.sql.literal import LiteralWrites
from app.adapters.sql.live import EventReads
from app.adapters.sql.maps import MapReads, MapWrites
from app.adapters.sql.nodes import NodeReads
from app.adapters.sql.numbered import NumberedReads
from app.adapters.sql.outside import OutsideReads, OutsideWrites
from app.adapters.sql.overview import OverviewReads
from app.adapters.sql.people import PeopleReads, PeopleWrites
from app.adapters.sql.points import PointReads, PointWrites
from app.adapters.sql.queues import QueueReads, QueueWrites
from app.adapters.sql.ready import ReadyWrites
from app.adapters.sql.reported import ReportedWrites
from app.adapters.sql.runs import RunReads
from app.adapters.sql.said import SaidReads, SaidWrites
from app.adapters.sql.secrets import SecretReads, SecretWrites
from app.adapters.sql.servers import ServerReads, ServerWrites
from app.adapters.sql.session import Session
from app.adapters.sql.strips import StripReads
from app.adapters.sql.tasks import TaskReads, TaskWrites
from app.adapters.sql.templates import TemplateReads, TemplateWrites
from app.adapters.sql.views import ViewReads, ViewWrites
from app.ports.store import Reader, Writer

T = TypeVar("T")


class SqlReader(
    EndReads,
    EventReads,
    GaugeReads,
    DeliveryReads,
    FindingReads,
    JobReads,
    TaskReads,
    MapReads,
    RunReads,
    SaidReads,
    NodeReads,
    AccountReads,
    ExecutionReads,
    NumberedReads,
    OutsideReads,
    OverviewReads,
    AttentionReads,
    StripReads,
    PointReads,
    QueueReads,
    PeopleReads,
    AssetReads,
    SecretReads,
    ServerReads,
    TemplateReads,
    ViewReads,
):
    pass


class SqlWriter(
    TallyWrites,
    DeliveryWrites,
    HookWrites,
    FindingWrites,
    JobWrites,
    TaskWrites,
    MapWrites,
    ChordWrites,
    LiteralWrites,
    ReadyWrites,
    ReportedWrites,
    SaidWrites,
    AccountWrites,
    LeaseWrites,
    OutsideWrites,
    PeopleWrites,
    AssetWrites,
    SecretWrites,
    ServerWrites,
    TemplateWrites,
    ViewWrites,
    PointWrites,
    QueueWrites,
    Deletion,
    SqlReader,
):
    pass


class SqlStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def conflicts(self) -> int:
        """How many transactions were run again because another one was in their way."""
        return self._database.conflicts

    def read(self, work: Callable[[Reader], T]) -> T:
        return self._database.read(lambda session: work(SqlReader(session)))

    def write(self, work: Callable[[Writer], T]) -> T:
        def step(session: Session) -> T:
            writer = SqlWriter(session)
            outcome = work(writer)
            writer.finish()
            return outcome

        return self._database.write(step)

    def close(self) -> None:
        self._database.close()
