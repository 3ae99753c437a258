"""Files as they would come over SFTP, and the declaration in impact.yaml."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Declaration, Program, load_declaration
from impact_pipeline_tests.simulator.impact_world import CLICK, LEAD, SALE, START, ImpactWorld, a_sale, serve

HEADER = "CampaignId,ActionTrackerId,EventDate,OrderId,ClickId,CustomerId,CurrencyCode,Amount,Category,Sku,Quantity\n"
SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "impact.yaml"


@pytest.fixture
def impact() -> Iterator[ImpactWorld]:
    with serve() as world:
        yield world


def row(order_id: str, amount: str, sku: str, tracker: int = SALE, click: str = CLICK) -> str:
    return f"4711,{tracker},2026-11-20T11:00:00Z,{order_id},{click},cus_1,USD,{amount},Plans,{sku},1\n"


def test_adjacent_rows_are_the_items_of_one_order(impact):
    file = impact.program.ingest_file(
        "won.csv", HEADER + row("A", "10.00", "X") + row("A", "5.00", "Y") + row("B", "1.00", "X")
    )
    impact.wait(minutes=10)

    record = impact.get(f"FTPFileSubmissions/{file.batch_id}")

    assert {name: record[name] for name in ("Type", "Status", "TotalRecords", "TotalErrors", "FileName")} == {
        "Type": "Conversion",
        "Status": "Complete",
        "TotalRecords": "3",
        "TotalErrors": "0",
        "FileName": "won.csv",
    }
    assert [(action["Oid"], action["Amount"]) for action in impact.actions()] == [("B", "1.00"), ("A", "15.00")]


def test_rows_of_one_order_that_are_apart_count_as_repetitions(impact):
    text = HEADER + row("A", "10.00", "X") + row("B", "1.00", "X") + row("A", "5.00", "Y")
    file = impact.program.ingest_file("apart.csv", text)
    impact.wait(minutes=10)

    errors = impact.get(f"FTPFileSubmissions/{file.batch_id}/ErrorDetails")["ErrorDetail"]

    assert [(one["Line"], one["OrderId"], one["Sku"], one["Status"], one["Reason"]) for one in errors] == [
        ("4", "A", "Y", "Validation", "CONV_DUPLICATE")
    ]


def test_each_refused_line_has_its_reason_and_the_others_are_done(impact):
    text = (
        HEADER + row("", "1.00", "X") + row("B", "one", "X") + row("C", "1.00", "X", click="no") + row("D", "1.00", "X")
    )
    file = impact.program.ingest_file("mixed.csv", text)
    assert impact.get(f"FTPFileSubmissions/{file.batch_id}/ErrorDetails")["ErrorDetail"] == []
    impact.wait(minutes=10)

    errors = impact.get(f"FTPFileSubmissions/{file.batch_id}/ErrorDetails")["ErrorDetail"]

    assert [(one["Line"], one["Reason"]) for one in errors] == [
        ("2", "OID_MISSING"),
        ("3", "CONV_MALFORMED"),
        ("4", "ACTION_REF_NOT_FOUND"),
    ]
    assert [action["Oid"] for action in impact.actions()] == ["D"]


def test_a_lead_needs_no_item_columns(impact):
    text = "CampaignId,ActionTrackerId,CustomerId,OrderId,EventDate,Amount,CurrencyCode,ClickId\n"
    impact.program.ingest_file("leads.csv", f"{text}4711,{LEAD},cus_1,L,2026-11-20T11:00:00Z,,,{CLICK}\n")
    impact.wait(minutes=10)

    assert [action["Oid"] for action in impact.actions()] == ["L"]


def test_a_file_with_reasons_changes_actions(impact):
    action = impact.credited(**a_sale())
    file = impact.program.ingest_file(
        "changes.csv",
        "ActionID,Oid,ActionTrackerID,Amount,currencyCode,Reason\n"
        f"{action['Id']},,,700.00,USD,ORDER_UPDATE\n"
        f",Won_1,{SALE},600.00,EUR,ORDER_UPDATE\n"
        f",None,{SALE},1.00,USD,ORDER_UPDATE\n",
    )
    impact.wait(minutes=10)

    errors = impact.get(f"FTPFileSubmissions/{file.batch_id}/ErrorDetails")["ErrorDetail"]

    assert impact.actions()[0]["Amount"] == "700.00"
    assert impact.get("FTPFileSubmissions")["FTPFileSubmissions"][0]["Type"] == "Modification"
    assert [(one["Line"], one["Reason"]) for one in errors] == [("3", "MALFORMED"), ("4", "ACTION_NOT_FOUND")]


def test_a_file_can_be_handed_in_over_http_but_not_under_a_reserved_name(impact):
    address = f"{impact.root}/simulator/files"

    good = requests.post(address, json={"name": "a.csv", "text": HEADER + row("A", "1.00", "X")}, timeout=2)
    bad = requests.post(address, json={"name": "result_a.csv", "text": HEADER}, timeout=2)

    assert (good.status_code, good.json()["Status"], bad.status_code) == (200, "Queued", 400)


def test_files_are_listed_newest_first_by_window_and_kept_for_90_days(impact):
    impact.program.ingest_file("old.csv", HEADER)
    impact.wait(days=1)
    impact.program.ingest_file("new.csv", HEADER)

    def names(**query: str) -> list[str]:
        return [file["FileName"] for file in impact.get("FTPFileSubmissions", **query)["FTPFileSubmissions"]]

    assert names() == ["new.csv", "old.csv"]
    assert names(SubmissionDateStart="2026-11-21T00:00:00Z", SubmissionDateEnd="2026-11-22T00:00:00Z") == ["new.csv"]
    assert names(CompletedDateStart="2026-11-20T00:00:00Z", CompletedDateEnd="2026-11-22T00:00:00Z") == ["old.csv"]
    impact.wait(days=90)
    assert names() == ["new.csv"]


def test_the_sample_declaration_loads_and_serves():
    declaration = load_declaration(SAMPLE)

    program = Program(Clock(START), declaration)

    assert program.find_click(CLICK) is not None
    assert {code: event_type.id for code, event_type in program.event_types_by_code.items()} == {
        "Lead_Qualified": 8180,
        "Opportunity_Negotiation": 8181,
        "Opportunity_Closed Won": 8182,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acount_sid: x", "acount_sid is not known here"),
        ("account_sid: x", "missing"),
        ("- 1", "must be a mapping"),
        ("event_types: [{id: a}]", "event_types/id/ must be of type int"),
        ("event_types: [{id: 1, code: x, kind: order}]", "allowed are lead, sale"),
        ("exchange_rates: {EUR: x}", "exchange_rates/"),
    ],
)
def test_a_mistake_in_the_declaration_names_the_file_and_the_key(tmp_path, text, message):
    path = tmp_path / "impact.yaml"
    path.write_text(text)

    with pytest.raises(ValueError, match=message) as raised:
        load_declaration(path)

    assert str(path) in str(raised.value)


def test_parents_and_partners_must_be_declared():
    declaration = load_declaration(SAMPLE)
    fields = {name: getattr(declaration, name) for name in Declaration.__dataclass_fields__}

    with pytest.raises(ValueError, match="parents names"):
        Declaration(**fields | {"event_types": declaration.event_types[1:2]})
    with pytest.raises(ValueError, match="click rule"):
        Declaration(**fields | {"partners": ()})
