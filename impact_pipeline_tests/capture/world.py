"""A local Salesforce, a client of it over real HTTP, and a warehouse in a temporary folder."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from impact_pipeline.capture.cycle import CycleReport, capture_objects
from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.login import ClientCredentials
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import Credentials, Org, OrgFeatures, SalesforceFaults, salesforce_app
from impact_pipeline.simulator.server import LoopbackServer
from impact_pipeline.warehouse.connection import Warehouse

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
CREDENTIALS = Credentials()
WANTED = {"Opportunity": ("Name", "StageName", "Amount", "CloseDate", "Description", "Probability")}
WITH_LINES = {**WANTED, "OpportunityLineItem": ("Quantity", "UnitPrice", "TotalPrice")}
LINES = {"Opportunity": ("OpportunityLineItem", "OpportunityId")}
STANDARD_BOOK = "01sam0000000001AAA"
OTHER_BOOK = "01sam0000000002AAA"
Wanted = Mapping[str, tuple[str, ...]]


class _CurrentApp:
    """One server for all tests: it passes each request to the org of the test that runs."""

    current: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.current(scope, receive, send)


@cache
def _server() -> tuple[LoopbackServer, _CurrentApp]:
    app = _CurrentApp()
    server = LoopbackServer(app).start()
    atexit.register(server.stop)
    return server, app


@cache
def _migrated() -> Path:
    """A new warehouse file, made once and copied for each test."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    with Warehouse(path=folder / "new.duckdb").transaction():
        pass
    return folder / "new.duckdb"


class World:
    """
    `org` is Salesforce, `faults` its switches, `requests` its counts by endpoint; `capture` runs one cycle. `skew` is
    how far our machine's clock is off.
    """

    def __init__(self, folder: Path, features: OrgFeatures | None = None) -> None:
        self.clock = Clock(START)
        self.org = Org(self.clock, features=features)
        self.faults = SalesforceFaults()
        self.warehouse = Warehouse(path=folder / "file.duckdb")
        shutil.copyfile(_migrated(), self.warehouse.path)
        self.staging = folder / "staging"
        server, app = _server()
        app.current = salesforce_app(self.org, CREDENTIALS, self.faults)
        self.site = app.current.state.site
        self.url = server.url
        self.skew = timedelta(0)
        self._runs = 0
        self._clients: list[SalesforceClient] = []

    @property
    def requests(self) -> Mapping[str, int]:
        return dict(self.site.request_counts)

    def client(self, kind: type[SalesforceClient] = SalesforceClient, **settings: Any) -> SalesforceClient:
        login = ClientCredentials(client_id=CREDENTIALS.client_id, client_secret=CREDENTIALS.client_secret)
        made = kind(**{"domain_url": self.url, "login": login, "retry_seconds": 0.01, **settings})
        self._clients.append(made)
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def advance(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))

    def edit(self, op: str, sobject: str, record_id: str | None = None, **fields: Any) -> str:
        options = {name: fields.pop(name) for name in ("commit_at", "loser_ids", "system_only") if name in fields}
        return self.org.apply({"op": op, "sobject": sobject, "id": record_id, "fields": fields, **options})

    def an_opportunity(self, **fields: Any) -> str:
        given = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": "100.00", **fields}
        return self.edit("create", "Opportunity", **given)

    def a_price(self, product: str = "Course", price: str = "10.00", **fields: Any) -> str:
        """A product in the standard price book; its entry's Id."""
        product_id = self.edit("create", "Product2", Name=product, ProductCode=product.upper(), IsActive=True)
        given = {"Pricebook2Id": STANDARD_BOOK, "Product2Id": product_id, "UnitPrice": price, **fields}
        return self.edit("create", "PricebookEntry", **given)

    def a_line(self, opportunity: str, **fields: Any) -> str:
        given = {"OpportunityId": opportunity, "Quantity": "1", "UnitPrice": "10.00", **fields}
        return self.edit("create", "OpportunityLineItem", **given)

    def capture(
        self,
        wanted: Wanted = WANTED,
        *,
        client: SalesforceClient | None = None,
        warehouse: Warehouse | None = None,
        options: CaptureOptions | None = None,
        on_captured: Callable[[CapturedObject], None] = lambda captured: None,
        optional: tuple[str, ...] = (),
        reread: tuple[str, ...] = (),
        sweep: tuple[str, ...] = (),
        filters: Mapping[str, str] | None = None,
        lines: Mapping[str, tuple[str, str]] | None = None,
        settle: bool = True,
    ) -> CycleReport:
        """
        One cycle that sees all that has been committed so far: the clock first runs past the lag.

        Args:
            lines: None: those of opportunities, where both are wanted.
        """
        if lines is None:
            lines = LINES if "OpportunityLineItem" in wanted else {}
        if settle:
            self.advance(minutes=2)
        self._runs += 1
        return capture_objects(
            warehouse or self.warehouse,
            client or self.client(),
            wanted,
            optional=optional,
            reread=reread,
            sweep=sweep,
            filters=filters,
            lines=lines,
            run_id=f"run {self._runs}",
            staging=self.staging,
            clock=lambda: self.clock.now() + self.skew,
            account_sid="sid",
            campaign_id="4711",
            options=options,
            on_captured=on_captured,
        )

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.warehouse.reading() as con:
            return con.execute(sql, list(values)).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        return self.query(sql, *values)[0][0]


@contextmanager
def world(folder: Path, features: OrgFeatures | None = None) -> Iterator[World]:
    made = World(folder, features)
    try:
        yield made
    finally:
        made.close()
