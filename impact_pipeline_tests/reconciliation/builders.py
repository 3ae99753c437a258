"""Rows of the tables that the comparison reads, with good defaults: a test states only what it is about."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count as numbers
from pathlib import Path
from typing import Any

import duckdb

from impact_pipeline.reconciliation import reconcile as stage
from impact_pipeline.reconciliation.settings import EventType, ReconciliationSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CAMPAIGN = "4711"
WON, QUALIFIED, TAGGED = "8182", "8180", "8190"
CODES = {WON: "Opportunity_Closed Won", QUALIFIED: "Lead_Qualified", TAGGED: "Signup"}

SETTINGS = ReconciliationSettings(
    campaign_id=CAMPAIGN,
    time_zone="America/New_York",
    currency="USD",
    event_types=(
        EventType(code=CODES[WON], action_tracker_id=WON),
        EventType(code=CODES[QUALIFIED], action_tracker_id=QUALIFIED),
        EventType(code=CODES[TAGGED], action_tracker_id=TAGGED, owner="tag"),
    ),
)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def unbalanced_sql() -> str:
    return Path(stage.__file__).with_name("unbalanced.sql").read_text("utf-8")


class Rows:
    """Inserts into an open connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self._numbers = numbers(1)

    def insert(self, table: str, **values: Any) -> Any:
        columns = ", ".join(values)
        self.con.execute(
            f"insert into {table} ({columns}) values ({', '.join('?' for _ in values)})", list(values.values())
        )

    def decision(self, order: str | None, **given: Any) -> str:
        """A current decision; returns the event_id."""
        number = next(self._numbers)
        event_id = given.pop("event_id", f"event-{order or number}")
        values: dict[str, Any] = {
            "change_id": number,
            "object": "Opportunity",
            "Id": f"006{number:015d}",
            "event": "won",
            "decision": "send",
            "reason": "stage_passed",
            "event_key": event_id,
            "event_id": event_id,
            "entry": 1,
            "carries": True,
            "event_at": ago(days=5),
            "EventTypeCode": CODES[WON],
            "OrderId": order,
            "CurrencyCode": "USD",
            "amount": Decimal("100.00"),
            "config_hash": "c",
            "cycle_id": "cycle",
            "run_id": "run",
            "decided_at": ago(days=5),
        }
        values |= given
        self.insert("conversions.decision", **values)
        self.queue()
        return event_id

    def queue(self, until: int | None = None) -> None:
        """Let the outbox have taken up all decisions, or those until this number."""
        self.con.execute(
            "update outbox.queue_cursor "
            "set decision_id = coalesce(?, (select max(decision_id) from conversions.decision))",
            [until],
        )

    def decide_again(self, event_id: str, **changed: Any) -> None:
        """A change of mind about the carrying decision of an event."""
        replaced = "".join(f", ? as {name}" for name in changed)
        self.con.execute(
            "insert into conversions.decision by name select * replace (nextval('conversions.decision_id') as "
            f"decision_id, decision_id as previous_decision_id{replaced}) from conversions.current_decision "
            "where event_id = ? and carries",
            [*changed.values(), event_id],
        )
        self.queue()

    def request(self, order: str, **given: Any) -> int:
        """A request with its first transition, and with the ones `moves` names; returns its number."""
        moves = given.pop("moves", [given.get("state", "settled")])
        values: dict[str, Any] = {
            "Type": "Conversion",
            "event_id": f"event-{order}",
            "object": "Opportunity",
            "Id": "006000000000000001",
            "event": "won",
            "CampaignId": CAMPAIGN,
            "ActionTrackerId": WON,
            "OrderId": order,
            "has_click_id": True,
            "event_at": ago(days=5),
            "EventDate": ago(days=5).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "CurrencyCode": "USD",
            "amount": Decimal("100.00"),
            "item_count": 0,
            "config_hash": "c",
            "state": "settled",
            "outcome": "credited",
            "due_at": ago(hours=2),
            "created_at": ago(days=4),
            "accepted_at": ago(days=4),
            "settled_at": ago(days=3),
        }
        values |= given
        values.setdefault("EventTypeCode", CODES.get(values["ActionTrackerId"], "?"))
        if values["state"] != "settled":
            values["outcome"], values["settled_at"] = given.get("outcome"), given.get("settled_at")
        self.insert("outbox.request", **values)
        row = self.con.execute("select max(request_id) from outbox.request").fetchone()
        assert row is not None
        for state in ["ready", *moves]:
            self.transition(row[0], state)
        return int(row[0])

    def move(self, request_id: int, **changed: Any) -> None:
        """A move of a request, with its transition."""
        setters = ", ".join(f"{name} = ?" for name in changed)
        self.con.execute(f"update outbox.request set {setters} where request_id = ?", [*changed.values(), request_id])
        self.transition(request_id, changed["state"])

    def transition(self, request_id: int, state: str) -> None:
        self.insert("audit.transition", request_id=request_id, to_state=state, run_id="run", moved_at=ago(days=4))

    def wanted(self, order: str, **given: Any) -> None:
        values: dict[str, Any] = {
            "event_id": f"event-{order}",
            "state": "live",
            "amount": Decimal("80.00"),
            "change_id": 1,
            "wanted_at": ago(days=2),
        }
        self.insert("conversions.wanted", **(values | given))

    def submission(self, submission_id: str, **given: Any) -> None:
        values: dict[str, Any] = {
            "submission_id": submission_id,
            "Status": "Complete",
            "ErrorType": "",
            "ErrorReason": "",
            "CompletionDate": ago(days=2),
            "observed_at": ago(hours=1),
            "run_id": "run",
        }
        self.insert("audit.submission", **(values | given))

    def action(self, order: str | None, **given: Any) -> str:
        """An observation of an action; returns its id."""
        action_id = given.pop("action_id", f"4711.1.{next(self._numbers)}")
        values: dict[str, Any] = {
            "action_id": action_id,
            "CampaignId": CAMPAIGN,
            "ActionTrackerId": WON,
            "Oid": order,
            "State": "PENDING",
            "Amount": Decimal("100.00"),
            "Payout": Decimal("10.00"),
            "Currency": "USD",
            "MediaPartnerId": "20000",
            "EventDate": ago(days=5),
            "CreationDate": ago(days=4),
            "LockingDate": NOW + timedelta(days=20),
            "ReferringType": "CLICK_COOKIE",
            "observed_at": ago(hours=1),
            "run_id": "run",
        }
        self.insert("audit.action", **(values | given))
        return action_id

    def sent(self, order: str, **given: Any) -> int:
        """An expected event with its settled Conversion."""
        amount = given.get("amount", Decimal("100.00"))
        self.decision(order, amount=amount, CurrencyCode=given.get("CurrencyCode", "USD"))
        return self.request(order, **given)

    def erase(self, order: str) -> str:
        """Forget a key as it is kept afterwards; returns what stands for its OrderId."""
        digest = hashlib.sha256(f"salt{order}".encode()).hexdigest()
        self.insert(
            "reconciliation.erased_key",
            CampaignId=CAMPAIGN,
            ActionTrackerId=WON,
            OrderId_sha256=digest,
            salt="salt",
            erased_at=ago(days=1),
        )
        return digest


def count(rows: Rows, table: str) -> int:
    row = rows.con.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])


def snapshot(rows: Rows) -> dict[str, list[Any]]:
    """Every row of the tables that the comparison writes, with the places where they lie."""
    return {
        table: rows.con.execute(f"select rowid, * from reconciliation.{table} order by rowid").fetchall()
        for table in ("conversion_status", "counted_event", "tally", "totals", "implied_rate", "cursor")
    }


def statuses(rows: Rows) -> list[Any]:
    """Every status, without the places and the times of entry."""
    return rows.con.execute("select * exclude (since) from reconciliation.conversion_status order by key").fetchall()
