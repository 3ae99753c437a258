"""
Whatever happens in Salesforce and to us, whenever we look: in the end raw.* equals the org, and no cursor lies on the
way.

Everyday a few timelines are played. A long run plays so many others, each time new ones:

    IMPACT_PIPELINE_TIMELINES=500 TMPDIR=/dev/shm python -m pytest -n0 impact_pipeline_tests/capture/test_timelines.py
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from impact_pipeline.capture.progress import progress
from impact_pipeline.capture.run import CaptureOptions
from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.capture.windows import OVERLAP
from impact_pipeline.simulator.salesforce import EditError, OrgFeatures
from impact_pipeline_tests.capture.mortal import Killed, Life, MortalClient, MortalWarehouse
from impact_pipeline_tests.capture.world import OTHER_BOOK, STANDARD_BOOK, World, world

EVERYDAY = 3
PLAYED = int(os.environ.get("IMPACT_PIPELINE_TIMELINES", EVERYDAY))
LATEST_COMMIT = timedelta(minutes=20)
COMPARED = {
    "Lead": ("Company", "AnnualRevenue", "MasterRecordId"),
    "Account": ("Name", "MasterRecordId"),
    "Opportunity": ("StageName", "Amount", "HasOpportunityLineItem", "AccountId"),
    "OpportunityLineItem": ("OpportunityId", "Product2Id", "Quantity", "TotalPrice"),
    "Product2": ("Name",),
}
WANTED = {
    "Lead": ("Company", "AnnualRevenue"),
    "Opportunity": ("StageName", "Amount", "Account.Name"),
    "OpportunityLineItem": ("Product2.Name", "Quantity", "TotalPrice"),
}
FAULTS: tuple[tuple[str, str | None, dict[str, object]], ...] = (
    ("session_dies", None, {}),
    ("session_dies", "^bulk_results", {"form": "object"}),
    ("server_error", None, {}),
    ("gateway_page", None, {}),
    ("truncated_body", None, {}),
    ("truncated_body", "^query", {"quiet": True}),
    ("truncated_body", "^bulk_results", {"quiet": True}),
    ("concurrent_limit", None, {}),
    ("short_pages", "^query", {"rows": 2}),
    ("repeated_rows", "^query_more", {"repeat": 1}),
    ("repeated_rows", "^bulk_results", {"repeat": 1}),
    ("reordered_rows", None, {}),
    ("headerless_pages", None, {}),
    ("dead_locator", None, {}),
    ("lost_next_link", None, {}),
    ("query_timeout", None, {}),
    ("long_query", None, {"seconds": 300}),
    ("long_bulk_query", None, {"seconds": 300}),
    ("wide_query", None, {"columns": 5}),
    ("bulk_failed", None, {}),
    ("bulk_aborted", None, {}),
    ("bulk_in_progress", None, {}),
    ("bulk_refused", None, {}),
    ("missing_headers", "^bulk_results", {}),
    ("daily_limit", None, {}),
)
Late = timedelta | None


@dataclass
class Play:
    """
    One timeline, and the Ids of what it made so far.

    `anchor` is a deal with a line that stay, so that they can be edited while somebody reads.
    """

    salesforce: World
    ids: dict[str, list[str]] = field(
        default_factory=lambda: {"Lead": [], "Account": [], "Opportunity": [], "OpportunityLineItem": []}
    )
    lost_jobs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prices = [self.salesforce.a_price("Course"), self.salesforce.a_price("Seat", "2.50")]
        self.anchor = self.salesforce.an_opportunity(Pricebook2Id=STANDARD_BOOK)
        self.anchored = self.salesforce.a_line(self.anchor, PricebookEntryId=self.prices[0])

    def free(self, sobject: str, number: int, *, binned: bool = False) -> str:
        """One of the records, living or in the Recycle Bin, that no open transaction holds, nor one of the lines of."""
        org, rows = self.salesforce.org, self.salesforce.org.table(sobject).rows
        lines = self.salesforce.org.table("OpportunityLineItem")

        def is_free(record_id: str) -> bool:
            children = [str(row["Id"]) for row in lines.with_values("OpportunityId", [record_id])]
            parent = lines.rows.get(record_id, {}).get("OpportunityId")
            return org.locked_until(record_id, parent, *children) is None

        found = [it for it in self.ids[sobject] if it in rows and rows[it]["IsDeleted"] is binned and is_free(it)]
        if not found:
            raise EditError("there is none")
        return found[number % len(found)]

    def edit(self, op: str, sobject: str, record_id: str | None, late: Late, **fields: Any) -> None:
        if late is not None:
            fields["commit_at"] = (self.salesforce.clock.now() + late).isoformat()
        made = self.salesforce.edit(op, sobject, record_id, **fields)
        if op == "create":
            self.ids[sobject].append(made)

    def create_lead(self, number: int, late: Late) -> None:
        self.edit("create", "Lead", None, late, LastName=f"{number}", Company=f"Company {number}")

    def update_lead(self, number: int, late: Late) -> None:
        self.edit("update", "Lead", self.free("Lead", number), late, AnnualRevenue=f"{number}0000000")

    def delete_lead(self, number: int, late: Late) -> None:
        self.edit("delete", "Lead", self.free("Lead", number), late)

    def undelete_lead(self, number: int, late: Late) -> None:
        self.edit("undelete", "Lead", self.free("Lead", number, binned=True), None)

    def hard_delete_lead(self, number: int, late: Late) -> None:
        self.edit("hard_delete", "Lead", self.free("Lead", number), late)

    def merge_leads(self, number: int, late: Late) -> None:
        self.merge("Lead", number, late)

    def create_account(self, number: int, late: Late) -> None:
        self.edit("create", "Account", None, None, Name=f"Account {number}")

    def merge_accounts(self, number: int, late: Late) -> None:
        self.merge("Account", number, late)

    def merge(self, sobject: str, number: int, late: Late) -> None:
        winner, loser = self.free(sobject, number), self.free(sobject, number + 1)
        if winner == loser:
            raise EditError("there is only one")
        self.edit("merge", sobject, winner, late, loser_ids=(loser,))

    def touch_leads(self, number: int, late: Late) -> None:
        self.salesforce.org.touch_all("Lead")

    def create_deal(self, number: int, late: Late) -> None:
        given = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Pricebook2Id": STANDARD_BOOK}
        account = self.free("Account", number) if self.ids["Account"] else None
        self.edit("create", "Opportunity", None, late, Amount=f"{number}.50", AccountId=account, **given)

    def win_deal(self, number: int, late: Late) -> None:
        stage = ("Prospecting", "Closed Won")[number % 2]
        self.edit("update", "Opportunity", self.free("Opportunity", number), late, StageName=stage)

    def delete_deal(self, number: int, late: Late) -> None:
        self.edit("delete", "Opportunity", self.free("Opportunity", number), late)

    def undelete_deal(self, number: int, late: Late) -> None:
        self.edit("undelete", "Opportunity", self.free("Opportunity", number, binned=True), None)

    def hard_delete_deal(self, number: int, late: Late) -> None:
        self.edit("hard_delete", "Opportunity", self.free("Opportunity", number), late)

    def change_book(self, number: int, late: Late) -> None:
        """Salesforce then deletes the lines."""
        book = (STANDARD_BOOK, OTHER_BOOK)[number % 2]
        self.edit("update", "Opportunity", self.free("Opportunity", number), late, Pricebook2Id=book)

    def create_line(self, number: int, late: Late) -> None:
        deal = self.free("Opportunity", number)
        given = {"Quantity": f"{number + 1}", "PricebookEntryId": self.prices[number % 2]}
        self.edit("create", "OpportunityLineItem", None, late, OpportunityId=deal, **given)

    def change_line(self, number: int, late: Late) -> None:
        line = self.free("OpportunityLineItem", number)
        name, value = (("Quantity", f"{number + 2}"), ("UnitPrice", f"{number}.25"))[number % 2]
        self.edit("update", "OpportunityLineItem", line, late, **{name: value})

    def delete_line(self, number: int, late: Late) -> None:
        self.edit("delete", "OpportunityLineItem", self.free("OpportunityLineItem", number), late)

    def rename_product(self, number: int, late: Late) -> None:
        entry = self.salesforce.org.table("PricebookEntry").rows[self.prices[number % 2]]
        self.edit("update", "Product2", str(entry["Product2Id"]), late, Name=f"Product {number}")

    def empty_bin(self, number: int, late: Late) -> None:
        self.salesforce.org.empty_recycle_bin()

    def edit_meanwhile(self, number: int, late: Late) -> None:
        """Somebody edits while we read."""
        edit = {
            "op": "update",
            "sobject": "OpportunityLineItem",
            "id": self.anchored,
            "fields": {"Quantity": number + 1},
        }
        self.salesforce.faults.add("edited_meanwhile", skip=4 * number, count=1, edits=[edit])

    def fault(self, number: int, late: Late) -> None:
        name, match, parameters = FAULTS[number % len(FAULTS)]
        self.salesforce.faults.add(name, match=match, count=1, **parameters)


ACTIONS: tuple[Callable[[Play, int, Late], None], ...] = (
    Play.create_lead,
    Play.create_lead,
    Play.update_lead,
    Play.delete_lead,
    Play.undelete_lead,
    Play.hard_delete_lead,
    Play.merge_leads,
    Play.touch_leads,
    Play.create_account,
    Play.merge_accounts,
    Play.create_deal,
    Play.create_deal,
    Play.win_deal,
    Play.delete_deal,
    Play.undelete_deal,
    Play.hard_delete_deal,
    Play.change_book,
    Play.create_line,
    Play.create_line,
    Play.change_line,
    Play.delete_line,
    Play.rename_product,
    Play.empty_bin,
    Play.edit_meanwhile,
    Play.fault,
    Play.fault,
    Play.fault,
)
Step = tuple[int, int, int, Late]
steps = st.tuples(
    st.integers(0, len(ACTIONS) - 1),
    st.integers(0, len(FAULTS) - 1),
    st.sampled_from([0, 0, 1, 7, 60, 400, 3000]),
    st.one_of(st.none(), st.none(), st.timedeltas(timedelta(seconds=1), LATEST_COMMIT)),
)


@st.composite
def ways(draw: Callable[..., Any]) -> CaptureOptions:
    """By REST or by bulk jobs, in few or many pieces."""
    return CaptureOptions(
        rows_per_piece=draw(st.sampled_from([1, 3, 50])),
        bulk_from_rows=draw(st.sampled_from([1, 4, 10_000])),
        rows_per_job=draw(st.sampled_from([5, 10_000])),
        poll_seconds=0.01,
        wait_seconds=0.0,
        gather_seconds=draw(st.sampled_from([0.0, 0.05])),
    )


@dataclass(frozen=True, kw_only=True)
class Poll:
    """What happens before we look, how we look, and at which point our run is killed."""

    steps: list[Step]
    options: CaptureOptions
    killed_at: int | None


polls = st.lists(
    st.builds(
        Poll,
        steps=st.lists(steps, max_size=14),
        options=ways(),
        killed_at=st.one_of(st.none(), st.integers(1, 80)),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=PLAYED,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=PLAYED == EVERYDAY,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    print_blob=False,
)
@given(
    polls,
    st.sampled_from([timedelta(0), timedelta(hours=-7), timedelta(days=3)]),
    st.sampled_from([0, 0, 1800]),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_raw_equals_the_org_in_the_end(
    timeline: list[Poll], skew: timedelta, covered_lag: int, page_rows: int | None, merge_stamps_children: bool
) -> None:
    features = OrgFeatures(covered_lag_seconds=covered_lag, merge_stamps_children=merge_stamps_children)
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), features) as salesforce:
        salesforce.skew = skew
        play, seen = Play(salesforce), Seen(salesforce)
        for poll in timeline:
            for action, number, seconds, late in poll.steps:
                try:
                    ACTIONS[action](play, number, late)
                except EditError:
                    continue  # an edit that Salesforce refuses is none
                salesforce.advance(seconds=seconds)
            if page_rows:
                salesforce.faults.add("short_pages", match="^bulk_results", rows=page_rows)
            is_complete = looked(salesforce, poll, play.lost_jobs)
            seen.assert_honest(is_complete=is_complete)
        salesforce.faults.clear()
        salesforce.advance(seconds=(LATEST_COMMIT + timedelta(minutes=5)).total_seconds())
        salesforce.capture(WANTED, options=timeline[-1].options)
        seen.assert_honest(is_complete=True)

        for name in COMPARED:
            assert captured(salesforce, name) == in_the_org(salesforce, name), name
        assert not list(salesforce.staging.glob("capture-*"))
        assert salesforce.site.jobs.keys() == set(play.lost_jobs)
        salesforce.advance(hours=1)
        assert sum(row.versions_written for row in salesforce.capture(WANTED).captured) == 0


def looked(salesforce: World, poll: Poll, lost_jobs: list[str]) -> bool:
    """Whether the cycle came to its end."""
    life = Life(poll.killed_at)
    client = salesforce.client(MortalClient)
    client.life = life  # type: ignore[attr-defined]
    warehouse = MortalWarehouse(path=salesforce.warehouse.path, life=life)
    try:
        salesforce.capture(WANTED, client=client, warehouse=warehouse, options=poll.options, settle=False)
    except Killed:
        lost_jobs += life.lost_jobs
        salesforce.advance(minutes=2)  # its lease expires
        return False
    except SalesforceError:
        return False
    return True


class Seen:
    """What raw.* and audit.extraction held when we looked last."""

    def __init__(self, salesforce: World) -> None:
        self._salesforce = salesforce
        self._versions: dict[str, dict[int, int]] = {}
        self._cursors: dict[str, datetime] = {}

    def assert_honest(self, *, is_complete: bool) -> None:
        """
        No cursor runs back, no version changes, and what the next cycle will not come back to is here: all that is
        visible and was stamped before the cursor, or after a cycle that broke off, before the next window.
        """
        with self._salesforce.warehouse.reading() as con:
            reached = progress(con)
            for name, about in reached.items():
                bound = about.cursor
                if not is_complete and not about.is_first_load:
                    bound = about.window(about.cursor + timedelta(days=1), OVERLAP).after or bound
                self._assert_read(con, name, bound)
                self._assert_append_only(con, name)
                assert about.cursor >= self._cursors.get(name, about.cursor)
                self._cursors[name] = about.cursor

    def _assert_read(self, con: duckdb.DuckDBPyConnection, name: str, bound: datetime) -> None:
        known = dict(con.execute(f'select "Id", "SystemModstamp" from raw."{name}"').fetchall())
        for row in self._salesforce.org.table(name):
            if (stamp := moment(row)) < bound:
                assert known[str(row["Id"])] >= stamp, (name, row["Id"], bound)

    def _assert_append_only(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        versions = dict(con.execute(f'select "_version_id", hash(v) from raw."{name}_version" as v').fetchall())
        assert versions.items() >= self._versions.get(name, {}).items(), name
        self._versions[name] = versions
        wrong = con.execute(
            f'select (select count(*) - count(distinct "Id") from raw."{name}"), (select count(*) '
            f'from raw."{name}_version" as n left join raw."{name}_version" as p '
            'on p."_version_id" = n."_previous_version_id" '
            'where n."_previous_version_id" is not null and p."Id" is distinct from n."Id")'
        ).fetchall()
        assert wrong == [(0, 0)], name


def captured(salesforce: World, name: str) -> dict[str, tuple[object, ...]]:
    """Id → values, without those that are known to be gone for good."""
    fields = ", ".join(f'"{item}"' for item in COMPARED[name])
    rows = salesforce.query(f'select "Id", "_is_deleted", "SystemModstamp", {fields} from raw."{name}"')
    return {row[0]: row[1:] for row in rows if not row[1] or row[0] in salesforce.org.table(name).rows}


def in_the_org(salesforce: World, name: str) -> dict[str, tuple[object, ...]]:
    return {
        str(row["Id"]): (row["IsDeleted"], moment(row), *(row.get(item) for item in COMPARED[name]))
        for row in salesforce.org.table(name)
    }


def moment(row: Any) -> datetime:
    return datetime.fromisoformat(str(row["SystemModstamp"])).replace(tzinfo=UTC)
