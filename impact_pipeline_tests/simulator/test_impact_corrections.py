"""What the local impact.com makes of a modification and of a reversal."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from impact_pipeline_tests.simulator.impact_world import DECLARATION, LEAD, SALE, ImpactWorld, a_sale, serve

SECOND = {"ItemSku2": "ONE", "ItemCategory2": "Services", "ItemQuantity2": "4", "ItemSubTotal2": "200.00"}


@pytest.fixture
def impact() -> Iterator[ImpactWorld]:
    with serve() as world:
        yield world


def items_of(impact: ImpactWorld, action_id: str) -> list[tuple[str, str, str]]:
    items = impact.get(f"Actions/{action_id}/Items")["ActionItems"]
    return [(item["Sku"], item["Quantity"], item["SaleAmount"]) for item in items]


def test_a_new_total_is_set_after_the_processing_time(impact):
    action = impact.credited(**a_sale())
    answer = impact.put(ActionId=action["Id"], Amount="800.00", Reason="ORDER_UPDATE")
    assert impact.get(f"Actions/{action['Id']}")["Amount"] == "1000.00"

    record = impact.outcome(answer)

    changed = impact.get(f"Actions/{action['Id']}")
    assert (record["Type"], record["Status"], record["ErrorReason"]) == ("Modification", "Complete", "")
    assert changed == action | {
        "Amount": "800.00",
        "DeltaAmount": "-200.00",
        "Payout": "80.00",
        "DeltaPayout": "-20.00",
        "ClientCost": "80.00",
    }


def test_the_same_absolute_amount_twice_changes_nothing_more(impact):
    action = impact.credited(**a_sale())
    for _ in range(2):
        impact.outcome(impact.put(ActionId=action["Id"], Amount="800.00", Reason="ORDER_UPDATE"))

    assert impact.get(f"Actions/{action['Id']}")["Amount"] == "800.00"


def test_zero_reverses_an_action_with_money_but_only_modifies_one_without(impact):
    sale, lead = impact.credited(**a_sale()), impact.credited(OrderId="Lead_2")
    for action in (sale, lead):
        impact.outcome(impact.put(ActionId=action["Id"], Amount="0", Reason="ORDER_UPDATE"))

    assert impact.get(f"Actions/{sale['Id']}")["State"] == "REVERSED"
    assert impact.get(f"Actions/{lead['Id']}")["State"] == "PENDING"


def test_an_order_total_is_spread_over_the_items(impact):
    action = impact.credited(**a_sale(**SECOND))

    impact.outcome(impact.put(ActionId=action["Id"], Amount="600.00", Reason="ORDER_UPDATE"))

    assert items_of(impact, action["Id"]) == [("PRO", "2", "500.00"), ("ONE", "4", "100.00")]


def test_items_change_by_sku_and_a_quantity_of_zero_returns_one(impact):
    action = impact.credited(**a_sale(**SECOND))

    change = {"Sku": "PRO", "Quantity": "0", "Sku2": "ONE", "Quantity2": "3", "Amount2": "140.00"}
    assert impact.reason(impact.put(ActionId=action["Id"], Reason="ORDER_UPDATE", **change)) == ""

    assert items_of(impact, action["Id"]) == [("PRO", "0", "0.00"), ("ONE", "3", "140.00")]
    changed = impact.get(f"Actions/{action['Id']}")
    assert (changed["Amount"], changed["State"], changed["IntendedAmount"]) == ("140.00", "PENDING", "1200.00")
    item = impact.get(f"Actions/{action['Id']}/Items/ONE")
    assert (item["AdjustmentReason"], item["AdjustmentDate"]) == ("ORDER_UPDATE", "2026-11-20T04:20:00-08:00")


def test_a_quantity_alone_keeps_the_unit_price(impact):
    action = impact.credited(**a_sale(**SECOND))

    impact.outcome(impact.put(ActionId=action["Id"], Reason="ORDER_UPDATE", Sku="ONE", Quantity="1"))

    assert items_of(impact, action["Id"]) == [("PRO", "2", "1000.00"), ("ONE", "1", "50.00")]


def test_returning_the_last_item_reverses_the_action(impact):
    action = impact.credited(**a_sale())

    impact.outcome(impact.put(ActionId=action["Id"], Reason="ORDER_UPDATE", Sku="PRO", Quantity="0"))

    assert impact.get(f"Actions/{action['Id']}")["State"] == "REVERSED"


def test_a_relative_change_and_a_reset_are_possible(impact):
    action = impact.credited(**a_sale())
    impact.outcome(impact.put(ActionId=action["Id"], ItemSubTotalDelta="-300.00", Reason="ORDER_UPDATE"))
    assert impact.get(f"Actions/{action['Id']}")["Amount"] == "700.00"

    impact.outcome(impact.put(ActionId=action["Id"], Reason="RESET"))

    assert impact.get(f"Actions/{action['Id']}")["Amount"] == "1000.00"


def test_a_customer_status_must_be_configured(impact):
    action = impact.credited()

    good = impact.reason(impact.put(ActionId=action["Id"], CustomerStatus="EXISTING", Reason="ORDER_UPDATE"))
    bad = impact.reason(impact.put(ActionId=action["Id"], CustomerStatus="GOLD", Reason="ORDER_UPDATE"))

    assert (good, bad) == ("", "CUSTOMER_STATUS_NOT_VALID")
    assert impact.actions()[0]["CustomerStatus"] == "EXISTING"


def test_a_modification_pays_by_the_terms_of_its_own_time(impact):
    action = impact.credited(**a_sale())
    impact.program.payout_percents[SALE] = Decimal(20)

    impact.outcome(impact.put(ActionId=action["Id"], CustomerStatus="NEW", Reason="ORDER_UPDATE"))

    assert impact.get(f"Actions/{action['Id']}")["Payout"] == "200.00"


def test_order_id_and_event_type_mean_the_newest_action(impact):
    older = impact.credited()
    impact.wait(days=30)
    newer = impact.credited(EventDate="2026-12-20T12:00:00Z")

    impact.outcome(impact.put(ActionTrackerId=LEAD, OrderId="Lead_1", Amount="7.00", Reason="ORDER_UPDATE"))

    assert impact.get(f"Actions/{older['Id']}")["Amount"] == "0.00"
    assert impact.get(f"Actions/{newer['Id']}")["Amount"] == "7.00"


def test_a_reversal_takes_amount_and_payout_back(impact):
    action = impact.credited(**a_sale())

    record = impact.outcome(impact.delete(ActionTrackerId=SALE, OrderId="Won_1", DispositionCode="ORDER_ERROR"))

    after = impact.get(f"Actions/{action['Id']}")
    assert (record["Type"], record["ErrorReason"]) == ("Reversal", "")
    assert (after["State"], after["Amount"], after["DeltaAmount"], after["Payout"]) == (
        "REVERSED",
        "0.00",
        "-1000.00",
        "0.00",
    )


def test_parent_and_child_are_reversed_separately(impact):
    impact.credited()
    impact.credited(**a_sale())

    impact.outcome(impact.delete(ActionTrackerId=LEAD, OrderId="Lead_1", DispositionCode="CONS_FRAUD"))

    assert [(one["Oid"], one["State"]) for one in impact.actions()] == [("Won_1", "PENDING"), ("Lead_1", "REVERSED")]


def test_a_post_with_the_method_as_a_parameter_is_that_method(impact):
    action = impact.credited(**a_sale())
    reason = {"Reason": "ORDER_UPDATE", "DispositionCode": "ORDER_ERROR", "ActionId": action["Id"]}

    by_query = impact.session.post(f"{impact.url}/Actions?_method=PUT", data=reason | {"Amount": "10.00"})
    by_body = impact.session.post(f"{impact.url}/Actions", data=reason | {"_method": "DELETE"})

    assert impact.outcome(by_query)["Type"] == "Modification"
    assert impact.outcome(by_body)["Type"] == "Reversal"


@pytest.mark.parametrize(
    ("verb", "form", "field"),
    [
        ("put", {"Amount": "1", "Reason": "ORDER_UPDATE"}, "ActionId"),
        ("put", {"OrderId": "Lead_1", "Reason": "ORDER_UPDATE"}, "ActionId"),
        ("put", {"ActionId": "1.2.3", "Amount": "1"}, "Reason"),
        ("delete", {"ActionId": "1.2.3"}, "DispositionCode"),
    ],
)
def test_a_change_without_action_or_reason_is_refused_at_once(impact, verb, form, field):
    answer = getattr(impact, verb)(**form)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("verb", "form", "refusal"),
    [
        ("put", {"Reason": "MP_RETURNED", "Amount": "1"}, "REASON_NOT_VALID"),
        ("put", {"Reason": "order_update", "Amount": "1"}, "REASON_NOT_VALID"),
        ("put", {"Reason": "OTHER", "Sku": "PRO", "Quantity": "1"}, "REASON_NOT_VALID"),
        ("put", {"Reason": "ORDER_UPDATE", "Sku": "NONE", "Quantity": "1"}, "SKU_NOT_FOUND"),
        ("put", {"Reason": "ORDER_UPDATE", "Amount": "-1"}, "AMOUNT_NOT_VALID"),
        ("put", {"Reason": "ORDER_UPDATE", "ItemSubTotalDelta": "-1000.01"}, "AMOUNT_NOT_VALID"),
        ("put", {"Reason": "ORDER_UPDATE", "Sku": "PRO", "Quantity": "1.5"}, "AMOUNT_NOT_VALID"),
        ("delete", {"DispositionCode": "ORDER_UPDATE"}, "REASON_NOT_VALID"),
        ("delete", {"DispositionCode": "APPROVED_BY_US"}, "REASON_NOT_VALID"),
    ],
    ids=str,
)
def test_a_change_that_is_not_allowed_is_refused_in_its_submission(impact, verb, form, refusal):
    action = impact.credited(**a_sale())

    assert impact.reason(getattr(impact, verb)(ActionId=action["Id"], **form)) == refusal
    assert impact.get(f"Actions/{action['Id']}") == action


def test_an_action_that_does_not_exist_yet_is_not_found(impact):
    change = impact.put(ActionTrackerId=LEAD, OrderId="Lead_1", Amount="1.00", Reason="ORDER_UPDATE")
    impact.post()

    assert impact.reason(change) == "ACTION_NOT_FOUND"


def test_a_change_is_refused_when_the_action_has_locked_before_its_processing(impact):
    impact.credited()
    impact.clock.move_to(impact.program.actions[0].locking_at)

    assert (
        impact.reason(impact.put(ActionTrackerId=LEAD, OrderId="Lead_1", Amount="1", Reason="ORDER_UPDATE"))
        == "ACTION_LOCKED"
    )
    assert (
        impact.reason(impact.delete(ActionTrackerId=LEAD, OrderId="Lead_1", DispositionCode="OTHER")) == "ACTION_LOCKED"
    )


def test_a_reversed_action_comes_back_only_by_reset(impact):
    action = impact.credited(**a_sale())
    impact.outcome(impact.delete(ActionId=action["Id"], DispositionCode="OTHER"))

    assert impact.reason(impact.delete(ActionId=action["Id"], DispositionCode="OTHER")) == "ACTION_REVERSED"
    assert impact.reason(impact.put(ActionId=action["Id"], Amount="1.00", Reason="ORDER_UPDATE")) == "ACTION_REVERSED"
    assert impact.reason(impact.put(ActionId=action["Id"], Reason="RESET")) == ""
    assert impact.get(f"Actions/{action['Id']}")["State"] == "PENDING"


def test_the_1001st_modification_is_refused(impact):
    action = impact.credited()
    impact.program.actions[0].modification_count = 999

    reasons = [
        impact.reason(impact.put(ActionId=action["Id"], Amount=str(amount), Reason="ORDER_UPDATE")) for amount in (1, 2)
    ]

    assert reasons == ["", "MODIFICATION_LIMIT_REACHED"]


def test_the_brands_own_codes_approve_and_reject(impact):
    first, second = impact.credited(), impact.credited(OrderId="Lead_2")

    impact.outcome(impact.put(ActionId=first["Id"], Reason="APPROVED_BY_US"))
    impact.outcome(impact.put(ActionId=second["Id"], Reason="LOST"))

    assert impact.get(f"Actions/{first['Id']}")["State"] == "APPROVED"
    assert impact.get(f"Actions/{second['Id']}")["State"] == "REVERSED"
    assert impact.reason(impact.put(ActionId=first["Id"], Amount="1", Reason="ORDER_UPDATE")) == "ACTION_LOCKED"


def test_open_ended_locking_waits_for_the_brand_for_730_days():
    lead = replace(DECLARATION.event_types[0], open_ended_locking=True)
    with serve(event_types=(lead, *DECLARATION.event_types[1:])) as impact:
        action = impact.credited()
        assert action["LockingDate"] == "2028-11-19T00:00:00-08:00"

        impact.outcome(impact.put(ActionId=action["Id"], Amount="5.00", Reason="ORDER_UPDATE"))

        assert impact.get(f"Actions/{action['Id']}")["State"] == "APPROVED"


def test_the_codes_of_refused_changes_can_be_declared():
    with serve(refusal_codes={"not_found": "NO_SUCH_ACTION"}) as impact:
        assert impact.reason(impact.delete(ActionId="1.2.3", DispositionCode="OTHER")) == "NO_SUCH_ACTION"
