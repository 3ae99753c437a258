"""
impact.com's resources: one write to one Answer, lists page by page, single records.

A write never raises for what the network or impact.com does: its Answer goes to verdicts.py. Reading raises:

    ImpactError                 the other side can't be read
    ├── UnreachableError        no connection, or none that lasted until the end of the answer
    ├── WrongCredentialError    401: Account SID or Auth Token are not valid
    ├── NotPermittedError       403: the token may not read this
    ├── NotFoundError           404: no such record (any more)
    ├── RateLimitedError        429: the hour's budget is used up; wait_seconds says for how long
    └── UnusableAnswerError     anything else: a server error, a body that is no JSON of the shape described

Source: impact.com's API description, Brand API v14.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

import tenacity

from impact_pipeline.outbox.impact.rate import Rate, rate_of, wait_seconds_of
from impact_pipeline.outbox.impact.transport import Answer, Transport

WRITE_SECONDS = 30.0
READ_SECONDS = 120.0
READ_TRIES = 3
BodyFormat = Literal["form", "json"]
CONVERSIONS = "Conversions"
ACTIONS = "Actions"
SUBMISSIONS = "APISubmissions"
FILES = "FTPFileSubmissions"
# The key that holds a list's rows is not always the resource's name.
ROW_KEYS: Mapping[str, str] = {
    ACTIONS: "Actions",
    SUBMISSIONS: "APISubmission",
    FILES: FILES,
    "ErrorDetails": "ErrorDetail",
}


class ImpactError(Exception):
    """impact.com can't be read."""


class UnreachableError(ImpactError):
    """No connection came to stand, or it broke."""


class WrongCredentialError(ImpactError):
    """401."""


class NotPermittedError(ImpactError):
    """403."""


class NotFoundError(ImpactError):
    """404."""


class RateLimitedError(ImpactError):
    """429."""

    def __init__(self, message: str, wait_seconds: float) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class UnusableAnswerError(ImpactError):
    """An answer that says nothing we can use; `status` is its own."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list. `total` and `page_count` are what it says of the whole list."""

    number: int
    page_count: int
    total: int
    rows: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Credential:
    """The account and its tokens; `read_auth_token` serves reading where it is given. Never shown."""

    account_sid: str
    auth_token: str
    read_auth_token: str | None = None

    def __repr__(self) -> str:
        return "Credential(…)"


class ImpactClient:
    """
    The Brand API of one account. Safe to share between threads, as its transport is.

    Args:
        ir_version: sent with each request; without it the token's own version would apply.
        body_format: how conversions leave; corrections are always form-encoded, as described for Actions.
        retry_seconds: longest first pause before reading is tried again; pauses double, with jitter, up to 10 s.
        clock: tells the time in UTC; only for answers without a Date of their own.
    """

    def __init__(
        self,
        transport: Transport,
        credential: Credential,
        *,
        ir_version: str = "14",
        body_format: BodyFormat = "form",
        retry_seconds: float = 1.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._path = f"/Advertisers/{quote(credential.account_sid, safe='')}"
        self._body_format, self._retry_seconds = body_format, retry_seconds
        self._clock = clock
        self._secrets = [
            text for text in (credential.account_sid, credential.auth_token, credential.read_auth_token) if text
        ]
        common = {"Accept": "application/json", "IR-Version": ir_version, "User-Agent": "impact-pipeline"}
        self._write_headers = common | {
            "Authorization": _basic(credential.account_sid, credential.auth_token),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        token = credential.read_auth_token or credential.auth_token
        self._rate = Rate()
        self._read_headers = common | {"Authorization": _basic(credential.account_sid, token)}

    @property
    def rate(self) -> Rate:
        """The budget as the newest answer to reading told it."""
        return self._rate

    def write(self, method: str, resource: str, body: str) -> Answer:
        """
        Send one body, once. Never raises for what becomes of it.

        Args:
            body: form-encoded; as JSON it is one flat object with the same parameters, in their order, all text.
        """
        headers, sent = self._write_headers, body.encode("ascii")
        if self._body_format == "json" and resource == CONVERSIONS:
            headers = headers | {"Content-Type": "application/json"}
            sent = json.dumps(dict(parse_qsl(body, keep_blank_values=True)), separators=(",", ":")).encode("ascii")
        return self._transport.send(method, f"{self._path}/{resource}", headers, sent, WRITE_SECONDS)

    def pages(self, resource: str, query: Mapping[str, str]) -> Iterator[Page]:
        """The pages of a list, from the first to the last that the first one announced."""
        number, page_count = 1, 1
        while number <= page_count:
            page = self._page(resource, query, number)
            if number == 1:
                page_count = page.page_count
            yield page
            number += 1

    def record(self, resource: str, id: str) -> dict[str, Any]:
        """One record by its id. Raises NotFoundError where there is none (any more)."""
        return _object_in(self._read(f"/{resource}/{quote(id, safe='')}"), resource)

    def document(self, resource: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What impact.com answers for a resource, such as Campaigns/4711, as it is; of a list its first page."""
        return _object_in(self._read(f"/{resource}?{urlencode(query or {})}"), resource)

    def masked(self, text: str) -> str:
        """The text without the account and its tokens."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _page(self, resource: str, query: Mapping[str, str], number: int) -> Page:
        parameters = {**query, "Page": str(number)}
        answer = self._read(f"/{resource}?{urlencode(parameters)}")
        document = _object_in(answer, resource)
        row_key = ROW_KEYS[resource.rpartition("/")[2]]
        rows = document.get(row_key)
        if rows is None or rows == "":
            rows = []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnusableAnswerError(f"impact.com's list of {resource} has no rows under {row_key}.")
        try:
            page_count, total = int(document["@numpages"]), int(document["@total"])
        except (KeyError, TypeError, ValueError) as error:
            raise UnusableAnswerError(f"impact.com's list of {resource} does not tell its pages.") from error
        return Page(number=number, page_count=page_count, total=total, rows=rows)

    def _read(self, path: str) -> Answer:
        """Reading changes nothing, so a broken connection or a server's error is tried again, twice."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=tenacity.wait_random_exponential(multiplier=self._retry_seconds, max=10),
            stop=tenacity.stop_after_attempt(READ_TRIES),
            reraise=True,
        )
        return retrying(self._read_once, path)

    def _read_once(self, path: str) -> Answer:
        answer = self._transport.send("GET", self._path + path, self._read_headers, None, READ_SECONDS)
        rate = rate_of(answer.headers, self._clock())
        # An answer that tells of no budget ends what an older one told, which nothing else would.
        if rate.remaining is not None or answer.status == 200:
            self._rate = rate
        if answer.status == 200:
            return answer
        what = path.lstrip("/").split("?")[0].split("/")[0]
        if answer.status is None:
            raise UnreachableError(
                f"impact.com could not be reached for {what} ({answer.problem}). "
                "Check IMPACT_BASE_URL, the network and the proxy."
            )
        if answer.status == 401:
            raise WrongCredentialError(
                "impact.com refused the credential (401). Check IMPACT_ACCOUNT_SID and IMPACT_AUTH_TOKEN."
            )
        if answer.status == 403:
            raise NotPermittedError(
                f"impact.com does not let this token read {what} (403). Enable the endpoint for the token under "
                "Settings → Technical → API."
            )
        if answer.status == 404:
            raise NotFoundError(f"impact.com has no such record in {what} (404).")
        if answer.status == 429:
            wait = wait_seconds_of(answer.headers, self._clock())
            raise RateLimitedError(f"impact.com's hourly budget of requests is used up; wait {wait:.0f} s.", wait)
        raise UnusableAnswerError(f"impact.com answered {what} with status {answer.status}.", answer.status)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, UnreachableError) or (isinstance(error, UnusableAnswerError) and error.status >= 500)


def _object_in(answer: Answer, resource: str) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError as error:
        raise UnusableAnswerError(f"impact.com's answer for {resource} is no JSON.") from error
    if not isinstance(document, dict) or str(document.get("Status", "")).upper() == "ERROR":
        raise UnusableAnswerError(f"impact.com's answer for {resource} is an error with status 200.")
    return document


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
