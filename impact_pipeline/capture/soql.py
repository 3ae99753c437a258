"""SELECT statements in Salesforce's query language. Pure; names come from describe answers, never from users."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote

from impact_pipeline.capture.windows import Window, whole_second

# Request line and headers together; what is longer gets an HTML page with 414 or 431 (Salesforce's REST API guide).
MAX_URL_BYTES = 16_384
HEADROOM_BYTES = 2_500
# An Id with its quotes and comma.
_BYTES_PER_ID = 21
# Fewer are never asked at once; where the fields fill the address, they are read in parts.
_LEAST_IDS = 100
# What a query of an address may hold as it is (RFC 3986).
_PLAIN = "'(),:!*"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def select(
    object_name: str, fields: Sequence[str], *, conditions: Sequence[str] = (), order_by: Sequence[str] = ()
) -> str:
    """The SELECT of `fields`, or of COUNT() where there are none; the conditions are joined by AND."""
    for name in (object_name, *fields, *order_by):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no API name of an object or field.")
    text = f"SELECT {','.join(fields) or 'COUNT()'} FROM {object_name}"
    if conditions:
        text += f" WHERE {' AND '.join(conditions)}"
    if order_by:
        text += f" ORDER BY {','.join(order_by)}"
    return text


def within(field: str, window: Window) -> list[str]:
    """The conditions that hold `field` inside the half-open window."""
    conditions = [] if window.after is None else [f"{field} >= {datetime_literal(window.after)}"]
    return [*conditions, f"{field} < {datetime_literal(window.until)}"]


def one_of(field: str, values: Iterable[str]) -> str:
    """The condition that `field` is one of `values`."""
    return f"{field} IN ({','.join(string_literal(value) for value in values)})"


def groups_of_ids(ids: Iterable[str], soql: str, base_url: str) -> list[list[str]]:
    """`ids`, sorted, in groups that fit an address beside the rest of the statement."""
    ordered = sorted(ids)
    size = max(_LEAST_IDS, _room(soql, base_url) // _BYTES_PER_ID)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def datetime_literal(moment: datetime) -> str:
    """2026-11-20T10:00:00Z, as SOQL wants it: unquoted, whole seconds, UTC."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone.")
    return whole_second(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def string_literal(value: str) -> str:
    """`value` in single quotes, escaped."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def encoded(soql: str) -> str:
    """The statement as it stands in an address."""
    return quote(soql, safe=_PLAIN)


def fits_url(soql: str, base_url: str) -> bool:
    """Whether a GET can carry the statement, or only a bulk job, which takes it in the body."""
    return _room(soql, base_url) >= 0


def _room(soql: str, base_url: str) -> int:
    """Bytes that an address has left."""
    return MAX_URL_BYTES - HEADROOM_BYTES - len(base_url) - len(encoded(soql))
