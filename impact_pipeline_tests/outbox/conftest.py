"""A warehouse in a folder of its own, a local impact.com behind real HTTP, and builders with good defaults."""

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

from impact_pipeline.outbox.confirm import ConfirmReport, confirm
from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.impact.transport import HttpTransport
from impact_pipeline.outbox.lane import SubmitReport
from impact_pipeline.outbox.queue import QueueCounts, enqueue
from impact_pipeline.outbox.settings import EventType, OutboxSettings
from impact_pipeline.outbox.submit import submit
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import (
    Click,
    Declaration,
    Fault,
    ImpactApp,
    Partner,
    Program,
    impact_app,
)
from impact_pipeline.simulator.impact import EventType as ThereEventType
from impact_pipeline.simulator.server import LoopbackServer
from impact_pipeline.warehouse.connection import Warehouse

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SID, TOKEN = "IRtestAccount", "very-secret-token"
LEAD, DEAL, SALE, PAID = "Lead_Qualified", "Opportunity_Negotiation", "Opportunity_Closed Won", "Opportunity_Paid"
SETTINGS = OutboxSettings(
    campaign_id="4711",
    event_types=(
        EventType(code=LEAD, id="8180"),
        EventType(code=DEAL, id="8181", parents=(LEAD,)),
        EventType(code=SALE, id="8182", parents=(LEAD, DEAL), dedup_window=timedelta(days=30)),
        EventType(code=PAID, id="8183"),
    ),
)
IDS = {one.code: one.id for one in SETTINGS.event_types}
DECLARATION = Declaration(
    account_sid=SID,
    auth_token=TOKEN,
    read_auth_token="reader",
    scoped_tokens={"writer": ("Conversions",)},
    campaign_id=4711,
    currency="USD",
    time_zone="America/New_York",
    event_types=(
        ThereEventType(id=8180, code=LEAD, kind="lead"),
        ThereEventType(id=8181, code=DEAL, kind="lead", parents=(LEAD,)),
        ThereEventType(id=8182, code=SALE, kind="sale", parents=(LEAD, DEAL), payout_percent=Decimal(10)),
        ThereEventType(id=8183, code=PAID, kind="sale", open_ended_locking=True, payout_percent=Decimal(10)),
    ),
    partners=(Partner(id=20000, name="Some Partner"), Partner(id=20001, name="Another Partner")),
    click_ids={"click-1": Click(partner=20000)},
    disposition_codes={"APPROVED_BY_CRM": "approve"},
    processing_seconds=300,
)


@dataclass(kw_only=True)
class Outbox:
    """The outbox of a test: what a cycle would do, step by step, with counts to assert on."""

    warehouse: Warehouse
    clock: Clock
    client: ImpactClient
    settings: OutboxSettings = SETTINGS
    runs: int = 0
    numbers: Counter[str] = field(default_factory=Counter)

    def wants(self, order_id: str, **given: Any) -> str:
        """A decided conversion, as the stage before leaves it; its event_id."""
        with self.warehouse.transaction() as con:
            return add_conversion(con, order_id, self.clock.now(), **given)

    def wants_many(self, count: int, **given: Any) -> None:
        """Lead_00, Lead_01, ..."""
        with self.warehouse.transaction() as con:
            for number in range(count):
                add_conversion(con, f"Lead_{number:02}", self.clock.now(), **given)

    def enqueue(self) -> QueueCounts:
        with self.warehouse.transaction() as con:
            return enqueue(con, self.settings, run_id="cycle", now=self.clock.now())

    def submit(self) -> SubmitReport:
        self.runs += 1
        return submit(self.warehouse, self.client, self.settings, run_id=f"run-{self.runs}", clock=self.clock.now)

    def confirm(self) -> ConfirmReport:
        self.runs += 1
        return confirm(self.warehouse, self.client, self.settings, run_id=f"run-{self.runs}", clock=self.clock.now)

    def passes(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.reading() as con:
            return con.execute(sql).fetchall()

    def states(self) -> dict[str, str]:
        """State by OrderId, with the outcome where it has one."""
        rows = self.rows("select OrderId, concat_ws('/', state, outcome) from outbox.request where Type = 'Conversion'")
        return {str(order_id): str(state) for order_id, state in rows}

    def waiting(self) -> dict[str, str | None]:
        return dict(self.rows("select OrderId, wait from outbox.request where state = 'ready'"))

    def proven(self) -> None:
        """Let every event type have a conversion that went all the way, so that none has to go alone."""
        with self.warehouse.transaction() as con:
            for code in IDS:
                add_conversion(con, f"proof_{code}", self.clock.now(), code=code, CustomerId=None)
            enqueue(con, self.settings, run_id="proof", now=self.clock.now())
            con.execute(
                "update outbox.request set state = 'settled', outcome = 'not_credited', settled_at = $at",
                {"at": self.clock.now() - timedelta(days=1)},
            )

    def lead_states(self) -> set[str]:
        return {state for name, state in self.states().items() if name.startswith("Lead")}


@dataclass(kw_only=True)
class There:
    """impact.com, as the simulator plays it."""

    app: ImpactApp
    url: str

    @property
    def program(self) -> Program:
        return self.app.api.program

    def fault(self, kind: str, **given: Any) -> None:
        parameters = given.pop("parameters", {})
        self.app.api.faults.add(Fault(kind=kind, parameters=parameters, **given))

    def mend(self) -> None:
        self.app.api.faults.clear()

    @property
    def received(self) -> list[str]:
        """The bodies of all conversions that arrived or were lost at the door, in order."""
        return [one.body.decode() for one in self.program.received]

    def live(self) -> dict[tuple[int, str], int]:
        return {key: count for key, count in self.program.live_actions_by_key().items() if count}

    def recorded(self) -> Counter[str]:
        """How many submissions of type Conversion each OrderId has."""
        return Counter(
            one.parameters["OrderId"] for one in self.program.submissions.values() if one.type == "Conversion"
        )


def add_conversion(
    con: Any,
    order_id: str,
    at: datetime,
    *,
    code: str = LEAD,
    amount: str | None = None,
    items: list[tuple[str, int, str]] | None = None,
    decision: str = "send",
    ClickId: str | None = "click-1",
    CustomerId: str | None = "",
) -> str:
    event_id = f"event-{order_id}"
    customer = f"customer-{order_id}" if CustomerId == "" else CustomerId
    total = Decimal(amount) if amount else sum((Decimal(one[2]) for one in items), Decimal(0)) if items else None
    con.execute("delete from conversions.conversion where event_id = $id", {"id": event_id})
    con.execute("delete from conversions.decision where event_id = $id", {"id": event_id})
    con.execute(
        "insert into conversions.conversion by name select $id as event_id, 1 as change_id, 'Opportunity' as object, "
        "$order as Id, 'won' as event, 'lead' as type_kind, $at::timestamptz as event_at, "
        "$amount::decimal(18, 2) as amount, $items as item_count, 'hash' as config_hash, $at as mapped_at, "
        "'4711' as CampaignId, $tracker as ActionTrackerId, $code as EventTypeCode, $date as EventDate, "
        "$order as OrderId, $click as ClickId, $customer as CustomerId, $currency as CurrencyCode, "
        "$subtotal as OrderSubTotalPostDiscount",
        {
            "id": event_id,
            "order": order_id,
            "at": at,
            "amount": total,
            "items": len(items or []),
            "tracker": IDS[code],
            "code": code,
            "date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "click": ClickId,
            "customer": customer,
            "currency": "USD" if total is not None else None,
            "subtotal": amount,
        },
    )
    for number, (sku, quantity, subtotal) in enumerate(items or [], start=1):
        con.execute(
            "insert into conversions.item by name select $id as event_id, $n as item_number, $subtotal::decimal(18, 2) "
            "as amount, $sku as ItemSku, 'Plan & more' as ItemName, 'Software' as ItemCategory, "
            "$quantity as ItemQuantity, $subtotal as ItemSubTotal",
            {"id": event_id, "n": number, "sku": sku, "quantity": str(quantity), "subtotal": subtotal},
        )
    decide(con, event_id, at, decision=decision)
    return event_id


def decide(con: Any, event_id: str, at: datetime, *, decision: str, reason: str = "field_changed") -> None:
    """Let the decision that carries the event be this one."""
    con.execute("delete from conversions.decision where event_id = $id", {"id": event_id})
    con.execute(
        "insert into conversions.decision by name select nextval('conversions.decision_id') as decision_id, "
        "1 as change_id, 'Opportunity' as object, $id as Id, 'won' as event, $decision as decision, $reason as reason, "
        "$id as event_id, 1 as entry, true as carries, $at::timestamptz as event_at, 'hash' as config_hash, "
        "'cycle' as cycle_id, 'cycle' as run_id, $at as decided_at",
        {"id": event_id, "at": at, "decision": decision, "reason": reason},
    )


def want(con: Any, event_id: str, at: datetime, **given: Any) -> None:
    """Let impact.com be wanted to show something else for the event."""
    con.execute("delete from conversions.wanted where event_id = $id", {"id": event_id})
    con.execute(
        "insert into conversions.wanted by name select $id as event_id, $state as state, $code as code, "
        "$amount::decimal(18, 2) as amount, from_json($items::json, "
        '\'[{"ItemSku": "VARCHAR", "ItemQuantity": "VARCHAR", "ItemSubTotal": "VARCHAR"}]\') as items, '
        "null as CustomerStatus, $approval as approval, 2 as change_id, $at::timestamptz as wanted_at",
        {
            "id": event_id,
            "state": given.get("state", "live"),
            "code": given.get("code"),
            "amount": given.get("amount"),
            "items": json.dumps(given.get("items")),
            "approval": given.get("approval"),
            "at": at,
        },
    )


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def impact(clock: Clock) -> Iterator[There]:
    app = impact_app(Program(clock, DECLARATION))
    with LoopbackServer(app) as server:
        yield There(app=app, url=server.url)


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: making the tables takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "impact_pipeline.duckdb"
    with Warehouse(path=path).transaction() as con:
        con.execute("alter table conversions.conversion add column OrderSubTotalPostDiscount varchar")
    return path


class KeptOpen(Warehouse):
    """A warehouse whose connection stays open, which is quick; for tests in which no second process takes part."""

    connections: ClassVar[dict[Path, duckdb.DuckDBPyConnection]] = {}
    turn: ClassVar[threading.RLock] = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.turn:
            con = self._connection()
            con.begin()
            try:
                yield con
            except BaseException:
                con.rollback()
                raise
            con.commit()

    @contextmanager
    def reading(self, wait_seconds: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self._connection()

    def close(self) -> None:
        if con := self.connections.pop(self.path, None):
            con.close()

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self.path not in self.connections:
            self.connections[self.path] = duckdb.connect(str(self.path), config={"threads": 1})
            self.connections[self.path].execute("set TimeZone = 'UTC'")
        # A cursor has its own temporary tables, as a new connection would.
        return self.connections[self.path].cursor()


@pytest.fixture
def warehouse(tmp_path: Path, empty_warehouse: Path) -> Iterator[Warehouse]:
    """Kept open; a module in which other processes open the file has a fixture of its own."""
    kept = KeptOpen(path=shutil.copy(empty_warehouse, tmp_path / "impact_pipeline.duckdb"))
    yield kept
    kept.close()


@pytest.fixture
def outbox(warehouse: Warehouse, clock: Clock, impact: There) -> Iterator[Outbox]:
    transport = HttpTransport(impact.url)
    client = ImpactClient(transport, Credential(account_sid=SID, auth_token=TOKEN), clock=clock.now, retry_seconds=0)
    yield Outbox(warehouse=warehouse, clock=clock, client=client)
    transport.close()
