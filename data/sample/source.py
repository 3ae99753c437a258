"""
The edits that make the sample org's past: public sales and prospect files, told as Salesforce would have lived them.

No randomness: whatever the sources leave open follows from a SHA-256 of a source key, so the same files always give the
same edits. README.md says what the rules are.
"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

SHIFT = timedelta(weeks=417)
PERCENT_KEPT = 40
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES = {
    "User": "005",
    "Account": "001",
    "Contact": "003",
    "Lead": "00Q",
    "Opportunity": "006",
    "OpportunityLineItem": "00k",
    "OpportunityContactRole": "00K",
    "Product2": "01t",
    "Pricebook2": "01s",
    "PricebookEntry": "01u",
    "Partner_Referral__c": "a0B",
}
PARTNERS = ("Reseller Gazette", "CloudPicks", "StackReview", "B2B Insider", "Affiliate Nordic", "Hardware Weekly")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Trade Show", "Purchased List", "Other")
# Typing errors of the sources and a short form.
INDUSTRIES = {"technolgy": "Technology"}
COUNTRIES = {"Philipines": "Philippines", "Korea": "South Korea"}
MERGED_PRODUCTS = {"GTXPro": "GTX Pro"}
# Positions in the prospect file, which has no header.
FIRST_NAME, LAST_NAME, STREET, CITY, STATE, POSTAL_CODE, PHONE, SALUTATION = 2, 4, slice(16, 18), 18, 19, 20, 21, 22
# Positions in the reseller file, which has no header.
FIRM, EMPLOYEES, REVENUE = 5, 6, 14

Fields = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One write to the org. The fields are those that the simulated Salesforce plays."""

    at: datetime
    op: str
    sobject: str
    id: str
    by: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    system_only: bool = False
    loser_ids: tuple[str, ...] = ()
    commit_at: datetime | None = None


def pick(key: str, below: int) -> int:
    """A stable number from 0 to `below` - 1 for a key."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:15], 16) % below


def click_id(key: str) -> str:
    """38 letters and digits, shaped like the value of im_ref; made up."""
    return _base62(int(hashlib.sha256(("click" + key).encode()).hexdigest(), 16), 43)[-38:]


def customer_id(email: str) -> str:
    return "cus_" + hashlib.sha256(email.encode()).hexdigest()[:14]


class Ids:
    """
    Salesforce Ids of 18 characters, counted up per object.

    Args:
        pod: characters 4 to 6 of every Id; two counters with different ones never give the same Id.
    """

    def __init__(self, pod: str) -> None:
        self._pod = pod
        # The counters run through upper and lower case from here, so two Ids may differ in case alone.
        self._last: dict[str, int] = defaultdict(lambda: 61 * 62)

    def new(self, sobject: str) -> str:
        self._last[sobject] += 1
        short = PREFIXES[sobject] + self._pod + _base62(self._last[sobject], 9)
        groups = (short[0:5], short[5:10], short[10:15])
        return short + "".join(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum(1 << place for place, sign in enumerate(group) if sign.isupper())]
            for group in groups
        )


def _base62(number: int, width: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number, 62)
        text = DIGITS[rest] + text
    return text.rjust(width, "0")


def _working_hour(day: date, key: str) -> datetime:
    """A moment of the US working day, 14:00 to 23:59 UTC, by hash: the sources have days only."""
    return datetime(day.year, day.month, day.day, 14, tzinfo=UTC) + timedelta(seconds=pick("t" + key, 35999))


def _slug(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum() and sign.isascii())


@dataclass(frozen=True, kw_only=True)
class _Product:
    entry_id: str
    name: str
    price: int


@dataclass(frozen=True, kw_only=True)
class _Person:
    """The contact that a lead became, and since when."""

    contact_id: str
    customer_id: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """What a deal inherits from the lead it began as."""

    contact_id: str
    customer_id: str
    click_id: str | None
    lead_source: str


class Past:
    """
    Reads the folder with the source files and collects the edits; `edits()` gives them in order of time.

    Raises FileNotFoundError where one of the files is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._edits: list[Edit] = []
        self._ids = Ids("am0")
        self._referral_count = 0
        self._users: dict[str, str] = {}
        self._products: dict[str, _Product] = {}
        self._accounts: dict[str, str] = {}
        self._opened: dict[str, datetime] = {}
        self._people: Iterator[list[str]] = iter(self._piped("aw_ProspectiveBuyer.csv"))
        self._known: dict[str, list[_Person]] = defaultdict(list)
        self._with_customer_id: set[str] = set()
        self._agents = self._rows("sales_teams.csv")
        self._start = datetime(2016, 9, 1, 15, tzinfo=UTC) + SHIFT
        self._admin = self._ids.new("User")
        self._book = ""

    def edits(self) -> list[Edit]:
        self._add_users()
        self._add_products()
        self._add_accounts()
        for deal in self._deals():
            self._add_deal(deal)
        self._add_cold_leads()
        return sorted(self._edits, key=lambda edit: (edit.at, RANK.index(edit.sobject)))

    # Reading

    def _rows(self, name: str) -> list[dict[str, str]]:
        with (self._folder / name).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def _piped(self, name: str) -> list[list[str]]:
        with (self._folder / name).open(encoding="utf-8", newline="") as lines:
            return [line.rstrip("\r\n").split("|") for line in lines]

    # Writing

    def _add(self, at: datetime, op: str, sobject: str, record_id: str, by: str, **fields: Any) -> str:
        self._edits.append(Edit(at=at, op=op, sobject=sobject, id=record_id, by=by, fields=fields))
        return record_id

    def _create(self, at: datetime, sobject: str, by: str, record_id: str | None = None, **fields: Any) -> str:
        given = {name: value for name, value in fields.items() if value not in (None, "")}
        return self._add(at, "create", sobject, record_id or self._ids.new(sobject), by, **given)

    def _update(self, at: datetime, sobject: str, record_id: str, by: str, **fields: Any) -> None:
        self._add(at, "update", sobject, record_id, by, **fields)

    # The company

    def _add_users(self) -> None:
        self._create(
            self._start,
            "User",
            self._admin,
            record_id=self._admin,
            Username="admin@maventech.example",
            FirstName="Ada",
            LastName="Admin",
            Email="admin@maventech.example",
            IsActive=True,
            Title="CRM administrator",
        )
        for row in self._agents:
            if row["manager"] not in self._users:
                self._add_user(row["manager"], "Sales manager", row["regional_office"])
        for row in self._agents:
            self._add_user(row["sales_agent"], "Sales agent", row["regional_office"], self._users[row["manager"]])

    def _add_user(self, name: str, title: str, department: str, manager_id: str | None = None) -> None:
        first, last = name.split(" ", 1)
        address = f"{_slug(first)}.{_slug(last)}@maventech.example"
        self._users[name] = self._create(
            self._start,
            "User",
            self._admin,
            Username=address,
            FirstName=first,
            LastName=last,
            Email=address,
            IsActive=True,
            Title=title,
            Department=department,
            ManagerId=manager_id,
        )

    def _add_products(self) -> None:
        start, admin = self._start, self._admin
        self._book = self._create(
            start, "Pricebook2", admin, Name="Standard Price Book", IsActive=True, IsStandard=True
        )
        for number, row in enumerate(self._rows("products.csv"), 1):
            code, price = row["product"].upper().replace(" ", "-"), int(row["sales_price"])
            product_id = self._create(
                start,
                "Product2",
                admin,
                Name=row["product"],
                ProductCode=code,
                StockKeepingUnit=f"MT-{row['series']}-{number:03}",
                Family=row["series"],
                IsActive=True,
                Description=f"{row['series']} series",
            )
            entry_id = self._create(
                start,
                "PricebookEntry",
                admin,
                Name=row["product"],
                Pricebook2Id=self._book,
                Product2Id=product_id,
                ProductCode=code,
                UnitPrice=price,
                IsActive=True,
            )
            self._products[row["product"]] = _Product(entry_id=entry_id, name=row["product"], price=price)

    def _product(self, row: Mapping[str, str]) -> _Product:
        return self._products[MERGED_PRODUCTS.get(row["product"], row["product"])]

    def _add_accounts(self) -> None:
        rows = self._rows("accounts.csv")
        for row in rows:
            name = row["account"]
            at = _working_hour(self._start.date() + timedelta(days=1 + pick("acc" + name, 28)), name)
            self._opened[name] = at
            self._accounts[name] = self._create(
                at,
                "Account",
                self._admin,
                Name=name,
                AccountNumber=f"A{10000 + pick(name, 90000):05}",
                Type="Prospect",
                Industry=INDUSTRIES.get(row["sector"], row["sector"].capitalize()),
                AnnualRevenue=int(Decimal(row["revenue"]) * 1_000_000),
                NumberOfEmployees=int(row["employees"]),
                YearStarted=row["year_established"],
                BillingCountry=COUNTRIES.get(row["office_location"], row["office_location"]),
                Website=f"https://www.{_slug(name)}.example",
            )
        for row in rows:  # Some parents are not in the file: the link stays empty.
            if parent := self._accounts.get(row["subsidiary_of"]):
                name = row["account"]
                linked_at = self._opened[name] + timedelta(hours=30)
                self._update(linked_at, "Account", self._accounts[name], self._admin, ParentId=parent)

    # Deals

    def _deals(self) -> list[list[dict[str, str]]]:
        """Pipeline rows of one account, stage and day are the lines of one deal; a part of the deals, by hash."""
        deals: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
        for row in self._rows("sales_pipeline.csv"):
            day = row["close_date"] or row["engage_date"]
            together = bool(row["account"] and day)
            deals[(row["account"], row["deal_stage"], day) if together else (row["opportunity_id"],)].append(row)
        return [rows for rows in deals.values() if pick("keep" + rows[0]["opportunity_id"], 100) < PERCENT_KEPT]

    def _add_deal(self, rows: list[dict[str, str]]) -> None:
        first = rows[0]
        ref, account, owner = first["opportunity_id"], first["account"], self._users[first["sales_agent"]]
        begun, engaged, closed = _moments(rows)
        deal_id = self._ids.new("Opportunity")
        origin = None
        if account and pick("lead" + ref, 100) < 55:
            origin = self._add_lead_of_deal(first, deal_id, owner, begun)
            if account not in self._with_customer_id:
                self._with_customer_id.add(account)
                at = begun + timedelta(seconds=2)
                self._update(at, "Account", self._accounts[account], owner, Customer_Id__c=origin.customer_id)
        lines = self._create_deal(rows, deal_id, owner, begun, origin)
        if engaged:
            self._update(engaged, "Opportunity", deal_id, owner, StageName="Negotiation")
        if closed:
            self._close_deal(rows, deal_id, lines, owner, closed)
        last = closed or engaged or begun
        if pick("job" + ref, 100) < 12:  # A nightly job touches the row; nobody modifies it.
            night = datetime(last.year, last.month, last.day, 3, tzinfo=UTC) + timedelta(days=1)
            self._edits.append(
                Edit(at=night, op="update", sobject="Opportunity", id=deal_id, by=self._admin, system_only=True)
            )
        if not account and first["deal_stage"] == "Prospecting" and pick("del" + ref, 10) == 0:
            self._add(begun + timedelta(days=20), "delete", "Opportunity", deal_id, owner)

    def _create_deal(
        self, rows: list[dict[str, str]], deal_id: str, owner: str, begun: datetime, origin: _Origin | None
    ) -> list[str]:
        """The opportunity, its contact role and its lines at list prices; gives the lines' Ids."""
        first = rows[0]
        ref, account = first["opportunity_id"], first["account"]
        what = self._product(first).name if len(rows) == 1 else f"{len(rows)} products"
        expected = _day(first["close_date"]) if first["close_date"] else begun.date() + timedelta(days=90)
        # 15 % of those from a partner lose the click id on the way.
        keeps_click = origin is not None and pick("drop" + ref, 100) >= 15
        self._create(
            begun,
            "Opportunity",
            owner,
            record_id=deal_id,
            AccountId=self._accounts.get(account),
            Name=f"{account or 'New business'} - {what}",
            StageName="Prospecting",
            CloseDate=expected.isoformat(),
            Type="New Customer" if pick("ty" + ref, 3) else "Existing Customer - Upgrade",
            LeadSource=origin.lead_source if origin else None,
            Pricebook2Id=self._book,
            Customer_Id__c=origin.customer_id if origin else None,
            Impact_Click_Id__c=origin.click_id if origin and keeps_click else None,
            Source_Ref__c=";".join(row["opportunity_id"] for row in rows),
        )
        if origin:
            person: Fields = {"ContactId": origin.contact_id, "Role": "Decision Maker", "IsPrimary": True}
            self._create(begun, "OpportunityContactRole", owner, OpportunityId=deal_id, **person)
        return [
            self._create(
                begun + timedelta(seconds=1),
                "OpportunityLineItem",
                owner,
                OpportunityId=deal_id,
                SortOrder=place,
                PricebookEntryId=self._product(row).entry_id,
                Quantity=1,
                UnitPrice=self._product(row).price,
            )
            for place, row in enumerate(rows, 1)
        ]

    def _close_deal(
        self, rows: list[dict[str, str]], deal_id: str, lines: list[str], owner: str, closed: datetime
    ) -> None:
        won = rows[0]["deal_stage"] == "Won"
        if won:  # The agreed prices come a little before the stage.
            for row, line_id in zip(rows, lines, strict=True):
                at, price = closed - timedelta(seconds=40), int(row["close_value"])
                self._update(at, "OpportunityLineItem", line_id, owner, UnitPrice=price)
        stage = "Closed Won" if won else "Closed Lost"
        self._update(closed, "Opportunity", deal_id, owner, StageName=stage, CloseDate=closed.date().isoformat())
        if won and (account_id := self._accounts.get(rows[0]["account"])):
            self._update(closed + timedelta(seconds=3), "Account", account_id, owner, Type="Customer - Direct")

    # Leads

    def _add_lead_of_deal(self, row: Mapping[str, str], deal_id: str, owner: str, begun: datetime) -> _Origin:
        """The lead that a deal began as: created, qualified half way, converted when the deal begins."""
        ref, account = row["opportunity_id"], row["account"]
        person = next(self._people, None)
        if person is None:
            person = self._piped("aw_ProspectiveBuyer.csv")[pick("again" + ref, 2000)]
        born = begun - timedelta(days=1 + pick("l" + ref, 20), seconds=pick("ls" + ref, 9000))
        born = max(born, self._opened[account] + timedelta(hours=1))
        born = min(born, begun - timedelta(minutes=90))
        lead_id, lead = self._add_lead(born, ref, account, owner, person)
        half_way = (born + (begun - born) / 2).replace(microsecond=0)
        self._update(half_way, "Lead", lead_id, owner, Status="Qualified", IsUnreadByOwner=False)
        known = [known for known in self._known[account] if known.since < begun - timedelta(hours=1)]
        if known and pick("known" + ref, 4) == 0:  # Converted into somebody already there.
            found = known[pick("which" + ref, len(known))]
            contact_id, customer = found.contact_id, found.customer_id
            self._update(begun - timedelta(minutes=10), "Lead", lead_id, owner, Customer_Id__c=customer)
        else:
            contact_id, customer = self._create_contact(begun, account, owner, lead), lead["Customer_Id__c"]
            self._known[account].append(_Person(contact_id=contact_id, customer_id=customer, since=begun))
        self._update(
            begun,
            "Lead",
            lead_id,
            owner,
            Status="Closed - Converted",
            IsConverted=True,
            ConvertedDate=begun.date().isoformat(),
            ConvertedAccountId=self._accounts[account],
            ConvertedContactId=contact_id,
            ConvertedOpportunityId=deal_id,
        )
        return _Origin(
            contact_id=contact_id,
            customer_id=customer,
            click_id=lead["Impact_Click_Id__c"],
            lead_source=lead["LeadSource"],
        )

    def _create_contact(self, at: datetime, account: str, owner: str, lead: Fields) -> str:
        taken_over = {
            name: lead[name]
            for name in (
                *("Salutation", "FirstName", "LastName", "Email", "Phone", "LeadSource"),
                *("Customer_Id__c", "Impact_Click_Id__c"),
            )
        }
        address = {f"Mailing{name}": lead[name] for name in ("Street", "City", "State", "PostalCode", "Country")}
        return self._create(at, "Contact", owner, AccountId=self._accounts[account], **taken_over, **address)

    def _add_lead(
        self, at: datetime, key: str, company: str, owner: str, person: list[str], **more: Any
    ) -> tuple[str, Fields]:
        """A lead and, for those that a partner sent, its referral."""
        first, last = person[FIRST_NAME], person[LAST_NAME]
        address = f"{_slug(first)}.{_slug(last)}@{_slug(company)}.example"
        referred = pick("src" + key, 100) < 38
        lead: Fields = {
            "Salutation": person[SALUTATION],
            "FirstName": first,
            "LastName": last,
            "Company": company,
            "Street": ", ".join(filter(None, person[STREET])),
            "City": person[CITY],
            "State": person[STATE],
            "PostalCode": person[POSTAL_CODE],
            "Country": "United States",
            "Phone": person[PHONE],
            "Email": address,
            "Status": "Open - Not Contacted",
            "OwnerId": owner,
            "LeadSource": "Partner Referral" if referred else LEAD_SOURCES[pick("ls" + key, 5)],
            "IsUnreadByOwner": True,
            "Customer_Id__c": customer_id(address),
            "Impact_Click_Id__c": click_id(key) if referred else None,
        } | more
        lead_id = self._create(at, "Lead", self._admin, **lead)
        if referred:
            self._referral_count += 1
            self._create(
                at,
                "Partner_Referral__c",
                self._admin,
                Name=f"PR-{self._referral_count:06}",
                Lead__c=lead_id,
                Impact_Click_Id__c=lead["Impact_Click_Id__c"],
                Media_Partner__c=PARTNERS[pick("mp" + key, 6)],
                Landing_Page__c=f"https://www.maventech.example/demo?im_ref={lead['Impact_Click_Id__c']}",
                Referred_On__c=at.date().isoformat(),
                Referral_Status__c="New",
            )
        return lead_id, lead

    def _add_cold_leads(self) -> None:
        """Leads that never convert: people of one file, companies of another."""
        first_day = _day("2016-11-01")
        span = (_day("2017-12-28") - first_day).days
        for number, firm in enumerate(self._piped("aw_DimReseller.csv")):
            person = next(self._people, None)
            if person is None:
                break
            key = f"cold{number}"
            at = _working_hour(first_day + timedelta(days=pick(key, span)), key)
            owner = self._users[self._agents[pick("o" + key, len(self._agents))]["sales_agent"]]
            size = {
                "AnnualRevenue": int(Decimal(firm[REVENUE] or 0)) or None,
                "NumberOfEmployees": int(firm[EMPLOYEES]),
            }
            lead_id, _ = self._add_lead(at, key, firm[FIRM], owner, person, **size)
            step = pick("st" + key, 10)
            if step >= 4:
                qualified_at = at + timedelta(hours=5 + pick("h" + key, 90))
                self._update(qualified_at, "Lead", lead_id, owner, Status="Qualified", IsUnreadByOwner=False)
            if step >= 7:
                dropped_at = at + timedelta(days=6 + pick("h2" + key, 30))
                self._update(dropped_at, "Lead", lead_id, owner, Status="Closed - Not Converted")


# Within one transaction Salesforce writes in this order: a lead's conversion is written after what it made.
RANK = (
    *("User", "Pricebook2", "Product2", "PricebookEntry", "Account", "Contact", "Opportunity"),
    *("OpportunityContactRole", "OpportunityLineItem", "Lead", "Partner_Referral__c"),
)


def _day(text: str) -> date:
    return date.fromisoformat(text) + SHIFT


def _moments(rows: list[dict[str, str]]) -> tuple[datetime, datetime | None, datetime | None]:
    """When a deal began, when its negotiation began and when it was closed; None for what hasn't happened."""
    ref = rows[0]["opportunity_id"]
    engaged_on = min((_day(row["engage_date"]) for row in rows if row["engage_date"]), default=None)
    if engaged_on is None:  # 500 prospecting rows have no date at all.
        begun_on = _day("2017-08-01") + timedelta(days=pick("d" + ref, 140))
    else:
        begun_on = engaged_on - timedelta(days=pick("p" + ref, 7))
    begun = _working_hour(begun_on, "b" + ref)
    engaged = _working_hour(engaged_on, "e" + ref) if engaged_on else None
    closed = _working_hour(_day(rows[0]["close_date"]), "c" + ref) if rows[0]["close_date"] else None
    if engaged and engaged <= begun:
        engaged = begun + timedelta(minutes=5 + pick("m" + ref, 50))
    if closed and closed <= (engaged or begun):
        closed = (engaged or begun) + timedelta(minutes=10 + pick("m2" + ref, 50))
    return begun, engaged, closed
