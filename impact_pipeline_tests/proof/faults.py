"""What goes wrong: drawn from the seed, in the network, at impact.com's door, in its queue, in its lists."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any
from urllib.parse import parse_qs

from impact_pipeline.outbox.impact.transport import Answer
from impact_pipeline.simulator.impact import Fault, Faults

# A request that arrives later than that could be one that was proven not to arrive.
LATEST_ARRIVAL_SECONDS = 300
# How likely something goes wrong with a request, at a wildness of 1.
WRITE_RISK, READ_RISK, FILE_RISK = 0.4, 0.2, 0.4
OUTAGE_RISK = 0.03
KINDS_OF_ANSWERS, KINDS_OF_FATES = 4, 2


@dataclass(kw_only=True)
class Outage:
    """Until the given time, requests do not get through to impact.com; `answer` is what comes instead."""

    until: float
    methods: frozenset[str]
    answer: Answer


class Weather:
    """
    What is wrong with each request as it leaves: nothing, an outage before impact.com, or a switch there for it alone.

    Attributes:
        wildness: how much of it there is; 0: all is well.
        forbidden_since: the first time, by the stopwatch, at which reading was not permitted; None: it always was.
        tell: is told what struck, by kind and in words.
    """

    def __init__(self, random: Random, switches: Faults, stopwatch: Callable[[], float]) -> None:
        self._random, self._switches, self._stopwatch = random, switches, stopwatch
        self._outages: list[Outage] = []
        # Of all that can go wrong, each episode sees a few kinds, and these again and again: they meet each other then.
        self._answers = random.sample(list(_ANSWERS), KINDS_OF_ANSWERS)
        self._fates = [_SLOW, *random.sample(list(_FATES), KINDS_OF_FATES)]
        self.wildness = 0.0
        self.forbidden_since: float | None = None
        self.tell: Callable[[str, str], None] = lambda kind, said: None

    def meet(self, method: str, query: str) -> Answer | None:
        """What comes in the place of an answer; None: the request gets through, though maybe to a fault."""
        if self.wildness and self._random.random() < OUTAGE_RISK * self.wildness:
            self._begin_outage()
        now = self._stopwatch()
        for outage in self._outages:
            if now < outage.until and method in outage.methods:
                return outage.answer
        if method == "GET":
            if self._random.random() < READ_RISK * self.wildness:
                self._spoil_reading(int(parse_qs(query).get("Page", ["0"])[0]))
        elif self._random.random() < WRITE_RISK * self.wildness:
            self._spoil_writing()
        return None

    def fate_of_file(self) -> str:
        """What becomes of an upload or a look that is about to be tried; empty: all is well."""
        if self._random.random() >= FILE_RISK * self.wildness:
            return ""
        fate = self._random.choice(_FILES)
        self.tell(f"file: {fate}", f"folder for files: {fate}")
        return fate

    def clear(self) -> None:
        self.wildness = 0.0
        self._switches.clear()
        self._outages.clear()

    def _begin_outage(self) -> None:
        methods, answer = self._random.choice(_OUTAGES)
        seconds = self._random.choice([30, 300, 3600])
        if answer.status == HTTPStatus.FORBIDDEN and "GET" in methods:
            # It is not permitted again before somebody has seen it.
            seconds = 20000
            self.forbidden_since = self._stopwatch() if self.forbidden_since is None else self.forbidden_since
        self._outages.append(Outage(until=self._stopwatch() + seconds, methods=frozenset(methods), answer=answer))
        self.tell("outage", f"outage of {'/'.join(methods)} for {seconds} s: {answer.status or answer.problem}")

    def _spoil_writing(self) -> None:
        draw, is_recorded = self._random.random(), True
        if draw < 0.8:
            is_recorded = self._answer().value("recorded")
        # Trouble comes together: what is lost on the way is often slow to show, too.
        if draw > 0.4 and is_recorded:
            kind = self._random.choice(self._fates)
            self._switch(kind, self._random.choice(_FATES[kind]))

    def _spoil_reading(self, page: int) -> None:
        """Of a list its pages, too; page 0: a single record."""
        if page == 0 or self._random.random() < 0.5:
            self._answer()
        else:
            kind = self._random.choice(["duplicate_page", "missing_page"])
            self._switch(kind, {"page": max(page, 2) if kind == "duplicate_page" else page})

    def _answer(self) -> Fault:
        kind = self._random.choice(self._answers)
        return self._switch(kind, self._random.choice(_ANSWERS[kind]))

    def _switch(self, kind: str, parameters: dict[str, Any]) -> Fault:
        fault = Fault(kind=kind, parameters=parameters)
        self._switches.add(fault)
        self.tell(kind, f"{kind} {parameters or ''}".rstrip())
        return fault


_OUTAGES = [
    (("POST", "PUT", "DELETE", "GET"), Answer(left=False, problem="NotConnectedError from TimeoutError")),
    (("POST", "PUT", "DELETE", "GET"), Answer(problem="ProtocolError from ConnectionResetError")),
    (("POST", "PUT", "DELETE"), Answer(status=401, body=b'{"status":401,"title":"Unauthorized"}')),
    (("POST", "PUT", "DELETE"), Answer(status=403, body=b'{"status":403,"title":"Forbidden"}')),
    (("POST", "PUT", "DELETE"), Answer(status=302, headers={"location": "https://impact.com/"})),
    (("GET",), Answer(status=401, body=b'{"status":401,"title":"Unauthorized"}')),
    # Twice as likely as others: it changes what may be done.
    *[(("GET",), Answer(status=403, body=b'{"status":403,"title":"Forbidden"}'))] * 2,
]
# No way to the folder; the connection ends while a file gets its name there; the run sleeps before it puts it there.
_FILES = ("no way", "answer lost", "arrives late", "never arrives", "asleep", "asleep")
_EPOCH = 1795200000
_ANSWERS: dict[str, list[dict[str, Any]]] = {
    # Lost on the way there, on the way back, half-way, and late.
    "timeout": [{}],
    "accepted_unanswered": [{}],
    "no_answer": [{"recorded": True}, {"recorded": False}],
    "late_success": [{"after_seconds": 120}, {"after_seconds": LATEST_ARRIVAL_SECONDS}],
    # Asked to wait, in each spelling.
    "rate_limited": [
        {"headers": headers}
        for headers in (
            {"X-RateLimit-Limit": 1000, "X-RateLimit-Remaining": 0, "X-RateLimit-Reset": 60},
            {"X-RateLimit-Limit": 1000, "X-RateLimit-Remaining": 0, "X-RateLimit-Reset": _EPOCH},
            {"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": _EPOCH * 1000},
            {"X-RateLimit-Limit-hour": 1000, "X-RateLimit-Remaining-hour": 0, "RateLimit-Reset": 90},
            {"Retry-After": 45},
            {"Retry-After": "Fri, 20 Nov 2026 13:00:00 GMT"},
            {},
        )
    ],
    # Errors of the server, after which it may have the request.
    "server_error": [
        {"status": 503, "retry_after": 30},
        *[{"status": status, "recorded": recorded} for status in (500, 502, 503, 504) for recorded in (True, False)],
    ],
    # Answers that say nothing.
    "half_body": [{}],
    "empty_body": [{}],
    "html": [{"status": 200}, {"status": 502}],
    "unparsable": [{}],
    "error_with_200": [{"recorded": False}, {"recorded": True}],
}
_SLOW = "delayed"
_FATES: dict[str, list[dict[str, Any]]] = {
    _SLOW: [{"seconds": 3600}, {"seconds": 2 * 86400}],
    "rejected": [
        {},
        {"error_type": "Contract Error", "reason": "CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE"},
        {"error_type": "Validation", "reason": "SOMETHING_NEW"},
    ],
    "never_completes": [{"credited": False}, {"credited": True}],
    # Not before it was processed: of a lost report that leaves neither a record nor an action nobody could ever know.
    "submission_vanishes": [{"after_seconds": 3600}, {"after_seconds": 2 * 86400}],
    "action_vanishes": [{"after_seconds": 0}, {"after_seconds": 7200}],
}
