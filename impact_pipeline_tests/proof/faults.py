"""What goes wrong: drawn from the seed, in the network, at impact.com's door, in its queue, in its lists."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from impact_pipeline.outbox.impact.transport import Answer
from impact_pipeline.simulator.impact import Fault, Faults

# As often as they are sent, or a fault would wait for a request that never comes.
WRITES = (*[("POST", "Conversions")] * 4, ("PUT", "Actions"), ("DELETE", "Actions"))
LISTS = (("GET", "Actions"), ("GET", "APISubmissions"))
# A request that arrives later than that could be one that was proven not to arrive.
LATEST_ARRIVAL_SECONDS = 300


@dataclass(kw_only=True)
class Outage:
    """Until the given time, requests do not get through to impact.com; `answer` is what comes instead."""

    until: float
    methods: frozenset[str]
    answer: Answer


class Weather:
    """The faults that are on: switches of the local impact.com, and outages before it."""

    def __init__(self, random: Random, switches: Faults, stopwatch: Callable[[], float]) -> None:
        self._random, self._switches, self._stopwatch = random, switches, stopwatch
        self._outages: list[Outage] = []

    def trouble(self, method: str, path: str) -> Answer | None:
        """What comes in the place of an answer while an outage lasts."""
        now = self._stopwatch()
        for outage in self._outages:
            if now < outage.until and method in outage.methods:
                return outage.answer
        return None

    def worsen(self) -> tuple[str, str]:
        """Switch one fault on; its kind, and what it is in words."""
        draw = self._random.random()
        if draw < 0.12:
            return "outage", self._outage()
        fault = self._of_an_answer() if draw < 0.62 else self._of_a_fate() if draw < 0.85 else self._of_a_list()
        self._switches.add(fault)
        which = f"{fault.method} {fault.endpoint} ×{fault.count} after {fault.skip}"
        return fault.kind, f"fault {fault.kind} {which} {dict(fault.parameters) or ''}".rstrip()

    def clear(self) -> None:
        self._switches.clear()
        self._outages.clear()

    def _outage(self) -> str:
        methods, answer = self._random.choice(
            [
                (("POST", "PUT", "DELETE", "GET"), Answer(left=False, problem="NotConnectedError from TimeoutError")),
                (("POST", "PUT", "DELETE", "GET"), Answer(problem="ProtocolError from ConnectionResetError")),
                (("POST", "PUT", "DELETE"), Answer(status=401, body=b'{"status":401,"title":"Unauthorized"}')),
                (("POST", "PUT", "DELETE"), Answer(status=403, body=b'{"status":403,"title":"Forbidden"}')),
                (("POST", "PUT", "DELETE"), Answer(status=302, headers={"location": "https://impact.com/"})),
                (("GET",), Answer(status=401, body=b'{"status":401,"title":"Unauthorized"}')),
            ]
        )
        seconds = self._random.choice([30, 300, 3600])
        self._outages.append(Outage(until=self._stopwatch() + seconds, methods=frozenset(methods), answer=answer))
        return f"outage of {'/'.join(methods)} for {seconds} s: {answer.status or answer.problem}"

    def _of_an_answer(self) -> Fault:
        kind, parameters = self._random.choice(_ANSWERS)
        method, endpoint = self._random.choice(WRITES if self._random.random() < 0.8 else LISTS)
        return self._fault(kind, method, endpoint, parameters)

    def _of_a_fate(self) -> Fault:
        kind, parameters = self._random.choice(_FATES)
        method, endpoint = self._random.choice(WRITES)
        return self._fault(kind, method, endpoint, parameters)

    def _of_a_list(self) -> Fault:
        kind = self._random.choice(["duplicate_page", "missing_page"])
        return self._fault(kind, "GET", "APISubmissions", {"page": self._random.randint(1, 3)})

    def _fault(self, kind: str, method: str, endpoint: str, parameters: dict[str, Any]) -> Fault:
        return Fault(
            kind=kind,
            method=method,
            endpoint=endpoint,
            count=self._random.choice([1, 1, 1, 2, 3, 6]),
            skip=self._random.choice([0, 0, 0, 1, 3]),
            parameters=parameters,
        )


_EPOCH = 1795200000
_ANSWERS: list[tuple[str, dict[str, Any]]] = [
    # Lost on the way there, on the way back, half-way, and late.
    ("timeout", {}),
    ("timeout", {}),
    ("accepted_unanswered", {}),
    ("accepted_unanswered", {}),
    ("no_answer", {"recorded": True}),
    ("no_answer", {"recorded": False}),
    ("late_success", {"after_seconds": 20}),
    ("late_success", {"after_seconds": LATEST_ARRIVAL_SECONDS}),
    # Asked to wait, in each spelling.
    ("rate_limited", {"headers": {"X-RateLimit-Limit": 1000, "X-RateLimit-Remaining": 0, "X-RateLimit-Reset": 60}}),
    ("rate_limited", {"headers": {"X-RateLimit-Limit": 1000, "X-RateLimit-Remaining": 0, "X-RateLimit-Reset": _EPOCH}}),
    ("rate_limited", {"headers": {"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": _EPOCH * 1000}}),
    (
        "rate_limited",
        {"headers": {"X-RateLimit-Limit-hour": 1000, "X-RateLimit-Remaining-hour": 0, "RateLimit-Reset": 90}},
    ),
    ("rate_limited", {"headers": {"Retry-After": 45}}),
    ("rate_limited", {"headers": {"Retry-After": "Fri, 20 Nov 2026 13:00:00 GMT"}}),
    ("rate_limited", {"headers": {}}),
    ("server_error", {"status": 503, "retry_after": 30}),
    # Errors of the server, after which it may have the request.
    *[
        ("server_error", {"status": status, "recorded": recorded})
        for status in (500, 502, 503, 504)
        for recorded in (True, False)
    ],
    # Answers that say nothing.
    ("half_body", {}),
    ("empty_body", {}),
    ("html", {"status": 200}),
    ("html", {"status": 502}),
    ("unparsable", {}),
    ("error_with_200", {"recorded": False}),
    ("error_with_200", {"recorded": True}),
]
_FATES: list[tuple[str, dict[str, Any]]] = [
    ("rejected", {}),
    ("rejected", {"error_type": "Contract Error", "reason": "CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE"}),
    ("rejected", {"error_type": "Validation", "reason": "SOMETHING_NEW"}),
    ("never_completes", {"credited": False}),
    ("never_completes", {"credited": True}),
    ("delayed", {"seconds": 3600}),
    ("delayed", {"seconds": 2 * 86400}),
    ("submission_vanishes", {"after_seconds": 0}),
    ("submission_vanishes", {"after_seconds": 3600}),
    ("action_vanishes", {"after_seconds": 0}),
    ("action_vanishes", {"after_seconds": 7200}),
]
