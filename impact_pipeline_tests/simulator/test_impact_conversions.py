"""What the local impact.com makes of a conversion."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from impact_pipeline.simulator.impact import Click
from impact_pipeline_tests.simulator.impact_world import (
    CLICK,
    DECLARATION,
    DEMO,
    ITEM,
    LEAD,
    SALE,
    START,
    ImpactWorld,
    a_sale,
    serve,
)


@pytest.fixture
def impact() -> Iterator[ImpactWorld]:
    with serve() as world:
        yield world


def test_a_conversion_is_queued_with_the_address_of_its_submission(impact):
    answer = impact.post()

    assert answer.status_code == 200
    assert answer.json()["Status"] == "QUEUED"
    assert answer.json()["QueuedUri"].startswith("/Advertisers/IRtestSID/APISubmissions/A-")


def test_a_submission_goes_from_queued_over_in_progress_to_complete(impact):
    uri = impact.root + impact.post().json()["QueuedUri"]
    seen = [impact.session.get(uri).json()]
    for minutes in (1, 8.9, 0.1):
        impact.wait(minutes=minutes)
        seen.append(impact.session.get(uri).json())

    assert [one["Status"] for one in seen] == ["Queued", "In Progress", "In Progress", "Complete"]
    assert [one["CompletionDate"] for one in seen] == ["", "", "", "2026-11-20T04:10:00-08:00"]


def test_each_event_type_may_have_its_own_processing_time():
    slow = replace(DECLARATION.event_types[0], processing_seconds=3600)
    with serve(event_types=(slow, *DECLARATION.event_types[1:])) as impact:
        answer = impact.post()
        assert impact.outcome(answer)["Status"] == "In Progress"
        impact.wait(minutes=50)

        assert impact.outcome(answer)["Status"] == "Complete"


def test_the_submission_echoes_the_body_as_it_came(impact):
    answer = impact.session.post(
        f"{impact.url}/Conversions",
        data="CampaignId=4711&EventTypeCode=LEAD&EventDate=2026-11-20T12%3A00%3A00%2B01%3A00&OrderId=L+1&ClickId="
        + CLICK,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    record = impact.outcome(answer)

    assert record["Payload"].endswith("&OrderId=L+1&ClickId=" + CLICK)
    assert (record["OrderId"], record["Type"], record["ErrorType"]) == ("L 1", "Conversion", "")
    assert impact.actions()[0]["EventDate"] == "2026-11-20T03:00:00-08:00"


def test_a_flat_json_body_is_as_good_as_a_form(impact):
    body = {
        "CampaignId": 4711,
        "EventTypeCode": "LEAD",
        "EventDate": "2026-11-20T11:00:00Z",
        "OrderId": "J",
        "ClickId": CLICK,
    }

    assert impact.reason(impact.session.post(f"{impact.url}/Conversions", json=body)) == ""
    assert impact.session.post(f"{impact.url}/Conversions", json=[body]).status_code == 400


def test_the_exact_bytes_of_every_conversion_are_kept(impact):
    impact.session.post(f"{impact.url}/Conversions", data=b"CampaignId=4711&x=%20y")

    assert [(one.body, one.is_recorded) for one in impact.program.received] == [(b"CampaignId=4711&x=%20y", True)]


@pytest.mark.parametrize(
    "missing",
    [
        {"CampaignId": None},
        {"EventDate": ""},
        {"OrderId": None},
        {"EventTypeCode": None},
        {"CustomerId": None, "ClickId": None},
    ],
    ids=lambda missing: next(iter(missing)),
)
def test_a_missing_required_parameter_is_refused_at_once(impact, missing):
    answer = impact.post(**missing)

    assert answer.status_code == 400
    assert answer.json()["Status"] == "ERROR"
    assert impact.program.submissions == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CampaignId", "abc"),
        ("EventDate", "2026-11-20"),
        ("EventDate", "2026-11-20T11:00:00"),
        ("EventDate", "2026-11-20T11:00:00.000+0000"),
        ("OrderId", "x" * 65),
        ("CurrencyCode", "usd"),
        ("Amount", "1,000.00"),
        ("Amount", "1.0E7"),
        ("Amount", "10.123"),
        ("Amount", "1000000.00"),
        ("Text50", "x" * 65),
        ("ItemSubTotal1", "1000000000000.00"),
        ("ItemQuantity1", "1.5"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_at_once(impact, name, value):
    answer = impact.post(**{name: value})

    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [name]


@pytest.mark.parametrize(
    ("style", "body"),
    [
        (
            "readme",
            {
                "Status": "ERROR",
                "Message": "Validation Failed",
                "Errors": [{"Field": "CampaignId", "Message": "Not a numeric value"}],
            },
        ),
        (
            "conversions",
            {
                "Status": "ERROR",
                "errors": [{"field": "CampaignId", "level": "ERROR", "message": "Not a numeric value"}],
            },
        ),
        ("gateway", {"status": 400, "title": "Validation Failed"}),
    ],
)
def test_a_refusal_comes_in_each_spelling(style, body):
    with serve(error_style=style) as impact:
        assert impact.post(CampaignId="x1").json() == body


@pytest.mark.parametrize(("choice", "status"), [("ignore", 200), ("warn", 200), ("reject", 400)])
def test_an_unknown_parameter_is_ignored_warned_about_or_refused(choice, status):
    with serve(unknown_parameters=choice) as impact:
        answer = impact.post(orderid="x")

        assert answer.status_code == status
        assert ("warnings" in answer.json()) == (choice == "warn")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"CampaignId": 1}, "CAMPAIGN_NOT_FOUND"),
        ({"EventTypeCode": "NOBODY"}, "ACTIONTRACKER_NOT_FOUND"),
        ({"EventTypeCode": None, "ActionTrackerId": 99}, "ACTIONTRACKER_NOT_FOUND"),
        ({"EventTypeCode": "lead"}, "ACTIONTRACKER_NOT_FOUND"),
        ({"EventTypeCode": "WON", "Amount": "10.00"}, "NO_ITEM"),
        ({"EventDate": "2026-11-21T11:00:00Z"}, "CONV_MALFORMED"),
        ({"Amount": "-1.00"}, "CONV_MALFORMED"),
        ({"CurrencyCode": "XXX", "Amount": "1.00"}, "CONV_MALFORMED"),
        ({"ClickId": "unknown"}, "ACTION_REF_NOT_FOUND"),
        ({"ClickId": None}, "ACTION_REF_NOT_FOUND"),
        ({"ClickId": None, "PromoCode": "NOBODYS"}, "ACTION_REF_NOT_FOUND"),
        ({"MediaId": 1}, "ACTION_REF_NOT_FOUND"),
    ],
    ids=str,
)
def test_what_is_wrong_in_meaning_shows_only_in_the_submission(impact, parameters, reason):
    record = impact.outcome(impact.post(**parameters))

    assert (record["Status"], record["ErrorReason"]) == ("Complete", reason)
    assert record["ErrorType"] == "Validation"
    assert impact.actions() == []


def test_an_event_type_that_is_off_or_of_another_program_refuses():
    lead, sale, demo = DECLARATION.event_types
    types = (replace(lead, active=False), replace(sale, campaign_id=1), replace(demo, required=("Text1",)))
    with serve(event_types=types) as impact:
        assert impact.reason(impact.post()) == "ACTIONTRACKER_NOT_ACTIVE"
        assert impact.reason(impact.post(**a_sale())) == "ACTIONTRACKER_CAMPAIGN_MISMATCH"
        assert impact.reason(impact.post(EventTypeCode="DEMO")) == "CONV_MALFORMED"
        assert impact.reason(impact.post(EventTypeCode="DEMO", Text1="x")) == ""


def test_a_credited_conversion_becomes_a_pending_action_with_all_fields(impact):
    impact.credited(CustomerStatus="NEW", CustomerCity="Bonn", Note="first")

    action = impact.actions()[0]
    assert action == action | {
        "Id": "4711.5200.158133",
        "CampaignId": "4711",
        "ActionTrackerId": str(LEAD),
        "MediaPartnerId": "20000",
        "MediaPartnerName": "First",
        "State": "PENDING",
        "Payout": "25.00",
        "Amount": "0.00",
        "Currency": "USD",
        "EventDate": "2026-11-20T03:00:00-08:00",
        "CreationDate": "2026-11-20T04:10:00-08:00",
        "LockingDate": "2026-12-17T00:00:00-08:00",
        "ClearedDate": "",
        "Oid": "Lead_1",
        "CustomerId": "cus_0001",
        "CustomerStatus": "NEW",
        "CustomerCity": "Bonn",
        "Note": "first",
        "Uri": "/Advertisers/IRtestSID/Actions/4711.5200.158133",
    }
    assert len(action) == 39
    assert all(isinstance(value, str) for value in action.values())


def test_the_same_order_id_again_is_a_duplicate_and_updates_nothing(impact):
    impact.credited(Amount="10.00")

    assert impact.reason(impact.post(Amount="99.00")) == "CONV_DUPLICATE"
    assert [action["Amount"] for action in impact.actions()] == ["10.00"]


def test_two_repetitions_under_way_at_once_give_one_action(impact):
    impact.post()

    assert impact.reason(impact.post()) == "CONV_DUPLICATE"
    assert len(impact.actions()) == 1


def test_the_same_order_id_under_another_event_type_is_another_conversion(impact):
    impact.credited()
    impact.credited(EventTypeCode=None, EventTypeId=DEMO)

    assert len(impact.actions()) == 2


def test_after_the_deduplication_window_a_repetition_makes_a_second_action(impact):
    impact.credited()
    impact.wait(days=29, hours=23)
    assert impact.reason(impact.post(EventDate="2026-12-20T11:00:00Z")) == "CONV_DUPLICATE"
    impact.wait(hours=1)

    impact.credited(EventDate="2026-12-20T12:00:00Z")

    assert impact.program.live_actions_by_key() == {(LEAD, "Lead_1"): 2}


def test_a_conversion_that_was_refused_may_come_again(impact):
    assert impact.reason(impact.post(ClickId=None)) == "ACTION_REF_NOT_FOUND"

    assert impact.reason(impact.post()) == ""


def test_a_child_is_credited_to_the_partner_of_its_parent(impact):
    impact.program.clicks["other"] = Click(partner=20001)
    impact.credited(ClickId="other")

    child = impact.credited(**a_sale(ClickId=None))

    assert (child["MediaPartnerId"], child["ActionTrackerId"]) == ("20001", str(SALE))


def test_a_child_that_is_processed_before_its_parent_breaks_the_chain(impact):
    child = impact.post(**a_sale(ClickId=None))
    impact.post()

    assert impact.reason(child) == "ACTION_REF_NOT_FOUND"


def test_only_an_equal_customer_id_and_a_declared_parent_chain(impact):
    impact.credited()

    assert impact.reason(impact.post(**a_sale(ClickId=None, CustomerId="cus_0002"))) == "ACTION_REF_NOT_FOUND"
    assert impact.reason(impact.post(OrderId="Lead_2", ClickId=None)) == "ACTION_REF_NOT_FOUND"


def test_a_promo_code_and_a_forced_partner_attribute_too(impact):
    by_code = impact.credited(ClickId=None, OrderPromoCode="SAVE10")
    by_force = impact.credited(OrderId="Lead_2", MediaPartnerId=20001)

    assert (by_code["MediaPartnerId"], by_code["PromoCode"]) == ("20001", "SAVE10")
    assert by_force["MediaPartnerId"] == "20001"


def test_a_click_id_is_case_sensitive(impact):
    impact.program.clicks["AbC:-%"] = Click(partner=20001)

    assert impact.reason(impact.post(ClickId="abc:-%")) == "ACTION_REF_NOT_FOUND"
    assert impact.reason(impact.post(ClickId="AbC:-%")) == ""


@pytest.mark.parametrize(
    ("days", "reason"), [(-1, "OUTSIDE_ASSOCIATION_WINDOW"), (0, ""), (366, "OUTSIDE_ASSOCIATION_WINDOW")]
)
def test_an_event_must_lie_in_the_referral_window_of_its_click(impact, days, reason):
    event = START - timedelta(hours=1)
    impact.program.clicks["timed"] = Click(partner=20000, at=event - timedelta(days=days))

    record = impact.outcome(impact.post(ClickId="timed"))

    assert record["ErrorReason"] == reason
    assert record["ErrorType"] == ("Contract Error" if reason else "")


def test_a_contract_problem_refuses_until_it_is_solved(impact):
    impact.program.contract_problems[20000, None] = "CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE"
    record = impact.outcome(impact.post())
    impact.program.contract_problems.clear()

    assert (record["ErrorType"], record["ErrorReason"]) == ("Contract Error", "CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE")
    assert impact.reason(impact.post()) == ""


def test_items_carry_the_amount_and_the_order_level_is_ignored(impact):
    second = {"ItemSku2": "ONE", "ItemCategory2": "Services", "ItemQuantity2": "1", "ItemPrice2": "250.50"}

    action = impact.credited(**a_sale(**second, Amount="9.00"))

    items = impact.get(f"Actions/{action['Id']}/Items")["ActionItems"]
    assert [(item["Sku"], item["Quantity"], item["SaleAmount"], item["Payout"]) for item in items] == [
        ("PRO", "2", "1000.00", "100.00"),
        ("ONE", "1", "250.50", "25.05"),
    ]
    assert (action["Amount"], action["Payout"]) == ("1250.50", "125.05")


def test_a_subtotal_wins_over_a_price(impact):
    assert impact.credited(**a_sale(ItemPrice1="1.00"))["Amount"] == "1000.00"


def test_a_price_counts_times_its_quantity_less_the_discounts(impact):
    action = impact.credited(
        **a_sale(ItemSubTotal1=None, ItemPrice1="10.00", ItemDiscount1="1.00", ItemTotalDiscount1="3.00")
    )

    assert action["Amount"] == "15.00"


def test_an_order_discount_is_spread_over_the_items_to_the_cent(impact):
    more = {
        f"Item{name}{index}": value
        for index in (2, 3)
        for name, value in {"Sku": f"S{index}", "Category": "c", "Quantity": "1", "SubTotal": "1000.00"}.items()
    }

    action = impact.credited(**a_sale(**more, OrderDiscount="100.00"))

    items = impact.get(f"Actions/{action['Id']}/Items")["ActionItems"]
    assert [item["SaleAmount"] for item in items] == ["966.67", "966.67", "966.66"]
    assert action["Amount"] == "2900.00"


@pytest.mark.parametrize(
    "change",
    [
        {"ItemSku1": None},
        {"ItemCategory1": None},
        {"ItemQuantity1": None},
        {"ItemSubTotal1": None},
        {"ItemSubTotal1": "-5.00"},
        {"ItemTotalDiscount1": "2000.00"},
        {"ItemSku3": "GAP", "ItemCategory3": "c", "ItemQuantity3": "1", "ItemSubTotal3": "1.00"},
        {"ItemSku2": "PRO", "ItemCategory2": "c", "ItemQuantity2": "1", "ItemSubTotal2": "1.00"},
    ],
    ids=str,
)
def test_items_that_make_no_sense_are_malformed(impact, change):
    assert impact.reason(impact.post(**a_sale(**change))) == "CONV_MALFORMED"


def test_amounts_come_back_in_the_currency_of_the_account(impact):
    action = impact.credited(**a_sale(CurrencyCode="EUR"))

    assert (action["Amount"], action["Currency"], action["Payout"]) == ("1080.00", "USD", "108.00")


@pytest.mark.parametrize(("choice", "amount"), [("accept", "1234567.00"), ("truncate", "999999.99")])
def test_an_order_amount_over_8_digits_is_accepted_or_cut(choice, amount):
    with serve(money_over_8_digits=choice) as impact:
        assert impact.credited(Amount="1234567.00")["Amount"] == amount


def test_an_item_may_be_larger_than_8_digits(impact):
    assert impact.credited(**a_sale(ItemSubTotal1="123456789.00"))["Amount"] == "123456789.00"


def test_a_late_event_is_redated_to_its_submission(impact):
    in_time = impact.credited(EventDate="2026-10-21T12:30:00Z")
    late = impact.credited(EventDate="2026-10-21T11:30:00Z", OrderId="Lead_2")

    assert in_time["EventDate"] == "2026-10-21T05:30:00-07:00"
    assert late["EventDate"] == "2026-11-20T04:10:00-08:00"


@pytest.mark.parametrize(
    ("days", "forced", "count"), [(88, {}, 1), (89, {}, 0), (398, {"MediaId": 20000}, 1), (399, {"MediaId": 20000}, 0)]
)
def test_an_event_that_is_too_old_completes_without_error_and_without_action(impact, days, forced, count):
    event_date = (START - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    record = impact.outcome(impact.post(EventDate=event_date, **forced))

    assert (record["Status"], record["ErrorReason"]) == ("Complete", "")
    assert len(impact.actions()) == count


def test_submissions_are_listed_newest_first_and_kept_for_90_days(impact):
    impact.post(OrderId="first")
    impact.wait(days=1)
    uri = impact.post(OrderId="second").json()["QueuedUri"]

    page = impact.get("APISubmissions", PageSize=1)
    assert (page["@total"], page["@numpages"]) == ("2", "2")
    assert [one["OrderId"] for one in page["APISubmission"]] == ["second"]
    impact.wait(days=90)
    assert [one["OrderId"] for one in impact.get("APISubmissions")["APISubmission"]] == ["second"]
    impact.wait(seconds=1)
    assert impact.get("APISubmissions")["APISubmission"] == []
    assert impact.session.get(impact.root + uri).status_code == 404


def test_the_same_calls_at_the_same_times_give_the_same_state():
    def run() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        with serve() as impact:
            impact.credited()
            impact.credited(**a_sale())
            return impact.actions(), impact.get("APISubmissions")["APISubmission"]

    assert run() == run()


def test_a_lead_may_carry_items(impact):
    assert impact.credited(**ITEM, ItemSubTotal1="5.00")["Amount"] == "5.00"
