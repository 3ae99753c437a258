"""
What the answer to a write means. Pure; the tests list it status by status.

In doubt is not failure: once a connection stood, only reading may tell whether impact.com has the request.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from impact_pipeline.outbox.impact.rate import Rate, rate_of, wait_seconds_of
from impact_pipeline.outbox.impact.transport import Answer


class Verdict(StrEnum):
    """What is to be done with a request after its answer."""

    NOT_SENT = "not_sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"
    IN_DOUBT = "in_doubt"
    STOP_LANE = "stop_lane"


# impact.com looked at this one body and does not want it.
_REFUSING = frozenset({400, 402, 406, 411, 413, 414, 415, 422, 431})
# Not about this body: the credential, the permission, the address, the method, or something in between.
_STOPPING = frozenset({401, 403, 404, 405, 407}) | frozenset(range(300, 400))


_TURNED_AWAY = {
    "http_401": "impact.com refused the credential (401); check IMPACT_ACCOUNT_SID and IMPACT_AUTH_TOKEN",
    "http_403": "impact.com does not let this token write (403); enable Conversions and Actions for it under "
    "Settings → Technical → API",
    "http_404": "impact.com does not know the address (404); check IMPACT_BASE_URL and IMPACT_ACCOUNT_SID",
    "http_405": "impact.com does not take this method (405); a proxy may be in between",
}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """
    A verdict with what the answer says beside it.

    Args:
        reason: short and without values: `http_400 OrderId`, `ReadTimeoutError`. Equal reasons are refusals alike.
        submission_id: BatchId of the queue record, where the answer names it.
        wait_seconds: for `later`, how long to wait.
        rate: the budget as the headers tell it.
    """

    verdict: Verdict
    reason: str
    submission_id: str | None = None
    wait_seconds: float | None = None
    rate: Rate = field(default_factory=Rate)


def why_turned_away(reason: str) -> str:
    """What a verdict of stop_lane means, and the remedy, by the reason of the judgement."""
    other = f"impact.com answered {reason}; check IMPACT_BASE_URL, it may have moved or lie behind a proxy"
    return _TURNED_AWAY.get(reason, other)


def judge(answer: Answer, now: datetime) -> Judgement:
    """
    The verdict on one answer.

    Args:
        now: our clock, UTC; for waits that are told as a moment by an answer without a Date.
    """
    if not answer.left:
        return Judgement(verdict=Verdict.NOT_SENT, reason=answer.problem or "not_connected")
    if answer.status is None:
        return Judgement(verdict=Verdict.IN_DOUBT, reason=answer.problem or "no_answer")
    status, rate = answer.status, rate_of(answer.headers, now)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in answer.headers
    ):
        wait = wait_seconds_of(answer.headers, now)
        return Judgement(verdict=Verdict.LATER, reason=f"http_{status}", wait_seconds=wait, rate=rate)
    if status in _STOPPING:
        return Judgement(verdict=Verdict.STOP_LANE, reason=f"http_{status}", rate=rate)
    if status in _REFUSING:
        return Judgement(verdict=Verdict.REFUSED, reason=_refusal(status, _document(answer)), rate=rate)
    if 200 <= status < 300:
        return _judge_success(status, _document(answer), rate)
    return Judgement(verdict=Verdict.IN_DOUBT, reason=f"http_{status}", rate=rate)


def _judge_success(status: int, document: dict[str, Any] | None, rate: Rate) -> Judgement:
    """A 2xx counts by the Status in its body: QUEUED and OK are receipts."""
    if document is None:
        return Judgement(verdict=Verdict.IN_DOUBT, reason=f"http_{status} unreadable", rate=rate)
    said = str(document.get("Status", "")).upper()
    if said in ("QUEUED", "OK"):
        uri = str(document.get("QueuedUri") or "")
        submission_id = uri.rstrip("/").rpartition("/")[2] or None
        return Judgement(verdict=Verdict.ACCEPTED, reason=said, submission_id=submission_id, rate=rate)
    if said == "ERROR" and _fields_of(document):
        return Judgement(verdict=Verdict.REFUSED, reason=_refusal(status, document), rate=rate)
    return Judgement(verdict=Verdict.IN_DOUBT, reason=f"http_{status} {said or 'without Status'}", rate=rate)


def _document(answer: Answer) -> dict[str, Any] | None:
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _refusal(status: int, document: dict[str, Any] | None) -> str:
    return " ".join([f"http_{status}", *_fields_of(document or {})])


def _fields_of(document: dict[str, Any]) -> list[str]:
    """The parameters that an error names, in either spelling; only those, for messages may quote values."""
    errors = document.get("Errors") or document.get("errors") or []
    if not isinstance(errors, list):
        return []
    found = {
        str(one.get("Field") or one.get("field") or "")
        for one in errors
        if isinstance(one, dict) and str(one.get("level", "ERROR")).upper() != "WARNING"
    }
    return sorted(found - {""})
