"""A local impact.com for one test: its program, its faults, and a client that talks to it over real HTTP."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import requests
from starlette.types import Receive, Scope, Send

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import (
    ClickRule,
    Declaration,
    EventType,
    Fault,
    Faults,
    ImpactApp,
    Partner,
    Program,
    impact_app,
)
from impact_pipeline.simulator.server import LoopbackServer

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
SID, TOKEN, READ_TOKEN = "IRtestSID", "write-token", "read-token"
CAMPAIGN, LEAD, SALE, DEMO = 4711, 8180, 8182, 8190
CLICK = "A1b2" * 9 + "Zz"

DECLARATION = Declaration(
    account_sid=SID,
    auth_token=TOKEN,
    read_auth_token=READ_TOKEN,
    campaign_id=CAMPAIGN,
    currency="USD",
    time_zone="America/Los_Angeles",
    exchange_rates={"EUR": Decimal("1.08")},
    event_types=(
        EventType(id=LEAD, code="LEAD", kind="lead", payout_fixed=Decimal(25)),
        EventType(id=SALE, code="WON", kind="sale", parents=("LEAD",), payout_percent=Decimal(10)),
        EventType(id=DEMO, code="DEMO", kind="lead", parents=("LEAD",)),
    ),
    partners=(Partner(id=20000, name="First"), Partner(id=20001, name="Second", promo_codes=("SAVE10",))),
    click_rules=(ClickRule(pattern="[A-Za-z0-9]{38}", partners=(20000,)),),
    disposition_codes={"APPROVED_BY_US": "approve", "LOST": "reject"},
)
ITEM = {"ItemSku1": "PRO", "ItemName1": "Pro plan", "ItemCategory1": "Plans", "ItemQuantity1": "2"}


class _CurrentApp:
    """One server for all tests: it passes each request to the application of the test that runs."""

    current: ImpactApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.current(scope, receive, send)


@cache
def _server() -> tuple[_CurrentApp, LoopbackServer]:
    app = _CurrentApp()
    server = LoopbackServer(app).start()
    atexit.register(server.stop)
    return app, server


class ImpactWorld:
    def __init__(self, declaration: Declaration, app: ImpactApp, faults: Faults, url: str) -> None:
        self.app, self.faults, self.root = app, faults, url
        self.program, self.api = app.api.program, app.api
        self.clock = self.program.clock
        self.url = f"{url}/Advertisers/{declaration.account_sid}"
        self.session = requests.Session()
        self.session.auth = (SID, TOKEN)
        self.session.headers.update({"Accept": "application/json", "IR-Version": "14"})

    def fault(self, kind: str, **settings: Any) -> None:
        """Switch a fault on; settings that are no fields of Fault are the kind's parameters."""
        fields = {
            name: settings.pop(name) for name in ("method", "endpoint", "order_id", "count", "skip") if name in settings
        }
        self.faults.add(Fault(kind=kind, parameters=settings, **fields))

    def post(self, **parameters: Any) -> requests.Response:
        """POST a conversion: a lead unless parameters say otherwise; None leaves one out."""
        return self.session.post(f"{self.url}/Conversions", data=a_conversion(**parameters), timeout=2)

    def put(self, **parameters: Any) -> requests.Response:
        return self.session.put(f"{self.url}/Actions", data=parameters, timeout=2)

    def delete(self, **parameters: Any) -> requests.Response:
        return self.session.delete(f"{self.url}/Actions", data=parameters, timeout=2)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.session.get(f"{self.url}/{path}", params=query, timeout=2)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))

    def outcome(self, answer: requests.Response) -> dict[str, Any]:
        """The submission that an accepted write led to, once its processing is over."""
        assert answer.status_code == 200, answer.text
        self.wait(minutes=10)
        return dict(self.session.get(self.root + answer.json()["QueuedUri"], timeout=2).json())

    def reason(self, answer: requests.Response) -> str:
        return str(self.outcome(answer)["ErrorReason"])

    def credited(self, **parameters: Any) -> dict[str, Any]:
        """The action that a conversion led to."""
        assert self.reason(self.post(**parameters)) == ""
        return dict(self.actions()[0])

    def actions(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.get("Actions", CampaignId=CAMPAIGN, **query)["Actions"])


def a_conversion(**parameters: Any) -> dict[str, str]:
    defaults: dict[str, Any] = {
        "CampaignId": CAMPAIGN,
        "EventTypeCode": "LEAD",
        "EventDate": "2026-11-20T11:00:00Z",
        "OrderId": "Lead_1",
        "CustomerId": "cus_0001",
        "ClickId": CLICK,
    }
    return {name: str(value) for name, value in (defaults | parameters).items() if value is not None}


def a_sale(**parameters: Any) -> dict[str, Any]:
    """The parameters of a sale with one item of 1,000.00, for ImpactWorld.post or .credited."""
    return {"EventTypeCode": "WON", "OrderId": "Won_1", **ITEM, "ItemSubTotal1": "1000.00", **parameters}


@contextmanager
def serve(declaration: Declaration = DECLARATION, **changes: Any) -> Iterator[ImpactWorld]:
    """A world whose declaration differs from DECLARATION by `changes`."""
    declaration = replace(declaration, **changes)
    app, server = _server()
    faults = Faults()
    app.current = impact_app(Program(Clock(START), declaration), faults)
    world = ImpactWorld(declaration, app.current, faults, server.url)
    with world.session:
        yield world
