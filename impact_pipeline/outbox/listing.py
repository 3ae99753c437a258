"""
Passes over impact.com's lists: every page, counted, so that "it is not in the list" can be a proof.

Rows are written to a file as they come, only the fields that the audit keeps; nothing here opens the warehouse.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Protocol

from impact_pipeline.outbox.impact.client import ACTIONS, SUBMISSIONS, Page, UnusableAnswerError
from impact_pipeline.outbox.impact.rate import Rate

# impact.com takes 45 days; clients use 44, because a day can have 25 hours.
LONGEST_WINDOW = timedelta(days=44)
# A backfill creates more actions in an hour than ten pages hold.
SHORTEST_WINDOW = timedelta(minutes=1)
TRIES = 3
BY_UPDATE = ("StartDate", "EndDate")
BY_LOCKING = ("LockingDateStart", "LockingDateEnd")
ID_FIELDS = {ACTIONS: "Id", SUBMISSIONS: "BatchId"}
KEPT_FIELDS: Mapping[str, tuple[str, ...]] = {
    ACTIONS: (
        *("Id", "CampaignId", "ActionTrackerId", "Oid", "State", "Amount", "Payout", "Currency", "MediaPartnerId"),
        *("MediaPartnerName", "CustomerId", "CustomerStatus", "EventDate", "CreationDate", "LockingDate"),
        *("ClearedDate", "ReferringType", "Note"),
    ),
    SUBMISSIONS: (
        *("BatchId", "CampaignId", "ActionTrackerId", "EventCode", "OrderId", "Type", "Status", "ErrorType"),
        *("ErrorReason", "SubmissionDate", "CompletionDate"),
    ),
}


class Reader(Protocol):
    """What reading needs of the client."""

    @property
    def rate(self) -> Rate: ...

    def pages(self, resource: str, query: Mapping[str, str]) -> Iterator[Page]: ...

    def record(self, resource: str, id: str) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One pass, as audit.listing keeps it. `started_at`: what arrived later is not covered."""

    what: str
    window_after: datetime | None
    window_until: datetime | None
    pages: int
    rows_read: int
    is_complete: bool
    api_calls: int
    started_at: datetime
    finished_at: datetime


class Sink:
    """
    A file of newline-delimited JSON for the rows of one resource.

    Args:
        file: opened for writing text.
        see: is called with each row; for what has to be known before the pass is over.
    """

    def __init__(self, resource: str, file: IO[str], see: Callable[[dict[str, str]], None] = lambda row: None) -> None:
        self._fields, self._file, self._see = KEPT_FIELDS[resource], file, see

    def add(self, row: Mapping[str, Any]) -> None:
        # Numbers may come as JSON numbers or as strings, null as an empty string: SQL gets text in both cases.
        kept = {name: str(row[name]) for name in self._fields if row.get(name) not in (None, "")}
        self._see(kept)
        self._file.write(json.dumps(kept) + "\n")


def windows(after: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The span in pieces that impact.com answers, oldest first."""
    pieces = []
    while until - after > LONGEST_WINDOW:
        pieces.append((after, after + LONGEST_WINDOW))
        after += LONGEST_WINDOW
    return [*pieces, (after, until)]


def list_actions(
    client: Reader,
    sink: Sink,
    *,
    campaign_id: str,
    after: datetime,
    until: datetime,
    clock: Callable[[], datetime],
    by: tuple[str, str] = BY_UPDATE,
) -> Listing:
    """
    The actions whose last update (or locking date) lies in the span, ends included.

    A window with more pages than impact.com serves is halved.

    Raises:
        UnusableAnswerError: a window of the shortest span was refused, too, or an answer says nothing.
    """
    what = ACTIONS if by == BY_UPDATE else f"{ACTIONS} by LockingDate"
    started_at = clock()
    passes: list[Listing] = []
    pending = windows(after, until)
    while pending:
        start, end = pending.pop(0)
        query = {"CampaignId": campaign_id, by[0]: _iso(start), by[1]: _iso(end)}
        try:
            passes.append(_list(client, ACTIONS, query, sink, clock))
        except UnusableAnswerError as error:
            if error.status != 400 or end - start <= SHORTEST_WINDOW:
                raise
            middle = start + (end - start) / 2
            pending[:0] = [(start, middle), (middle, end)]
    return Listing(
        what=what,
        window_after=after,
        window_until=until,
        pages=sum(one.pages for one in passes),
        rows_read=sum(one.rows_read for one in passes),
        is_complete=all(one.is_complete for one in passes),
        api_calls=sum(one.api_calls for one in passes),
        started_at=started_at,
        finished_at=clock(),
    )


def list_submissions(client: Reader, sink: Sink, *, clock: Callable[[], datetime]) -> Listing:
    """All queue records that impact.com still keeps."""
    return _list(client, SUBMISSIONS, {}, sink, clock)


def _list(
    client: Reader, resource: str, query: Mapping[str, str], sink: Sink, clock: Callable[[], datetime]
) -> Listing:
    """
    One list, read again when its counts don't agree.

    It is complete when at least as many different rows came as its first page announced: a row that arrives while we
    read shifts others onto the next page, which repeats them; a page that is served twice or empty lacks some.
    """
    calls, pages, rows_read, is_complete = 0, 0, 0, False
    started_at = clock()
    for _ in range(TRIES):
        started_at = clock()
        ids: set[str] = set()
        announced, pages, rows_read = 0, 0, 0
        for page in client.pages(resource, query):
            calls += 1
            pages += 1
            rows_read += len(page.rows)
            announced = page.total if page.number == 1 else announced
            for row in page.rows:
                ids.add(str(row.get(ID_FIELDS[resource])))
                sink.add(row)
        is_complete = len(ids) >= announced
        if is_complete:
            break
    return Listing(
        what=resource,
        window_after=None,
        window_until=None,
        pages=pages,
        rows_read=rows_read,
        is_complete=is_complete,
        api_calls=calls,
        started_at=started_at,
        finished_at=clock(),
    )


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
