"""
The simulated Salesforce as a function from request to answer: routes, tokens, quota, faults, request log.

`http.py` puts it behind a server; a proof in process calls `answer` itself.
"""

import json
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote, urlsplit

from impact_pipeline.simulator.salesforce import bulk, rest, steering, writes
from impact_pipeline.simulator.salesforce.bulk import Job
from impact_pipeline.simulator.salesforce.edits import EditError
from impact_pipeline.simulator.salesforce.faults import SalesforceFaults, fault_reply, spoil
from impact_pipeline.simulator.salesforce.oauth import Credentials, Sessions
from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.render import CsvLines
from impact_pipeline.simulator.salesforce.rest import Cursor
from impact_pipeline.simulator.salesforce.values import full_id
from impact_pipeline.simulator.salesforce.wire import HTML, ApiError, Call, Reply, json_reply, text_reply
from impact_pipeline.simulator.timeline import Timeline

LONGEST_TARGET = 16_384
MOST_SUBREQUESTS = 25
KEPT_REQUESTS = 10_000
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a request goes: the route's name, the version and named parts of the path, and the line faults match."""

    name: str
    version: str
    parts: dict[str, str]
    line: str

    def part(self, name: str) -> str:
        return self.parts[name]


@dataclass(frozen=True, kw_only=True)
class LoggedRequest:
    """One received request, without body and token; `headers` are those that begin with `sforce-`, in lower case."""

    at: datetime
    endpoint: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int


Handler = Callable[["SalesforceSite", Call, Endpoint], Reply]


@dataclass(frozen=True, kw_only=True)
class Route:
    """
    `path` below /services/data/vXX.X, unless it begins with /. Open routes need no token and cost no quota. Faults
    match the body too where the query is in it.
    """

    name: str
    methods: tuple[str, ...]
    path: str
    handler: Handler
    open: bool = False
    is_query_in_body: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        path = self.path
        if not path.startswith("/"):
            path = r"/services/data/v(?P<version>\d+\.\d)" + (f"/{path}" if path else "")
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")


def _token(site: "SalesforceSite", call: Call, at: Endpoint) -> Reply:
    return site.sessions.token(call)


def _composite(site: "SalesforceSite", call: Call, at: Endpoint) -> Reply:
    """Subrequests one after the other; together they count as one request."""
    entries = call.json().get("compositeRequest")
    _check_subrequests(entries)
    shown = []
    for entry in entries:
        reply = site.subrequest(call, entry["method"], entry["url"], entry.get("body"))
        shown.append(
            f'{{"body":{reply.body.decode() or "null"},"httpHeaders":{{}},"httpStatusCode":{reply.status},'
            f'"referenceId":{json.dumps(entry.get("referenceId"))}}}'
        )
    return text_reply(f'{{"compositeResponse":[{",".join(shown)}]}}')


def _batch(site: "SalesforceSite", call: Call, at: Endpoint) -> Reply:
    entries = call.json().get("batchRequests")
    _check_subrequests(entries)
    replies = []
    for entry in entries:
        url = f"/services/data/{entry['url'].lstrip('/')}"
        replies.append(site.subrequest(call, entry["method"], url, entry.get("richInput")))
    shown = [f'{{"statusCode":{reply.status},"result":{reply.body.decode() or "null"}}}' for reply in replies]
    failed = "true" if any(reply.status >= 400 for reply in replies) else "false"
    return text_reply(f'{{"hasErrors":{failed},"results":[{",".join(shown)}]}}')


def _check_subrequests(entries: object) -> None:
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_SUBREQUESTS:
        raise ApiError(400, "INVALID_INPUT", f"between 1 and {MOST_SUBREQUESTS} subrequests are allowed")


ROUTES = (
    Route(name="token", methods=("POST",), path="/services/oauth2/token", handler=_token, open=True),
    Route(name="versions", methods=("GET",), path="/services/data", handler=rest.versions, open=True),
    Route(name="resources", methods=("GET",), path="", handler=rest.resources),
    Route(name="limits", methods=("GET",), path="limits", handler=rest.limits),
    Route(name="query", methods=("GET",), path="query", handler=rest.query),
    Route(name="query_all", methods=("GET",), path="queryAll", handler=rest.query),
    Route(name="query_more", methods=("GET",), path="query(?:All)?/{locator}", handler=rest.query_more),
    Route(name="sobjects", methods=("GET",), path="sobjects", handler=rest.sobjects),
    Route(name="describe", methods=("GET",), path="sobjects/{sobject}/describe", handler=rest.describe),
    Route(name="updated", methods=("GET",), path="sobjects/{sobject}/updated", handler=rest.updated),
    Route(name="deleted", methods=("GET",), path="sobjects/{sobject}/deleted", handler=rest.deleted),
    Route(name="create", methods=("POST",), path="sobjects/{sobject}", handler=writes.create_record),
    Route(name="record", methods=("GET",), path="sobjects/{sobject}/{id}", handler=rest.record),
    Route(name="update", methods=("PATCH",), path="sobjects/{sobject}/{id}", handler=writes.update_record),
    Route(name="delete", methods=("DELETE",), path="sobjects/{sobject}/{id}", handler=writes.delete_record),
    Route(
        name="external_id",
        methods=("GET", "PATCH"),
        path="sobjects/{sobject}/{field}/{value}",
        handler=writes.by_external_id,
    ),
    Route(name="composite", methods=("POST",), path="composite", handler=_composite),
    Route(name="batch", methods=("POST",), path="composite/batch", handler=_batch),
    Route(
        name="collection_write",
        methods=("PATCH", "POST"),
        path="composite/sobjects",
        handler=writes.update_collection,
    ),
    Route(
        name="collection_read", methods=("GET", "POST"), path="composite/sobjects/{sobject}", handler=rest.collection
    ),
    Route(
        name="collection_upsert",
        methods=("PATCH",),
        path="composite/sobjects/{sobject}/{field}",
        handler=writes.upsert_collection,
    ),
    Route(name="bulk_create", methods=("POST",), path="jobs/query", handler=bulk.create, is_query_in_body=True),
    Route(name="bulk_list", methods=("GET",), path="jobs/query", handler=bulk.listing),
    Route(name="bulk_status", methods=("GET",), path="jobs/query/{job}", handler=bulk.status),
    Route(name="bulk_abort", methods=("PATCH",), path="jobs/query/{job}", handler=bulk.abort),
    Route(name="bulk_delete", methods=("DELETE",), path="jobs/query/{job}", handler=bulk.delete),
    Route(name="bulk_results", methods=("GET",), path="jobs/query/{job}/results", handler=bulk.results),
    Route(name="bulk_pages", methods=("GET",), path="jobs/query/{job}/resultPages", handler=bulk.result_pages),
    Route(name="simulator_state", methods=("GET",), path="/simulator/state", handler=steering.state, open=True),
    Route(name="simulator_clock", methods=("POST",), path="/simulator/clock", handler=steering.clock, open=True),
    Route(name="simulator_edits", methods=("POST",), path="/simulator/edits", handler=steering.edits, open=True),
    Route(
        name="simulator_faults",
        methods=("GET", "POST", "DELETE"),
        path="/simulator/faults",
        handler=steering.faults,
        open=True,
    ),
)
_PATTERNS = [(route, route.pattern) for route in ROUTES]


class SalesforceSite:
    """
    One org's My Domain host.

    `requests` keeps the last received requests; `request_counts` counts all of them by endpoint name, and
    `answer_seconds` adds up the machine's time that their answers took.
    """

    def __init__(
        self,
        org: Org,
        credentials: Credentials | None = None,
        faults: SalesforceFaults | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        self.org = org
        self.faults = faults or SalesforceFaults()
        self.timeline = timeline
        self.sessions = Sessions(org, credentials or Credentials())
        self.cursors: dict[str, Cursor] = {}
        self.jobs: dict[str, Job] = {}
        self.csv_lines = CsvLines()
        self.requests: deque[LoggedRequest] = deque(maxlen=KEPT_REQUESTS)
        self.request_counts: Counter[str] = Counter()
        self.answer_seconds: defaultdict[str, float] = defaultdict(float)
        self._key_count = 0
        self._charged: deque[tuple[datetime, str, int]] = deque()

    def answer(self, call: Call) -> Reply:
        """The answer to one request; one at a time. Never raises for what a client may send."""
        with self.org.lock:
            began_at = time.perf_counter()
            self.org.settle()
            reply, endpoint = self._answer(call)
            name = endpoint.name if endpoint else "unknown"
            self.request_counts[name] += 1
            self.answer_seconds[name] += time.perf_counter() - began_at
            query = "&".join(f"{key}={value}" for key, value in call.params.items())
            self.requests.append(
                LoggedRequest(
                    at=self.org.clock.now(),
                    endpoint=name,
                    method=call.method,
                    path=call.path,
                    query=query,
                    headers={name: value for name, value in call.headers.items() if name.startswith("sforce-")},
                    status=reply.status,
                )
            )
            reply.headers["Date"] = format_datetime(self.org.clock.now().astimezone(UTC), usegmt=True)
            if endpoint is not None and not name.startswith("simulator"):
                for parameters in self.faults.take("sent", endpoint.line):
                    spoil(reply, parameters)
            return reply

    def subrequest(self, call: Call, method: str, url: str, body: object) -> Reply:
        """A request inside a composite one: same token, no quota of its own."""
        split = urlsplit(url)
        params = dict(parse_qsl(split.query, keep_blank_values=True))
        content = b"" if body is None else json.dumps(body).encode()
        inner = replace(call, method=method, path=split.path, params=params, body=content)
        try:
            route, endpoint = self._route(inner)
            return self._handled(route, inner, endpoint)
        except ApiError as error:
            return error.reply()

    def remember_cursor(self, key: str, cursor: Cursor) -> None:
        """Keep a query's cursor; those past their life make room."""
        if key not in self.cursors:
            oldest = self.org.clock.now() - rest.LOCATOR_LIFE
            self.cursors = {name: kept for name, kept in self.cursors.items() if kept.opened_at >= oldest}
        self.cursors[key] = cursor

    def next_key(self, prefix: str) -> str:
        """An Id for a query locator or a job."""
        self._key_count += 1
        return full_id(f"{prefix}am{self._key_count:010d}")

    def requests_of_the_day(self) -> int:
        """API requests of the last 24 hours, as the quota counts them."""
        self._forget_old_charges()
        return sum(count for _, _, count in self._charged)

    def bulk_jobs_of_the_day(self) -> int:
        self._forget_old_charges()
        return sum(count for _, name, count in self._charged if name == "bulk_create")

    def _answer(self, call: Call) -> tuple[Reply, Endpoint | None]:
        oversize = _oversize(call)
        if oversize is not None:
            return oversize, None
        try:
            route, endpoint = self._route(call)
        except ApiError as error:
            return error.reply(), None
        if route.name.startswith("simulator"):
            return self._handled(route, call, endpoint), endpoint
        for parameters in self.faults.take("edit", endpoint.line):
            for edit in parameters["edits"]:
                self.org.apply(edit)
        for parameters in self.faults.take("session", endpoint.line):
            self.sessions.kill(call, str(parameters["form"]))
        for parameters in self.faults.take("answer", endpoint.line):
            return fault_reply(parameters), endpoint
        if route.open:
            return self._handled(route, call, endpoint), endpoint
        refusal = self.sessions.refusal(call)
        if refusal is not None:
            return refusal, endpoint
        most = self.org.features.daily_api_requests
        if self.requests_of_the_day() >= most:
            spent = ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            return spent.reply(), endpoint
        self._charge(route.name)
        reply = self._handled(route, call, endpoint)
        used = self.requests_of_the_day()
        usage = f"api-usage={used}/{most}"
        if self.org.features.per_app_usage:
            usage += f"; per-app-api-usage={used}/{most // 2}(appName=impact_pipeline)"
        reply.headers["Sforce-Limit-Info"] = usage
        return reply, endpoint

    def _route(self, call: Call) -> tuple[Route, Endpoint]:
        query = "&".join(f"{key}={value}" for key, value in call.params.items())
        other_methods = False
        for route, pattern in _PATTERNS:
            match = pattern.fullmatch(call.path)
            if match is None:
                continue
            if call.method not in route.methods:
                other_methods = True
                continue
            parts = {name: unquote(part) for name, part in match.groupdict().items()}
            version = parts.pop("version", "")
            if version and version not in rest.VERSIONS:
                retired = float(version) < float(rest.VERSIONS[0])
                raise ApiError(
                    *((410, "GONE") if retired else (404, "NOT_FOUND")), "The requested resource does not exist"
                )
            body = f" {call.body.decode(errors='replace')}" if route.is_query_in_body else ""
            line = f"{route.name} {call.method} {call.path}?{query}{body}"
            return route, Endpoint(name=route.name, version=version, parts=parts, line=line)
        if other_methods:
            raise ApiError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.")
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")

    def _handled(self, route: Route, call: Call, endpoint: Endpoint) -> Reply:
        try:
            return route.handler(self, call, endpoint)
        except ApiError as error:
            return error.reply()
        except EditError as error:
            return json_reply([{"message": str(error), "errorCode": error.code}], status=400)

    def _charge(self, name: str) -> None:
        now = self.org.clock.now()
        if self._charged and self._charged[-1][:2] == (now, name):
            self._charged[-1] = (now, name, self._charged[-1][2] + 1)
        else:
            self._charged.append((now, name, 1))

    def _forget_old_charges(self) -> None:
        oldest = self.org.clock.now() - DAY
        while self._charged and self._charged[0][0] <= oldest:
            self._charged.popleft()


def _oversize(call: Call) -> Reply | None:
    """Salesforce's front servers refuse long requests with a page of their own."""
    if call.target_bytes > LONGEST_TARGET:
        return text_reply("<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", content_type=HTML, status=414)
    if call.target_bytes + call.header_bytes > LONGEST_TARGET:
        text = "<h1>Bad Message 431</h1><pre>reason: Request Header Fields Too Large</pre>"
        return text_reply(text, content_type=HTML, status=431)
    return None
