"""
Fault switches: what can go wrong between a client and Salesforce, each as data.

A fault is on from `add` until its `count` is used up or `clear`. `match` is a regular expression over
`<endpoint> <METHOD> <path>?<query>`, for example `query_more` or `FROM Lead`, and for the creation of a Bulk job its
body behind that; `skip` lets the first matching requests pass. Endpoint names are those of `site.ROUTES`.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from impact_pipeline.simulator.salesforce.wire import HTML, Reply, json_reply, text_reply


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """`stage`: the point of a request's life where it acts, see STAGES."""

    stage: str
    about: str
    match: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


STAGES = {
    "edit": "before anything else; edits the org",
    "session": "before the token is looked at; kills it",
    "answer": "instead of the real answer: status, and `errors` (list form), `json`, or `html`",
    "query": "once a query for records has been read; hits it only if it is longer or wider than the fault allows",
    "page": "while a page of records, or of links to them, is put together",
    "job": "while a Bulk job tells its state",
    "record": "while one record of a collection is written",
    "sent": "on the finished answer: headers, body, time",
}


def _errors(code: str, message: str) -> list[dict[str, str]]:
    return [{"message": message, "errorCode": code}]


SESSION_EXPIRED = _errors("INVALID_SESSION_ID", "Session expired or invalid")
QUERY_TIMEOUT_TEXT = "Your query request was running for too long."
DATA_CALLS = r"^(?!token|simulator|versions)"
FAULTS: Mapping[str, FaultKind] = {
    "edited_meanwhile": FaultKind(
        stage="edit",
        about="somebody carries out `edits`, a list in the timeline's form, right before the request is answered",
        match=DATA_CALLS,
        parameters={"edits": []},
    ),
    "session_dies": FaultKind(
        stage="session",
        about="the token of the request is dead from now on; form `list` (REST) or `object` (Bulk v1's spelling)",
        match=DATA_CALLS,
        parameters={"form": "list"},
    ),
    "unauthorized": FaultKind(
        stage="answer",
        about="401 whatever the token",
        match=DATA_CALLS,
        parameters={"status": 401, "errors": SESSION_EXPIRED},
    ),
    "daily_limit": FaultKind(
        stage="answer",
        about="the quota of 24 hours is gone",
        match=DATA_CALLS,
        parameters={"status": 403, "errors": _errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")},
    ),
    "concurrent_limit": FaultKind(
        stage="answer",
        about="too many long requests at once",
        match=DATA_CALLS,
        parameters={
            "status": 403,
            "errors": _errors("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        },
    ),
    "forbidden": FaultKind(
        stage="answer",
        about="a missing permission",
        match=DATA_CALLS,
        parameters={
            "status": 403,
            "errors": _errors("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
        },
    ),
    "server_error": FaultKind(
        stage="answer",
        about="503 SERVER_UNAVAILABLE; any status and errors by parameters",
        parameters={"status": 503, "errors": _errors("SERVER_UNAVAILABLE", "Service temporarily unavailable")},
    ),
    "gateway_page": FaultKind(
        stage="answer",
        about="an HTML page from a gateway",
        parameters={"status": 502, "html": "<html><body><h1>502 Bad Gateway</h1></body></html>"},
    ),
    "login_refused": FaultKind(
        stage="answer",
        about="the token endpoint refuses; any error of OAuth by parameters",
        match="^token",
        parameters={"status": 400, "json": {"error": "invalid_grant", "error_description": "authentication failure"}},
    ),
    "query_timeout": FaultKind(
        stage="answer",
        about="the query was cut in the database",
        match=r"^query(_all)? ",
        parameters={
            "status": 400,
            "errors": _errors("QUERY_TIMEOUT", QUERY_TIMEOUT_TEXT),
        },
    ),
    "long_query": FaultKind(
        stage="query",
        about="a query is cut in the database if the time that it looks through is longer than `seconds`",
        match=r"^query(_all)? ",
        parameters={"seconds": 86_400, "code": "QUERY_TIMEOUT", "message": QUERY_TIMEOUT_TEXT},
    ),
    "wide_query": FaultKind(
        stage="query",
        about="a query is refused if it selects more than `columns`",
        match=r"^query(_all)? ",
        parameters={"columns": 100, "code": "QUERY_TOO_COMPLICATED", "message": "Query is too complicated."},
    ),
    "long_bulk_query": FaultKind(
        stage="query",
        about="a Bulk job fails if the time that it looks through is longer than `seconds`",
        match="^bulk_create",
        parameters={
            "seconds": 86_400,
            "code": "InternalServerError",
            "message": "Retried more than fifteen times",
        },
    ),
    "bulk_refused": FaultKind(
        stage="answer",
        about="Bulk doesn't take the object; `match` says which, for example `^bulk_create .*FROM Lead`",
        match="^bulk_create",
        parameters={
            "status": 400,
            "errors": _errors("INVALIDENTITY", "Entity is not supported by the Bulk API"),
        },
    ),
    "dead_locator": FaultKind(
        stage="answer",
        about="the cursor of a query is gone",
        match="^query_more",
        parameters={"status": 400, "errors": _errors("INVALID_QUERY_LOCATOR", "invalid query locator")},
    ),
    "short_pages": FaultKind(stage="page", about="at most `rows` records on a page", parameters={"rows": 1}),
    "repeated_rows": FaultKind(
        stage="page", about="a page begins with the last `rows` records of the one before", parameters={"repeat": 1}
    ),
    "reordered_rows": FaultKind(stage="page", about="the records of a page backwards", parameters={"reorder": True}),
    "lost_next_link": FaultKind(
        stage="page", about="done is false and nextRecordsUrl is missing", parameters={"drop_link": True}
    ),
    "headerless_pages": FaultKind(
        stage="page",
        about="Bulk pages after the first have no header row",
        match="^bulk_results",
        parameters={"headerless": True},
    ),
    "renamed_links": FaultKind(
        stage="page",
        about="resultPages spells its keys as other editions of the guide do",
        match="^bulk_pages",
        parameters={"link": "resultLink", "next": "nextRecordUrl"},
    ),
    "bulk_in_progress": FaultKind(
        stage="job", about="the job is still at work", match="^bulk_status", parameters={"state": "InProgress"}
    ),
    "bulk_failed": FaultKind(
        stage="job",
        about="the job has failed for good",
        match="^bulk_status",
        parameters={"state": "Failed", "message": "InternalServerError : Retried more than fifteen times"},
    ),
    "bulk_aborted": FaultKind(
        stage="job", about="somebody has aborted the job", match="^bulk_status", parameters={"state": "Aborted"}
    ),
    "record_refused": FaultKind(
        stage="record",
        about="one record of a write is refused with `code` and `message`",
        parameters={"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"},
    ),
    "missing_headers": FaultKind(
        stage="sent", about="a proxy strips headers that begin with `drop`", parameters={"drop": "Sforce-"}
    ),
    "truncated_body": FaultKind(
        stage="sent",
        about="the body ends after the share `keep`; `quiet`: with a matching Content-Length, else the line breaks",
        parameters={"keep": 0.5, "quiet": False},
    ),
    "answer_lost": FaultKind(
        stage="sent",
        about="the request is carried out, but a gateway answers `gateway_status` in HTML",
        parameters={"gateway_status": 504},
    ),
    "latency": FaultKind(stage="sent", about="the answer takes `seconds`", parameters={"seconds": 1.0}),
}


@dataclass
class _Active:
    name: str
    match: re.Pattern[str]
    skip: int
    count: int | None
    parameters: dict[str, Any]


class SalesforceFaults:
    """The switched-on faults of one simulated Salesforce; safe to use from other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[_Active] = []

    def add(
        self, name: str, *, match: str | None = None, skip: int = 0, count: int | None = None, **parameters: Any
    ) -> None:
        """
        Switch a fault of FAULTS on.

        Args:
            match: which requests, see the module's text; None: where the fault belongs by nature.
            skip: how many matching requests pass first.
            count: how many requests it hits; None: all until `clear`.
            parameters: in the place of the fault's own, see FAULTS.

        Raises:
            ValueError: no such fault, or a parameter that it does not have.
        """
        kind = FAULTS.get(name)
        if kind is None:
            raise ValueError(f"there is no fault {name!r}; use one of {', '.join(sorted(FAULTS))}.")
        allowed = {*kind.parameters} | ({"status", "errors", "json", "html"} if kind.stage == "answer" else set())
        if unknown := set(parameters) - allowed:
            raise ValueError(f"fault {name}: no parameter {sorted(unknown)[0]!r}; it has {', '.join(sorted(allowed))}.")
        pattern = re.compile(kind.match if match is None else match)
        with self._lock:
            self._active.append(_Active(name, pattern, skip, count, {**kind.parameters, **parameters}))

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all."""
        with self._lock:
            self._active = [item for item in self._active if name is not None and item.name != name]

    def described(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"name": item.name, "match": item.match.pattern, "skip": item.skip, "count": item.count}
                for item in self._active
            ]

    def take(
        self, stage: str, line: str, applies: Callable[[Mapping[str, Any]], bool] = lambda parameters: True
    ) -> list[dict[str, Any]]:
        """
        The parameters of the faults of a stage that hit this request; uses up their counts.

        Args:
            applies: whether a fault with such parameters has something to hit; else it is left as it is.
        """
        hits = []
        with self._lock:
            for item in self._active:
                if FAULTS[item.name].stage != stage or not item.match.search(line) or not applies(item.parameters):
                    continue
                if item.skip:
                    item.skip -= 1
                elif item.count is None or item.count > 0:
                    item.count = None if item.count is None else item.count - 1
                    hits.append(item.parameters)
            self._active = [item for item in self._active if item.count != 0]
        return hits


def fault_reply(parameters: Mapping[str, Any]) -> Reply:
    """The answer of an `answer` fault."""
    status = int(parameters["status"])
    if "html" in parameters:
        return text_reply(str(parameters["html"]), content_type=HTML, status=status)
    return json_reply(parameters["json"] if "json" in parameters else parameters["errors"], status=status)


def spoil(reply: Reply, parameters: Mapping[str, Any]) -> None:
    """Let a `sent` fault work on a finished answer."""
    if "drop" in parameters:
        prefix = str(parameters["drop"]).lower()
        reply.headers = {name: value for name, value in reply.headers.items() if not name.lower().startswith(prefix)}
    if "gateway_status" in parameters:
        reply.status, reply.content_type = int(parameters["gateway_status"]), HTML
        reply.headers = {"Date": reply.headers["Date"]}
        reply.body = b"<html><body><h1>Gateway Timeout</h1></body></html>"
    if "keep" in parameters:
        reply.cut_at = int(len(reply.body) * float(parameters["keep"]))
        reply.cut_quietly = bool(parameters["quiet"])
    if "seconds" in parameters:
        reply.delay_seconds += float(parameters["seconds"])
