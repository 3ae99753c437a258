"""The sample org in data/sample: it holds together, and its week contains every kind of edit that it is there for."""

import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import load_declaration
from impact_pipeline.simulator.salesforce import Org
from impact_pipeline.simulator.timeline import Timeline, read_edits

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "data" / "sample"
TIMELINE = SAMPLE / "timeline.jsonl.gz"
RECOMMENDED = REPOSITORY / "impact_pipeline" / "config" / "packs" / "recommended" / "pipeline.yaml"
PROGRAM = yaml.safe_load((SAMPLE / "cycles.yaml").read_text(encoding="utf-8"))
BASELINE_AT: datetime = PROGRAM["baseline_at"]
CYCLES: list[datetime] = [cycle["at"] for cycle in PROGRAM["cycles"]]
COMPRESSED = sorted(SAMPLE.rglob("*.gz"))
# What Salesforce works out by itself, so that an edit which names it says nothing new or contradicts it.
DERIVED = {
    "Opportunity": {"IsClosed", "IsWon", "Probability", "ExpectedRevenue", "ForecastCategory", "LastStageChangeDate"},
    "OpportunityLineItem": {"TotalPrice", "ListPrice", "Name", "ProductCode", "Product2Id"},
    "Lead": {"Name"},
    "Contact": {"Name"},
}


def rows_of(sobject: str) -> list[dict[str, str]]:
    with gzip.open(SAMPLE / "salesforce" / f"{sobject}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def a_loaded_org() -> Org:
    org = Org(Clock(BASELINE_AT))
    org.load_folder(SAMPLE / "salesforce")
    return org


def line_totals(org: Org) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in org.table("OpportunityLineItem"):
        totals[line["OpportunityId"]] += line["TotalPrice"]
    return totals


@pytest.fixture(scope="module")
def org() -> Org:
    """The org at the baseline. Tests only read it."""
    return a_loaded_org()


@pytest.fixture(scope="module")
def played_org() -> Org:
    """The org after the last cycle. Tests only read it."""
    org = a_loaded_org()
    Timeline.from_file(TIMELINE, clock=org.clock, apply=org.apply).play_until(CYCLES[-1])
    org.settle()
    return org


@dataclass(frozen=True, kw_only=True)
class Week:
    """The timeline, and what can be told of it without playing it."""

    edits: list[dict[str, Any]]

    @staticmethod
    def span_of(at: datetime) -> int:
        """Which cycle is the first to see a write of that time."""
        return next(place for place, cycle in enumerate(CYCLES) if at <= cycle)

    @cached_property
    def by_id(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for edit in self.edits:
            found[edit["id"]].append(edit)
        return found

    @cached_property
    def stages(self) -> dict[str, list[tuple[datetime, str]]]:
        """Opportunities created in the week: the stages they entered, in order."""
        entered: dict[str, list[tuple[datetime, str]]] = {}
        for edit in self.of("create", "Opportunity"):
            later = [other for other in self.by_id[edit["id"]] if other["fields"].get("StageName")]
            entered[edit["id"]] = [(other["at"], other["fields"]["StageName"]) for other in later]
        return entered

    @cached_property
    def won_at(self) -> dict[str, datetime]:
        return {
            deal: next(at for at, stage in entered if stage == "Closed Won")
            for deal, entered in self.stages.items()
            if any(stage == "Closed Won" for _, stage in entered)
        }

    @cached_property
    def lines(self) -> dict[str, list[dict[str, Any]]]:
        """The creations of line items by opportunity."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for edit in self.of("create", "OpportunityLineItem"):
            found[edit["fields"]["OpportunityId"]].append(edit)
        return found

    @cached_property
    def deal_of_line(self) -> dict[str, str]:
        return {line["id"]: deal for deal, lines in self.lines.items() for line in lines}

    def of(self, op: str, sobject: str) -> list[dict[str, Any]]:
        return [edit for edit in self.edits if (edit["op"], edit["sobject"]) == (op, sobject)]

    def line_edits(self, op: str) -> Iterator[tuple[dict[str, Any], bool]]:
        """Edits of the lines of deals that were won in the week, and whether they came after that."""
        for edit in self.of(op, "OpportunityLineItem"):
            deal = edit["fields"].get("OpportunityId") or self.deal_of_line.get(edit["id"])
            if deal in self.won_at:
                yield edit, edit["at"] > self.won_at[deal]

    def amount_of(self, deal: str) -> Decimal:
        return sum(
            (Decimal(line["fields"].get("Quantity", 1)) * price_of(line) for line in self.lines[deal]), Decimal(0)
        )

    def enters(self, *wanted: str, spans: int | None = None) -> bool:
        """Whether a deal enters these stages one after the other, seen by that number of cycles (None: by any)."""
        for entered in self.stages.values():
            for start in range(len(entered) - len(wanted) + 1):
                part = entered[start : start + len(wanted)]
                if tuple(stage for _, stage in part) == wanted:
                    seen = len({self.span_of(at) for at, _ in part})
                    if spans is None or seen == spans:
                        return True
        return False

    def converted(self) -> list[tuple[dict[str, Any], set[str]]]:
        """Conversions of leads, with the ids that were created in the same second."""
        found = []
        for edit in self.of("update", "Lead"):
            if edit["fields"].get("IsConverted"):
                together = {
                    other["id"] for other in self.edits if other["at"] == edit["at"] and other["op"] == "create"
                }
                found.append((edit["fields"], together))
        return found

    def texts(self, name: str) -> list[str]:
        return [str(edit["fields"][name]) for edit in self.edits if edit["fields"].get(name)]


def price_of(line: dict[str, Any]) -> Decimal:
    """What one piece costs; 0 for a product of the week without a price of its own in the line."""
    return Decimal(line["fields"].get("UnitPrice") or list_prices().get(line["fields"]["PricebookEntryId"], 0))


@cache
def list_prices() -> dict[str, Decimal]:
    return {row["Id"]: Decimal(row["UnitPrice"]) for row in rows_of("PricebookEntry")}


@pytest.fixture(scope="module")
def week() -> Week:
    return Week(edits=[dict(edit) | {"at": datetime.fromisoformat(edit["at"])} for edit in read_edits(TIMELINE)])


# The files


def test_the_whole_sample_is_smaller_than_3_megabytes():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.suffix != ".pyc") < 3_000_000


@pytest.mark.parametrize("path", COMPRESSED, ids=lambda path: path.name)
def test_compressed_files_carry_neither_a_time_nor_a_name(path):
    """Otherwise the same content would give other bytes on the next build."""
    header = path.read_bytes()[:10]

    assert header[:3] == b"\x1f\x8b\x08"
    assert header[3] == 0
    assert header[4:8] == b"\0\0\0\0"


def test_the_licence_of_the_people_and_companies_comes_along():
    licence = (SAMPLE / "LICENSE.adventureworks.txt").read_text(encoding="utf-8")

    assert "MIT License" in licence
    assert "Copyright (c) Microsoft Corporation" in licence


def test_all_addresses_end_in_a_reserved_domain(week):
    stored = [row["Email"] for name in ("Lead", "Contact", "User") for row in rows_of(name) if row["Email"]]

    assert all(address.endswith(".example") for address in [*stored, *week.texts("Email")])


def test_the_timeline_holds_what_the_planned_edits_say(week, monkeypatch):
    """Whoever changes planned_edits.yaml has to build the sample again."""
    monkeypatch.syspath_prepend(str(SAMPLE))
    planned_edits = import_module("planned").planned_edits
    names = [path.name.partition(".")[0] for path in COMPRESSED if path.name.endswith(".csv.gz")]

    planned = planned_edits(SAMPLE / "planned_edits.yaml", {name: rows_of(name) for name in names})

    told = Counter(
        (edit["at"], edit["op"], edit["id"], json.dumps(edit["fields"], default=float)) for edit in week.edits
    )
    wanted = Counter((edit.at, edit.op, edit.id, json.dumps(edit.fields, default=float)) for edit in planned)
    assert not wanted - told


# The baseline


def test_every_link_of_the_baseline_points_to_a_record(org):
    """The history of a deleted opportunity is gone, so what links to it is left out."""
    names = [path.name.partition(".")[0] for path in COMPRESSED if path.name.endswith(".csv.gz")]
    dangling = [
        f"{name}.{item.name} {record[item.name]}"
        for name in names
        for item in org.type_named(name).fields.values()
        if item.type == "reference"
        for record in org.table(name)
        if record.get(item.name)
        and not (record.get("IsDeleted") and item.reference_to == ("OpportunityHistory",))
        and not any(record[item.name] in org.table(target).rows for target in item.reference_to if target in names)
    ]

    assert dangling == []


def test_amounts_of_the_baseline_are_the_sums_of_their_lines(org):
    totals = line_totals(org)

    assert len(totals) > 3000
    assert {deal["Id"]: deal["Amount"] for deal in org.table("Opportunity")} == totals


def test_the_newest_history_row_says_what_the_opportunity_says(org):
    newest = {row["OpportunityId"]: row for row in org.table("OpportunityHistory")}

    for deal in org.table("Opportunity"):
        if not deal["IsDeleted"]:
            row = newest[deal["Id"]]
            assert (row["StageName"], row["Amount"]) == (deal["StageName"], deal["Amount"])


def test_stages_and_statuses_are_those_of_the_reference_objects(org):
    stages = {row["ApiName"]: row for row in org.table("OpportunityStage")}
    statuses = {row["ApiName"]: row for row in org.table("LeadStatus")}

    assert [*stages] == ["Prospecting", "Negotiation", "Closed Won", "Closed Lost"]
    assert {deal["StageName"] for deal in org.table("Opportunity")} == set(stages)
    for deal in org.table("Opportunity"):
        stage = stages[deal["StageName"]]
        assert (deal["IsClosed"], deal["IsWon"]) == (stage["IsClosed"], stage["IsWon"])
        assert deal["Probability"] == stage["DefaultProbability"]
    assert {lead["Status"] for lead in org.table("Lead")} == set(statuses)
    assert all(lead["IsConverted"] == statuses[lead["Status"]]["IsConverted"] for lead in org.table("Lead"))


def test_the_recycle_bin_of_the_baseline_keeps_15_days(org):
    binned = [row for row in org.table("Opportunity") if row["IsDeleted"]]

    assert binned
    assert min(row["SystemModstamp"] for row in binned) >= f"{BASELINE_AT - timedelta(days=15):%Y-%m-%dT%H:%M:%S}"


# The program


def test_cycles_are_half_or_whole_days_apart_and_each_has_a_title():
    spans = {later - earlier for earlier, later in zip([BASELINE_AT, *CYCLES], CYCLES, strict=False)}

    assert len(CYCLES) >= 6
    assert all(span % timedelta(hours=12) == timedelta(0) and span > timedelta(0) for span in spans)
    assert all(cycle["title"].endswith(".") for cycle in PROGRAM["cycles"])


def test_each_span_has_a_human_size(week):
    """Backend jobs apart, which change nothing."""
    sizes = Counter(week.span_of(edit["at"]) for edit in week.edits if not edit["system_only"])

    assert sorted(sizes) == [*range(len(CYCLES))]
    assert all(20 <= size <= 150 for size in sizes.values())


def test_the_local_program_has_the_event_types_of_the_recommended_config():
    config = yaml.safe_load(RECOMMENDED.read_text(encoding="utf-8"))
    declaration = load_declaration(SAMPLE / "impact.yaml")

    assert {
        item.code: (item.id, item.kind, [*item.parents], item.dedup_window_days) for item in declaration.event_types
    } == {
        code: (entry["id"], entry["kind"], entry.get("parents", []), int(entry["dedup_window"].removesuffix("d")))
        for code, entry in config["event_types"].items()
    }
    assert (declaration.currency, declaration.time_zone) == (
        config["program"]["currency"],
        config["program"]["time_zone"],
    )


def test_partners_of_the_org_are_partners_of_the_program():
    declared = {partner.name for partner in load_declaration(SAMPLE / "impact.yaml").partners}

    assert {row["Media_Partner__c"] for row in rows_of("Partner_Referral__c")} == declared


# The timeline


def test_edits_come_in_order_between_the_baseline_and_the_last_cycle(week):
    times = [edit["at"] for edit in week.edits]

    assert times == sorted(times)
    assert times[0] > BASELINE_AT
    assert times[-1] <= CYCLES[-1]


def test_no_edit_needs_a_record_before_it_exists_or_makes_one_twice(week, org):
    known = {record_id for name in org.known_names() for record_id in org.table(name).rows}

    for edit in week.edits:
        assert (edit["op"] == "create") == (edit["id"] not in known)
        assert {edit["by"], *edit.get("loser_ids", ())} <= known
        assert all(
            value in known for name, value in edit["fields"].items() if name.endswith("Id") or name == "Lead__c"
        ), edit
        known.add(edit["id"])


def test_edits_leave_out_what_salesforce_derives(week):
    written = {(edit["sobject"], name) for edit in week.edits for name in edit["fields"]}

    assert not any(name in DERIVED.get(sobject, ()) for sobject, name in written)
    assert not any(edit["sobject"] == "OpportunityHistory" for edit in week.edits)
    assert not any(
        "Amount" in edit["fields"] and week.lines[edit["id"]] and edit["op"] == "update" for edit in week.edits
    )


KINDS: dict[str, Callable[[Week], object]] = {
    "a lead is created": lambda week: week.of("create", "Lead"),
    "a lead is qualified": lambda week: any(
        edit["fields"].get("Status") == "Qualified" for edit in week.of("update", "Lead")
    ),
    "a custom object's record is created": lambda week: week.of("create", "Partner_Referral__c"),
    "two stages in one poll": lambda week: week.enters("Negotiation", "Closed Won", spans=1),
    "a stage passed and returned in one poll": lambda week: week.enters("Negotiation", "Prospecting", spans=1),
    "won, lost and won again, each seen": lambda week: week.enters("Closed Won", "Closed Lost", "Closed Won", spans=3),
    "won, lost and won again in one poll": lambda week: week.enters("Closed Won", "Closed Lost", "Closed Won", spans=1),
    "created as won": lambda week: any(entered[0][1] == "Closed Won" for entered in week.stages.values()),
    "a quantity changes before the deal is won": lambda week: any(
        "Quantity" in edit["fields"] and not after for edit, after in week.line_edits("update")
    ),
    "a quantity changes after the deal is won": lambda week: any(
        "Quantity" in edit["fields"] and after for edit, after in week.line_edits("update")
    ),
    "a line is removed after the deal is won": lambda week: any(after for _, after in week.line_edits("delete")),
    "a line with a new product comes after the deal is won": lambda week: any(
        after and edit["fields"]["PricebookEntryId"] not in products_before(week, edit)
        for edit, after in week.line_edits("create")
        if products_before(week, edit)
    ),
    "a line is deleted and made anew": lambda week: any(
        (added["fields"]["PricebookEntryId"], added["fields"]["OpportunityId"])
        == (removed["fields"]["PricebookEntryId"], removed["fields"]["OpportunityId"])
        and timedelta(0) < added["at"] - deletion["at"] < timedelta(minutes=1)
        for deletion, _ in week.line_edits("delete")
        for removed in week.by_id[deletion["id"]][:1]
        for added, _ in week.line_edits("create")
    ),
    "the lines come after the deal is won, with a cycle in between": lambda week: any(
        after and not products_before(week, edit) and week.span_of(edit["at"]) > week.span_of(won_at(week, edit))
        for edit, after in week.line_edits("create")
    ),
    "two lines of one product": lambda week: any(
        max(Counter(line["fields"]["PricebookEntryId"] for line in lines if line["op"] == "create").values()) > 1
        for deal, lines in week.lines.items()
        if not any(edit["op"] == "delete" for line in lines for edit in week.by_id[line["id"]])
    ),
    "a won deal of twelve lines": lambda week: any(len(week.lines[deal]) == 12 for deal in week.won_at),
    "a won deal over 999,999.99": lambda week: any(week.amount_of(deal) > Decimal("999999.99") for deal in week.won_at),
    "an open deal that Salesforce prints with an exponent": lambda week: any(
        week.amount_of(deal) >= 10_000_000 for deal in week.stages.keys() - week.won_at.keys()
    ),
    "a won deal without lines": lambda week: any(not week.lines[deal] for deal in week.won_at),
    "a won deal without lines and amount": lambda week: any(
        not week.lines[deal] and not any("Amount" in edit["fields"] for edit in week.by_id[deal])
        for deal in week.won_at
    ),
    "an amount changes after the deal is won": lambda week: any(
        "Amount" in edit["fields"] and edit["at"] > won
        for deal, won in week.won_at.items()
        for edit in week.by_id[deal]
    ),
    "a lead converts to a new contact and deal": lambda week: any(
        {fields["ConvertedContactId"], fields.get("ConvertedOpportunityId")} <= together
        for fields, together in week.converted()
    ),
    "a lead converts into an existing contact and deal": lambda week: any(
        fields.get("ConvertedOpportunityId")
        and not {fields["ConvertedContactId"], fields["ConvertedOpportunityId"]} & together
        for fields, together in week.converted()
    ),
    "a lead converts without a deal": lambda week: any(
        not fields.get("ConvertedOpportunityId") for fields, _ in week.converted()
    ),
    "a lead merge": lambda week: any(edit["loser_ids"] for edit in week.of("merge", "Lead")),
    "a merge of a lead that was qualified": lambda week: any(
        edit["fields"].get("Status") == "Qualified"
        for merge in week.of("merge", "Lead")
        for loser in merge["loser_ids"]
        for edit in week.by_id[loser]
    ),
    "a contact merge": lambda week: week.of("merge", "Contact"),
    "a won deal is deleted": lambda week: any(edit["id"] in week.won_at for edit in week.of("delete", "Opportunity")),
    "a deal won before the baseline is deleted": lambda week: any(
        row["IsWon"] == "true" and edit["id"] == row["Id"]
        for edit in week.of("delete", "Opportunity")
        for row in rows_of("Opportunity")
    ),
    "an open deal is deleted": lambda week: any(
        edit["id"] not in week.won_at and edit["id"] in week.stages for edit in week.of("delete", "Opportunity")
    ),
    "a hard delete": lambda week: any(edit["id"] in week.won_at for edit in week.of("hard_delete", "Opportunity")),
    "an undelete some cycles later": lambda week: max(undelete_spans(week)) >= 3,
    "an undelete before a cycle looked": lambda week: 0 in undelete_spans(week),
    "a storm of stamps": lambda week: (
        max(Counter((edit["at"], edit["sobject"]) for edit in week.edits if edit["system_only"]).values()) > 300
    ),
    "a row that becomes visible late": lambda week: any(
        edit["at"] < cycle - timedelta(minutes=3) and cycle < datetime.fromisoformat(edit["commit_at"])
        for edit in week.edits
        if edit.get("commit_at")
        for cycle in CYCLES
    ),
    "an e-mail address as customer id": lambda week: any("@" in text for text in week.texts("Customer_Id__c")),
    "a customer id of more than 50 characters": lambda week: any(
        50 < len(text) <= 80 for text in week.texts("Customer_Id__c")
    ),
    "a lead without any attribution key": lambda week: any(
        not {"Customer_Id__c", "Impact_Click_Id__c"} & edit["fields"].keys() for edit in week.of("create", "Lead")
    ),
    "a click id that the program does not know": lambda week: any(
        re.fullmatch("[A-Za-z0-9]{38}", text) is None for text in week.texts("Impact_Click_Id__c")
    ),
    "a negative refund": lambda week: any(
        Decimal(edit["fields"].get("Amount", 0)) < 0 and edit["id"] in week.won_at
        for edit in week.of("create", "Opportunity")
    ),
    "texts that look like nulls": lambda week: (
        {"NA", "N/A", "None", "NaN", "null", "Null", "NULL"}
        <= {str(value) for edit in week.edits for value in edit["fields"].values()}
    ),
    "quotes, newlines, separators and emoji": lambda week: all(
        any(sign in text for text in [*week.texts("Name"), *week.texts("LastName")])
        for sign in ('"', "'", "\\", "\n", "&", "=", "+", "%", ";", ",", "🚀", "ö", "大")
    ),
    "a product without a code": lambda week: any(
        "ProductCode" not in edit["fields"] for edit in week.of("create", "Product2")
    ),
    "a product code with separators": lambda week: any(re.search("[=&+]", text) for text in week.texts("ProductCode")),
    "leading zeros": lambda week: any(text.startswith("00") for text in week.texts("PostalCode")),
}


def won_at(week: Week, line: dict[str, Any]) -> datetime:
    return week.won_at[line["fields"]["OpportunityId"]]


def products_before(week: Week, line: dict[str, Any]) -> set[str]:
    """The price book entries of the lines that the deal had before it was won."""
    deal = line["fields"]["OpportunityId"]
    return {other["fields"]["PricebookEntryId"] for other in week.lines[deal] if other["at"] < won_at(week, line)}


def undelete_spans(week: Week) -> set[int]:
    """How many cycles saw the record as deleted."""
    deleted = {edit["id"]: edit["at"] for edit in week.of("delete", "Opportunity")}
    return {week.span_of(edit["at"]) - week.span_of(deleted[edit["id"]]) for edit in week.of("undelete", "Opportunity")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_week_contains(week, kind):
    assert KINDS[kind](week)


# Played


def test_a_played_week_leaves_every_amount_the_sum_of_its_lines(played_org):
    totals = line_totals(played_org)
    live = [deal for deal in played_org.table("Opportunity") if not deal["IsDeleted"]]

    assert {deal["Id"]: deal["Amount"] for deal in live if deal["HasOpportunityLineItem"]} == {
        deal["Id"]: totals[deal["Id"]] for deal in live if deal["Id"] in totals
    }


def test_a_played_week_leaves_plausible_stages(played_org, org):
    before = Counter(deal["StageName"] for deal in org.table("Opportunity"))
    after = Counter(deal["StageName"] for deal in played_org.table("Opportunity"))

    assert set(after) == set(before)
    assert 40 < after["Closed Won"] - before["Closed Won"] < 80
    assert all(deal["IsWon"] == (deal["StageName"] == "Closed Won") for deal in played_org.table("Opportunity"))
    newest = {row["OpportunityId"]: row["StageName"] for row in played_org.table("OpportunityHistory")}
    assert all(
        newest[deal["Id"]] == deal["StageName"] for deal in played_org.table("Opportunity") if not deal["IsDeleted"]
    )


def test_a_storm_of_stamps_changes_no_value(week, org):
    storm_at = Counter(edit["at"] for edit in week.edits if edit["system_only"]).most_common(1)[0][0]
    stormy = a_loaded_org()
    timeline = Timeline.from_file(TIMELINE, clock=stormy.clock, apply=stormy.apply)
    timeline.play_until(storm_at - timedelta(seconds=1))
    tables = [stormy.table("Opportunity"), stormy.table("Account")]
    before = [dict(table.rows) for table in tables]

    timeline.play_until(storm_at)

    moved = Counter(
        name
        for rows, table in zip(before, tables, strict=True)
        for record_id, record in rows.items()
        for name in record
        if record[name] != table.rows[record_id][name]
    )
    assert set(moved) == {"SystemModstamp"}
    assert moved["SystemModstamp"] > 300


def test_a_late_commit_is_stamped_before_the_cycle_and_seen_after_it(week):
    (late,) = [edit for edit in week.edits if edit.get("commit_at")]
    org = a_loaded_org()
    timeline = Timeline.from_file(TIMELINE, clock=org.clock, apply=org.apply)

    timeline.play_until(min(cycle for cycle in CYCLES if cycle > late["at"]))
    org.settle()
    seen_by_the_cycle = org.table("Opportunity").rows[late["id"]]["StageName"]
    timeline.play_until(datetime.fromisoformat(late["commit_at"]))
    org.settle()
    deal = org.table("Opportunity").rows[late["id"]]

    assert (seen_by_the_cycle, deal["StageName"]) == ("Prospecting", "Closed Won")
    assert deal["SystemModstamp"] == f"{late['at']:%Y-%m-%dT%H:%M:%S}.000"


def test_what_the_week_deletes_is_told_by_the_delete_log_or_the_recycle_bin(week, played_org):
    restored = {edit["id"] for edit in week.of("undelete", "Opportunity")}
    logged = {record_id for _, record_id in played_org.delete_log["Opportunity"]}
    table = played_org.table("Opportunity").rows

    for edit in week.of("delete", "Opportunity"):
        assert edit["id"] in logged
        assert table[edit["id"]]["IsDeleted"] == (edit["id"] not in restored)
    assert all(edit["id"] in logged and edit["id"] not in table for edit in week.of("hard_delete", "Opportunity"))
