"""What later changes mean for what was reported: absolute values, one at a time, and only what impact.com can take."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from impact_pipeline.simulator.impact import lock_now, reattribute, reverse_by_person
from impact_pipeline.simulator.impact.records import State
from impact_pipeline_tests.outbox.conftest import PAID, SALE, Outbox, There, add_conversion, want

TWO_ITEMS = [("A", 2, "100.00"), ("B", 1, "50.00")]


def a_reported_sale(outbox: Outbox, **given: Any) -> str:
    outbox.proven()
    event_id = outbox.wants("Sale_1", **({"code": SALE, "items": TWO_ITEMS} | given))
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()
    return event_id


def wants(outbox: Outbox, event_id: str, **given: Any) -> None:
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), **given)
    outbox.enqueue()


def items(*rows: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"ItemSku": sku, "ItemQuantity": quantity, "ItemSubTotal": subtotal} for sku, quantity, subtotal in rows]


def corrections(outbox: Outbox) -> list[tuple[Any, ...]]:
    return outbox.rows(
        "select Type, concat_ws('/', state, outcome) from outbox.request where Type <> 'Conversion' order by request_id"
    )


def sent_after_the_hour(outbox: Outbox) -> None:
    outbox.passes(hours=1)
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()


def test_a_changed_item_is_told_by_sku_with_absolute_values_after_an_hour(outbox: Outbox, impact: There) -> None:
    """Case G6."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))
    outbox.submit()
    assert outbox.rows("select wait from outbox.request where Type = 'Modification'") == [("coalescing",)]

    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Modification", "settled/credited")]
    assert impact.program.actions[0].amount == Decimal("170.00")
    ((body,),) = outbox.rows("select payload from outbox.request where Type = 'Modification'")
    assert body == (
        f"ActionId={impact.program.actions[0].id}&Sku=A&Quantity=2&Amount=120.00&Sku2=B&Quantity2=1&Amount2=50.00"
        "&Reason=ORDER_UPDATE"
    )


def test_an_item_that_is_gone_gets_quantity_0(outbox: Outbox, impact: There) -> None:
    """Case G7."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="100.00", items=items(("A", "2", "100.00"), ("B", "0", "0.00")))

    sent_after_the_hour(outbox)

    assert impact.program.actions[0].amount == Decimal("100.00")
    assert [item.quantity for item in impact.program.actions[0].items] == [2, 0]


def test_an_order_amount_is_told_as_a_new_total(outbox: Outbox, impact: There) -> None:
    """Case G9."""
    event_id = a_reported_sale(outbox, code="Lead_Qualified", items=None, amount="100.00")
    wants(outbox, event_id, amount="80.00")

    sent_after_the_hour(outbox)

    assert impact.program.actions[0].amount == Decimal("80.00")


def test_a_reversal_is_told_with_its_code(outbox: Outbox, impact: There) -> None:
    """Cases E2 and F1."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed", code="ORDER_ERROR")

    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Reversal", "settled/credited")]
    assert impact.live() == {}
    wants(outbox, event_id, state="reversed", code="ORDER_ERROR")
    assert len(corrections(outbox)) == 1


def test_a_change_and_its_way_back_within_the_hour_send_nothing(outbox: Outbox, impact: There) -> None:
    """Case G10."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))
    outbox.passes(minutes=20)
    wants(outbox, event_id, amount="150.00", items=items(("A", "2", "100.00"), ("B", "1", "50.00")))

    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Modification", "withdrawn")]
    assert impact.app.api.requests["PUT Actions"] == 0


def test_changes_within_the_hour_are_told_as_one(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox)
    for subtotal in ("110.00", "120.00", "130.00"):
        wants(outbox, event_id, amount="1", items=items(("A", "2", subtotal), ("B", "1", "50.00")))
        outbox.passes(minutes=10)

    outbox.passes(minutes=31)
    outbox.submit()
    outbox.passes(minutes=11)

    assert impact.app.api.requests["PUT Actions"] == 1


def test_a_reversal_that_is_taken_back_before_it_left_sends_nothing(outbox: Outbox, impact: There) -> None:
    """Cases E4 and F7."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    wants(outbox, event_id, amount="150.00", items=items(("A", "2", "100.00"), ("B", "1", "50.00")))

    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Reversal", "withdrawn")]
    assert impact.app.api.requests["DELETE Actions"] == 0


def test_a_reversal_that_shows_late_was_carried_out(outbox: Outbox, impact: There) -> None:
    """Its answer was lost, and the list did not show it in time: without it, the deal won again would go unpaid."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    impact.fault("accepted_unanswered", method="DELETE")
    impact.program.declaration = replace(impact.program.declaration, processing_seconds=2400)
    sent_after_the_hour(outbox)
    assert corrections(outbox) == [("Reversal", "ready")]

    outbox.passes(hours=1)
    outbox.confirm()
    outbox.enqueue()
    assert corrections(outbox) == [("Reversal", "in_doubt")]
    outbox.passes(minutes=10)
    outbox.confirm()

    assert corrections(outbox) == [("Reversal", "settled/credited")]
    assert impact.app.api.requests["DELETE Actions"] == 1


def test_a_correction_of_what_is_no_longer_corrected_at_all_is_withdrawn(outbox: Outbox, impact: There) -> None:
    """Deleted while its conversion was leaving, then brought back: it is decided on as if it were new."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    with outbox.warehouse.transaction() as con:
        con.execute("delete from conversions.wanted")
    outbox.enqueue()

    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Reversal", "withdrawn")]
    assert impact.app.api.requests["DELETE Actions"] == 0


def test_a_correction_waits_until_its_action_is_visible(outbox: Outbox, impact: There) -> None:
    """Case G11."""
    outbox.proven()
    event_id = outbox.wants("Sale_1", code=SALE, items=TWO_ITEMS)
    impact.fault("delayed", parameters={"seconds": 7200})
    outbox.enqueue()
    outbox.submit()
    wants(outbox, event_id, state="reversed")
    outbox.passes(hours=1, minutes=30)
    outbox.confirm()
    outbox.submit()
    assert outbox.rows("select wait from outbox.request where Type = 'Reversal'") == [("awaiting_action",)]

    outbox.passes(hours=1)
    outbox.confirm()
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()

    assert corrections(outbox) == [("Reversal", "settled/credited")]


def test_one_correction_at_a_time_and_the_newest_wish_follows(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))
    outbox.passes(hours=1)
    outbox.submit()
    wants(outbox, event_id, amount="190.00", items=items(("A", "2", "140.00"), ("B", "1", "50.00")))
    assert corrections(outbox) == [("Modification", "accepted")]

    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.enqueue()
    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Modification", "settled/credited")] * 2
    assert impact.program.actions[0].amount == Decimal("190.00")


def test_nothing_is_corrected_after_locking(outbox: Outbox, impact: There) -> None:
    """Case G13."""
    event_id = a_reported_sale(outbox)
    lock_now(impact.program, impact.program.actions[0].id)
    impact.program.actions[0].updated_at = outbox.clock.now()
    outbox.passes(minutes=1)
    outbox.confirm()

    wants(outbox, event_id, state="reversed")

    assert corrections(outbox) == []


def test_a_correction_that_impact_com_refuses_is_not_repeated(outbox: Outbox, impact: There) -> None:
    """Case E6: locked while the reversal was under way."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    outbox.passes(hours=1)
    outbox.submit()
    lock_now(impact.program, impact.program.actions[0].id)
    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.enqueue()

    assert corrections(outbox) == [("Reversal", "settled/rejected")]
    assert outbox.rows("select reason from outbox.request where Type = 'Reversal'") == [("ACTION_LOCKED",)]


def test_the_sixth_correction_of_a_conversion_is_left_out(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox)
    for number in range(1, 8):
        wants(outbox, event_id, amount="1", items=items(("A", "2", f"{100 + number}.00"), ("B", "1", "50.00")))
        sent_after_the_hour(outbox)

    assert len(corrections(outbox)) == 5
    assert impact.app.api.requests["PUT Actions"] == 5


@pytest.mark.parametrize("kind", ["timeout", "accepted_unanswered"])
def test_a_correction_in_doubt_is_settled_by_reading_the_action(outbox: Outbox, impact: There, kind: str) -> None:
    """Values are absolute: telling them again changes nothing that was told already."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))
    impact.fault(kind, method="PUT")
    outbox.passes(hours=1)
    outbox.submit()
    assert corrections(outbox) == [("Modification", "in_doubt")]

    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()

    assert corrections(outbox) == [("Modification", "settled/credited")]
    assert impact.program.actions[0].amount == Decimal("170.00")
    assert impact.program.actions[0].modification_count == 1


def test_the_wanted_value_is_told_again_when_an_earlier_one_takes_effect_later(outbox: Outbox, impact: There) -> None:
    """Its answer was lost, it was not seen in time, and what was wanted by then was told instead."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))
    impact.fault("accepted_unanswered", method="PUT", count=1)
    impact.fault("delayed", method="PUT", count=1, parameters={"seconds": 6 * 3600})
    sent_after_the_hour(outbox)
    wants(outbox, event_id, amount="190.00", items=items(("A", "2", "140.00"), ("B", "1", "50.00")))
    sent_after_the_hour(outbox)
    assert corrections(outbox) == [("Modification", "withdrawn"), ("Modification", "settled/credited")]
    assert impact.program.actions[0].amount == Decimal("190.00")

    outbox.passes(hours=6)
    outbox.confirm()
    assert impact.program.actions[0].amount == Decimal("170.00")
    outbox.enqueue()
    sent_after_the_hour(outbox)
    outbox.enqueue()

    assert impact.program.actions[0].amount == Decimal("190.00")
    assert corrections(outbox)[2:] == [("Modification", "settled/credited")]


def test_an_amount_that_a_person_set_at_impact_com_is_not_fought(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))
    sent_after_the_hour(outbox)
    (action,) = impact.program.actions
    action.amount, action.updated_at = Decimal("123.45"), outbox.clock.now()
    outbox.passes(minutes=1)
    outbox.confirm()

    outbox.enqueue()

    assert corrections(outbox) == [("Modification", "settled/credited")]
    assert outbox.rows("select Amount from audit.current_action") == [(Decimal("123.45"),)]


def test_what_a_person_reversed_at_impact_com_is_not_fought(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox)
    reverse_by_person(impact.program, impact.program.actions[0].id)
    outbox.passes(minutes=1)
    outbox.confirm()

    wants(outbox, event_id, amount="170.00", items=items(("A", "2", "120.00"), ("B", "1", "50.00")))

    assert corrections(outbox) == []


def test_a_conversion_that_nobody_got_credit_for_is_not_corrected(outbox: Outbox, impact: There) -> None:
    """Case G12."""
    event_id = a_reported_sale(outbox, ClickId=None)
    assert outbox.states()["Sale_1"] == "settled/not_credited"

    wants(outbox, event_id, state="reversed")

    assert corrections(outbox) == []


def test_an_amount_of_zero_is_never_told_because_it_would_reverse(outbox: Outbox) -> None:
    event_id = a_reported_sale(outbox, code="Lead_Qualified", items=None, amount="100.00")

    wants(outbox, event_id, amount="0.00")

    assert corrections(outbox) == []


def test_a_deleted_record_whose_conversion_never_left_sends_nothing_until_it_is_back(outbox: Outbox) -> None:
    """Cases F3 and F7, decided on the change that deleted it."""
    outbox.proven()
    event_id = outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        told(con, "deleted", 10, outbox.clock.now())
        con.execute(
            "insert into conversions.decision by name select 900 as decision_id, 10 as change_id, "
            "'Opportunity' as object, 'Lead_1' as Id, 'won' as event, 'correct' as decision, "
            "'record_deleted' as reason, $id as event_id, false as carries, 'hash' as config_hash, 'c' as cycle_id, "
            "'c' as run_id, $at::timestamptz as decided_at",
            {"id": event_id, "at": outbox.clock.now()},
        )
    assert outbox.enqueue().withdrawn == 1
    assert outbox.rows("select state, reason from outbox.request where OrderId = 'Lead_1'") == [
        ("withdrawn", "record_deleted")
    ]
    assert outbox.enqueue().reopened == 0

    with outbox.warehouse.transaction() as con:
        told(con, "undeleted", 11, outbox.clock.now())

    assert outbox.enqueue().reopened == 1


def told(con: Any, kind: str, change_id: int, at: datetime) -> None:
    con.execute(
        "insert into changes.change by name select $change as change_id, 'Opportunity' as object, 'Lead_1' as Id, "
        "$kind as kind, [] as fields, $at::timestamptz as occurred_at, $at as detected_at, 'c' as cycle_id",
        {"change": change_id, "kind": kind, "at": at},
    )


def test_a_correction_is_never_queued_for_what_was_not_reported(outbox: Outbox) -> None:
    with outbox.warehouse.transaction() as con:
        event_id = add_conversion(con, "Lead_1", outbox.clock.now() - timedelta(days=1), decision="hold")
        want(con, event_id, outbox.clock.now(), state="reversed")

    outbox.enqueue()

    assert outbox.rows("select count(*) from outbox.request") == [(0,)]


def test_an_action_is_approved_by_the_brands_own_code_after_what_else_is_told(outbox: Outbox, impact: There) -> None:
    """Case G23: an approved action takes nothing more, so the changed items go first."""
    event_id = a_reported_sale(outbox, code=PAID)
    changed = items(("A", "2", "120.00"), ("B", "1", "50.00"))
    wants(outbox, event_id, amount="170.00", items=changed, approval="APPROVED_BY_CRM")
    sent_after_the_hour(outbox)
    outbox.enqueue()

    sent_after_the_hour(outbox)

    (action,) = impact.program.actions
    assert corrections(outbox) == [("Modification", "settled/credited"), ("Approval", "settled/credited")]
    assert (action.amount, action.state_at(outbox.clock.now())) == (Decimal("170.00"), State.APPROVED)
    ((body,),) = outbox.rows("select payload from outbox.request where Type = 'Approval'")
    assert body == f"ActionId={action.id}&Reason=APPROVED_BY_CRM"
    wants(outbox, event_id, amount="170.00", items=changed, approval="APPROVED_BY_CRM")
    assert len(corrections(outbox)) == 2


def test_an_approval_alone_tells_no_amount(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox, code=PAID)
    wants(outbox, event_id, approval="APPROVED_BY_CRM")

    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Approval", "settled/credited")]
    assert impact.program.actions[0].amount == Decimal("150.00")


def test_what_a_person_approved_at_impact_com_is_not_approved_again(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox, code=PAID)
    lock_now(impact.program, impact.program.actions[0].id)
    impact.program.actions[0].updated_at = outbox.clock.now()
    outbox.passes(minutes=1)
    outbox.confirm()

    wants(outbox, event_id, approval="APPROVED_BY_CRM")

    assert corrections(outbox) == []


def test_an_approval_in_doubt_is_settled_by_reading_the_action(outbox: Outbox, impact: There) -> None:
    event_id = a_reported_sale(outbox, code=PAID)
    wants(outbox, event_id, approval="APPROVED_BY_CRM")
    impact.fault("accepted_unanswered", method="PUT")
    outbox.passes(hours=1)
    outbox.submit()
    assert corrections(outbox) == [("Approval", "in_doubt")]

    outbox.passes(minutes=11)
    outbox.confirm()

    assert corrections(outbox) == [("Approval", "settled/credited")]
    assert impact.app.api.requests["PUT Actions"] == 1


def test_a_list_tells_that_nothing_is_live_only_of_a_time_well_after_the_reversal(
    outbox: Outbox, impact: There
) -> None:
    """
    Our clock may be behind: then the list does not cover the minute in which the system made another action. And one
    that is changed while the list is read is not in it; so a list counts that began after the reversal was seen.
    """
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    outbox.passes(hours=1)
    reverse_by_person(impact.program, impact.program.actions[0].id)
    outbox.submit()
    outbox.passes(minutes=4)
    outbox.confirm()
    assert corrections(outbox) == [("Reversal", "accepted")]

    outbox.passes(minutes=2)
    outbox.confirm()
    assert corrections(outbox) == [("Reversal", "accepted")]

    outbox.passes(minutes=4)
    outbox.confirm()

    assert corrections(outbox) == [("Reversal", "settled/credited")]


def test_a_reversal_whose_record_is_gone_and_whose_action_shows_it_waits_for_the_next_list(
    outbox: Outbox, impact: There
) -> None:
    """Its end is as good as known: were it given up, what is won again would count as live."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    outbox.passes(hours=1)
    impact.fault("submission_vanishes", count=1)
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()
    assert corrections(outbox) == [("Reversal", "accepted")]

    outbox.passes(minutes=11)
    outbox.confirm()

    assert corrections(outbox) == [("Reversal", "settled/credited")]


def test_a_reversal_of_unknown_end_is_carried_out_when_its_action_shows_it_late(outbox: Outbox, impact: There) -> None:
    """Else what is won again would count as live, and go unpaid. What was queued to tell it once more is not told."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    impact.fault("submission_vanishes", count=1)
    impact.program.declaration = replace(impact.program.declaration, processing_seconds=2400)
    outbox.passes(hours=1)
    outbox.submit()
    outbox.passes(minutes=31)
    outbox.confirm()
    outbox.enqueue()
    assert corrections(outbox) == [("Reversal", "settled/end_unknown"), ("Reversal", "ready")]

    outbox.passes(minutes=31)
    outbox.confirm()
    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.enqueue()

    assert corrections(outbox) == [("Reversal", "settled/credited"), ("Reversal", "withdrawn")]
    assert impact.app.api.requests["DELETE Actions"] == 1


def test_a_reversal_that_meets_a_reattribution_takes_back_what_stands_there_now(outbox: Outbox, impact: There) -> None:
    """The system reverses the action, too, and makes another one: that is not what the reversal asked for."""
    event_id = a_reported_sale(outbox)
    wants(outbox, event_id, state="reversed")
    outbox.passes(hours=1)
    reattribute(impact.program, impact.program.actions[0].id, 20001)
    outbox.submit()
    outbox.passes(minutes=1)
    outbox.confirm()
    assert corrections(outbox) == [("Reversal", "accepted")]

    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.enqueue()
    sent_after_the_hour(outbox)

    assert corrections(outbox) == [("Reversal", "settled/rejected"), ("Reversal", "settled/credited")]
    assert impact.live() == {}
