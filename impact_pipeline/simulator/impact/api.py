"""
impact.com's API over a program, one call per request: routing, credentials, limits, errors, representation, faults.

`ImpactApi.handle` is all a client can see, without a network: http.py puts it behind a socket, a deterministic test
calls it directly, so that both meet the same rules and the same faults.
"""

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

from impact_pipeline.simulator.impact import reading, render, writing
from impact_pipeline.simulator.impact.exchange import Call, RejectedError, Request
from impact_pipeline.simulator.impact.faults import KINDS, Answer, Fault, Faults
from impact_pipeline.simulator.impact.limits import Headers, RateLimiter
from impact_pipeline.simulator.impact.program import Program
from impact_pipeline.simulator.impact.records import ReceivedConversion

Handler = Callable[[Call], render.Document]

# Below /Advertisers/{AccountSID}/. A path part in braces stands for any value; the pattern is the endpoint's name.
ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "Conversions": {"POST": writing.post_conversion},
    "Actions": {"GET": reading.list_actions, "PUT": writing.put_action, "DELETE": writing.delete_action},
    "Actions/{ActionId}": {"GET": reading.get_action},
    "Actions/{ActionId}/Items": {"GET": reading.list_items},
    "Actions/{ActionId}/Items/{Sku}": {"GET": reading.get_item},
    "ActionUpdates": {"GET": reading.list_updates},
    "ActionUpdates/{ActionUpdateId}": {"GET": reading.get_update},
    "APISubmissions": {"GET": reading.list_submissions},
    "APISubmissions/{BatchId}": {"GET": reading.get_submission},
    "FTPFileSubmissions": {"GET": reading.list_files},
    "FTPFileSubmissions/{BatchId}": {"GET": reading.get_file},
    "FTPFileSubmissions/{BatchId}/ErrorDetails": {"GET": reading.list_file_errors},
    "Campaigns": {"GET": reading.list_campaigns},
    "Campaigns/{CampaignId}": {"GET": reading.get_campaign},
    "Campaigns/{CampaignId}/Contracts": {"GET": reading.list_contracts},
    "Campaigns/{CampaignId}/Clicks/{ClickId}": {"GET": reading.get_click},
    "MediaPartners": {"GET": reading.list_partners},
    "CompanyInformation": {"GET": reading.get_company},
}
UNKNOWN = "unknown"
_PATTERNS = [(name, name.split("/")) for name in ROUTES]


class ImpactApi:
    """
    The API of one program.

    Attributes:
        requests: how many requests each `METHOD endpoint` has seen, refused and lost ones included.
        versions: how many requests came with each IR-Version; the empty one counts those without.
        limits: the hourly budget; its settings may be replaced while it runs.
    """

    def __init__(self, program: Program, faults: Faults | None = None) -> None:
        self.program = program
        self.faults = faults if faults is not None else Faults()
        self.limits = RateLimiter(program.declaration.rate_limits)
        self.requests: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        declaration = program.declaration
        self._writing = _basic(declaration.account_sid, declaration.auth_token)
        self._reading = _basic(declaration.account_sid, declaration.read_auth_token)
        self._scopes = {
            _basic(declaration.account_sid, token): frozenset(resources)
            for token, resources in declaration.scoped_tokens.items()
        }

    def handle(self, request: Request) -> Answer:
        """The answer to a request, spoiled by the faults that meet it."""
        with self.program.lock:
            now = self.program.catch_up()
            endpoint, names = _route(request.path)
            query = dict(parse_qsl(request.query, keep_blank_values=True))
            form: Mapping[str, str] = {}
            unreadable: RejectedError | None = None
            try:
                form = request.decoded_body()
            except RejectedError as rejected:
                unreadable = rejected
            method = request.method
            if method == "POST":
                # For clients that can't send PUT or DELETE.
                method = query.get("_method") or form.get("_method") or method
            self.requests[f"{method} {endpoint}"] += 1
            self.versions[query.get("IrVersion") or request.headers.get("ir-version", "")] += 1

            order_id = form.get("OrderId", "")
            fault = self.faults.take("answer", method, endpoint, order_id)
            is_recorded = fault is None or bool(fault.value("recorded"))
            if endpoint == "Conversions" and method == "POST":
                self.program.received.append(ReceivedConversion(at=now, body=request.body, is_recorded=is_recorded))
            call = Call(
                program=self.program,
                faults=self.faults,
                request=request if method == request.method else replace(request, method=method),
                endpoint=endpoint,
                names=names,
                query=query,
                form=form,
                now=now,
            )
            answer = self._answer(call, unreadable) if is_recorded else self._unrecorded(call, fault)
            if fault is not None and (spoil := KINDS[fault.kind].spoil) is not None:
                answer = spoil(answer, fault)
            latency = self.faults.take("latency", method, endpoint, order_id)
            return replace(answer, delay_ms=latency.value("ms")) if latency is not None else answer

    def _unrecorded(self, call: Call, fault: Fault | None) -> Answer:
        """The blank answer of a request that is lost, or arrives later all the same."""
        if fault is not None and fault.kind == "late_success":
            arrival = call.now + timedelta(seconds=fault.value("after_seconds"))
            self.program.schedule(arrival, lambda at: self._answer(replace(call, now=at), None))
        return Answer(status=200, headers=(("Date", _http_date(call.now)),))

    def _answer(self, call: Call, unreadable: RejectedError | None) -> Answer:
        rate_headers: Headers = []
        try:
            self._authorise(call)
            group = "conversions" if call.endpoint == "Conversions" else "default"
            is_allowed, rate_headers = self.limits.count(group, call.now)
            if not is_allowed:
                raise RejectedError(429, "Too Many Requests")
            if unreadable is not None:
                raise unreadable
            if call.endpoint == UNKNOWN:
                raise reading.not_found()
            handler = ROUTES[call.endpoint].get(call.request.method)
            if handler is None:
                raise RejectedError(405, "Method not allowed")
            status, document = 200, handler(call)
        except RejectedError as rejected:
            status, document = rejected.status, self._error_document(rejected)
        if _wants_json(call.request):
            body, content_type = render.to_json(document), "application/json"
        else:
            body, content_type = render.to_xml(document), "application/xml"
        headers = (("Date", _http_date(call.now)), ("Content-Type", content_type), *rate_headers)
        return Answer(status=status, headers=headers, body=body)

    def _authorise(self, call: Call) -> None:
        """Refuse wrong credentials (401) and a token that lacks the right (403)."""
        credentials = call.request.headers.get("authorization", "")
        resource = call.endpoint.partition("/")[0]
        if credentials in self._scopes:
            if resource not in self._scopes[credentials]:
                raise RejectedError(403, "The token is not enabled for this endpoint")
        elif credentials == self._reading and self.program.declaration.read_auth_token:
            if call.request.method != "GET":
                raise RejectedError(403, "The token may only read")
        elif credentials != self._writing:
            raise RejectedError(401, "Unauthorized")
        if call.request.path.split("/")[2:3] != [self.program.declaration.account_sid]:
            raise RejectedError(403, "The token belongs to another account")

    def _error_document(self, rejected: RejectedError) -> render.Document:
        style = self.program.declaration.error_style
        if style == "gateway":
            return {"status": rejected.status, "title": rejected.message}
        if style == "conversions" and rejected.errors:
            return {"Status": "ERROR", "errors": writing.lower_case(rejected.errors)}
        document: render.Document = {"Status": "ERROR", "Message": rejected.message}
        if rejected.errors:
            document["Errors"] = [{"Field": one.field, "Message": one.message} for one in rejected.errors]
        return document


def _route(path: str) -> tuple[str, tuple[str, ...]]:
    """The endpoint that a path names, and the values in its braces."""
    parts = path.removesuffix(".json").removesuffix(".xml").strip("/").split("/")
    if parts[0] != "Advertisers":
        return UNKNOWN, ()
    for name, pattern in _PATTERNS:
        if len(pattern) != len(parts) - 2:
            continue
        if all(want == part or want.startswith("{") for want, part in zip(pattern, parts[2:], strict=True)):
            values = zip(pattern, parts[2:], strict=True)
            return name, tuple(unquote(part) for want, part in values if want.startswith("{"))
    return UNKNOWN, ()


def _wants_json(request: Request) -> bool:
    return request.path.endswith(".json") or "application/json" in request.headers.get("accept", "")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _http_date(now: datetime) -> str:
    return _http_date_of_second(int(now.timestamp()))


@lru_cache(maxsize=16)
def _http_date_of_second(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)
