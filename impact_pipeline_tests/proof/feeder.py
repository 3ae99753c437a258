"""
In the place of capture, changes and decisions: writes conversions.* for what happened, as `decide` would.

It holds no memory of its own. Like `decide` it reads how each record stands in conversions.* and in the outbox, in the
transaction that writes, so that it may die at any moment and be run again.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from impact_pipeline_tests.proof.business import Kind, Line, Poison, Subject, Values

EVENT_TYPE_IDS = {Kind.LEAD: "8180", Kind.DEAL: "8181", Kind.SALE: "8182"}
CAMPAIGN_ID, CURRENCY = "4711", "USD"
# How far ahead of its time a conversion is that impact.com will reject for it.
FUTURE = timedelta(days=365)

_TABLES = {
    "changes.change": "change_id bigint, object varchar, Id varchar, kind varchar, fields varchar[], "
    "occurred_at timestamptz, detected_at timestamptz, cycle_id varchar",
    "conversions.decision": "change_id bigint, object varchar, Id varchar, event varchar, decision varchar, "
    "reason varchar, event_key varchar, event_id varchar, entry integer, carries boolean, event_at timestamptz, "
    "EventTypeCode varchar, OrderId varchar, CurrencyCode varchar, amount decimal(18, 2), config_hash varchar, "
    "cycle_id varchar, run_id varchar, decided_at timestamptz, previous_decision_id bigint",
    "conversions.conversion": "event_id varchar, change_id bigint, object varchar, Id varchar, event varchar, "
    "type_kind varchar, event_at timestamptz, amount decimal(18, 2), item_count integer, config_hash varchar, "
    "mapped_at timestamptz, content_md5 varchar, CampaignId varchar, ActionTrackerId varchar, "
    "EventTypeCode varchar, EventDate varchar, "
    "OrderId varchar, ClickId varchar, CustomerId varchar, CurrencyCode varchar, OrderSubTotalPostDiscount varchar",
    "conversions.item": "event_id varchar, item_number integer, amount decimal(18, 2), ItemSku varchar, "
    "ItemName varchar, ItemCategory varchar, ItemQuantity varchar, ItemSubTotal varchar",
    "conversions.wanted": "event_id varchar, state varchar, code varchar, amount decimal(18, 2), "
    "items struct(ItemSku varchar, ItemQuantity varchar, ItemSubTotal varchar)[], change_id bigint, "
    "wanted_at timestamptz",
}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a subject stands in conversions.* and in the outbox: its newest entry."""

    decision_id: int
    change_id: int
    event_id: str
    entry: int
    decision: str
    carries: bool
    state: str | None
    outcome: str | None
    was_intended: bool
    is_reversing: bool
    is_reversed: bool
    wanted: str | None
    amount: Decimal | None
    items: tuple[Line, ...]
    is_locked: bool
    is_said_to_be_locked: bool
    was_deleted: bool

    @property
    def is_unsent(self) -> bool:
        """Nothing of it has left, or provably nothing arrived."""
        return self.state is None or (
            not self.was_intended and (self.state in ("ready", "withdrawn") or self.outcome == "no_trace")
        )

    @property
    def is_fruitless(self) -> bool:
        """impact.com has no action for it, so that nothing can be corrected."""
        return self.state == "refused" or self.outcome in ("not_credited", "rejected")


@dataclass(kw_only=True)
class Writing:
    """The rows of one call."""

    now: datetime
    cycle_id: str
    change_id: int
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {table: [] for table in _TABLES})
    unwanted: list[str] = field(default_factory=list)

    def change(self, subject: Subject, kind: str) -> int:
        self.change_id += 1
        self.rows["changes.change"].append(
            {
                "change_id": self.change_id,
                "object": _object(subject),
                "Id": subject.record_id,
                "kind": kind,
                "fields": [],
                "occurred_at": self.now,
                "detected_at": self.now,
                "cycle_id": self.cycle_id,
            }
        )
        return self.change_id

    def decide(
        self,
        subject: Subject,
        change_id: int,
        answer: str,
        *,
        entry: int,
        carries: bool = False,
        instead_of: Standing | None = None,
    ) -> None:
        decision, _, reason = answer.partition(" ")
        self.rows["conversions.decision"].append(
            {
                "change_id": change_id,
                "object": _object(subject),
                "Id": subject.record_id,
                "event": "reported",
                "decision": decision,
                "reason": reason,
                "event_key": subject.record_id,
                "event_id": event_id_of(subject, entry),
                "entry": entry,
                "carries": carries,
                "event_at": subject.happened_at,
                "EventTypeCode": subject.kind,
                "OrderId": order_id_of(subject, entry),
                "CurrencyCode": _currency(subject),
                "amount": subject.values.amount,
                "config_hash": "hash",
                "cycle_id": self.cycle_id,
                "run_id": self.cycle_id,
                "decided_at": self.now,
                "previous_decision_id": None if instead_of is None else instead_of.decision_id,
            }
        )

    def map(self, subject: Subject, change_id: int, entry: int) -> None:
        """The conversion with the values of now."""
        event_id, values = event_id_of(subject, entry), subject.values
        event_date = subject.happened_at + (FUTURE if subject.poison is Poison.LATER else timedelta(0))
        self.rows["conversions.conversion"].append(
            {
                "event_id": event_id,
                "change_id": change_id,
                "object": _object(subject),
                "Id": subject.record_id,
                "event": "reported",
                "type_kind": "sale" if subject.kind is Kind.SALE else "lead",
                "event_at": subject.happened_at,
                "amount": values.amount,
                "item_count": len(values.lines),
                "config_hash": "hash",
                "mapped_at": self.now,
                "content_md5": repr(values),
                "CampaignId": CAMPAIGN_ID,
                "ActionTrackerId": EVENT_TYPE_IDS[subject.kind],
                "EventTypeCode": subject.kind,
                "EventDate": f"{event_date:%Y-%m-%dT%H:%M:%SZ}",
                "OrderId": order_id_of(subject, entry),
                "ClickId": subject.click_id,
                "CustomerId": subject.customer,
                "CurrencyCode": _currency(subject),
                "OrderSubTotalPostDiscount": None if values.lines else _money(values.amount),
            }
        )
        self.rows["conversions.item"] += [
            {
                "event_id": event_id,
                "item_number": number,
                "amount": line.total,
                "ItemSku": line.sku,
                "ItemName": f"{line.sku} & more",
                "ItemCategory": "Software",
                "ItemQuantity": str(line.quantity),
                "ItemSubTotal": _money(line.total),
            }
            for number, line in enumerate(values.lines, start=1)
        ]

    def want(self, subject: Subject, standing: Standing, change_id: int, state: str, *, as_told: bool = False) -> None:
        """
        What impact.com should show: the values of now, where a line that is gone has quantity 0; those that were wanted
        before if they stay `as_told`, as with a reversal.
        """
        amount, lines = subject.values.amount, subject.values.lines
        if as_told or state == "reversed":
            amount, lines = standing.amount, standing.items
        gone = [one for one in standing.items if one.sku not in {line.sku for line in lines}]
        told = [(one.sku, one.quantity, one.total) for one in lines] + [(one.sku, 0, Decimal("0.00")) for one in gone]
        self.rows["conversions.wanted"].append(
            {
                "event_id": standing.event_id,
                "state": state,
                "code": "ORDER_ERROR" if state == "reversed" else None,
                "amount": amount,
                "items": [
                    {"ItemSku": sku, "ItemQuantity": str(quantity), "ItemSubTotal": _money(total)}
                    for sku, quantity, total in told
                ],
                "change_id": change_id,
                "wanted_at": self.now,
            }
        )


def feed(con: duckdb.DuckDBPyConnection, subjects: Iterable[Subject], *, cycle_id: str, now: datetime) -> None:
    """Bring conversions.* to what happened, in the caller's transaction; without news it writes nothing."""
    standings = _standings(con, now)
    newest = con.execute("select coalesce(max(change_id), 0) from changes.change").fetchone()
    assert newest is not None
    writing = Writing(now=now, cycle_id=cycle_id, change_id=newest[0])
    for subject in subjects:
        _weigh(writing, subject, standings.get(subject.record_id))
    _write(con, writing)


def event_id_of(subject: Subject, entry: int) -> str:
    return f"event-{subject.record_id}-{entry}"


def order_id_of(subject: Subject, entry: int) -> str:
    return subject.order_id if entry == 1 else f"{subject.order_id}_{entry}"


def _weigh(writing: Writing, subject: Subject, standing: Standing | None) -> None:
    """What one subject's state means, given how it stands; the cases are those of the suite of decisions."""
    if standing is None or not standing.carries:
        if subject.is_there or (subject.is_held and standing is None):
            # Cases B1 and H1; brought back after it was deleted unsent: as if it were new.
            entry = 1 if standing is None else standing.entry
            _report(writing, subject, writing.change(subject, "created" if standing is None else "undeleted"), entry)
    elif standing.decision == "hold":
        if subject.is_there:
            _report(writing, subject, standing.change_id, standing.entry, instead_of=standing)
    elif standing.is_unsent:
        _weigh_unsent(writing, subject, standing)
    elif standing.is_reversed:
        if subject.is_there:
            # Cases E3 and F8.
            _report(writing, subject, writing.change(subject, "updated"), standing.entry + 1)
    elif not standing.is_reversing:
        _weigh_sent(writing, subject, standing)


def _report(writing: Writing, subject: Subject, change_id: int, entry: int, instead_of: Standing | None = None) -> None:
    answer = (
        "hold missing_required" if subject.is_held else "send field_changed" if entry == 1 else "send entered_again"
    )
    writing.decide(subject, change_id, answer, entry=entry, carries=True, instead_of=instead_of)
    if subject.is_held:
        return
    writing.map(subject, change_id, entry)
    writing.unwanted.append(event_id_of(subject, entry))


def _weigh_unsent(writing: Writing, subject: Subject, standing: Standing) -> None:
    if subject.is_deleted:
        # Case F3.
        gone = writing.change(subject, "deleted")
        writing.decide(subject, standing.change_id, "skip deleted_unsent", entry=standing.entry, instead_of=standing)
        writing.decide(subject, gone, "correct record_deleted", entry=standing.entry)
        writing.want(subject, standing, gone, "reversed")
    elif not subject.is_won:
        if standing.wanted != "reversed":
            lost = writing.change(subject, "updated")
            writing.decide(subject, lost, "correct condition_lost", entry=standing.entry)
            writing.want(subject, standing, lost, "reversed")
    else:
        if standing.wanted == "reversed":
            # Cases E7 and F7.
            writing.unwanted.append(standing.event_id)
            if standing.was_deleted:
                writing.change(subject, "undeleted")
        if _values_of(standing) != subject.values or standing.wanted == "reversed":
            writing.map(subject, standing.change_id, standing.entry)


def _weigh_sent(writing: Writing, subject: Subject, standing: Standing) -> None:
    if standing.is_fruitless:
        # Case G12.
        return
    state = "live" if subject.is_there else "reversed"
    if standing.wanted == state == "reversed":
        return
    if (standing.wanted or "live") == state and _values_of(standing) == subject.values:
        return
    kind = "deleted" if subject.is_deleted else "undeleted" if standing.was_deleted else "updated"
    if standing.is_locked:
        is_back = standing.wanted == "reversed"
        if is_back or not standing.is_said_to_be_locked:
            # Cases G13, E6d and E6e.
            is_as_told = is_back and _values_of(standing) == subject.values
            change_id = writing.change(subject, kind)
            answer = "skip already_reported" if is_as_told else "skip action_locked"
            writing.decide(subject, change_id, answer, entry=standing.entry)
            if is_back:
                writing.want(subject, standing, change_id, "live", as_told=True)
        return
    # Cases E2, F1, G6 and G9; back from a reversal that nobody sent: E4, E6 and F7.
    reason = "items_changed" if state == "live" else "record_deleted" if subject.is_deleted else "condition_lost"
    change_id = writing.change(subject, kind)
    writing.decide(subject, change_id, f"correct {reason}", entry=standing.entry)
    writing.want(subject, standing, change_id, state)


def _values_of(standing: Standing) -> Values:
    return Values(amount=standing.amount, lines=tuple(one for one in standing.items if one.quantity))


def _standings(con: duckdb.DuckDBPyConnection, now: datetime) -> dict[str, Standing]:
    """
    How each subject that was decided on stands, by its Id: its newest entry.

    Small questions, put together here: one statement for all would take longer to plan than all of these to run.
    """
    requests: dict[str, list[tuple[str, str, str | None, bool, str | None]]] = defaultdict(list)
    for event_id, *request in con.execute(
        "select event_id, Type, state, outcome, intended_at is not null, reason from outbox.request order by request_id"
    ).fetchall():
        requests[event_id].append((request[0], request[1], request[2], request[3], request[4]))
    amounts = dict(con.execute("select event_id, amount from conversions.conversion").fetchall())
    items: dict[str, list[Line]] = defaultdict(list)
    for event_id, *item in con.execute(
        "select event_id, ItemSku, ItemQuantity, ItemSubTotal from conversions.item order by ItemSku"
    ).fetchall():
        items[event_id].append(_line(*item))
    wanted = {
        event_id: (state, amount, [_line(*one.values()) for one in told])
        for event_id, state, amount, told in con.execute(
            "select event_id, state, amount, items from conversions.wanted"
        ).fetchall()
    }
    locks: dict[str, list[bool]] = defaultdict(list)
    for order_id, is_locked in con.execute(
        "select Oid, LockingDate <= $now from audit.current_action", {"now": now}
    ).fetchall():
        locks[order_id].append(is_locked)
    deleted = {
        record_id
        for record_id, kind in con.execute(
            "select Id, arg_max(kind, change_id) from changes.change where kind in ('deleted', 'undeleted') group by Id"
        ).fetchall()
        if kind == "deleted"
    }
    late = {
        event_id
        for (event_id,) in con.execute(
            "select event_id from conversions.current_decision where reason = 'action_locked'"
        ).fetchall()
    }
    standings: dict[str, Standing] = {}
    for record_id, decision_id, change_id, event_id, order_id, entry, decision, carries in con.execute(
        "select Id, decision_id, change_id, event_id, OrderId, entry, decision, carries "
        "from conversions.current_decision where carries or reason = 'deleted_unsent' order by entry, decision_id"
    ).fetchall():
        of_event = requests[event_id]
        conversion = next((one for one in reversed(of_event) if one[0] == "Conversion"), None)
        reversals = [one for one in of_event if one[0] == "Reversal"]
        state, amount, told = wanted.get(event_id, (None, amounts.get(event_id), items[event_id]))
        standings[record_id] = Standing(
            decision_id=decision_id,
            change_id=change_id,
            event_id=event_id,
            entry=entry,
            decision=decision,
            carries=carries,
            state=conversion[1] if conversion else None,
            outcome=conversion[2] if conversion else None,
            was_intended=conversion is not None and conversion[3],
            is_reversing=any(
                one[1] in ("intended", "accepted", "in_doubt") or (one[1] == "ready" and one[4] == "same_value_again")
                for one in reversals
            ),
            is_reversed=any(one[1:3] == ("settled", "credited") for one in reversals),
            wanted=state,
            amount=amount,
            items=tuple(told),
            is_locked=bool(locks[order_id]) and all(locks[order_id]),
            is_said_to_be_locked=event_id in late,
            was_deleted=record_id in deleted,
        )
    return standings


def _line(sku: str, quantity: str, total: str) -> Line:
    return Line(sku=sku, quantity=int(quantity), total=Decimal(total))


def _write(con: duckdb.DuckDBPyConnection, writing: Writing) -> None:
    rows = writing.rows
    mapped = [one["event_id"] for one in rows["conversions.conversion"]]
    wanted = [*writing.unwanted, *(one["event_id"] for one in rows["conversions.wanted"])]
    for table, event_ids in (
        ("conversions.conversion", mapped),
        ("conversions.item", mapped),
        ("conversions.wanted", wanted),
    ):
        if event_ids:
            con.execute(f"delete from {table} where list_contains(?::varchar[], event_id)", [event_ids])
    for table, given in rows.items():
        if given:
            _insert(con, table, given)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    columns = dict(piece.split(" ", 1) for piece in _columns(_TABLES[table]))
    shape = json.dumps([{name: _shape(kind) for name, kind in columns.items()}])
    con.execute(
        f"insert into {table} ({', '.join(columns)}) select unnest(one) "
        f"from (select unnest(from_json($rows::json, '{shape}')) as one)",
        {"rows": json.dumps(rows, default=str)},
    )


def _columns(text: str) -> list[str]:
    """The columns of a table as _TABLES writes them; a comma inside parentheses parts nothing."""
    pieces, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces]


def _shape(kind: str) -> Any:
    if kind.startswith("struct("):
        return [dict(piece.split(" ", 1) for piece in _columns(kind.removeprefix("struct(").removesuffix(")[]")))]
    return [kind.removesuffix("[]")] if kind.endswith("[]") else kind


def _object(subject: Subject) -> str:
    return "Lead" if subject.kind is Kind.LEAD else "Opportunity"


def _currency(subject: Subject) -> str | None:
    if subject.poison is Poison.DOOR:
        return "usd"
    return CURRENCY if subject.values.amount is not None else None


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
