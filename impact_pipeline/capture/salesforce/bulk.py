"""
Bulk API 2.0 query jobs: a result of any size in a few requests, as CSV files, without a Python object per row.

A job is told to a note before it is waited for, so that a run that was killed is followed by one that finds it again.
"""

import contextvars
import csv
import json
import shutil
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import tenacity

from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import (
    BulkFailed,
    BulkRefused,
    SalesforceError,
    UnexpectedAnswer,
    UnknownObject,
)

PAGE_ROWS = 250_000
PAGES_AT_ONCE = 3
# What Sforce-Locator says on the last page: the text, not nothing.
END = "null"
LONGEST_PAUSE_SECONDS = 30.0
# Peers wait as long; jobs of millions of rows take minutes.
LONGEST_JOB_SECONDS = 24 * 3600.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class BulkPage:
    """
    One page of a job's result in a file.

    Args:
        columns: in the order of the file, whose first line names them.
        row_count: as Salesforce counts them.
        job_id: the job.
        locator: where the next page is; `END` after the last one, and then the rows of all pages add up.
    """

    path: Path
    columns: tuple[str, ...]
    row_count: int
    job_id: str
    locator: str

    @property
    def is_last(self) -> bool:
        return self.locator == END


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """How far a job's result has been committed: `rows` of it, up to the page at `locator`."""

    job_id: str
    locator: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class BulkNote:
    """
    A job that a run has begun, and what it asked.

    Args:
        after, before: bounds of its window, in SOQL's form.
        open_since: since when transactions may have been open then, in the same form.
    """

    job_id: str
    soql: str
    api_version: str
    after: str | None
    before: str | None
    open_since: str | None


@dataclass(frozen=True, kw_only=True)
class BulkQuery:
    """
    A query that is answered by a job, the records in the Recycle Bin included.

    Args:
        columns: the selected fields, in order.
        window: the bounds of what is read, in SOQL's form, for the note; and its open_since.
        note: file that remembers the job until its result is committed.
        fetched: how far an earlier run came with the job of the note.
        page_rows: rows of a page, at most.
        poll_seconds: first pause between two looks at the job's state; pauses grow.
    """

    client: SalesforceClient
    soql: str
    columns: tuple[str, ...]
    window: tuple[str | None, str | None, str | None]
    note: Path
    fetched: Fetched | None = None
    page_rows: int = PAGE_ROWS
    poll_seconds: float = 1.0

    def pages(self, folder: Path) -> Generator[BulkPage]:
        """
        The result, page by page, each in a file of `folder` that the caller removes; several are on their way at once.

        A job that fails is deleted. One that is given up for another reason stays, and the next run goes on with it.
        The caller ends a job with `discard` once the last page is committed.

        Raises:
            BulkRefused: the object or the org can't; ask by REST.
            BulkFailed: the job failed, or its pages don't add up.
        """
        job_id = self._job()
        try:
            yield from self._results(job_id, self._finished(job_id), folder)
        except (BulkFailed, BulkRefused):
            self.discard(job_id)
            raise

    def discard(self, job_id: str) -> None:
        """Delete the job. What hinders that is no reason to fail: Salesforce forgets jobs after a week."""
        with suppress(SalesforceError):
            try:
                self._request("DELETE", f"/{job_id}", is_guarded=False)
            except UnexpectedAnswer:
                # Only what has ended can be deleted.
                self._request("PATCH", f"/{job_id}", body={"state": "Aborted"}, is_guarded=False)
                self._request("DELETE", f"/{job_id}", is_guarded=False)
        left = read_note(self.note)
        # The next job may have been begun before the last page of this one was committed.
        if left is None or left.job_id == job_id:
            self.note.unlink(missing_ok=True)

    def _job(self) -> str:
        """The job of an earlier run that asks the very same, or a new one."""
        left = read_note(self.note)
        if left is not None:
            if (left.soql, left.api_version) == (self.soql, self.client.api_version) and self._is_usable(left.job_id):
                return left.job_id
            self.discard(left.job_id)
        form = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
        answer = self._request("POST", "", body={"operation": "queryAll", "query": self.soql, **form})
        after, before, open_since = self.window
        note = BulkNote(
            job_id=str(answer["id"]),
            soql=self.soql,
            api_version=self.client.api_version,
            after=after,
            before=before,
            open_since=open_since,
        )
        self.note.touch(mode=0o600)
        self.note.write_text(json.dumps(asdict(note)))
        return note.job_id

    def _is_usable(self, job_id: str) -> bool:
        try:
            return self._request("GET", f"/{job_id}")["state"] not in ("Failed", "Aborted")
        except UnknownObject:
            return False

    def _finished(self, job_id: str) -> int:
        """Wait until the job is complete; how many records it found."""
        wait = tenacity.wait_exponential(multiplier=self.poll_seconds, exp_base=1.5, max=LONGEST_PAUSE_SECONDS)
        polling = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda job: job["state"] in ("UploadComplete", "InProgress")),
            wait=wait + tenacity.wait_random(0, self.poll_seconds / 4),
            stop=tenacity.stop_after_delay(LONGEST_JOB_SECONDS),
        )
        try:
            job = polling(self._request, "GET", f"/{job_id}")
        except tenacity.RetryError as error:
            raise BulkFailed(f"Bulk job {job_id} did not end within {LONGEST_JOB_SECONDS / 3600:.0f} hours.") from error
        if job["state"] != "JobComplete":
            detail = " ".join(str(job.get("errorMessage") or "").split())[:200]
            raise BulkFailed(f"Bulk job {job_id} ended as {job['state']} ({detail}).")
        return int(job["numberRecordsProcessed"])

    def _results(self, job_id: str, expected: int, folder: Path) -> Iterator[BulkPage]:
        """A page names the next one in its headers, so that one is asked for while this one is still arriving."""
        fetched = self.fetched if self.fetched is not None and self.fetched.job_id == job_id else None
        locator, seen = ("", 0) if fetched is None else (fetched.locator, fetched.rows)
        number = 0
        coming: deque[_Download] = deque()
        with ThreadPoolExecutor(max_workers=PAGES_AT_ONCE) as pool:
            while coming or locator != END:
                while locator != END and len(coming) < PAGES_AT_ONCE:
                    at = f"&locator={quote(locator, safe='')}" if locator else ""
                    path = f"{self.client.base_path}/jobs/query/{job_id}/results?maxRecords={self.page_rows}{at}"
                    page = _Download(self.client, path, folder / f"{job_id}-{number}.csv")
                    page.start(pool)
                    coming.append(page)
                    locator = page.next_locator()
                    number += 1
                page = coming.popleft()
                page.wait()
                header = page.header()
                seen += header.row_count
                if header.locator == END and seen != expected:
                    raise BulkFailed(f"Bulk job {job_id} found {expected} records, but its pages hold {seen}.")
                columns = self._header(page.file)
                yield BulkPage(
                    path=page.file, columns=columns, row_count=header.row_count, job_id=job_id, locator=header.locator
                )

    def _header(self, path: Path) -> tuple[str, ...]:
        """
        The columns that the file's first line names.

        Salesforce doesn't promise a header on each page: where the first line is a row, the header is put before it.
        """
        with path.open(encoding="utf-8", newline="") as file:
            first = tuple(next(csv.reader(file), ()))
        if sorted(first) == sorted(self.columns):
            return first
        rows = path.rename(path.with_suffix(".rows"))
        with path.open("wb") as out, rows.open("rb") as file:
            path.chmod(0o600)
            out.write((",".join(self.columns) + "\n").encode())
            shutil.copyfileobj(file, out)
        rows.unlink()
        return self.columns

    def _request(
        self, method: str, path: str, *, body: dict[str, str] | None = None, is_guarded: bool = True
    ) -> dict[str, Any]:
        return self.client.request(
            method,
            f"{self.client.base_path}/jobs/query{path}",
            asked="bulk job",
            consume=lambda response: response.json() if response.status_code != 204 else {},
            body=body,
            is_repeatable=method == "GET",
            is_guarded=is_guarded,
        )


def forget_jobs(client: SalesforceClient, notes: Iterable[Path]) -> None:
    """Delete the jobs that nobody goes on with, and their notes."""
    for note in notes:
        left = read_note(note)
        if left is None:
            note.unlink(missing_ok=True)
        else:
            BulkQuery(client=client, soql=left.soql, columns=(), window=(None, None, None), note=note).discard(
                left.job_id
            )


def read_note(note: Path) -> BulkNote | None:
    """What an earlier run wrote, or None; half a note counts as none."""
    try:
        return BulkNote(**json.loads(note.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@dataclass(frozen=True, kw_only=True)
class _PageHeader:
    row_count: int
    locator: str


class _Download:
    """One page on its way from the socket to a file; what its headers say is known before its body has come."""

    def __init__(self, client: SalesforceClient, path: str, file: Path) -> None:
        self.file = file
        self._client = client
        self._path = path
        self._header: Future[_PageHeader] = Future()
        self._body: Future[None] | None = None

    def start(self, pool: Executor) -> None:
        self._body = pool.submit(contextvars.copy_context().run, self._run)

    def header(self) -> _PageHeader:
        """Waits for the headers; raises what went wrong."""
        return self._header.result()

    def next_locator(self) -> str:
        """Where the next page is; `END` also where this one failed, which is raised once its turn has come."""
        return END if self._header.exception() else self._header.result().locator

    def wait(self) -> None:
        """Waits for the file; raises what went wrong."""
        if self._body is not None:
            self._body.result()

    def _run(self) -> None:
        try:
            self._client.request(
                "GET", self._path, asked="page of a bulk job", consume=self._consume, headers={"Accept": "text/csv"}
            )
        except BaseException as error:
            if not self._header.done():
                self._header.set_exception(error)
            raise

    def _consume(self, response: requests.Response) -> None:
        """Called again from the start when reading breaks off."""
        count, locator = response.headers.get("Sforce-NumberOfRecords"), response.headers.get("Sforce-Locator")
        if count is None or locator is None:
            raise BulkFailed(
                "A page of a bulk job came without Sforce-NumberOfRecords or Sforce-Locator; a proxy between may "
                "remove such headers. Let it pass them."
            )
        header = _PageHeader(row_count=int(count), locator=locator)
        if not self._header.done():
            self._header.set_result(header)
        elif self._header.result() != header:
            raise BulkFailed("A page of a bulk job came twice with different counts.")
        with self.file.open("wb") as out:
            self.file.chmod(0o600)
            for chunk in response.iter_content(_CHUNK_BYTES):
                out.write(chunk)
