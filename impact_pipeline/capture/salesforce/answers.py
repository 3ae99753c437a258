"""What Salesforce's answers tell, as plain values."""

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Quota:
    """Requests that the whole org has made in 24 hours, and its limit, as Salesforce said last; approximate."""

    used: int
    maximum: int

    @property
    def share(self) -> Fraction:
        return Fraction(self.used, self.maximum) if self.maximum else Fraction(1)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows of a query, as dicts of text, booleans and None, and how many rows the whole query has."""

    rows: list[dict[str, Any]]
    total: int


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """Ids deleted in a stretch of time; the next question starts at `latest_date_covered`."""

    ids: frozenset[str]
    latest_date_covered: datetime


@dataclass(frozen=True, kw_only=True)
class Organization:
    """The org that answers."""

    id: str
    is_sandbox: bool


def quota_of(header: str) -> Quota | None:
    """What `Sforce-Limit-Info` tells of the org, in either of its formats; None where it tells nothing."""
    found = re.search(r"(?:^|[;\s])api-usage=(\d+)/(\d+)", header)
    return Quota(used=int(found[1]), maximum=int(found[2])) if found else None
