"""
The brand's Salesforce, and the stages of the pipeline that lead from it to decisions: capture, changes, decide.

In a whole episode they stand where the feeder stands in the others.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
# One object after the other: the same seed gives the same order. And nobody waits in true time for another run.
OPTIONS = CaptureOptions(readers=1, gather_seconds=0.0, wait_seconds=0.0)
_FIELDS = {
    "Lead": {"Customer__c": "string", "Click__c": "string"},
    "Opportunity": {"Customer__c": "string", "Click__c": "string"},
    "OpportunityLineItem": {"Sku__c": "string"},
}
_THERE = {Kind.LEAD: "Qualified", Kind.DEAL: "Negotiation", Kind.SALE: "Closed Won"}
_LOST = {Kind.LEAD: "Unqualified", Kind.DEAL: "Closed Lost", Kind.SALE: "Closed Lost"}

Record = dict[str, Any]


class Salesforce:
    """
    A local Salesforce behind real HTTP, edited as the business goes, and the cycles that read it.

    Args:
        folder: where readings are staged.
    """

    def __init__(self, clocks: Clocks, folder: Path, *, account_sid: str, campaign_id: str) -> None:
        self._clocks, self._staging = clocks, folder / "staging"
        self._account_sid, self._campaign_id = account_sid, campaign_id
        self._config = load_config(Path(__file__).with_name("mapping"))
        self._org = Org(clocks.there, features=OrgFeatures())
        for sobject, made in _FIELDS.items():
            for name, kind in made.items():
                self._org.add_field(sobject, Field(name=name, type=kind, length=64))
        self._org.rename_picklist_value("Opportunity", "StageName", "Negotiation/Review", "Negotiation")
        self._records: dict[str, Record] = {}
        self._deleted: set[str] = set()
        self._server = LoopbackServer(salesforce_app(self._org, CREDENTIALS, SalesforceFaults())).start()
        login = ClientCredentials(client_id=CREDENTIALS.client_id, client_secret=CREDENTIALS.client_secret)
        self._client = SalesforceClient(domain_url=self._server.url, login=login, retry_seconds=0.01)

    def close(self) -> None:
        self._client.close()
        self._server.stop()

    def follow(self, subjects: Iterable[Subject]) -> None:
        """Edit the records to be as the brand has them by now."""
        for subject in subjects:
            self._follow(subject)

    def cycle(self, warehouse: Warehouse, run_id: str) -> None:
        """
        What one run of the cycle does before the outbox, each stage in its own transaction as in production.

        Raises:
            CaptureBusy: another run captures.
        """
        config, clock = self._config, self._clocks.ours
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
        sobject = "Lead" if subject.kind is Kind.LEAD else "Opportunity"
        if subject.is_deleted != (subject.record_id in self._deleted):
            self._apply("delete" if subject.is_deleted else "undelete", sobject, subject.record_id, {})
            (self._deleted.add if subject.is_deleted else self._deleted.discard)(subject.record_id)
        if subject.is_deleted:
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

    def _bring(self, sobject: str, record_id: str, fields: Record) -> None:
        before = self._records.get(record_id)
        if before is None:
            self._apply("create", sobject, record_id, fields)
        elif before != fields:
            self._apply("update", sobject, record_id, fields)
        self._records[record_id] = fields

    def _apply(self, op: str, sobject: str, record_id: str, fields: Record) -> None:
        self._org.apply({"op": op, "sobject": sobject, "id": record_id, "fields": fields})


def _fields(subject: Subject) -> Record:
    stage = (_THERE if subject.is_won else _LOST)[subject.kind]
    customer = None if subject.is_held else subject.customer
    given: Record = {"Customer__c": customer, "Click__c": subject.click_id}
    if subject.kind is Kind.LEAD:
        return given | {"LastName": "Alexander", "Company": "Hatfan", "Status": stage}
    given |= {"Name": "Deal", "CloseDate": "2026-12-24", "StageName": stage}
    return given if subject.values.lines else given | {"Amount": str(subject.values.amount)}
