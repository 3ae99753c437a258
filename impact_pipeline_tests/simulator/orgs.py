"""A small Salesforce org for one test, a client that asks it in process, and one that asks it over real HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import (
    Call,
    Credentials,
    Org,
    OrgFeatures,
    SalesforceFaults,
    SalesforceSite,
    salesforce_app,
)
from impact_pipeline.simulator.server import LoopbackServer

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
VERSION = "66.0"
USER = "005am00000000z1AAA"
ACCOUNT, LEAD, DEAL = "001am00000000zAAAQ", "00Qam00000000zBEAQ", "006am00000000zCAAQ"
BOOK, PRODUCT, ENTRY, LINE = "01sam00000000zDAAQ", "01tam00000000zEAAQ", "01uam00000000zFAAQ", "00kam00000000zGAAQ"
CREDENTIALS = Credentials()


def an_org(start: datetime = START, **features: Any) -> Org:
    """An org with one user and no business records, its clock at `start`."""
    org = Org(Clock(start), features=OrgFeatures(**features))
    org.apply(
        {
            "op": "create",
            "sobject": "User",
            "id": USER,
            "fields": {"Username": "ada@maventech.example", "FirstName": "Ada", "LastName": "Admin", "IsActive": True},
        }
    )
    return org


def create(org: Org, sobject: str, record_id: str | None = None, **fields: Any) -> str:
    return org.apply({"op": "create", "sobject": sobject, "id": record_id, "fields": fields})


def update(org: Org, sobject: str, record_id: str, *, system_only: bool = False, **fields: Any) -> None:
    org.apply({"op": "update", "sobject": sobject, "id": record_id, "system_only": system_only, "fields": fields})


def delete(org: Org, sobject: str, record_id: str, op: str = "delete") -> None:
    org.apply({"op": op, "sobject": sobject, "id": record_id})


def later(org: Org, **span: float) -> None:
    """Let time pass, for example `later(org, minutes=5)`."""
    org.clock.advance(timedelta(**span))


def a_lead(org: Org, record_id: str | None = LEAD, **fields: Any) -> str:
    defaults = {"LastName": "Alexander", "Company": "Hatfan", "Status": "Open - Not Contacted"}
    return create(org, "Lead", record_id, **{**defaults, **fields})


def a_deal(org: Org, record_id: str | None = DEAL, **fields: Any) -> str:
    defaults = {"Name": "Hatfan - GTX Pro", "StageName": "Prospecting", "CloseDate": "2026-12-24", "Amount": 100}
    return create(org, "Opportunity", record_id, **{**defaults, **fields})


def a_price_list(org: Org) -> None:
    """One product at 550.00."""
    create(org, "Pricebook2", BOOK, Name="Standard Price Book", IsActive=True, IsStandard=True)
    create(org, "Product2", PRODUCT, Name="GTX Pro", ProductCode="GTX-PRO", IsActive=True)
    create(org, "PricebookEntry", ENTRY, Pricebook2Id=BOOK, Product2Id=PRODUCT, UnitPrice=550, IsActive=True)


def a_line(org: Org, record_id: str | None = LINE, **fields: Any) -> str:
    defaults = {"OpportunityId": DEAL, "PricebookEntryId": ENTRY, "Quantity": 1}
    return create(org, "OpportunityLineItem", record_id, **{**defaults, **fields})


class SiteAdapter(BaseAdapter):
    """Lets a requests session ask a site in process, without a socket."""

    def __init__(self, site: SalesforceSite) -> None:
        super().__init__()
        self._site = site

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        split = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        reply = self._site.answer(
            Call(
                method=str(request.method),
                path=split.path,
                params=dict(parse_qsl(split.query, keep_blank_values=True)),
                headers={name.lower(): str(value) for name, value in request.headers.items()},
                body=bytes(body),
                base_url=f"{split.scheme}://{split.netloc}",
                target_bytes=len(split.path) + len(split.query),
            )
        )
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update({"Content-Type": reply.content_type or "", **reply.headers})
        response._content = reply.body
        response.encoding = "utf-8"
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""


class LoopbackAdapter(HTTPAdapter):
    """Sends what is meant for any Salesforce host to the simulator, without TLS: simple-salesforce insists on https."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._netloc = urlsplit(url).netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        split = urlsplit(str(request.url))
        request.url = urlunsplit(("http", self._netloc, split.path, split.query, ""))
        return super().send(request, *args, **kwargs)


@dataclass
class Client:
    """What a test says to an org: `get("query", q=…)` is below /services/data/vXX.X unless it begins with a slash."""

    org: Org
    site: SalesforceSite
    session: requests.Session
    url: str
    version: str = VERSION

    @property
    def faults(self) -> SalesforceFaults:
        return self.site.faults

    def login(self) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": CREDENTIALS.client_id,
            "client_secret": CREDENTIALS.client_secret,
        }
        answer = self.session.post(f"{self.url}/services/oauth2/token", data=form)
        if answer.ok:
            self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def ask(self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None, **params: Any):
        base = self.url if path.startswith("/") else f"{self.url}/services/data/v{self.version}/"
        return self.session.request(method, base + path, params=params, json=json, headers=headers)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.ask("GET", path, **params)

    def query(self, soql: str, resource: str = "query") -> list[dict[str, Any]]:
        """All records of all pages."""
        page = self.get(resource, q=soql).json()
        records = page["records"]
        while not page["done"]:
            page = self.get(page["nextRecordsUrl"]).json()
            records += page["records"]
        return [{name: value for name, value in record.items() if name != "attributes"} for record in records]

    def ids(self, soql: str, resource: str = "query") -> list[str]:
        return [record["Id"] for record in self.query(soql, resource)]


def client_of(org: Org, credentials: Credentials = CREDENTIALS) -> Client:
    """A client in process, logged in."""
    site, session = SalesforceSite(org, credentials), requests.Session()
    session.mount("https://", SiteAdapter(site))
    client = Client(org, site, session, "https://maventech.my.salesforce.com")
    client.login()
    return client


@contextmanager
def served(org: Org, credentials: Credentials = CREDENTIALS) -> Iterator[Client]:
    """A client over real HTTP, logged in; its session takes https addresses of any host to the server."""
    app = salesforce_app(org, credentials)
    with LoopbackServer(app) as server, requests.Session() as session:
        session.mount("https://", LoopbackAdapter(server.url))
        client = Client(org, app.state.site, session, server.url)
        client.login()
        yield client
