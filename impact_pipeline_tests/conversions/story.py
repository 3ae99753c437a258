"""Plays a case of cases.yaml: edits in a simulated org, capture cycles, changes and decisions in a real warehouse."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import duckdb
import pytest
import yaml

from impact_pipeline.capture.cycle import CycleReport
from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import watched_objects
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.conversions.accept import accept, withheld
from impact_pipeline.conversions.decide import decide
from impact_pipeline.conversions.words import Word, say
from impact_pipeline.outbox.moves import carry_out, list_moves
from impact_pipeline.outbox.queue import enqueue
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.simulator.salesforce import OrgFeatures
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.capture.world import START, World
from impact_pipeline_tests.planning import plan_little

IDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "account": ("Account", "001am00000000zAAAQ", {"Name": "Hatfan"}),
    "other account": ("Account", "001am00000000zBAAQ", {"Name": "Hatfan Ltd"}),
    "lead": ("Lead", "00Qam00000000zBEAQ", {"LastName": "Alexander", "Company": "Hatfan", "Status": "Open"}),
    "other lead": ("Lead", "00Qam00000000zCEAQ", {"LastName": "Bailey", "Company": "Hatfan", "Status": "Open"}),
    "deal": (
        "Opportunity",
        "006am00000000zCAAQ",
        {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-24", "Amount": 100},
    ),
    "other deal": (
        "Opportunity",
        "006am00000000zDAAQ",
        {"Name": "Other", "StageName": "Prospecting", "CloseDate": "2026-12-24", "Amount": 100},
    ),
    "contact": ("Contact", "003am00000000zEAAQ", {"LastName": "Alexander"}),
    "role": (
        "OpportunityContactRole",
        "00Kam00000000zGEAQ",
        {"OpportunityId": "006am00000000zCAAQ", "ContactId": "003am00000000zEAAQ", "IsPrimary": True},
    ),
    "line": ("OpportunityLineItem", "00kam00000000zGAAQ", {"Quantity": 1, "UnitPrice": 100, "Sku__c": "A"}),
    "line 2": ("OpportunityLineItem", "00kam00000000zHAAQ", {"Quantity": 1, "UnitPrice": 100, "Sku__c": "B"}),
    "line 3": ("OpportunityLineItem", "00kam00000000zIAAQ", {"Quantity": 1, "UnitPrice": 100, "Sku__c": "A"}),
}
ONE_BY_ONE = CaptureOptions(readers=1, gather_seconds=0.0)
BULK = CaptureOptions(bulk_from_rows=1, poll_seconds=0.01)
PLANNED_WELL = 10
USER = "005am00000000z1AAA"
# What was mapped anew waits until it is queued anew.
_DUE = (
    "Type = 'Conversion' and state = 'ready' "
    "and (event_id, content_md5) in (select (event_id, content_md5) from conversions.conversion)"
)
_SPAN = re.compile(r"(-?\d+)(m|h|d)\Z")


def span(text: str) -> timedelta:
    match = _SPAN.match(text)
    assert match, text
    return {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[match[2]] * int(match[1])


_open: dict[Path, duckdb.DuckDBPyConnection] = {}


class Killed(Exception):
    """Stands for a process that is killed."""


@dataclass(frozen=True, kw_only=True)
class KeptOpen(Warehouse):
    """A warehouse whose file stays open: opening it is tested elsewhere, and would be most of a small case's time."""

    is_planned_well: bool = False

    @contextmanager
    def _hold(self, *, read_only: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
        if self.path not in _open:
            _open[self.path] = duckdb.connect(str(self.path), config={"threads": 1})
            _open[self.path].execute("set TimeZone = 'UTC'")
            if not self.is_planned_well:
                plan_little(_open[self.path])
        try:
            yield _open[self.path]
        except BaseException:
            # A file that is closed forgets what was not committed.
            with suppress(duckdb.TransactionException):
                _open[self.path].rollback()
            raise

    def close(self) -> None:
        _open.pop(self.path).close()


class Story:
    """
    One case on its way.

    Args:
        bases: the named configurations of cases.yaml.
        case: besides what cases.yaml says, `order`: objects are read one by one, in this order.
    """

    def __init__(self, folder: Path, case: dict[str, Any], bases: dict[str, Any]) -> None:
        self.folder = folder
        self.case = case
        self.content = copy.deepcopy(bases[case["config"]])
        self._patch(case.get("but", {}))
        tracked = {"Lead": ("Status",)} if case.get("lead_history") else {}
        features = OrgFeatures(tracked_fields=tracked, multi_currency=bool(case.get("currencies")))
        self.world = World(folder, features)
        # One of so many is planned as in production.
        is_planned_well = crc32(str(case).encode()) % PLANNED_WELL == 0
        self.warehouse = KeptOpen(path=self.world.warehouse.path, is_planned_well=is_planned_well)
        self.world.warehouse = self.warehouse
        self.org = self.world.org
        self.org.apply(
            {"op": "create", "sobject": "User", "id": USER, "fields": {"Username": "a", "LastName": "Admin"}}
        )
        self.org.add_field("OpportunityLineItem", Field(name="Sku__c", type="string", length=40))
        self.org.add_field("Opportunity", Field(name="Refund_Of__c", type="string", length=18))
        # The names of the cases are in the lists of values, too.
        self.org.rename_picklist_value("Lead", "Status", "Working - Contacted", "Working")
        self.org.rename_picklist_value("Opportunity", "StageName", "Negotiation/Review", "Negotiation")
        self.config = self._load()
        self.there: set[str] = set()
        self.crowd: list[str] = []
        self.reread: tuple[str, ...] = ()
        self.sweep: tuple[str, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.options: CaptureOptions | None = ONE_BY_ONE if "order" in case else None
        self.late: list[dict[str, Any]] = []
        self.cycles = 0
        self.seen = 0

    def close(self) -> None:
        self.world.close()
        self.warehouse.close()

    def play(self, steps: list[Any]) -> None:
        for step in steps:
            if step == "cycle":
                self.cycle()
            else:
                ((word, value),) = step.items()
                getattr(self, "_" + word.replace(" ", "_"), self._record)(word, value)

    def answers(self) -> list[str]:
        """`kind decision reason` of each change since `given`, of the record that the case is about."""
        about = IDS[self.case["about"]][1]
        rows = self.world.query(
            "select c.kind, d.decision, d.reason, strftime(d.event_at, '%d %H:%M'), d.event, d.detail "
            "from changes.change as c join conversions.current_decision as d using (change_id) "
            "where c.change_id > ? and c.Id = ? order by c.occurred_at, c.kind = 'history' desc, c.change_id, d.event",
            self.seen,
            about,
        )
        events = {row[4] for row in rows}
        return [" ".join([*(([row[4]]) if len(events) > 1 else []), *row[:3]]) for row in rows]

    def undecided(self) -> list[tuple[Any, ...]]:
        """The pairs of change and event that have not exactly one current decision."""
        events = [(name, event) for name, about in self.config.objects.items() for event in about.events]
        return self.world.query(
            "select c.change_id, c.kind, e.event, count(d.change_id) from changes.change as c "
            "join (select unnest($1) as object, unnest($2) as event) as e using (object) "
            "left join conversions.current_decision as d on d.change_id = c.change_id and d.event = e.event "
            "group by all having count(d.change_id) <> 1",
            [name for name, _ in events],
            [event for _, event in events],
        )

    def groundless(self) -> list[tuple[Any, ...]]:
        """Conversions that no change asks for, by a decision that sends them or leaves them to a guard."""
        return self.world.query(
            "select c.event_id, c.OrderId from conversions.conversion as c "
            "left join changes.change as h on h.change_id = c.change_id and h.object = c.object and h.Id = c.Id "
            "left join conversions.decision as d "
            "on d.change_id = c.change_id and d.event_id = c.event_id and d.carries "
            "and (d.decision = 'send' or d.reason = 'mass_change') "
            "where h.change_id is null or d.decision_id is null"
        )

    def cycle(self, **options: Any) -> None:
        self.cycles += 1
        report = self.capture(options=self.options, **options)
        self.reread = self.sweep = self.left_out = ()
        now = self.world.clock.now()
        with self.world.warehouse.transaction() as con:
            find_changes(con, watched_objects(self.config), cycle_id=report.cycle_id, now=now)
            decide(
                con,
                self.config,
                cycle_id=report.cycle_id,
                run_id=f"run {self.cycles}",
                now=now,
                campaign_id="4711",
                organization_id="00D",
            )

    def capture(self, **options: Any) -> CycleReport:
        wanted = {name: tuple(sorted(paths)) for name, paths in self.config.capture_set().items()}
        return self.world.capture(
            {name: wanted[name] for name in self._in_order(wanted) if name not in self.left_out},
            optional=tuple(self.config.optional_objects()),
            reread=tuple(name for name in self.reread if name in wanted),
            sweep=self.sweep,
            **options,
        )

    def _in_order(self, wanted: dict[str, tuple[str, ...]]) -> list[str]:
        order = self.case.get("order", ())
        return sorted(wanted, key=lambda name: order.index(name) if name in order else -1)

    def _record(self, word: str, fields: dict[str, Any]) -> None:
        sobject, record_id, defaults = IDS[word]
        options = {k: fields.pop(k) for k in ("commit_at", "system_only") if k in (fields := dict(fields))}
        if word not in self.there:
            given = dict(defaults)
            if sobject == "OpportunityLineItem":
                given["OpportunityId"] = IDS["deal"][1]
            fields = {**given, **fields}
        self._apply("update" if word in self.there else "create", sobject, record_id, fields, **options)
        self.there.add(word)

    def _apply(self, op: str, sobject: str, record_id: str, fields: dict[str, Any], **more: Any) -> None:
        self.org.apply({"op": op, "sobject": sobject, "id": record_id, "fields": fields, "by": USER, **more})

    def _later(self, _: str, value: str) -> None:
        self.world.clock.advance(span(value))

    def _delete(self, _: str, value: str) -> None:
        self._apply("delete", IDS[value][0], IDS[value][1], {})
        if value.startswith("line"):
            self.there.discard(value)

    def _hard_delete(self, _: str, value: str) -> None:
        self._apply("hard_delete", IDS[value][0], IDS[value][1], {})

    def _undelete(self, _: str, value: str) -> None:
        self._apply("undelete", IDS[value][0], IDS[value][1], {})

    def _merge(self, _: str, value: dict[str, str]) -> None:
        sobject, winner = IDS[value["into"]][:2]
        self._apply("merge", sobject, winner, {}, loser_ids=[IDS[value["loser"]][1]])

    def _convert(self, _: str, value: dict[str, Any]) -> None:
        fields = {"IsConverted": True, **value}
        lead = IDS[fields.pop("from", "lead")][1]
        for target in ("account", "contact", "deal"):
            if target in fields:
                sobject, record_id = IDS[target][:2]
                self._record(target, fields.pop(target) or {})
                fields[f"Converted{sobject}Id"] = record_id
        self._apply("update", "Lead", lead, fields)

    def _hide(self, _: str, value: str) -> None:
        self.org.hide(value)

    def _show(self, _: str, value: str) -> None:
        self.org.show(value)

    def _rename(self, _: str, value: dict[str, str]) -> None:
        """A value gets another name in Setup: Object.Field, from, to."""
        sobject, field = value["of"].split(".")
        self.org.rename_picklist_value(sobject, field, value["from"], value["to"])

    def _visible(self, _: str, value: bool) -> None:
        """Sharing shows all deals, or none; the next cycle reads them and their history in full."""
        self.reread = ("Opportunity", "OpportunityHistory")
        for name in self.reread:
            self.org.share(name, 1.0 if value else 0.0)

    def _sweep(self, _: str, value: list[str]) -> None:
        """The next cycle compares all Ids of these objects."""
        self.sweep = tuple(value)

    def _capture(self, _: str, value: str) -> None:
        """A cycle that ends before it decides; `at once`: while what happens in this second still happens."""
        self.capture(options=self.options, settle=value != "at once")

    def _cycle_at_once(self, _: str, __: str) -> None:
        """A cycle that comes too early for what was created a moment ago."""
        self.cycle(settle=False)

    def _bulk(self, _: str, value: bool) -> None:
        """From now on objects are read by bulk jobs, or not."""
        self.options = BULK if value else None

    def _leave_out(self, _: str, value: list[str]) -> None:
        """The next cycle ends before it comes to these objects."""
        self.left_out = tuple(value)

    def _kill(self, _: str, value: str) -> None:
        """A cycle that is killed when the first piece of an object has been committed."""

        def stop(captured: CapturedObject) -> None:
            if captured.object == value:
                raise Killed

        with pytest.raises(Killed):
            self.capture(on_captured=stop, options=ONE_BY_ONE)

    def _delay(self, _: str, value: str) -> None:
        """The history rows of a deal that no cycle has seen become visible only when they `arrive`."""
        table = self.org.table("OpportunityHistory")
        seen = {row[0] for row in self.world.query('select "Id" from raw."OpportunityHistory"')}
        found = table.with_values("OpportunityId", [IDS[value][1]])
        self.late = [table.remove(str(row["Id"])) for row in found if row["Id"] not in seen]

    def _arrive(self, _: str, __: str) -> None:
        for row in self.late:
            self.org.table("OpportunityHistory").put(row)

    def _formula(self, _: str, value: dict[str, Any]) -> None:
        """What a formula of the lead comes to, which no stamp tells; the next cycle reads all leads."""
        table = self.org.table("Lead")
        if "Score__c" not in self.org.type_named("Lead").fields:
            made = Field(name="Score__c", type="string", length=10, calculated=True, formula="CASE(...)")
            self.org.add_field("Lead", made)
        for word, came_to in value.items():
            table.put(table.rows[IDS[word][1]] | {"Score__c": came_to})
        self.reread = ("Lead",)

    def _reversed_there(self, _: str, __: str) -> None:
        """Somebody reverses at impact.com what was sent."""
        with self.world.warehouse.transaction() as con:
            con.execute(
                "insert into audit.action (action_id, CampaignId, ActionTrackerId, Oid, State, observed_at, run_id) "
                "select 'a' || request_id, CampaignId, ActionTrackerId, OrderId, 'REVERSED', $now, 'run' "
                "from outbox.request where Type = 'Conversion'",
                {"now": self.world.clock.now()},
            )

    def _reconfigure(self, _: str, value: dict[str, Any]) -> None:
        self._patch(value)
        self.config = self._load()

    def _sent(self, _: str, value: str) -> None:
        """What is to be sent has reached a state of the outbox, and an outcome behind a slash."""
        state, _, outcome = value.partition("/")
        with self.world.warehouse.transaction() as con:
            con.execute(
                "insert into outbox.request (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, "
                "EventTypeCode, OrderId, has_click_id, event_at, item_count, config_hash, state, outcome, due_at, "
                "created_at, intended_at, content_md5) "
                "select 'Conversion', event_id, object, Id, event, CampaignId, ActionTrackerId, EventTypeCode, "
                "OrderId, false, event_at, item_count, config_hash, $state, $outcome, $now, $now, "
                "case when $state <> 'ready' then $now end, content_md5 from conversions.conversion "
                "where event_id not in (select event_id from outbox.request)",
                {"state": state, "outcome": outcome or None, "now": self.world.clock.now()},
            )

    def _queued(self, _: str, __: str) -> None:
        """What is to be told is queued, as in the next step of a cycle."""
        with self.world.warehouse.transaction() as con:
            enqueue(con, settings_of(self.config, "4711"), run_id="run", now=self.world.clock.now())

    def _handed_back(self, _: str, __: str) -> None:
        """What was queued was about to leave, and provably did not."""
        with self.world.warehouse.transaction() as con:
            con.execute(f"update outbox.request set intended_at = due_at where {_DUE}")

    def _corrected(self, _: str, value: int) -> None:
        """So many corrections of what was sent have been told."""
        with self.world.warehouse.transaction() as con:
            con.execute(
                "insert into outbox.request (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, "
                "EventTypeCode, OrderId, has_click_id, event_at, item_count, config_hash, state, outcome, due_at, "
                "created_at, intended_at) "
                "select 'Modification', r.event_id, r.object, r.Id, r.event, r.CampaignId, r.ActionTrackerId, "
                "r.EventTypeCode, r.OrderId, false, r.event_at, 0, r.config_hash, 'settled', 'credited', $now, $now, "
                "$now from outbox.request as r, range($count) where r.Type = 'Conversion'",
                {"now": self.world.clock.now(), "count": value},
            )

    def _left(self, _: str, value: str) -> None:
        """The conversions that were queued have left and reached a state, and an outcome behind a slash."""
        state, _, outcome = value.partition("/")
        with self.world.warehouse.transaction() as con:
            con.execute(f"update outbox.request set intended_at = due_at where {_DUE}")
            con.execute(f"update outbox.request set state = ?, outcome = ? where {_DUE}", [state, outcome or None])

    def _told(self, _: str, value: str) -> None:
        """The corrections that were queued, or are under way, have reached a state, and an outcome behind a slash."""
        state, _, outcome = value.partition("/")
        with self.world.warehouse.transaction() as con:
            con.execute(
                "update outbox.request set state = ?, outcome = ?, intended_at = due_at "
                "where Type <> 'Conversion' and state in ('ready', 'accepted')",
                [state, outcome or None],
            )

    def _no_trace(self, _: str, __: str) -> None:
        """What was in doubt provably did not arrive."""
        with self.world.warehouse.transaction() as con:
            list_moves(con)
            con.execute(
                "insert into move by name select request_id, state as from_state, "
                "case when w.event_id is null then 'ready' else 'settled' end as to_state, "
                "case when w.event_id is not null then 'no_trace' end as outcome, w.event_id is not null as is_thawed "
                "from outbox.request as r left join (select event_id from conversions.wanted where state = 'reversed') "
                "as w using (event_id) where r.state = 'in_doubt'"
            )
            carry_out(con, run_id="run", now=self.world.clock.now())

    def _reversal(self, _: str, value: str) -> None:
        """The reversal that is wanted has reached a state, and an outcome behind a slash; `again`: it left before."""
        state, _, outcome = value.partition("/")
        state, again, _ = state.partition(" again")
        with self.world.warehouse.transaction() as con:
            con.execute("delete from outbox.request where Type = 'Reversal'")
            con.execute(
                "insert into outbox.request (Type, event_id, object, Id, event, CampaignId, ActionTrackerId, "
                "EventTypeCode, OrderId, has_click_id, event_at, item_count, config_hash, state, outcome, reason, "
                "due_at, created_at) "
                "select 'Reversal', r.event_id, r.object, r.Id, r.event, r.CampaignId, r.ActionTrackerId, "
                "r.EventTypeCode, r.OrderId, false, r.event_at, 0, r.config_hash, $state, $outcome, $reason, "
                "$now, $now "
                "from outbox.request as r join conversions.wanted as w using (event_id) "
                "where r.Type = 'Conversion' and w.state = 'reversed'",
                {
                    "state": state,
                    "outcome": outcome or None,
                    "reason": "same_value_again" if again else None,
                    "now": self.world.clock.now(),
                },
            )

    def _locked(self, _: str, value: str) -> None:
        """The action of what was sent locks at a time before or after now."""
        with self.world.warehouse.transaction() as con:
            con.execute(
                "insert into audit.action (action_id, CampaignId, ActionTrackerId, Oid, State, LockingDate, "
                "observed_at, run_id) "
                "select 'a' || request_id, CampaignId, ActionTrackerId, OrderId, 'PENDING', $locks, $now, 'run' "
                "from outbox.request where Type = 'Conversion'",
                {"locks": self.world.clock.now() + span(value), "now": self.world.clock.now()},
            )

    def _say(self, word: str, value: str) -> None:
        """A person's word about the only decision of a record that it can be about."""
        with self.world.warehouse.transaction() as con:
            say(con, Word(word), IDS[value][1], reason="as agreed", said_by="Ada", now=self.world.clock.now())

    _hold = _release = _dismiss = _reverse = _say

    def _accept(self, _: str, reason: str) -> None:
        """A person accepts what is held for this reason."""
        now = self.world.clock.now()
        with self.world.warehouse.transaction() as con:
            (chosen,) = [one for one in withheld(con, self.config) if one.reason == reason]
            accept(con, chosen, reason="as agreed", said_by="Ada", now=now)

    def _crowd(self, _: str, value: dict[str, Any]) -> None:
        """Make so many leads, or give the first so many of them other values."""
        count = value.pop("count") if "count" in (value := dict(value)) else len(self.crowd)
        while not value and len(self.crowd) < count:
            made = {"op": "create", "sobject": "Lead", "fields": {**IDS["lead"][2], "LastName": f"{len(self.crowd)}"}}
            self.crowd.append(self.org.apply({**made, "by": USER}))
        for record_id in self.crowd[: count if value else 0]:
            self._apply("update", "Lead", record_id, value)

    def _given_ends(self, _: str, __: str) -> None:
        self.seen = self.world.value("select coalesce(max(change_id), 0) from changes.change")

    def _patch(self, patch: dict[str, Any]) -> None:
        for path, value in patch.items():
            *parts, last = path.split("/")
            at = self.content
            for part in parts:
                at = at.setdefault(part, {})
            if value is None:
                at.pop(last, None)
            else:
                at[last] = value

    def _load(self) -> Config:
        folder = self.folder / "config"
        (folder / "objects").mkdir(parents=True, exist_ok=True)
        pipeline = copy.deepcopy(self.content["pipeline"])
        if isinstance(pipeline.get("go_live_at"), str):
            pipeline["go_live_at"] = (START + span(pipeline["go_live_at"])).isoformat()
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
        for name, about in self.content["objects"].items():
            (folder / "objects" / f"{name}.yaml").write_text(yaml.safe_dump(about, sort_keys=False))
        return load_config(folder)
