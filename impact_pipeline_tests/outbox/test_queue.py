"""From decided conversions to requests with their exact body."""

from urllib.parse import parse_qsl

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from impact_pipeline.outbox.queue import body_sql
from impact_pipeline_tests.outbox.conftest import DEAL, SALE, Outbox, There, add_conversion, decide, want


def test_a_conversion_is_queued_once(outbox: Outbox) -> None:
    outbox.wants("Lead_1")

    assert outbox.enqueue().queued == 1
    assert outbox.enqueue().queued == 0
    assert outbox.states() == {"Lead_1": "ready"}


def test_queueing_again_without_news_writes_nothing(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.wants("Sale_1", code=SALE, items=[("A", 1, "10.00")])
    outbox.enqueue()
    before = outbox.rows("from outbox.request order by all"), outbox.rows("from audit.transition order by all")

    outbox.passes(hours=1)
    outbox.enqueue()

    after = outbox.rows("from outbox.request order by all"), outbox.rows("from audit.transition order by all")
    assert after == before


def test_the_body_is_form_encoded_with_the_key_first_and_items_numbered_from_1(outbox: Outbox) -> None:
    outbox.wants("Won & done_006", code=SALE, items=[("A", 2, "100.00"), ("Bä", 1, "50.50")], CustomerId=None)

    outbox.enqueue()

    ((payload, digest),) = outbox.rows("select payload, payload_sha256 = sha256(payload) from outbox.request")
    assert digest is True
    assert payload == (
        "CampaignId=4711&EventTypeCode=Opportunity_Closed%20Won&EventDate=2026-11-20T12%3A00%3A00Z"
        "&OrderId=Won%20%26%20done_006&ClickId=click-1&CurrencyCode=USD"
        "&ItemSku1=A&ItemName1=Plan%20%26%20more&ItemCategory1=Software&ItemQuantity1=2&ItemSubTotal1=100.00"
        "&ItemSku2=B%C3%A4&ItemName2=Plan%20%26%20more&ItemCategory2=Software&ItemQuantity2=1&ItemSubTotal2=50.50"
    )


def test_the_statement_that_makes_bodies_is_built_from_the_columns_that_are_there() -> None:
    assert body_sql(
        ["event_id", "amount", "ActionTrackerId", "OrderId", "Text3", "CampaignId"], ["event_id", "ItemText_3"]
    ) == (
        "create or replace temp table body as\n"
        "with\n"
        "items as (\n"
        "    select i.event_id,\n"
        "           string_agg(concat_ws('&',\n"
        "               'ItemText' || i.item_number || '_3' || '=' || url_encode(i.\"ItemText_3\")), '&'"
        " order by i.item_number) as items\n"
        "      from conversions.item as i\n"
        "      join sendable as s using (event_id)\n"
        "     where not s.is_frozen\n"
        "     group by i.event_id),\n"
        "bodies as (\n"
        "    select c.event_id,\n"
        "           concat_ws('&',\n"
        "               'CampaignId=' || url_encode(c.\"CampaignId\"),\n"
        "               'OrderId=' || url_encode(c.\"OrderId\"),\n"
        "               'Text3=' || url_encode(c.\"Text3\"),\n"
        "               n.items) as payload\n"
        "      from conversions.conversion as c\n"
        "      join sendable as s using (event_id)\n"
        "      left join items as n using (event_id)\n"
        "     where not s.is_frozen)\n"
        "select event_id, payload, sha256(payload) as payload_sha256\n"
        "  from bodies\n"
    )


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_text_comes_back_as_it_was_and_only_unreserved_characters_leave(text: str) -> None:
    row = duckdb.execute("select url_encode($text)", {"text": text}).fetchone()

    assert row is not None
    assert parse_qsl(f"Text1={row[0]}", keep_blank_values=True) == [("Text1", text)]
    assert all(one.isascii() and (one.isalnum() or one in "-._~%") for one in row[0])


def test_a_body_follows_its_conversion_until_the_first_intent_and_not_after_it(outbox: Outbox) -> None:
    outbox.wants("Lead_1", ClickId="early")
    outbox.enqueue()
    outbox.wants("Lead_1", ClickId="click-1")
    assert outbox.enqueue().refreshed == 1
    outbox.submit()
    outbox.wants("Lead_1", ClickId="late")

    assert outbox.enqueue().refreshed == 0

    ((payload,),) = outbox.rows("select payload from outbox.request")
    assert "ClickId=click-1" in payload


def test_two_events_with_one_key_give_one_request(outbox: Outbox) -> None:
    """impact.com tells conversions apart by their key alone."""
    outbox.wants("Lead_1")
    with outbox.warehouse.transaction() as con:
        add_conversion(con, "other", outbox.clock.now())
        con.execute("update conversions.conversion set OrderId = 'Lead_1' where event_id = 'event-other'")

    counts = outbox.enqueue()

    assert (counts.queued, counts.key_taken) == (1, 1)


def test_a_conversion_that_is_held_before_it_left_is_withdrawn_with_the_reason(outbox: Outbox) -> None:
    event_id = outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        decide(con, event_id, outbox.clock.now(), decision="hold", reason="sending_off")

    assert outbox.enqueue().withdrawn == 1

    assert outbox.submit().sent == 0
    assert outbox.rows("select state, reason from outbox.request") == [("withdrawn", "sending_off")]


def test_what_was_withdrawn_and_is_wanted_again_returns_with_its_newest_body(outbox: Outbox) -> None:
    event_id = outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        decide(con, event_id, outbox.clock.now(), decision="hold")
    outbox.enqueue()
    outbox.wants("Lead_1", ClickId="newest")

    assert outbox.enqueue().reopened == 1

    assert outbox.rows("select state, payload like '%ClickId=newest%' from outbox.request") == [("ready", True)]


def test_what_was_handed_back_unsent_and_withdrawn_returns_with_its_newest_body(outbox: Outbox, impact: There) -> None:
    """Nothing of it has left, so it is as if it had never been intended: its decision is open again, too."""
    event_id = outbox.wants("Deal_1", code=DEAL, amount="100.00")
    outbox.enqueue()
    impact.fault("rate_limited", method="POST")
    outbox.submit()
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed")
    assert outbox.enqueue().withdrawn == 1
    assert outbox.rows("select event_id, decision from conversions.open_decision") == [(event_id, "send")]

    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="live")
    outbox.wants("Deal_1", code=DEAL, amount="250.00")
    assert outbox.enqueue().reopened == 1
    outbox.passes(minutes=30)
    outbox.submit()

    assert outbox.states() == {"Deal_1": "accepted"}
    assert "OrderSubTotalPostDiscount=250.00" in impact.received[-1]


def test_a_conversion_that_is_taken_back_before_it_left_is_withdrawn_and_nothing_is_sent(outbox: Outbox) -> None:
    """Case F3: deleted while its conversion waits."""
    event_id = outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed")

    outbox.enqueue()
    outbox.enqueue()

    assert outbox.submit().sent == 0
    assert outbox.states() == {"Lead_1": "withdrawn"}
    assert outbox.rows("select count(*) from outbox.request") == [(1,)]


def test_what_is_mapped_anew_waits_until_it_is_queued_anew(outbox: Outbox, impact: There) -> None:
    """Else the old body would leave between the two, and everybody would believe that the new one had been told."""
    outbox.wants("Deal_1", code=DEAL, amount="100.00")
    outbox.enqueue()
    outbox.wants("Deal_1", code=DEAL, amount="250.00")
    with outbox.warehouse.transaction() as con:
        con.execute("update conversions.conversion set content_md5 = 'of the new content'")

    assert outbox.submit().sent == 0
    outbox.enqueue()
    assert outbox.submit().sent == 1

    assert "OrderSubTotalPostDiscount=250.00" in impact.received[0]
