"""
The brand's Salesforce, and the stages of the pipeline that lead from it to decisions: capture, changes, decide.

In a whole episode they stand where the feeder stands in the others.
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml

from impact_pipeline.capture.cycle import capture_objects
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.login import ClientCredentials
from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import watched_objects
from impact_pipeline.config.load import load_config
from impact_pipeline.conversions.decide import decide
from impact_pipeline.simulator.salesforce import Credentials, Org, OrgFeatures, SalesforceFaults, salesforce_app
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.simulator.server import LoopbackServer
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline_tests.proof.business import SKUS, Kind, Subject
from impact_pipeline_tests.proof.hands import Clocks

CREDENTIALS = Credentials()
# One object after the other, and what is read together is committed together: the same seed gives the same boundaries,
# however fast the readers are. And nobody waits in true time for another run.
OPTIONS = CaptureOptions(readers=1, gather_seconds=600.0, wait_seconds=0.0)
_FIELDS = {
    "Lead": {"Customer__c": "string", "Click__c": "string"},
    "Opportunity": {"Customer__c": "string", "Click__c": "string"},
    "OpportunityLineItem": {"Sku__c": "string"},
}
_TO_BE_WON = {Kind.LEAD: "Working", Kind.DEAL: "Prospecting", Kind.SALE: "Prospecting"}
_THERE = {Kind.LEAD: "Qualified", Kind.DEAL: "Negotiation", Kind.SALE: "Closed Won"}
_LOST = {Kind.LEAD: "Unqualified", Kind.DEAL: "Closed Lost", Kind.SALE: "Closed Lost"}

# What a reading may meet, and for how many requests; more than a client tries end the run.
_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("session_dies", {"count": 1}),
    ("server_error", {"count": 1}),
    ("server_error", {"count": 40}),
    ("gateway_page", {"count": 2}),
    ("daily_limit", {"count": 40}),
    ("concurrent_limit", {"count": 1}),
    ("forbidden", {"count": 1}),
    ("query_timeout", {"count": 1}),
    ("short_pages", {"rows": 1}),
    ("short_pages", {"rows": 2}),
    ("repeated_rows", {}),
    ("reordered_rows", {}),
    ("truncated_body", {"count": 1, "quiet": True}),
    ("truncated_body", {"count": 1}),
    ("answer_lost", {"count": 2}),
)
READ_RISK, TOUCH_RISK, SLOW_RISK = 0.3, 0.3, 0.05
# Ten minutes is the outer bound of a transaction.
LONGEST_COMMIT_SECONDS = 540

Record = dict[str, Any]


class Salesforce:
    """
    A local Salesforce behind real HTTP, edited as the business goes, and the cycles that read it.

    Args:
        folder: where readings are staged.
        wildness: how much goes wrong by now; 0: nothing.
        tell: is told what struck, by kind and in words.
    """

    def __init__(
        self,
        random: Random,
        clocks: Clocks,
        folder: Path,
        *,
        account_sid: str,
        campaign_id: str,
        wildness: Callable[[], float],
        tell: Callable[[str, str], None],
    ) -> None:
        self._random, self._wildness, self._tell = random, wildness, tell
        self._clocks, self._staging = clocks, folder / "staging"
        self._account_sid, self._campaign_id = account_sid, campaign_id
        self._config = load_config(_mapping(folder / "mapping", has_lead_history=random.random() < 0.5))
        self._org = Org(clocks.there, features=OrgFeatures(tracked_fields={"Lead": ("Status",)}))
        for sobject, made in _FIELDS.items():
            for name, kind in made.items():
                self._org.add_field(sobject, Field(name=name, type=kind, length=64))
        self._org.rename_picklist_value("Opportunity", "StageName", "Negotiation/Review", "Negotiation")
        self._records: dict[str, Record] = {}
        self._deleted: set[str] = set()
        self._merged: set[str] = set()
        self._faults = SalesforceFaults()
        self._server = LoopbackServer(salesforce_app(self._org, CREDENTIALS, self._faults)).start()
        login = ClientCredentials(client_id=CREDENTIALS.client_id, client_secret=CREDENTIALS.client_secret)
        self._client = SalesforceClient(domain_url=self._server.url, login=login, retry_seconds=0.01)

    def close(self) -> None:
        self._client.close()
        self._server.stop()

    def follow(self, subjects: Sequence[Subject]) -> None:
        """Edit the records to be as the brand has them by now; others may be touched as well."""
        for subject in subjects:
            self._follow(subject)
        there = [subject for subject in subjects if not subject.is_deleted and subject.merged_into is None]
        if there and self._random.random() < TOUCH_RISK * self._wildness():
            touched = self._random.choice(there)
            self._apply("update", _object_of(touched), touched.record_id, {"Description": f"{self._random.random()}"})

    def cycle(self, warehouse: Warehouse, run_id: str) -> None:
        """
        What one run of the cycle does before the outbox, each stage in its own transaction as in production.

        Raises:
            CaptureBusy: another run captures.
            SalesforceError: reading is not possible now.
        """
        config, clock = self._config, self._clocks.ours
        self._faults.clear()
        if self._random.random() < READ_RISK * self._wildness():
            name, given = self._random.choice(_FAULTS)
            self._faults.add(name, skip=self._random.randint(0, 8), **given)
            self._tell(f"Salesforce: {name}", f"Salesforce: {name} {given}")
        capture_objects(
            warehouse,
            self._client,
            config.capture_set(),
            optional=config.optional_objects(),
            lines=config.lines(),
            sweep=config.optional_objects(),
            compared=config.compared_by_stamp(),
            run_id=run_id,
            staging=self._staging,
            clock=clock,
            account_sid=self._account_sid,
            campaign_id=self._campaign_id,
            options=OPTIONS,
        )
        with warehouse.transaction() as con:
            find_changes(con, watched_objects(config), cycle_id=newest_cycle(con), now=clock())
        with warehouse.transaction() as con:
            is_bound(con, account_sid=self._account_sid, campaign_id=self._campaign_id)
            bound = binding(con)
            decide(
                con,
                config,
                cycle_id=newest_cycle(con),
                run_id=run_id,
                now=clock(),
                campaign_id=bound.campaign_id,
                organization_id=bound.organization_id,
                is_lasting=True,
            )

    def _follow(self, subject: Subject) -> None:
        sobject = _object_of(subject)
        if subject.is_deleted != (subject.record_id in self._deleted):
            self._apply("delete" if subject.is_deleted else "undelete", sobject, subject.record_id, {})
            (self._deleted.add if subject.is_deleted else self._deleted.discard)(subject.record_id)
        if subject.is_deleted or subject.record_id in self._merged:
            return
        if subject.merged_into is not None:
            self._merge(subject, subject.merged_into)
            return
        self._bring(sobject, subject.record_id, _fields(subject))
        lines = {line.sku: line for line in subject.values.lines}
        for number, sku in enumerate(sorted(SKUS)):
            record_id = f"00k{subject.number:011d}{number}AAA"
            if sku in lines:
                line = lines[sku]
                given = {"Quantity": line.quantity, "TotalPrice": str(line.total), "Sku__c": sku}
                self._bring("OpportunityLineItem", record_id, {"OpportunityId": subject.record_id, **given})
            elif self._records.pop(record_id, None):
                self._apply("delete", "OpportunityLineItem", record_id, {})

    def _merge(self, loser: Subject, winner: Subject) -> None:
        self._records[winner.record_id] = fields = _fields(winner)
        self._apply("merge", "Lead", winner.record_id, fields, loser_ids=(loser.record_id,))
        self._merged.add(loser.record_id)

    def _bring(self, sobject: str, record_id: str, fields: Record) -> None:
        before = self._records.get(record_id)
        if before is None:
            self._apply("create", sobject, record_id, fields)
        elif before != fields:
            self._apply("update", sobject, record_id, fields)
        self._records[record_id] = fields

    def _apply(self, op: str, sobject: str, record_id: str, fields: Record, **more: object) -> None:
        edit = {"op": op, "sobject": sobject, "id": record_id, "fields": fields, **more}
        if op == "update" and self._random.random() < SLOW_RISK * self._wildness():
            # Stamped now, visible later.
            seconds = self._random.uniform(30, LONGEST_COMMIT_SECONDS)
            edit["commit_at"] = (self._clocks.there.now() + timedelta(seconds=seconds)).isoformat()
            self._tell("Salesforce: slow transaction", f"{record_id} is being edited for {seconds:.0f} s")
        self._org.apply(edit)


def _mapping(folder: Path, *, has_lead_history: bool) -> Path:
    """The configuration, whose leads are told by their history or by their versions."""
    shutil.copytree(Path(__file__).with_name("mapping"), folder)
    if has_lead_history:
        file = folder / "objects" / "lead.yaml"
        config = yaml.safe_load(file.read_text("utf-8"))
        config["events"]["qualified"]["history"] = "fields"
        file.write_text(yaml.safe_dump(config), "utf-8")
    return folder


def _object_of(subject: Subject) -> str:
    return "Lead" if subject.kind is Kind.LEAD else "Opportunity"


def _fields(subject: Subject) -> Record:
    stage = (_THERE if subject.is_won else _TO_BE_WON if subject.is_prospect else _LOST)[subject.kind]
    customer = None if subject.is_held or subject.lead is not None else subject.customer
    given: Record = {"Customer__c": customer, "Click__c": subject.click_id}
    if subject.kind is Kind.LEAD:
        if subject.converted_into is not None:
            given |= {"IsConverted": True, "ConvertedOpportunityId": subject.converted_into.record_id}
        return given | {"LastName": "Alexander", "Company": "Hatfan", "Status": stage}
    given |= {"Name": "Deal", "CloseDate": "2026-12-24", "StageName": stage}
    return given if subject.values.lines else given | {"Amount": str(subject.values.amount)}
