"""What preflight looks at. Each thing is asked once, when a check first wants it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from impact_pipeline.capture.fields import Description, description
from impact_pipeline.capture.objects import ObjectPlan, plan_objects
from impact_pipeline.capture.salesforce.answers import Organization
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import UnknownObject
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.outbox.impact.client import ImpactClient
from impact_pipeline.warehouse.connection import Warehouse

# The read tries again where that may help; here somebody waits for the answer.
WAIT_SECONDS = 2.0


@dataclass(kw_only=True)
class Site:
    """
    Args:
        environment: the variables; None where somebody else has read them already.
        salesforce: makes the client of the org.
        reader, writer: make the client of impact.com that reads with the reading token, or with the writing one.
        has_reader: whether the two tokens differ.
        clock: our own time, UTC.
    """

    environment: Mapping[str, str] | None
    config_folder: Path
    warehouse_path: Path
    account_sid: str
    campaign_id: str
    salesforce: Callable[[], SalesforceClient]
    reader: Callable[[], ImpactClient]
    writer: Callable[[], ImpactClient]
    has_reader: bool
    clock: Callable[[], datetime]

    def close(self) -> None:
        """Close the connections that were made."""
        for name in ("org", "impact", "impact_writing"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @cached_property
    def config(self) -> Config:
        return load_config(self.config_folder)

    @cached_property
    def warehouse(self) -> Warehouse:
        return Warehouse(path=self.warehouse_path, wait_seconds=WAIT_SECONDS)

    @cached_property
    def org(self) -> SalesforceClient:
        return self.salesforce()

    @cached_property
    def organization(self) -> Organization:
        return self.org.organization()

    @cached_property
    def described(self) -> dict[str, dict[str, Any] | None]:
        """Object → Salesforce's describe answer; None for one that the org does not show. Filled by `describe`."""
        return {}

    def describe(self, name: str) -> dict[str, Any] | None:
        if name not in self.described:
            try:
                self.described[name] = self.org.describe(name)
            except UnknownObject:
                self.described[name] = None
        return self.described[name]

    @cached_property
    def plans(self) -> dict[str, ObjectPlan]:
        """What a cycle would read of each object. Raises UnknownObject where a path leads to none."""
        wanted = {name: paths for name, paths in self.config.capture_set().items() if self.describe(name) is not None}
        return plan_objects(wanted, self._description)

    def _description(self, name: str) -> Description:
        answer = self.describe(name)
        if answer is None:
            raise UnknownObject(f"describe of {name}: the org has no such object, or hides it from this user.")
        return description(answer)

    @cached_property
    def impact(self) -> ImpactClient:
        return self.reader()

    @cached_property
    def impact_writing(self) -> ImpactClient:
        return self.writer()

    @cached_property
    def campaign(self) -> dict[str, Any]:
        return self.impact.document(f"Campaigns/{self.campaign_id}")

    @cached_property
    def contracts(self) -> list[dict[str, Any]]:
        """The active contracts of the program, all pages."""
        found: list[dict[str, Any]] = []
        number, page_count = 1, 1
        while number <= page_count:
            page = self.impact.document(f"Campaigns/{self.campaign_id}/Contracts", {"Page": str(number)})
            found += page.get("Contracts") or []
            number, page_count = number + 1, int(page.get("@numpages") or 1)
        return found
