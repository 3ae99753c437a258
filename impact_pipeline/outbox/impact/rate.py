"""What the headers of an answer say about the budget of requests, in all the spellings that were seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_SECONDS = 3600.0
DEFAULT_WAIT_SECONDS = 60.0
# The description says seconds, its sample is an epoch: no wait is as long as a billion seconds.
SMALLEST_EPOCH = 10**9
SMALLEST_EPOCH_MILLISECONDS = 10**12

_LIMIT = ("x-ratelimit-limit", "x-ratelimit-limit-hour", "ratelimit-limit")
_REMAINING = ("x-ratelimit-remaining", "x-ratelimit-remaining-hour", "ratelimit-remaining")
_RESET = ("x-ratelimit-reset", "ratelimit-reset", "x-ratelimit-reset-hour")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """
    The budget as one answer tells it. None: not told.

    Args:
        limit, remaining: requests an hour, and how many of them are left. Where two spellings differ, the smaller.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


def rate_of(headers: Mapping[str, str], now: datetime) -> Rate:
    """
    Args:
        headers: names in lower case.
        now: our clock, UTC; an epoch is compared with the answer's own Date where it has one.
    """
    return Rate(
        limit=_smallest(headers, _LIMIT), remaining=_smallest(headers, _REMAINING), reset_seconds=_reset(headers, now)
    )


def wait_seconds_of(headers: Mapping[str, str], now: datetime) -> float:
    """The wait that an answer with 429 or 503 asks for: from 1 second to an hour; a minute where it names none."""
    wait = _retry_after(headers, now)
    if wait is None:
        wait = _reset(headers, now)
    return min(max(DEFAULT_WAIT_SECONDS if wait is None else wait, 1.0), LONGEST_WAIT_SECONDS)


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    number = _number(text)
    if number is not None:
        return number
    at = _http_date(text)
    return None if at is None else (at - _now_there(headers, now)).total_seconds()


def _reset(headers: Mapping[str, str], now: datetime) -> float | None:
    number = next((_number(headers[name]) for name in _RESET if name in headers), None)
    if number is None or number <= SMALLEST_EPOCH:
        return number
    epoch = number / 1000 if number >= SMALLEST_EPOCH_MILLISECONDS else number
    return epoch - _now_there(headers, now).timestamp()


def _now_there(headers: Mapping[str, str], now: datetime) -> datetime:
    return _http_date(headers.get("date", "")) or now


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _smallest(headers: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    numbers = [number for name in names if name in headers and (number := _number(headers[name])) is not None]
    return int(min(numbers)) if numbers else None


def _number(text: str) -> float | None:
    # "1000, 1000;w=3600" is the form of the IETF draft: the first number is the limit.
    try:
        number = float(text.split(",")[0].split(";")[0].strip())
    except ValueError:
        return None
    return number if 0 <= number < SMALLEST_EPOCH_MILLISECONDS * 1000 else None
