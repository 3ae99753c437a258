"""
Sends again what may be sent again, because a person says so and why.

Refused is what impact.com has, or may have. Where it provably has nothing, the body may follow the record and the
mapping again: the caller decides and queues anew (queue.decide_and_enqueue) in the same transaction. Where a person
looked and found nothing, the identical bytes go.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import duckdb

from impact_pipeline.conversions.words import check_text
from impact_pipeline.outbox.moves import carry_out, list_moves
from impact_pipeline.outbox.states import Outcome, RequestType, State
from impact_pipeline.warehouse.sql import sql_file


class ResendRefused(Exception):
    """What was asked for can't be sent again; the message says why, and what can be done."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """
    A request that a key leads to, as it stands.

    Args:
        action_id: an action that impact.com shows for its key.
        not_wanted: what is decided for its event by now, where that is not to send it.
    """

    request_id: int
    Type: str
    event_id: str
    object: str
    Id: str
    event: str
    EventTypeCode: str | None
    OrderId: str | None
    amount: Decimal | None
    CurrencyCode: str | None
    state: str
    outcome: str | None
    reason: str | None
    wait: str | None
    needs_person: bool
    payload_sha256: str | None
    action_id: str | None
    not_wanted: str | None

    @property
    def standing(self) -> str:
        return " ".join(filter(None, (self.state, self.outcome, self.reason)))

    def __str__(self) -> str:
        return f"{self.Type} {self.request_id}, {self.object} {self.Id}, {self.OrderId}: {self.standing}"


def resend(
    con: duckdb.DuckDBPyConnection,
    key: str | None,
    *,
    reason: str,
    said_by: str,
    run_id: str,
    now: datetime,
    is_not_there: bool = False,
) -> list[Candidate]:
    """
    Make ready again what `key` leads to, in the caller's transaction.

    Args:
        key: Id of the record (15 or 18 characters), OrderId or event_id; None: all conversions that impact.com refused
            or rejected and that are still wanted.
        is_not_there: the person looked, and impact.com has no conversion with this OrderId; for what may have arrived.

    Returns:
        The requests as they stood.

    Raises:
        ResendRefused: nothing or more than one thing is meant, or it can't be sent again.
        WordRefused: the reason or the name would not do in a table that many read.
    """
    for name, text in (("reason", reason), ("name", said_by)):
        check_text(name, text)
    found = _subjects(con, key)
    fitting = [one for one in found if why_not(one, is_not_there=is_not_there) is None]
    if key is not None and len(fitting) != 1:
        raise ResendRefused(_why_not_one(key, found, fitting, is_not_there=is_not_there))
    thawed = [one.request_id for one in fitting if one.Type == RequestType.CONVERSION and _has_provably_nothing(one)]
    requests = [one.request_id for one in fitting]
    list_moves(con)
    con.execute(sql_file(__file__, "resend_moves.sql"), {"requests": requests, "thawed": thawed, "reason": reason})
    carry_out(con, run_id=run_id, now=now, decided_by=said_by)
    return fitting


def why_not(of: Candidate, *, is_not_there: bool) -> str | None:
    """Why it can't be sent again, in words; None where it can."""
    if of.action_id is not None and of.Type == RequestType.CONVERSION:
        return f"impact.com has it: action {of.action_id}"
    if (stands := _why_not_as_it_stands(of)) is not None:
        return stands
    if of.not_wanted is not None:
        return f"it is not to be sent any more ({of.not_wanted})"
    if not is_not_there and not _has_provably_nothing(of):
        return (
            f"impact.com may have it ({of.standing}); look there for OrderId {of.OrderId} under the event type "
            f"{of.EventTypeCode}, and if there is nothing, say so: --not-there"
        )
    return None


def _why_not_as_it_stands(of: Candidate) -> str | None:
    match of.state:
        case State.READY:
            return f"it waits to be sent already ({of.wait or 'due'})"
        case State.INTENDED:
            return "it is being sent"
        case State.ACCEPTED:
            return "impact.com has it and has not said yet what became of it"
        case State.IN_DOUBT if not of.needs_person:
            return "its answer was lost, and reading settles that by itself: impact-pipeline run"
        case State.WITHDRAWN:
            return f"it was withdrawn ({of.reason}) and comes back by itself when it is wanted again"
        case State.SETTLED if of.outcome in (Outcome.CREDITED, Outcome.ALREADY_THERE):
            return f"impact.com has it ({of.outcome}); what changed since goes as a correction"
    return None


def _has_provably_nothing(of: Candidate) -> bool:
    """Whether impact.com said, or its lists proved, that it recorded nothing; a correction is absolute anyhow."""
    if of.Type != RequestType.CONVERSION or of.state == State.REFUSED:
        return True
    is_by_code = of.outcome == Outcome.NOT_CREDITED and of.reason != "no_action"
    return is_by_code or of.outcome in (Outcome.REJECTED, Outcome.NO_TRACE)


def _why_not_one(key: str, found: list[Candidate], fitting: list[Candidate], *, is_not_there: bool) -> str:
    if fitting:
        listed = "\n".join(f"  {one} ({one.event_id})" for one in fitting)
        return f"{key} leads to {len(fitting)} requests, so nothing was done. Name one by its event_id:\n{listed}"
    if not found:
        return (
            f"Nothing that was to be sent is known as {key!r}. Give a record's Id, an OrderId or an event_id; they are "
            f"case-sensitive. impact-pipeline explain {key} shows what is known."
        )
    listed = "\n".join(f"  {one.Type} {one.OrderId}: {why_not(one, is_not_there=is_not_there)}" for one in found)
    return f"Nothing of {key} can be sent again:\n{listed}"


def _subjects(con: duckdb.DuckDBPyConnection, key: str | None) -> list[Candidate]:
    cursor = con.execute(sql_file(__file__, "resend_subjects.sql"), {"key": key})
    names = [column[0] for column in cursor.description or ()]
    return [Candidate(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
