"""
The state of one Salesforce org: objects, records, delete log, open transactions. No HTTP here.

Everything is deterministic: Ids come from counters, times from the clock. One lock guards the whole org; the HTTP
side takes it for a request, `apply` for an edit.
"""

import heapq
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import edits, loading, setup
from impact_pipeline.simulator.salesforce.edits import Edit, EditError
from impact_pipeline.simulator.salesforce.opportunities import Stage
from impact_pipeline.simulator.salesforce.schema import (
    Field,
    ObjectType,
    PicklistValue,
    custom_object,
    history_name,
    history_object,
    standard_objects,
)
from impact_pipeline.simulator.salesforce.table import Table
from impact_pipeline.simulator.salesforce.values import Record, Value, full_id, moment_text

ADMINISTRATOR_ID = "005am00000000z1AAA"
SETUP_OBJECTS = frozenset({"Organization", "UserPermissionAccess", "OpportunityStage", "LeadStatus", "CurrencyType"})
_ID_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, kw_only=True)
class OrgFeatures:
    """
    What an administrator has set up.

    Args:
        tracked_fields: object to the fields with field history, {"Lead": ("Status",)}. Lead then has LeadHistory.
        hidden_fields: `Object.Field` names that field-level security hides from the integration user.
        hidden_objects: objects that the integration user may not read.
        view_all_data: whether the integration user sees every record, whoever owns it.
        daily_api_requests: the quota of 24 hours; beyond it every call answers REQUEST_LIMIT_EXCEEDED.
        per_app_usage: Sforce-Limit-Info in its second form, with the app's own share.
        session_seconds: idle time after which a token dies.
        merge_stamps_children: whether a merge moves the SystemModstamp of re-parented children. Salesforce doesn't
            say, so a client must be right with both.
        covered_lag_seconds: how far latestDateCovered stays behind even without an open transaction; hours are normal.
    """

    name: str = "Maventech"
    my_domain: str = "maventech"
    is_sandbox: bool = False
    multi_currency: bool = False
    corporate_currency: str = "USD"
    tracked_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden_fields: frozenset[str] = frozenset()
    hidden_objects: frozenset[str] = frozenset()
    view_all_data: bool = True
    daily_api_requests: int = 115_000
    per_app_usage: bool = False
    session_seconds: int = 7_200
    merge_stamps_children: bool = True
    covered_lag_seconds: int = 0


class Org:
    """One org. `clock` tells every time; `org_id` may have 15 or 18 characters."""

    def __init__(
        self, clock: Clock, *, org_id: str = "00Dam0000000001EAA", features: OrgFeatures | None = None
    ) -> None:
        self.clock = clock
        self.org_id = full_id(org_id)
        self.features = features or OrgFeatures()
        self.administrator_id = ADMINISTRATOR_ID
        self.lock = threading.RLock()
        self.cascaded: dict[str, list[tuple[str, Record]]] = {}
        self.delete_log: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.delete_log_starts_at: datetime | None = None
        self.schema_changed_at = clock.now()
        self._schema_told = False
        self._types: dict[str, ObjectType] = {}
        self._tables: dict[str, Table] = {}
        self._visible: dict[str, ObjectType] | None = None
        self._hidden_fields = set(self.features.hidden_fields)
        self._hidden_objects = set(self.features.hidden_objects)
        self._hidden_records: set[str] = set()
        self._shares: dict[str, float] = {}
        self._last_number: dict[str, int] = defaultdict(int)
        self._open: list[tuple[datetime, int, Edit]] = []
        self._open_count = 0
        for kind in standard_objects().values():
            self.define(kind.with_fields(without=_absent_fields(kind, self.features)))
        for sobject in self.features.tracked_fields:
            if sobject in self._types:
                self.define(history_object(history_name(sobject), self._types[sobject]))
        loading.add_setup_records(self)

    @property
    def my_domain_url(self) -> str:
        """The org's own login host, as an audience of JWT assertions."""
        return f"https://{self.features.my_domain}.my.salesforce.com"

    # Reading

    def type_named(self, sobject: str) -> ObjectType:
        """The object with all its fields, hidden ones too. Raises EditError (INVALID_TYPE) where there is none."""
        try:
            return self._types[sobject]
        except KeyError:
            raise EditError(f"sObject type '{sobject}' is not supported.", "INVALID_TYPE") from None

    def table(self, sobject: str) -> Table:
        self.type_named(sobject)
        return self._tables[sobject]

    def visible_types(self) -> Mapping[str, ObjectType]:
        """Objects by lower-case name, as the integration user sees them."""
        if self._visible is None:
            self._visible = {
                name.lower(): kind.with_fields(
                    without=[item for item in kind.fields if f"{name}.{item}" in self._hidden_fields]
                )
                for name, kind in self._types.items()
                if name not in self._hidden_objects
            }
        return self._visible

    def is_visible(self, sobject: str, record: Record) -> bool:
        """Whether sharing lets the integration user see the record."""
        record_id = str(record["Id"])
        if record_id in self._hidden_records:
            return False
        share = self._shares.get(sobject, 1.0)
        return share >= 1.0 or zlib.crc32(record_id.encode()) < share * (1 << 32)

    def known_names(self) -> list[str]:
        """The names of all objects, hidden ones too."""
        return list(self._types)

    def setup_only(self, sobject: str) -> bool:
        """Whether the object holds only the rows that a new org comes with, which a file then replaces."""
        return sobject in SETUP_OBJECTS

    @property
    def hides_records(self) -> bool:
        return bool(self._hidden_records or self._shares)

    def described(self, kind: ObjectType, version: str) -> dict[str, Any]:
        """The whole describe answer of an object as the integration user sees it."""
        self._schema_told = True
        shown = kind.with_fields(self._picklists(kind))
        children = [
            {
                "childSObject": child,
                "field": name,
                "relationshipName": None,
                "cascadeDelete": self._types[child].fields[name].cascade,
                "restrictedDelete": False,
            }
            for child, name in self.references_to(kind.name)
            if child not in self._hidden_objects
        ]
        return kind.summary(version) | {
            "fields": [item.described() for item in shown.fields.values()],
            "childRelationships": children,
            "recordTypeInfos": [],
        }

    def _picklists(self, kind: ObjectType) -> list[Field]:
        """The fields whose values are records of OpportunityStage or LeadStatus, with those values."""
        source = {"Opportunity": ("StageName", "OpportunityStage"), "Lead": ("Status", "LeadStatus")}.get(kind.name)
        if source is None or source[0] not in kind.fields:
            return []
        rows = sorted(self.table(source[1]), key=lambda row: int(row.get("SortOrder") or 0))
        values = tuple(
            PicklistValue(
                value=str(row["ApiName"]), label=str(row["MasterLabel"]), active=row.get("IsActive") is not False
            )
            for row in rows
        )
        return [replace(kind.fields[source[0]], picklist=values)]

    def references_to(self, sobject: str) -> list[tuple[str, str]]:
        """(object, lookup field) pairs that may point to `sobject`."""
        return [
            (kind.name, item.name)
            for kind in self._types.values()
            for item in kind.fields.values()
            if sobject in item.reference_to
        ]

    def cascades_from(self, sobject: str) -> list[tuple[str, str]]:
        """The lookups of `references_to` whose records go when the parent goes."""
        return [pair for pair in self.references_to(sobject) if self._types[pair[0]].fields[pair[1]].cascade]

    def is_history(self, sobject: str) -> bool:
        """Whether rows of the object belong to their parent alone: they come and go with it, unlogged."""
        return "LastModifiedDate" not in self._types[sobject].fields

    def stages(self) -> Mapping[str, Stage]:
        return {
            str(row["ApiName"]): Stage(
                name=str(row["ApiName"]),
                probability=loading.as_decimal(row.get("DefaultProbability")),
                is_closed=bool(row["IsClosed"]),
                is_won=bool(row["IsWon"]),
                forecast_category=str(row["ForecastCategory"]),
            )
            for row in self.table("OpportunityStage")
        }

    def name_of(self, sobjects: Iterable[str], record_id: Value) -> Value:
        """The Name of the record, looked for in the given objects."""
        for sobject in sobjects:
            if sobject in self._tables and record_id in self._tables[sobject].rows:
                return self._tables[sobject].rows[str(record_id)].get("Name")
        return None

    def latest_date_covered(self) -> datetime:
        """The start of the longest open transaction, or now, less the org's own lag; whole minutes."""
        behind = timedelta(seconds=self.features.covered_lag_seconds)
        moments = [self.clock.now() - behind, *(edit.at for _, _, edit in self._open)]
        return min(moments).replace(second=0, microsecond=0)

    # Writing

    def apply(self, edit: Mapping[str, Any]) -> str:
        """
        Carry out an edit, now or at its `commit_at`; gives the record's Id, or the object's name for one of setup.py.

        An edit of a record that an open transaction holds waits for it, as a row lock makes it wait, and is then
        stamped with that time. Raises EditError for an edit that cannot be.
        """
        with self.lock:
            now = self.clock.now()
            self.settle()
            if edit.get("op") in setup.OPERATIONS:
                return setup.change(self, edit)
            parsed = Edit.parse(edit, now=now, default_user=self.administrator_id)
            if parsed.op == "create" and parsed.id is None:
                parsed = replace(parsed, id=self.new_id(parsed.sobject))
            self.type_named(parsed.sobject)
            if parsed.at > now:
                raise EditError(f"at={parsed.at.isoformat()} lies after the clock's {now.isoformat()}; move it first.")
            held_until = self.locked_until(parsed.id, *parsed.loser_ids, parsed.fields.get("OpportunityId"))
            commit_at = parsed.commit_at if parsed.commit_at and parsed.commit_at > now else None
            if held_until is not None:
                commit_at = max(held_until, commit_at or held_until)
                parsed = replace(parsed, at=held_until)
            if commit_at is None:
                edits.perform(self, parsed)
            else:
                self._open_count += 1
                heapq.heappush(self._open, (commit_at, self._open_count, parsed))
            return str(parsed.id)

    def settle(self) -> None:
        """Make the edits visible whose commit time has come."""
        now = self.clock.now()
        while self._open and self._open[0][0] <= now:
            edits.perform(self, heapq.heappop(self._open)[2])

    def locked_until(self, *record_ids: object) -> datetime | None:
        """When the last open transaction on one of the records ends; None where there is none."""
        wanted = {record_id for record_id in record_ids if record_id}
        ends = [
            commit_at
            for commit_at, _, edit in self._open
            if wanted & {edit.id, *edit.loser_ids, edit.fields.get("OpportunityId")}
        ]
        return max(ends, default=None)

    def new_id(self, sobject: str) -> str:
        """An Id that no record of the object has."""
        kind = self.type_named(sobject)
        prefix = kind.key_prefix or f"a0{_ID_DIGITS[list(self._types).index(sobject) % len(_ID_DIGITS)]}"
        self._last_number[sobject] += 1
        number, digits = self._last_number[sobject], ""
        while number:
            number, rest = divmod(number, len(_ID_DIGITS))
            digits = _ID_DIGITS[rest] + digits
        new = full_id(f"{prefix}am1{digits:0>9}")
        return new if new not in self._tables[sobject].rows else self.new_id(sobject)

    def log_delete(self, sobject: str, record_id: str, stamp: str) -> None:
        self.delete_log[sobject].append((stamp, record_id))

    def forget_deletes(self, before: datetime) -> None:
        """Purge the delete log: getDeleted refuses to start before that time."""
        with self.lock:
            self.delete_log_starts_at = before
            for sobject, entries in self.delete_log.items():
                self.delete_log[sobject] = [entry for entry in entries if entry[0] >= moment_text(before)]

    def empty_recycle_bin(self) -> None:
        """Purge every soft-deleted record; queryAll no longer shows them."""
        with self.lock:
            self.cascaded.clear()
            for table in self._tables.values():
                for record in [row for row in table if row.get("IsDeleted")]:
                    table.remove(str(record["Id"]))

    # Setup

    def load_folder(self, path: str | Path) -> dict[str, int]:
        """
        Load `<Object>.csv` and `<Object>.csv.gz` files and `describe.yaml`, if there; gives rows by object.

        Raises ValueError naming file, column and value where a value does not fit its field.
        """
        with self.lock:
            counts = loading.load_folder(self, Path(path))
            self._schema_moved()
            return counts

    def define(self, kind: ObjectType) -> None:
        """Add an object, or replace its metadata; records stay."""
        self._types[kind.name] = kind
        self._tables.setdefault(kind.name, Table())
        self._schema_moved()

    def add_object(self, name: str, fields: Iterable[Field] = ()) -> None:
        """Add a custom object with Name, owner, audit fields and the given ones."""
        self.define(custom_object(name).with_fields(fields))

    def add_field(self, sobject: str, item: Field, default: Value = None) -> None:
        """Add a field as Setup does: records get the default, no stamp moves."""
        with self.lock:
            self.define(self.type_named(sobject).with_fields([item]))
            if default is not None:
                table = self.table(sobject)
                for record in list(table):
                    table.put(record | {item.name: default})

    def remove_field(self, sobject: str, name: str) -> None:
        """Delete a field as Setup does, its values with it."""
        with self.lock:
            self.define(self.type_named(sobject).with_fields(without=[name]))
            table = self.table(sobject)
            for record in [row for row in table if name in row]:
                table.put({key: value for key, value in record.items() if key != name})

    def hide(self, name: str) -> None:
        """Take an `Object` or an `Object.Field` from the integration user's sight."""
        with self.lock:
            (self._hidden_fields if "." in name else self._hidden_objects).add(name)
            self._schema_moved()

    def show(self, name: str) -> None:
        with self.lock:
            (self._hidden_fields if "." in name else self._hidden_objects).discard(name)
            self._schema_moved()

    def unshare(self, *record_ids: str) -> None:
        """Let sharing hide records: they vanish from every answer without a word."""
        self._hidden_records.update(record_ids)

    def share(self, sobject: str, share: float) -> None:
        """
        Let sharing show a share of an object's records, always the same ones: 0.0 none of them, 1.0 all. A lost
        View All permission looks so. The log of deletions tells what it always told.
        """
        self.type_named(sobject)
        self._shares.pop(sobject, None)
        if share < 1.0:
            self._shares[sobject] = share

    def rename_picklist_value(self, sobject: str, name: str, old: str, new: str) -> int:
        """Rename a value in Setup: every record that has it gets the new text and a new SystemModstamp."""
        with self.lock:
            source = {"Opportunity": "OpportunityStage", "Lead": "LeadStatus"}.get(sobject)
            table, stamp = self.table(sobject), moment_text(self.clock.now())
            for row in list(self.table(source)) if source else []:
                if row["ApiName"] == old:
                    self.table(str(source)).put(row | {"ApiName": new, "MasterLabel": new, "SystemModstamp": stamp})
            renamed = [row for row in table if row.get(name) == old]
            for row in renamed:
                table.put(row | {name: new, "SystemModstamp": stamp})
            self._schema_moved()
            return len(renamed)

    def touch_all(self, sobject: str, at: datetime | None = None) -> int:
        """Move every live record's SystemModstamp, as mass jobs in the backend do; gives their number."""
        with self.lock:
            table, stamp = self.table(sobject), moment_text(at or self.clock.now())
            live = [row for row in table if not row.get("IsDeleted")]
            for row in live:
                table.put(row | {"SystemModstamp": max(str(row["SystemModstamp"]), stamp)})
            return len(live)

    def _schema_moved(self) -> None:
        """A change in the second of the last describe must still look newer than it: virtual time may stand still."""
        earliest = self.schema_changed_at + timedelta(seconds=1) if self._schema_told else self.clock.now()
        self._visible, self._schema_told = None, False
        self.schema_changed_at = max(self.clock.now(), earliest)


def _absent_fields(kind: ObjectType, features: OrgFeatures) -> list[str]:
    return [
        item.name
        for item in kind.fields.values()
        if item.optional or (item.multi_currency and not features.multi_currency)
    ]
