"""Lists: which rows a window of time chooses, and the page of them that was asked for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from impact_pipeline.simulator.impact.exchange import Call, RejectedError
from impact_pipeline.simulator.impact.form import FieldError, parse_time
from impact_pipeline.simulator.impact.render import Document

Row = TypeVar("Row")
Window = tuple[datetime, datetime]
WINDOW_MAXIMUM = timedelta(days=45)
START_MAXIMUM = timedelta(days=3 * 365)
DEFAULT_WINDOW = timedelta(days=7)
WINDOWS = (("StartDate", "EndDate"), ("ActionDateStart", "ActionDateEnd"), ("LockingDateStart", "LockingDateEnd"))


def window_filter(query: Mapping[str, str], now: datetime) -> Callable[[datetime, datetime, datetime], bool]:
    """
    Whether a row with these times (last update, event, locking) lies in all windows of the query, ends included.

    Raises:
        RejectedError: one end is missing or no time with an offset, or the window is too long or begins too early.
    """
    windows = [_action_window(query, start, end, now) for start, end in WINDOWS]
    if not any(windows):
        windows[0] = (now - DEFAULT_WINDOW, now)

    def chosen(updated_at: datetime, event_date: datetime, locking_at: datetime) -> bool:
        times = (updated_at, event_date, locking_at)
        return all(window is None or window[0] <= at <= window[1] for window, at in zip(windows, times, strict=True))

    return chosen


def _action_window(query: Mapping[str, str], start_name: str, end_name: str, now: datetime) -> Window | None:
    window = window_of(query, start_name, end_name)
    if window is not None and window[1] - window[0] > WINDOW_MAXIMUM:
        raise RejectedError(400, "Validation Failed", FieldError(field=end_name, message="Range exceeds 45 days"))
    if window is not None and window[0] < now - START_MAXIMUM:
        raise RejectedError(400, "Validation Failed", FieldError(field=start_name, message="More than 3 years back"))
    return window


def window_of(query: Mapping[str, str], start_name: str, end_name: str) -> Window | None:
    """
    The window that two parameters give, both ends included; None where neither is there.

    Raises:
        RejectedError: one end is missing or no time with an offset, or the end lies before the start.
    """
    if not query.get(start_name) and not query.get(end_name):
        return None
    start, end = (_time(query, name) for name in (start_name, end_name))
    if end < start:
        raise RejectedError(400, "Validation Failed", FieldError(field=end_name, message=f"Before {start_name}"))
    return start, end


def _time(query: Mapping[str, str], name: str) -> datetime:
    at = parse_time(query.get(name, ""))
    if at is None:
        message = "Needs a time in ISO 8601 with an offset"
        raise RejectedError(400, "Validation Failed", FieldError(field=name, message=message))
    return at


def page_of(
    call: Call, key: str, rows: Sequence[Row], document_of: Callable[[Row], Document], is_actions: bool = False
) -> Document:
    """
    One page of `rows` under `key` with the paging values, all of them strings.

    Args:
        is_actions: the page sizes and the most pages of the Actions lists hold.

    Raises:
        RejectedError: page or page size can't be read or is too small, or the list has too many pages.
    """
    declaration = call.program.declaration
    minimum = declaration.actions_page_size_minimum if is_actions else 1
    default = declaration.actions_page_size if is_actions else declaration.page_size
    page = _number(call.query, "Page", 1, 1)
    size = _number(call.query, "PageSize", default, minimum)
    pages = max(1, -(-len(rows) // size))
    if is_actions and pages > declaration.actions_pages_maximum:
        message = f"More than {declaration.actions_pages_maximum} pages: shrink the window"
        raise RejectedError(400, "Validation Failed", FieldError(field="Page", message=message))

    fault = call.faults.take(
        "page", call.request.method, call.endpoint, accepts=lambda fault: fault.value("page") == page
    )
    served = page - 1 if fault is not None and fault.kind == "duplicate_page" else page
    chosen = rows[(served - 1) * size : served * size]
    if fault is not None and fault.kind == "missing_page":
        chosen = []

    def uri(number: int) -> str:
        if not 1 <= number <= pages:
            return ""
        return f"{call.request.path}?{urlencode({**call.query, 'Page': str(number), 'PageSize': str(size)})}"

    start = (page - 1) * size
    return {
        "@page": str(page),
        "@numpages": str(pages),
        "@pagesize": str(size),
        "@total": str(len(rows)),
        "@start": str(start),
        "@end": str(max(start, min(start + size, len(rows)) - 1)),
        "@uri": f"{call.request.path}?{urlencode(call.query)}" if call.query else call.request.path,
        "@firstpageuri": uri(1),
        "@previouspageuri": uri(page - 1),
        "@nextpageuri": uri(page + 1),
        "@lastpageuri": uri(pages),
        key: [document_of(row) for row in chosen],
    }


def _number(query: Mapping[str, str], name: str, default: int, minimum: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdigit() or int(text) < minimum:
        raise RejectedError(
            400, "Validation Failed", FieldError(field=name, message=f"Must be a number from {minimum}")
        )
    return int(text)
