"""What can be said about a decision, code by code."""

import pytest

from impact_pipeline.conversions.words import OVERRULED, Subject, Word, why_not

HOLDS = [
    "missing_required",
    "invalid_value",
    "personal_data",
    "no_attribution_key",
    "identity_pending",
    "customer_id_conflict",
    "identity_changed",
    "unknown_event_type",
    "order_id_collision",
    "currency_missing",
    "amount_missing",
    "amount_not_positive",
    "amount_too_large",
    "awaiting_items",
    "items_mismatch",
    "item_invalid",
    "awaiting_history",
    "event_in_future",
    "event_too_old",
    "value_renamed",
    "mass_change",
    "gone_unproven",
    "reversal_open",
    "correction_impossible",
    "correction_currency",
    "flapping",
    "sending_off",
]


def a_decision(decision: str = "hold", reason: str = "event_too_old", **given: object) -> Subject:
    values = {
        "change_id": 1,
        "event": "won",
        "event_id": "e",
        "object": "Opportunity",
        "Id": "006000000000001AAA",
        "OrderId": "Won_006",
        "decision": decision,
        "reason": reason,
        "amount": None,
        "CurrencyCode": None,
        "carries": True,
        "word": None,
        "state": None,
        "outcome": None,
        "is_intended": False,
        "is_reversed": False,
        "is_locked": False,
        **given,
    }
    return Subject(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", HOLDS)
def test_a_release_overrules_what_doubts_and_nothing_else(reason: str) -> None:
    assert (why_not(Word.RELEASE, a_decision(reason=reason)) is None) == (reason in OVERRULED)


@pytest.mark.parametrize("reason", HOLDS)
def test_every_hold_can_be_dismissed(reason: str) -> None:
    assert why_not(Word.DISMISS, a_decision(reason=reason)) is None


def test_what_a_person_held_or_dismissed_a_person_lets_go() -> None:
    assert why_not(Word.RELEASE, a_decision(reason="sending_off", word="hold")) is None
    assert why_not(Word.RELEASE, a_decision("send", "field_changed", word="hold")) is None
    assert why_not(Word.RELEASE, a_decision("skip", "dismissed", word="dismiss")) is None


def test_a_word_that_was_said_is_not_said_again() -> None:
    assert "already" in str(why_not(Word.HOLD, a_decision("send", "field_changed", word="hold")))
    assert "already" in str(why_not(Word.RELEASE, a_decision(word="release")))
    assert "already" in str(why_not(Word.DISMISS, a_decision(word="dismiss")))


@pytest.mark.parametrize("word", [Word.HOLD, Word.RELEASE, Word.DISMISS])
def test_what_has_left_can_only_be_reversed(word: Word) -> None:
    sent = a_decision("send", "field_changed", state="accepted", is_intended=True)

    assert "it has left" in str(why_not(word, sent))
    assert why_not(Word.REVERSE, sent) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"is_intended": False}, "was not reported"),
        ({"state": "settled", "outcome": "not_credited"}, "no action"),
        ({"state": "refused"}, "no action"),
        ({"is_reversed": True}, "already"),
        ({"is_locked": True}, "locked"),
    ],
)
def test_only_what_stands_at_impact_com_is_reversed(given: dict[str, object], why: str) -> None:
    sent = {"state": "settled", "outcome": "credited", "is_intended": True}

    assert why in str(why_not(Word.REVERSE, a_decision("send", "field_changed", **{**sent, **given})))


def test_a_reversal_that_has_not_left_is_dismissed_and_nothing_else() -> None:
    asked = {"carries": False, "is_reversed": True}

    assert why_not(Word.DISMISS, a_decision("correct", "requested", **asked)) is None
    assert "has left" in str(why_not(Word.DISMISS, a_decision("correct", "requested", is_intended=True, **asked)))
    for word in (Word.HOLD, Word.RELEASE, Word.REVERSE):
        assert why_not(word, a_decision("correct", "requested", **asked)) is not None


def test_a_held_correction_is_released_or_dismissed_and_not_held() -> None:
    """Its conversion has left; the correction has not."""
    correction = a_decision(reason="mass_change", carries=False, is_intended=True, state="settled")

    assert why_not(Word.DISMISS, correction) is None
    assert why_not(Word.RELEASE, correction) is None
    assert "it has left" in str(why_not(Word.HOLD, correction))
    assert "nothing of it is to be sent" in str(why_not(Word.HOLD, a_decision("skip", "no_rule", carries=False)))
