"""
Fault switches: each is data (what it does, which requests it meets, how often), set from Python or over HTTP.

A fault acts in one of four places: on the answer (also: whether the request is recorded at all), on what becomes of
the submission, on a page of a list, on the time a request takes. KINDS lists them; the code only looks them up.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from impact_pipeline.simulator.impact.records import Fate, Refusal

Parameters = Mapping[str, Any]


class Ending(StrEnum):
    """How an answer leaves: whole, not at all, or cut off in the middle of its body."""

    WHOLE = "whole"
    DROPPED = "dropped"
    SILENT = "silent"
    CUT = "cut"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, or the lack of one. `silent_seconds`: how long a silent one holds the connection."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    ending: Ending = Ending.WHOLE
    delay_ms: float = 0
    silent_seconds: float = 0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    One switch.

    Args:
        kind: a name of KINDS.
        method, endpoint, order_id: which requests it meets; empty meets all. Endpoints are named in api.ROUTES.
        count: how many it spoils; None all.
        skip: how many matching requests pass before the first.
        parameters: those of the kind; the others keep their defaults.
    """

    kind: str
    method: str = ""
    endpoint: str = ""
    order_id: str = ""
    count: int | None = 1
    skip: int = 0
    parameters: Parameters = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault kind {self.kind!r} is unknown; known are {', '.join(sorted(KINDS))}.")
        known = KINDS[self.kind].defaults
        if unknown := set(self.parameters) - set(known):
            raise ValueError(f"{self.kind} has no parameter {sorted(unknown)}; it has {sorted(known)}.")

    def value(self, name: str) -> Any:
        return self.parameters.get(name, KINDS[self.kind].defaults[name])

    def meets(self, method: str, endpoint: str, order_id: str) -> bool:
        return self.method in ("", method) and self.endpoint in ("", endpoint) and self.order_id in ("", order_id)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a fault does: `spoil` changes an answer, `decide` gives a submission's fate. `place` says where it acts."""

    place: Literal["answer", "fate", "page", "latency"]
    defaults: Parameters
    spoil: Callable[[Answer, Fault], Answer] | None = None
    decide: Callable[[Fault], Fate] | None = None


@dataclass(slots=True)
class _Switch:
    fault: Fault
    seen: int = 0
    hits: int = 0


class Faults:
    """The switches that are on. The first that meets a request in a place acts there; others wait for theirs."""

    def __init__(self, *faults: Fault) -> None:
        self._lock = threading.Lock()
        self._switches = [_Switch(fault) for fault in faults]

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._switches.append(_Switch(fault))

    def clear(self) -> None:
        with self._lock:
            self._switches.clear()

    def take(
        self,
        place: str,
        method: str,
        endpoint: str,
        order_id: str = "",
        accepts: Callable[[Fault], bool] = lambda fault: True,
    ) -> Fault | None:
        """The fault that acts on this request in this place, counted as used; `accepts` may pass it over."""
        if not self._switches:
            return None
        with self._lock:
            for switch in self._switches:
                fault = switch.fault
                if KINDS[fault.kind].place != place or not fault.meets(method, endpoint, order_id):
                    continue
                if (fault.count is not None and switch.hits >= fault.count) or not accepts(fault):
                    continue
                switch.seen += 1
                if switch.seen > fault.skip:
                    switch.hits += 1
                    return fault
        return None

    def state(self) -> list[dict[str, Any]]:
        """Each switch with its fields and the number of requests it has spoiled."""
        with self._lock:
            return [
                {item.name: getattr(switch.fault, item.name) for item in fields(Fault)}
                | {"parameters": dict(switch.fault.parameters), "hits": switch.hits}
                for switch in self._switches
            ]


def fault_from(values: Mapping[str, Any]) -> Fault:
    """The fault that JSON describes. Raises ValueError naming what is wrong."""
    known = {item.name for item in fields(Fault)}
    if unknown := set(values) - known:
        raise ValueError(f"a fault has no {sorted(unknown)}; it has {sorted(known)}.")
    if "kind" not in values:
        raise ValueError(f"a fault needs a kind: {', '.join(sorted(KINDS))}.")
    return Fault(**{**values, "parameters": MappingProxyType(dict(values.get("parameters") or {}))})


def _with_body(answer: Answer, body: bytes, content_type: str, status: int = 200) -> Answer:
    headers = tuple((name, value) for name, value in answer.headers if name.lower() != "content-type")
    return replace(answer, status=status, body=body, headers=(*headers, ("Content-Type", content_type)))


def _server_error(answer: Answer, fault: Fault) -> Answer:
    body = b'{"Status":"ERROR","Message":"Service problem"}'
    spoiled = _with_body(answer, body, "application/json", int(fault.value("status")))
    if seconds := fault.value("retry_after"):
        return replace(spoiled, headers=(*spoiled.headers, ("Retry-After", str(seconds))))
    return spoiled


def _rate_limited(answer: Answer, fault: Fault) -> Answer:
    rate_headers = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"}
    plain = replace(answer, headers=tuple(pair for pair in answer.headers if pair[0].lower() not in rate_headers))
    spoiled = _with_body(plain, b'{"Status":"ERROR","Message":"Too Many Requests"}', "application/json", 429)
    extra = tuple((str(name), str(value)) for name, value in fault.value("headers").items())
    return replace(spoiled, headers=(*spoiled.headers, *extra))


def _error_with_200(answer: Answer, fault: Fault) -> Answer:
    body = json.dumps({"Status": "ERROR", "Message": fault.value("message")}).encode()
    return _with_body(answer, body, "application/json")


def _fate_of_rejection(fault: Fault) -> Fate:
    return Fate(refusal=Refusal(error_type=fault.value("error_type"), reason=fault.value("reason")))


def _fate_of_vanishing(fault: Fault) -> Fate:
    after = timedelta(seconds=fault.value("after_seconds"))
    if fault.kind == "submission_vanishes":
        return Fate(submission_vanishes_after=after)
    return Fate(action_vanishes_after=after)


_RECORDED, _LOST = {"recorded": True}, {"recorded": False}

KINDS: Mapping[str, Kind] = {
    # The connection is closed without an answer; recorded or not.
    "timeout": Kind(place="answer", defaults=_LOST, spoil=lambda a, f: replace(a, ending=Ending.DROPPED)),
    "accepted_unanswered": Kind(
        place="answer", defaults=_RECORDED, spoil=lambda a, f: replace(a, ending=Ending.DROPPED)
    ),
    # The client waits in vain until its own timeout, at most `seconds`.
    "no_answer": Kind(
        place="answer",
        defaults={"recorded": True, "seconds": 30},
        spoil=lambda a, f: replace(a, ending=Ending.SILENT, silent_seconds=f.value("seconds")),
    ),
    # The connection is closed now and the request arrives later all the same.
    "late_success": Kind(
        place="answer",
        defaults={"recorded": False, "after_seconds": 120},
        spoil=lambda a, f: replace(a, ending=Ending.DROPPED),
    ),
    "rate_limited": Kind(
        place="answer",
        defaults={
            "recorded": False,
            "headers": {"X-RateLimit-Limit": 1000, "X-RateLimit-Remaining": 0, "X-RateLimit-Reset": 60},
        },
        spoil=_rate_limited,
    ),
    "server_error": Kind(
        place="answer", defaults={"recorded": False, "status": 500, "retry_after": None}, spoil=_server_error
    ),
    "half_body": Kind(place="answer", defaults=_RECORDED, spoil=lambda a, f: replace(a, ending=Ending.CUT)),
    "empty_body": Kind(place="answer", defaults=_RECORDED, spoil=lambda a, f: replace(a, body=b"")),
    "html": Kind(
        place="answer",
        defaults={"recorded": True, "status": 200},
        spoil=lambda a, f: _with_body(a, b"<html><body>Welcome</body></html>", "text/html", f.value("status")),
    ),
    "error_with_200": Kind(
        place="answer",
        defaults={"recorded": False, "message": "Request could not be handled"},
        spoil=_error_with_200,
    ),
    "unparsable": Kind(
        place="answer",
        defaults=_RECORDED,
        spoil=lambda a, f: _with_body(a, b'{"Status":"QUEU\xff', "application/json"),
    ),
    "rejected": Kind(
        place="fate",
        defaults={"error_type": "Validation", "reason": "CONV_MALFORMED"},
        decide=_fate_of_rejection,
    ),
    "never_completes": Kind(
        place="fate",
        defaults={"credited": False},
        decide=lambda f: Fate(completes=False, credited=f.value("credited")),
    ),
    "delayed": Kind(
        place="fate", defaults={"seconds": 3600}, decide=lambda f: Fate(delay=timedelta(seconds=f.value("seconds")))
    ),
    "submission_vanishes": Kind(place="fate", defaults={"after_seconds": 0}, decide=_fate_of_vanishing),
    "action_vanishes": Kind(place="fate", defaults={"after_seconds": 0}, decide=_fate_of_vanishing),
    # A list's page comes again in the place of the next one, or comes without rows.
    "duplicate_page": Kind(place="page", defaults={"page": 2}),
    "missing_page": Kind(place="page", defaults={"page": 2}),
    "latency": Kind(place="latency", defaults={"ms": 80}),
}
