"""SELECT statements in Salesforce's query language. Pure; names come from describe answers, never from users."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

from impact_pipeline.capture.windows import Window, whole_second

# Request line and headers together; what is longer gets an HTML page with 414 or 431 (Salesforce's REST API guide).
MAX_URL_BYTES = 16_384
HEADROOM_BYTES = 2_500
# An Id costs about 27 bytes once encoded.
IDS_PER_QUERY = 400

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


def groups_of_ids(ids: Iterable[str]) -> Iterator[list[str]]:
    """`ids`, sorted, in groups that fit a query's address."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), IDS_PER_QUERY):
        yield ordered[start : start + IDS_PER_QUERY]


def datetime_literal(moment: datetime) -> str:
    """2026-11-20T10:00:00Z, as SOQL wants it: unquoted, whole seconds, UTC."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone.")
    return whole_second(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def string_literal(value: str) -> str:
    """`value` in single quotes, escaped."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def fits_url(soql: str, base_url: str) -> bool:
    """Whether a GET can carry the statement, or only a bulk job, which takes it in the body."""
    return len(base_url) + len(quote(soql, safe="")) + HEADROOM_BYTES <= MAX_URL_BYTES
