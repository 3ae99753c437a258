"""
One org's REST API over HTTPS: reads are repeated where that helps, a dead session is renewed once, nothing is guessed.

Numbers arrive as the text that Salesforce sent, so money never passes through a float.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fractions import Fraction
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
import tenacity

from impact_pipeline.capture.salesforce.answers import Deleted, Organization, Page, Quota, quota_of
from impact_pipeline.capture.salesforce.errors import (
    Busy,
    DeadSession,
    LocatorLost,
    QuotaReached,
    TooMany,
    UnexpectedAnswer,
    Unreachable,
    WrongCredential,
    WrongVersion,
    error_of,
    login_error,
)
from impact_pipeline.capture.salesforce.login import Login, checked_domain, checked_instance, is_loopback
from impact_pipeline.capture.salesforce.slots import MOST, Slots
from impact_pipeline.capture.salesforce.tally import count_one
from impact_pipeline.capture.soql import encoded

DEFAULT_API_VERSION = "66.0"
CONNECT_SECONDS = 10.0
# A REST query may run two minutes in Salesforce's database before it is cut.
READ_SECONDS = 150.0
PAGE_SIZE = 2_000

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Session:
    token: str
    instance_url: str


class SalesforceClient:
    """
    The API of one org. May be shared between threads; one login per process and token life.

    Args:
        domain_url: the org's My Domain, https://acme.my.salesforce.com.
        quota_share: stop once the org has used this share of its requests of 24 hours.
        attempts: how often a read is tried in all.
        retry_seconds: longest first pause between two tries; pauses double, with jitter, up to 30 s.

    Raises:
        SalesforceError: see errors.py; every method may raise it.
    """

    def __init__(
        self,
        *,
        domain_url: str,
        login: Login,
        api_version: str = DEFAULT_API_VERSION,
        quota_share: Fraction = Fraction(4, 5),
        attempts: int = 5,
        retry_seconds: float = 1.0,
        timeout_seconds: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        if not re.fullmatch(r"\d\d\.0", api_version) or not 60 <= float(api_version) <= 67:
            raise WrongVersion(f"SALESFORCE_API_VERSION={api_version}: use one between 60.0 and 67.0.")
        self.domain_url = checked_domain(domain_url)
        self.api_version = api_version
        self.base_path = f"/services/data/v{api_version}"
        self._login = login
        self._quota_share = quota_share
        self._attempts = attempts
        self._retry_seconds = retry_seconds
        self._timeout = timeout_seconds
        self._http = requests.Session()
        # A proxy of the environment must not see what is meant for this machine.
        self._http.trust_env = not is_loopback(urlsplit(self.domain_url).hostname or "")
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=MOST)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)
        self._slots = Slots()
        self._http.headers["Accept-Encoding"] = "gzip"
        self._http.headers["Sforce-Call-Options"] = "client=impact_pipeline"
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._quota: Quota | None = None
        self._server_now: datetime | None = None
        self._api_calls = 0

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def api_calls(self) -> int:
        """Data requests made so far, repetitions included."""
        return self._api_calls

    @property
    def quota(self) -> Quota | None:
        """What the last answer said about the org's requests; None before the first that said it."""
        return self._quota

    @property
    def server_now(self) -> datetime:
        """Salesforce's clock at the last answer, UTC."""
        if self._server_now is None:
            raise UnexpectedAnswer("No answer of Salesforce carried a Date header; a proxy between may remove it.")
        return self._server_now

    def check_version(self) -> None:
        """Raise WrongVersion unless the org serves the pinned API version. Needs no quota."""
        answer = self.request("GET", "/services/data", asked="list of API versions", consume=_json)
        served = [str(entry["version"]) for entry in answer]
        if self.api_version not in served:
            raise WrongVersion(
                f"SALESFORCE_API_VERSION={self.api_version}, but {self.domain_url} serves {', '.join(served[-10:])}."
            )

    def organization(self) -> Organization:
        """Which org answers."""
        rows = [row for page in self.query_pages("SELECT Id,IsSandbox FROM Organization") for row in page.rows]
        if len(rows) != 1:
            raise UnexpectedAnswer(f"Salesforce lists {len(rows)} organisations; expected one.")
        return Organization(id=str(rows[0]["Id"]), is_sandbox=bool(rows[0]["IsSandbox"]))

    def limits(self) -> dict[str, Any]:
        """The org's limits by name, each with Max and Remaining. Needs View Setup and Configuration."""
        answer: dict[str, Any] = self.request("GET", f"{self.base_path}/limits", asked="limits", consume=_json)
        return answer

    def describe(self, object_name: str) -> dict[str, Any]:
        """The describe answer of an object: what the integration user can see of it."""
        path = f"{self.base_path}/sobjects/{quote(object_name, safe='')}/describe"
        answer: dict[str, Any] = self.request("GET", path, asked=f"describe of {object_name}", consume=_json)
        return answer

    def query_pages(self, soql: str, *, include_deleted: bool = False, page_size: int = PAGE_SIZE) -> Iterator[Page]:
        """
        The pages of a query, in its order; `attributes` removed, numbers as text.

        Args:
            include_deleted: also the records in the Recycle Bin.
            page_size: a hint; Salesforce makes pages of wide rows smaller.

        Raises:
            LocatorLost: a page is gone: ask the whole query again.
        """
        asked = f"query of {_object_of(soql)}"
        path: str | None = f"{self.base_path}/{'queryAll' if include_deleted else 'query'}?q={encoded(soql)}"
        headers = {"Sforce-Query-Options": f"batchSize={page_size}"}
        while path is not None:
            answer = self.request("GET", path, asked=asked, headers=headers, consume=_json_with_text_numbers)
            rows = [_plain(row) for row in answer["records"]]
            path = None if answer["done"] is True else answer.get("nextRecordsUrl")
            if path is None and answer["done"] is not True:
                raise LocatorLost(f"{asked}: Salesforce says that there are more rows, but not where.")
            yield Page(rows=rows, total=int(answer["totalSize"]))

    def count(self, soql: str, *, include_deleted: bool = True) -> int:
        """The answer of a SELECT COUNT(); by default of the records in the Recycle Bin, too."""
        return next(self.query_pages(soql, include_deleted=include_deleted)).total

    def bounds(self, object_name: str, field: str, conditions: Sequence[str]) -> tuple[datetime, datetime] | None:
        """The least and the greatest value of a date-time field, the Recycle Bin included; None without records."""
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        soql = f"SELECT MIN({field}) least, MAX({field}) greatest FROM {object_name}{where}"
        row = next(self.query_pages(soql, include_deleted=True)).rows[0]
        if row["least"] is None:
            return None
        least, greatest = (datetime.fromisoformat(str(row[name])).astimezone(UTC) for name in ("least", "greatest"))
        return least, greatest

    def get_deleted(self, object_name: str, after: datetime, until: datetime) -> Deleted:
        """
        Ids of the records deleted in [after, until), also of those that were emptied from the Recycle Bin.

        Raises:
            DeleteLogTooShort: `after` lies further back than the log reaches (at most 15 days).
        """
        path = (
            f"{self.base_path}/sobjects/{quote(object_name, safe='')}/deleted/"
            f"?start={quote(_iso(after), safe='')}&end={quote(_iso(until), safe='')}"
        )
        answer = self.request("GET", path, asked=f"deletions of {object_name}", consume=_json)
        return Deleted(
            ids=frozenset(str(entry["id"]) for entry in answer["deletedRecords"]),
            latest_date_covered=datetime.fromisoformat(str(answer["latestDateCovered"])).astimezone(UTC),
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        asked: str,
        consume: Callable[[requests.Response], T],
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        is_repeatable: bool = True,
        is_guarded: bool = True,
    ) -> T:
        """
        One request and what `consume` makes of its answer, which comes as a stream.

        Args:
            path: absolute, on the token's instance.
            asked: what is wanted, for messages.
            consume: reads the body; it is called again from the start when reading broke off.
            is_repeatable: False for what must not be sent twice.
            is_guarded: False for cleaning up, which the quota doesn't stop.
        """
        if is_guarded:
            self._guard_quota()

        def attempt() -> T:
            session = self._current_session()
            try:
                return self._once(session, method, path, asked, consume, headers, body)
            except DeadSession:
                renewed = self._current_session(instead_of=session)
            try:
                return self._once(renewed, method, path, asked, consume, headers, body)
            except DeadSession as error:
                raise WrongCredential(
                    f"{error} It refuses a fresh token as well: the app or the user may demand a high-assurance "
                    "session, or the app is not attached. Check the External Client App's session policy.",
                    code=error.code,
                ) from None

        return self._repeated(attempt) if is_repeatable else attempt()

    def _repeated(self, attempt: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Busy, Unreachable)),
            wait=tenacity.wait_random_exponential(multiplier=self._retry_seconds, max=30),
            stop=tenacity.stop_after_attempt(self._attempts),
            reraise=True,
        )
        return retrying(attempt)

    def _once(
        self,
        session: _Session,
        method: str,
        path: str,
        asked: str,
        consume: Callable[[requests.Response], T],
        headers: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> T:
        with self._lock:
            self._api_calls += 1
            count_one()
        try:
            with (
                self._slots.one(),
                self._http.request(
                    method,
                    session.instance_url + path,
                    headers=headers,
                    json=body,
                    auth=_Bearer(session.token),
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                self._note(response)
                if not 200 <= response.status_code < 300:
                    raise error_of(response.status_code, response.text, asked=asked)
                self._slots.answered()
                return consume(response)
        except TooMany:
            self._slots.too_many()
            raise
        except requests.exceptions.SSLError as error:
            raise Unreachable(f"{asked}: no trusted TLS connection to {_host(session.instance_url)}.") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise Busy(f"{asked}: the answer broke off.") from error
        except requests.exceptions.JSONDecodeError as error:
            raise Busy(f"{asked}: the answer is no whole JSON.") from error
        except requests.exceptions.RequestException as error:
            raise Unreachable(
                f"{asked}: no answer from {_host(session.instance_url)} ({type(error).__name__}). Check the network, a "
                "proxy's settings and SALESFORCE_DOMAIN_URL."
            ) from error

    def _current_session(self, instead_of: _Session | None = None) -> _Session:
        """The token in use; a new one when there is none or when it is still the one that was found dead."""
        with self._lock:
            if self._session is None or self._session is instead_of:
                self._session = self._log_in()
            return self._session

    def _log_in(self) -> _Session:
        host = _host(self.domain_url)
        try:
            response = self._http.post(
                f"{self.domain_url}/services/oauth2/token",
                data=self._login.form(self.domain_url),
                headers={"Accept": "application/json"},
                auth=_NoAuth(),
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            # Not chained: the request, with the secret in its body, hangs on the exception.
            raise Unreachable(
                f"Login at {host}: no answer ({type(error).__name__}). Check the network, a proxy's settings and "
                "SALESFORCE_DOMAIN_URL."
            ) from None
        if response.status_code != 200:
            raise login_error(response.status_code, response.text, host=host)
        try:
            answer = response.json()
            token, instance_url = str(answer["access_token"]), str(answer["instance_url"])
        except (ValueError, KeyError, TypeError):
            raise login_error(response.status_code, "", host=host) from None
        return _Session(token=token, instance_url=checked_instance(instance_url, self.domain_url))

    def _guard_quota(self) -> None:
        quota = self._quota
        if quota is not None and quota.share >= self._quota_share:
            raise QuotaReached(
                f"Stopped by quota, nothing is lost. The org has used {quota.used} of its {quota.maximum} requests of "
                f"24 hours, and {float(self._quota_share):.0%} is the share at which we stop (capture.quota_share)."
            )

    def _note(self, response: requests.Response) -> None:
        quota = quota_of(response.headers.get("Sforce-Limit-Info", ""))
        date = response.headers.get("Date")
        with self._lock:
            self._quota = quota or self._quota
            if date is not None:
                self._server_now = parsedate_to_datetime(date).astimezone(UTC)


class _Bearer(requests.auth.AuthBase):
    """Sets the token itself, so that a .netrc of the machine can't replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _NoAuth(requests.auth.AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _json(response: requests.Response) -> Any:
    return response.json()


def _json_with_text_numbers(response: requests.Response) -> Any:
    return response.json(parse_float=str, parse_int=str)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    row.pop("attributes", None)
    return row


def _object_of(soql: str) -> str:
    found = re.search(r"\bFROM (\w+)", soql)
    return found[1] if found else "?"


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
