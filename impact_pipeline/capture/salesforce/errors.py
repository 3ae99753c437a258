"""
What can go wrong with Salesforce, each with its remedy, and the one place that sorts answers into it.

SalesforceError
├── WrongCredential      the token endpoint refuses the app, or a fresh token is refused
├── WrongHost            not a Salesforce API: HTML, a redirect, an instance outside the domain
├── Unreachable          no answer came, also after the retries
├── WrongVersion         the org doesn't serve the API version
├── NoPermission         the integration user may not do it
├── UnknownObject        the org has no such object, or hides it from the integration user
├── UnknownField         the same for a field
├── QuotaReached         the requests of 24 hours are spent, or the share of them that we may spend
├── DeadSession          the token is no longer valid (the client renews it once by itself)
├── Busy                 a passing fault: 5xx, a truncated body
│   └── TooMany          too many long requests at once
├── LocatorLost          the next page of a query is gone: ask again from the last committed cursor
├── TooLarge             the query takes too long for Salesforce
│   └── TooWide          it has too many columns, or is too long for an address
├── DeleteLogTooShort    getDeleted no longer reaches back as far as asked
├── BulkRefused          the object or the org can't do bulk queries; REST can
├── BulkFailed           a bulk job failed, was aborted, or its pages don't add up
├── IncompletePage       fewer rows could be read than Salesforce said it sent: the next run reads the page again
├── UnreadableValue      a value is not of the type that describe names
└── UnexpectedAnswer     anything else; a defect of ours or a change of theirs

No message holds a token, a secret, a query or a record.
"""

import json
from typing import Any

MAX_DETAIL = 300


class SalesforceError(Exception):
    """Base of all. `code` is Salesforce's own errorCode where it gave one."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class WrongCredential(SalesforceError):
    """The org refuses the app or the user."""


class WrongHost(SalesforceError):
    """What answers there is not the API of a Salesforce org."""


class Unreachable(SalesforceError):
    """Nothing answers."""


class WrongVersion(SalesforceError):
    """The org doesn't serve the API version."""


class NoPermission(SalesforceError):
    """The integration user may not do it."""


class UnknownObject(SalesforceError):
    """The object doesn't exist or is hidden; `object_name` where we asked for its definition."""

    object_name: str = ""


class UnknownField(SalesforceError):
    """The field doesn't exist or is hidden."""


class QuotaReached(SalesforceError):
    """Stop and go on later: nothing is lost, the cursors stay where the committed rows end."""


class DeadSession(SalesforceError):
    """The token has to be renewed."""


class Busy(SalesforceError):
    """May pass: reading again is allowed."""


class TooMany(Busy):
    """Fewer requests at once."""


class LocatorLost(SalesforceError):
    """The query has to be asked again."""


class TooLarge(SalesforceError):
    """The query has to be made smaller."""


class TooWide(TooLarge):
    """The query has to name fewer columns at once."""


class DeleteLogTooShort(SalesforceError):
    """getDeleted can't reach back that far."""


class BulkRefused(SalesforceError):
    """Use REST instead."""


class BulkFailed(SalesforceError):
    """The job's result can't be used."""


class IncompletePage(SalesforceError):
    """Part of what was sent is missing."""


class UnreadableValue(SalesforceError):
    """A value that is not of the type that describe names."""


class UnexpectedAnswer(SalesforceError):
    """Nobody expected this."""


_BY_CODE: dict[str, tuple[type[SalesforceError], str]] = {
    "INVALID_SESSION_ID": (DeadSession, "The session is over."),
    "InvalidSessionId": (DeadSession, "The session is over."),
    "INVALID_FIELD": (
        UnknownField,
        "A field was removed, renamed or hidden between describe and the query. Run again: describe is asked anew.",
    ),
    "INVALID_TYPE": (
        UnknownObject,
        "Check its spelling in the config, and that the integration user may read it.",
    ),
    "QUERY_TIMEOUT": (TooLarge, "The query took longer than Salesforce allows."),
    "QUERY_TOO_COMPLICATED": (TooWide, "The query has too many formula fields; capture fewer of them."),
    "OPERATION_TOO_LARGE": (NoPermission, "Give the integration user View All Data."),
    "INVALID_QUERY_LOCATOR": (LocatorLost, "The query has to be asked again."),
    "INVALID_REPLICATION_DATE": (DeleteLogTooShort, "The log of deletions no longer reaches back that far."),
    "EXCEEDED_ID_LIMIT": (TooLarge, "More than 600,000 deletions in one question; a shorter window is needed."),
    "INVALIDENTITY": (BulkRefused, "Bulk queries don't know this object."),
    "FEATURENOTENABLED": (BulkRefused, "Bulk queries aren't enabled for the org or the integration user."),
    "SERVER_UNAVAILABLE": (Busy, "Salesforce is overloaded."),
    "UNABLE_TO_LOCK_ROW": (Busy, "A record is locked."),
    "GONE": (WrongVersion, "Set SALESFORCE_API_VERSION to a version that the org serves."),
    "UNSUPPORTED_API_VERSION": (WrongVersion, "Set SALESFORCE_API_VERSION to a version that the org serves."),
    "LOGIN_RATE_EXCEEDED": (WrongCredential, "Too many logins in an hour; wait, and look for other users of the app."),
}
_PERMISSION = (NoPermission, "Give the integration user API Enabled, and read on the object and its fields.")
_BUSY_STATUSES = frozenset({406, 420, 429, 500, 502, 503, 504})


def error_of(status: int, body: str, *, asked: str) -> SalesforceError:
    """
    What a data answer that is no success means.

    Args:
        body: as it came: a list of errors, an object (bulk), HTML or nothing.
        asked: what we wanted, for the message: 'describe of Lead'.
    """
    code, detail = _code_and_message(body)
    said = f"{asked}: Salesforce answered {status}" + (f" {code}" if code else "") + (f" ({detail})" if detail else "")
    if code == "REQUEST_LIMIT_EXCEEDED":
        if "concurrent" in detail.lower():
            return TooMany(f"{said}. Too many long requests run at once.", code=code)
        return QuotaReached(
            f"Stopped by quota, nothing is lost. {said}. The org's requests of 24 hours are spent.", code=code
        )
    if code in _BY_CODE:
        kind, remedy = _BY_CODE[code]
        return kind(f"{said}. {remedy}", code=code)
    if status == 401:
        return DeadSession(f"{said}.", code=code)
    if status == 403:
        return _PERMISSION[0](f"{said}. {_PERMISSION[1]}", code=code)
    if status in (413, 414, 431):
        return TooWide(f"{said}. The query is too long for an address.", code=code)
    if status == 410:
        return WrongVersion(f"{said}. Set SALESFORCE_API_VERSION to a version that the org serves.", code=code)
    if status in _BUSY_STATUSES:
        return Busy(f"{said}.", code=code)
    if 300 <= status < 400:
        return WrongHost(
            f"{said}, a redirect, which is never followed with credentials. Set SALESFORCE_DOMAIN_URL to the org's "
            "My Domain.",
            code=code,
        )
    if status == 404 and code == "NOT_FOUND":
        return UnknownObject(f"{said}. Check its spelling in the config and SALESFORCE_API_VERSION.", code=code)
    return UnexpectedAnswer(f"{said}.", code=code)


def login_error(status: int, body: str, *, host: str) -> SalesforceError:
    """What a refusal of the token endpoint means."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "error" not in answer:
        if status >= 500:
            return Busy(f"Login at {host}: answered {status}.")
        return WrongHost(
            f"Login at {host}: answered {status} without an OAuth answer. "
            "Set SALESFORCE_DOMAIN_URL to the org's My Domain, like https://acme.my.salesforce.com."
        )
    error = str(answer["error"])
    said = f"Login at {host} refused: {error} ({str(answer.get('error_description', ''))[:MAX_DETAIL]})"
    if error in ("rate_limit_exceeded", "LOGIN_RATE_EXCEEDED"):
        return WrongCredential(
            f"{said}. Too many logins in an hour; wait, and look for other users of the app.", code=error
        )
    if error == "unsupported_grant_type" or "no client credentials user" in said.lower():
        return WrongCredential(
            f"{said}. Enable the flow on the External Client App and give it a Run As user.", code=error
        )
    return WrongCredential(
        f"{said}. Check SALESFORCE_CLIENT_ID with SALESFORCE_CLIENT_SECRET, or SALESFORCE_USERNAME with "
        "SALESFORCE_PRIVATE_KEY_FILE, and that the app's policies admit the user and this machine's address.",
        code=error,
    )


def _code_and_message(body: str) -> tuple[str, str]:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return "", ""
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        answer = answer[0]
    if not isinstance(answer, dict):
        return "", ""
    code = answer.get("errorCode") or answer.get("exceptionCode") or ""
    message = answer.get("message") or answer.get("exceptionMessage") or ""
    return str(code), " ".join(str(message).split())[:MAX_DETAIL]
