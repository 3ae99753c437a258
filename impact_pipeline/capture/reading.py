"""
One question → staged files, in pieces that can be committed one after the other.

By REST the rows come in the order of the cursor field. So a piece that ends at some stamp has all that was stamped
before it, and its last stamp is an honest cursor: a reading that breaks off goes on there. A bulk job has no order; it
moves the cursor only at its end, and a run that was killed finds the job again and goes on at the page that it lacks.

What Salesforce finds too long is cut in two by the stamp, and what it finds too wide is read in parts of its columns.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from impact_pipeline.capture.columns import whole_rows
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.salesforce.answers import Page
from impact_pipeline.capture.salesforce.bulk import PAGE_ROWS, BulkNote, BulkQuery, Fetched, read_note
from impact_pipeline.capture.salesforce.client import PAGE_SIZE, SalesforceClient
from impact_pipeline.capture.salesforce.errors import BulkFailed, BulkRefused, LocatorLost, TooLarge, TooWide
from impact_pipeline.capture.soql import datetime_literal, fits_url, groups_of_ids, one_of, select
from impact_pipeline.capture.staging import RowFile, StagedRows
from impact_pipeline.capture.windows import whole_second

ROWS_PER_PIECE = 50_000
# By REST a page of 2,000 rows is a request; a job is half a dozen, whatever its size.
BULK_FROM_ROWS = 20_000
# A job that fails is begun anew, so it should not be the work of a day.
ROWS_PER_JOB = 5_000_000
# A page of a bulk job is loaded as a whole, so wide rows make shorter ones.
VALUES_PER_PAGE = 10_000_000
# By REST a page is in memory as a whole, several times over; Salesforce's smallest page is LEAST_PAGE_ROWS.
PAGE_CHARACTERS = 48 * 1024 * 1024
LEAST_PAGE_ROWS = 200
# Where a query is too long for a URL, up to so many rows are read in parts of their columns rather than by a job.
CHUNKED_ROWS = 300
# How often a query whose pages don't add up is asked again before that is an error.
QUERY_ATTEMPTS = 4


def _nothing() -> None:
    """What is to be done after most pieces."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """
    Which records of an object are wanted, those in the Recycle Bin included.

    Args:
        conditions: in SOQL, besides the bounds.
        after: lower bound of the cursor field, included; None: from the beginning.
        before: upper bound, excluded; None: none.
        until: what is stamped later than this may show up anywhere; no piece reaches beyond it.
        label: tells bulk jobs of one object apart.
        open_since: since when transactions may have been open, for who finds the job that a run has left.
        way: rest or bulk, where only one of them is left; None: by size.
    """

    plan: ObjectPlan
    until: datetime
    label: str = ""
    way: str | None = None
    conditions: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    open_since: datetime | None = None

    @property
    def all_conditions(self) -> list[str]:
        bounds = ((">=", self.after), ("<", self.before))
        cursor = self.plan.description.cursor_field
        return [
            *self.conditions,
            *(f"{cursor} {sign} {datetime_literal(moment)}" for sign, moment in bounds if moment is not None),
        ]

    def ordered(self, fields: Sequence[str]) -> str:
        """The query for some fields, in the order of the cursor field."""
        return self.soql(ordered=True, fields=fields)

    def soql(self, *, ordered: bool, fields: Sequence[str] | None = None) -> str:
        """The query; without an order Salesforce can cut a bulk job into parts that run side by side."""
        return select(
            self.plan.name,
            self.plan.field_names if fields is None else fields,
            conditions=self.all_conditions,
            order_by=(self.plan.description.cursor_field, "Id") if ordered else (),
        )


@dataclass(frozen=True, kw_only=True)
class Piece:
    """
    Rows of a question that can be committed together.

    Args:
        is_last: the question is answered in full.
        reached: everything before this stamp has been read; None where only the end of the question is a bound.
        ids: of the records, where they were asked for by Id.
        fetched: how far the bulk job is then committed.
        done: called once the piece is committed.
    """

    staged: tuple[StagedRows, ...]
    method: str
    is_last: bool
    reached: datetime | None = None
    ids: frozenset[str] = frozenset()
    fetched: Fetched | None = None
    done: Callable[[], None] = _nothing


@dataclass(frozen=True, kw_only=True)
class Reader:
    """
    Answers questions of any size. May be shared between threads.

    Args:
        folder: private, for the files.
        notes: folder where bulk jobs are remembered for a later run.
        fetched: job id → how far an earlier run committed it.
        rows_per_piece: by REST; a bulk job's pages are pieces as they are.
        bulk_from_rows: a query of at least so many rows becomes a bulk job.
        poll_seconds: first pause between two looks at a bulk job.
    """

    client: SalesforceClient
    folder: Path
    notes: Path
    fetched: Mapping[str, Fetched] = field(default_factory=dict)
    rows_per_piece: int = ROWS_PER_PIECE
    bulk_from_rows: int = BULK_FROM_ROWS
    rows_per_job: int = ROWS_PER_JOB
    poll_seconds: float = 1.0

    def pieces(self, question: Question) -> Generator[Piece]:
        """
        The records that are asked for; the last piece may be empty.

        Raises:
            LocatorLost: records are missing from the pages, however often we ask. Pieces handed out are good.
            TooLarge: Salesforce doesn't answer, however short the window.
        """
        open_questions, failures = [question], 0
        while open_questions:
            asked = open_questions.pop()
            try:
                for piece in self._answer(asked):
                    ends = piece.is_last
                    if ends and open_questions:
                        # The part is read in full, so its bound is reached, whatever the order of its rows.
                        piece = replace(piece, is_last=False, reached=asked.before)
                    elif piece.reached is not None:
                        asked = replace(asked, after=piece.reached)
                    yield piece
            except LocatorLost:
                failures += 1
                if failures == QUERY_ATTEMPTS:
                    raise
                open_questions.append(asked)
            except (TooLarge, BulkFailed) as error:
                open_questions += self._halves(asked) or [_other_way(asked, error)]

    def left_job(self, plan: ObjectPlan) -> BulkNote | None:
        """The bulk job for the object's windows that an earlier run has begun and not finished."""
        return read_note(self._note(plan.name))

    def _answer(self, question: Question) -> Generator[Piece]:
        if question.way == "bulk":
            return self._by_bulk(question)
        fits = fits_url(question.ordered(question.plan.field_names), self.client.domain_url)
        if question.way is None and (not fits or question.after is None):
            # Ordering a whole object only to see how long it is would be dear.
            total = self.client.count(question.soql(ordered=False, fields=()))
            if self._is_long(question, total) or (not fits and total > CHUNKED_ROWS):
                return self._by_bulk(question)
        pages = self._pages(question.plan, question.ordered)
        first = next(pages)
        if fits and question.way is None and self._is_long(question, first.total):
            return self._by_bulk(question)
        return self._by_rest(question, chain((first,), pages))

    def _is_long(self, question: Question, total: int) -> bool:
        """Whether a bulk job is due; raises TooLarge where one would be too long."""
        if total > self.rows_per_job:
            raise TooLarge(f"query of {question.plan.name}: {total} records are too many for one bulk job.")
        return total >= self.bulk_from_rows

    def _halves(self, question: Question) -> list[Question]:
        """The question cut in two, the earlier half last; nothing where its records all bear one stamp."""
        cursor = question.plan.description.cursor_field
        try:
            bounds = self.client.bounds(question.plan.name, cursor, question.all_conditions)
        except TooLarge:
            return []
        if bounds is None or bounds[1] - bounds[0] < timedelta(seconds=1):
            return []
        middle = whole_second(bounds[0] + (bounds[1] - bounds[0]) / 2 + timedelta(seconds=1))
        return [replace(question, after=middle), replace(question, before=middle)]

    def _by_rest(self, question: Question, pages: Iterable[Page]) -> Generator[Piece]:
        plan, order = question.plan, _Order(question.plan.description.cursor_field, question.until)
        file = RowFile(self.folder, plan.field_names)
        ids: set[str] = set()
        total = 0
        for page in pages:
            order.see(page.rows)
            file.write(page.rows)
            ids.update(str(row["Id"]) for row in page.rows)
            total = page.total
            if file.row_count >= self.rows_per_piece and len(ids) < total:
                yield Piece(staged=(file.staged(),), method="rest", is_last=False, reached=order.reached)
                file = RowFile(self.folder, plan.field_names)
        staged = file.staged()
        if len(ids) < total:
            raise LocatorLost(f"query of {plan.name}: {len(ids)} records came of {total} announced.")
        yield Piece(staged=(staged,), method="rest", is_last=True)

    def _pages(self, plan: ObjectPlan, soql: Callable[[Sequence[str]], str]) -> Iterator[Page]:
        """The pages of a query; `soql` writes it for some fields. What is too wide is read in parts of its columns."""
        if fits_url(soql(plan.field_names), self.client.domain_url):
            size = _page_rows(plan)
            pages = self.client.query_pages(soql(plan.field_names), include_deleted=True, page_size=size)
            try:
                first = next(pages)
            except TooWide:
                pass
            else:
                return chain((first,), pages)
        narrow = soql(("Id", plan.description.cursor_field))
        return whole_rows(self.client, plan, self.client.query_pages(narrow, include_deleted=True))

    def _by_bulk(self, question: Question) -> Generator[Piece]:
        plan = question.plan
        moments = (question.after, question.before or question.until, question.open_since)
        after, before, open_since = (None if moment is None else datetime_literal(moment) for moment in moments)
        left = read_note(self._note(plan.name + question.label))
        query = BulkQuery(
            client=self.client,
            soql=question.soql(ordered=False),
            columns=plan.field_names,
            window=(after, before, open_since),
            note=self._note(plan.name + question.label),
            fetched=None if left is None else self.fetched.get(left.job_id),
            page_rows=min(PAGE_ROWS, VALUES_PER_PAGE // len(plan.fields)),
            poll_seconds=self.poll_seconds,
        )
        try:
            rows = 0 if query.fetched is None else query.fetched.rows
            with closing(query.pages(self.folder)) as pages:
                for page in pages:
                    rows += page.row_count
                    yield Piece(
                        staged=(
                            StagedRows(path=page.path, columns=page.columns, row_count=page.row_count, is_csv=True),
                        ),
                        method="bulk",
                        is_last=page.is_last,
                        fetched=Fetched(job_id=page.job_id, locator=page.locator, rows=rows),
                        done=partial(query.discard, page.job_id) if page.is_last else _nothing,
                    )
        except BulkRefused:
            yield from self._by_rest(question, self._pages(question.plan, question.ordered))

    def _note(self, name: str) -> Path:
        return self.notes / f"bulk-{name}.json"

    def by_id(self, plan: ObjectPlan, ids: Collection[str], *, by: str = "Id") -> Piece:
        """
        The records whose field `by` holds one of the Ids, also those in the Recycle Bin.

        Raises:
            LocatorLost: records are missing from the pages, however often we ask.
        """
        file = RowFile(self.folder, plan.field_names)
        found: set[str] = set()
        for group in self.groups_of_ids(plan, ids, by=by):
            found |= self._group_by_id(plan, group, by, file)
        return Piece(staged=(file.staged(),), method="rest", is_last=True, ids=frozenset(found))

    def groups_of_ids(self, plan: ObjectPlan, ids: Collection[str], *, by: str = "Id") -> list[list[str]]:
        """Ids in groups that are one request each."""
        return groups_of_ids(
            ids, select(plan.name, plan.field_names, conditions=(one_of(by, ()),)), self.client.domain_url
        )

    def _group_by_id(self, plan: ObjectPlan, group: Sequence[str], by: str, file: RowFile) -> set[str]:
        soql = partial(select, plan.name, conditions=(one_of(by, group),))
        for attempt in range(1, QUERY_ATTEMPTS + 1):
            found: set[str] = set()
            total = 0
            try:
                for page in self._pages(plan, soql):
                    file.write(page.rows)
                    found |= {str(row["Id"]) for row in page.rows}
                    total = page.total
                if len(found) >= total:
                    return found
            except LocatorLost:
                if attempt == QUERY_ATTEMPTS:
                    raise
        raise LocatorLost(f"query of {plan.name}: {len(found)} records came of {total} announced.")


def _page_rows(plan: ObjectPlan) -> int:
    """Rows of a page by REST: as many as there may be, unless their longest texts would fill the memory."""
    row_characters = sum(len(field.name) + (field.length or 0) for field in plan.fields)
    return max(LEAST_PAGE_ROWS, min(PAGE_SIZE, PAGE_CHARACTERS // row_characters))


def _other_way(question: Question, error: Exception) -> Question:
    """The question for bulk jobs where REST gave up, or the reverse; raises `error` where both have."""
    if question.way is not None:
        raise error
    return replace(question, way="rest" if isinstance(error, BulkFailed) else "bulk")


class _Order:
    """How far the stamps have come, as long as they come in order."""

    def __init__(self, cursor_field: str, until: datetime) -> None:
        self._field = cursor_field
        self._end = until.strftime("%Y-%m-%dT%H:%M:%S")
        self._newest = ""
        self._is_kept = True

    @property
    def reached(self) -> datetime | None:
        """The newest stamp; None where that isn't known to be a bound of what is still to come."""
        if not self._is_kept or not self._newest:
            return None
        return datetime.fromisoformat(self._newest).astimezone(UTC)

    def see(self, rows: Sequence[dict[str, Any]]) -> None:
        """
        A row that is edited while it is being read may show a stamp behind the upper bound, wherever it stands. Any
        other disorder means that pages came twice or in the wrong place: then only the end of the query is a bound.
        """
        for row in rows:
            stamp = str(row[self._field])
            if stamp < self._end:
                self._is_kept = self._is_kept and stamp >= self._newest
                self._newest = max(self._newest, stamp)
