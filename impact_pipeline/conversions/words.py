"""
What a person says about one decision: hold it, release it, dismiss it, reverse what was reported of it.

Saying is one row of conversions.word. Decisions follow it at the next call of decide, by the same statements as all
others; sending knows it at once. Why so: docs/decisions/0005-a-persons-word.md
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import duckdb

from impact_pipeline.conversions.values import EMAIL
from impact_pipeline.warehouse.cycles import newest_cycle
from impact_pipeline.warehouse.sql import sql_file

# Holds that doubt, and that a person may know better than. Every other hold means that the request would be invalid,
# that it could be a repetition, or that it goes by itself in a moment.
OVERRULED = (
    "awaiting_items",
    "items_mismatch",
    "customer_id_conflict",
    "event_too_old",
    "identity_changed",
    "value_renamed",
    "mass_change",
)
LONGEST_REASON = 500
_EXAMPLES = ("REJECTED", "ORDER_ERROR", "ITEM_RETURNED")
_LOST = ("not_credited", "rejected", "no_trace")
_EMAIL = re.compile(EMAIL)
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}\Z")


class Word(StrEnum):
    """What can be said about one decision."""

    HOLD = "hold"
    RELEASE = "release"
    DISMISS = "dismiss"
    REVERSE = "reverse"


class WordRefused(Exception):
    """What was said can't be done; the message says why, and what can."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """
    A decision that a word can be about, and how it stands.

    Args:
        carries: whether it stands for its business event; others are held corrections.
        word: the word in force for it.
        state, outcome: of its conversion in the outbox; None where there is none.
        is_intended: the conversion was sent, or was about to be.
        is_reversed: its reversal is wanted, or asked for.
        is_locked: its action can't be changed any more.
    """

    change_id: int
    event: str
    event_id: str
    object: str
    Id: str
    OrderId: str | None
    decision: str
    reason: str
    amount: Decimal | None
    CurrencyCode: str | None
    carries: bool
    word: str | None
    state: str | None
    outcome: str | None
    is_intended: bool
    is_reversed: bool
    is_locked: bool

    def __str__(self) -> str:
        money = "" if self.amount is None else f", {self.amount} {self.CurrencyCode or ''}".rstrip()
        order = "" if self.OrderId is None else f", {self.OrderId}"
        return f"{self.object} {self.Id}, {self.event}{order}{money}: {self.decision} {self.reason} ({self.event_id})"


def say(
    con: duckdb.DuckDBPyConnection,
    word: Word,
    key: str,
    *,
    reason: str,
    said_by: str,
    now: datetime,
    code: str = "REJECTED",
) -> Subject:
    """
    Record a person's word about the one decision that `key` leads to, in the caller's transaction.

    Args:
        key: Id of the record (15 or 18 characters), OrderId, or event_id.
        code: impact.com's disposition code, for reverse.

    Returns:
        The decision as it stood.

    Raises:
        WordRefused: nothing is known under the key, nothing or more than one thing of it can be meant, the word can't
            be done, or the reason or the name would not do in a table that many read.
    """
    for name, text in (("reason", reason), ("name", said_by)):
        check_text(name, text)
    if not _CODE.match(code):
        raise WordRefused(
            f"{code!r} is no disposition code; impact.com's are capitals, such as {', '.join(_EXAMPLES)}."
        )
    subjects = _subjects(con, key, now)
    if not subjects:
        raise WordRefused(
            f"Nothing that was sent, held or dismissed is known as {key!r}. Give a record's Id, an OrderId or an "
            f"event_id; they are case-sensitive. impact-pipeline explain {key} shows what is known."
        )
    fitting = [one for one in subjects if why_not(word, one) is None]
    if len(fitting) != 1:
        raise WordRefused(_unclear(word, key, fitting) if fitting else _impossible(word, key, subjects))
    (subject,) = fitting
    change_id = subject.change_id
    if word is Word.DISMISS and subject.reason == "requested":
        con.execute(sql_file(__file__, "words_take_back.sql"), {"event_id": subject.event_id, "now": now})
    if word is Word.REVERSE:
        change_id = _request(con, subject, now)
    con.execute(
        sql_file(__file__, "words_say.sql"),
        {
            "word": word,
            "object": subject.object,
            "Id": subject.Id,
            "change_id": change_id,
            "event": subject.event,
            "event_id": subject.event_id,
            "code": code if word is Word.REVERSE else None,
            "reason": reason,
            "said_by": said_by,
            "now": now,
        },
    )
    return subject


def why_not(word: Word, of: Subject) -> str | None:
    """Why the word can't be said about the decision, in words; None where it can."""
    match word:
        case Word.HOLD:
            return _why_not_hold(of)
        case Word.RELEASE:
            return _why_not_release(of)
        case Word.DISMISS:
            return _why_not_dismiss(of)
        case Word.REVERSE:
            return _why_not_reverse(of)


def check_text(name: str, text: str) -> None:
    """Raises WordRefused where a reason or a name would not do in a table that many read."""
    if not text.strip() or len(text) > LONGEST_REASON or not text.isprintable():
        raise WordRefused(f"The {name} must be one line of 1 to {LONGEST_REASON} characters.")
    if _EMAIL.search(text):
        raise WordRefused(f"The {name} holds an e-mail address; it is kept in tables that many read. Leave it out.")


def _why_not_hold(of: Subject) -> str | None:
    if of.is_intended:
        return f"it has left, or is about to ({_stand(of)}); impact-pipeline reverse takes it back"
    if not of.carries or of.decision not in ("send", "hold"):
        return f"nothing of it is to be sent ({of.decision} {of.reason})"
    return "it is held by a person already" if of.word == Word.HOLD else None


def _why_not_release(of: Subject) -> str | None:
    if of.is_intended and of.carries:
        return f"it has left, or is about to ({_stand(of)})"
    if of.word == Word.RELEASE:
        return f"it was released already ({of.decision} {of.reason}); what still holds it has to be mended"
    if of.word in (Word.HOLD, Word.DISMISS) or (of.decision == "hold" and of.reason in OVERRULED):
        return None
    if of.decision != "hold":
        return f"it is not held ({of.decision} {of.reason})"
    if of.reason == "sending_off":
        return "sending is switched off for it; switch it on in the configuration"
    return f"{of.reason} can't be overruled; mend the record or the configuration, or dismiss it"


def _why_not_dismiss(of: Subject) -> str | None:
    if of.reason == "requested":
        return "its reversal has left" if of.is_intended else None
    if of.word == Word.DISMISS:
        return "it is dismissed already"
    if of.is_intended and of.carries:
        return f"it has left, or is about to ({_stand(of)}); impact-pipeline reverse takes it back"
    if of.decision == "hold" or (of.word == Word.HOLD and of.decision == "send"):
        return None
    return f"it is not held ({of.decision} {of.reason}); hold it first"


def _why_not_reverse(of: Subject) -> str | None:
    if not of.carries or of.decision != "send" or not of.is_intended:
        return f"it was not reported ({of.decision} {of.reason}); hold or dismiss it"
    if of.state == "refused" or of.outcome in _LOST:
        return f"impact.com has no action for it ({_stand(of)})"
    if of.is_reversed:
        return "its reversal is asked for already"
    if of.is_locked:
        return "its action is locked: impact.com takes no change any more; tell finance"
    return None


def _stand(of: Subject) -> str:
    return " ".join(filter(None, (of.state, of.outcome)))


def _unclear(word: Word, key: str, fitting: list[Subject]) -> str:
    listed = "\n".join(f"  {one}" for one in fitting)
    return (
        f"{key} leads to {len(fitting)} decisions, so nothing was done. Name the one to {word} by its event_id, which "
        f"is in parentheses:\n{listed}"
    )


def _impossible(word: Word, key: str, subjects: list[Subject]) -> str:
    if len(subjects) == 1:
        return f"{key} can't be {_DONE[word]}: {why_not(word, subjects[0])}."
    listed = "\n".join(f"  {one.event} {one.OrderId or one.event_id}: {why_not(word, one)}" for one in subjects)
    return f"None of the {len(subjects)} decisions of {key} can be {_DONE[word]}:\n{listed}"


_DONE = {Word.HOLD: "held", Word.RELEASE: "released", Word.DISMISS: "dismissed", Word.REVERSE: "reversed"}


def _subjects(con: duckdb.DuckDBPyConnection, key: str, now: datetime) -> list[Subject]:
    cursor = con.execute(sql_file(__file__, "words_subjects.sql"), {"key": key, "now": now})
    names = [column[0] for column in cursor.description or ()]
    return [Subject(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _request(con: duckdb.DuckDBPyConnection, subject: Subject, now: datetime) -> int:
    """A change of its own for a reversal that no change of the record asks for; its number."""
    row = con.execute(
        sql_file(__file__, "words_request.sql"),
        {"object": subject.object, "Id": subject.Id, "cycle_id": newest_cycle(con), "now": now},
    ).fetchone()
    if row is None:
        raise AssertionError("words_request.sql gives one row")
    return int(row[0])
