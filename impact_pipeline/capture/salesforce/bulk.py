"""
Bulk API 2.0 query jobs: a result of any size in a few requests, as CSV files, without a Python object per row.

A job is told to a note before it is waited for, so that a run that was killed is followed by one that finds it again.
"""

import csv
import json
import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import tenacity

from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import BulkFailed, SalesforceError, UnknownObject

PAGE_ROWS = 50_000
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
        is_last: nothing follows, and the rows of all pages add up.
    """

    path: Path
    columns: tuple[str, ...]
    row_count: int
    is_last: bool


@dataclass(frozen=True, kw_only=True)
class BulkQuery:
    """
    A query that is answered by a job, the records in the Recycle Bin included.

    Args:
        columns: the selected fields, in order.
        note: file that remembers the job until it is done.
        poll_seconds: first pause between two looks at the job's state; pauses grow.
    """

    client: SalesforceClient
    soql: str
    columns: tuple[str, ...]
    note: Path
    poll_seconds: float = 2.0

    def pages(self, folder: Path) -> Generator[BulkPage]:
        """
        The result, page by page, each in a file of `folder` that the caller removes.

        The job is deleted at the end, also when the reading is given up.

        Raises:
            BulkRefused: the object or the org can't; ask by REST.
            BulkFailed: the job failed, or its pages don't add up.
        """
        job_id = self._job()
        try:
            expected = self._finished(job_id)
            yield from self._results(job_id, expected, folder)
        except GeneratorExit:
            self._discard(job_id)
            raise
        except SalesforceError:
            self._discard(job_id)
            raise
        self._discard(job_id)

    def _job(self) -> str:
        """The job of an earlier run that asks the very same, or a new one."""
        left = _read_note(self.note)
        asked = {"soql": self.soql, "api_version": self.client.api_version}
        if left is not None:
            if {key: left.get(key) for key in asked} == asked and self._is_usable(left["id"]):
                return str(left["id"])
            self._discard(left["id"])
        form = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
        answer = self._request("POST", "", body={"operation": "queryAll", "query": self.soql, **form})
        self.note.write_text(json.dumps({"id": answer["id"], **asked}))
        return str(answer["id"])

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
        locator, seen, number = "", 0, 0
        while locator != "null":
            path = folder / f"{job_id}-{number}.csv"
            at = f"&locator={quote(locator, safe='')}" if locator else ""
            row_count, locator = self._page(f"/{job_id}/results?maxRecords={PAGE_ROWS}{at}", path)
            seen += row_count
            number += 1
            is_last = locator == "null"
            if is_last and seen != expected:
                raise BulkFailed(f"Bulk job {job_id} found {expected} records, but its pages hold {seen}.")
            yield BulkPage(path=path, columns=self._header(path), row_count=row_count, is_last=is_last)

    def _page(self, path: str, file: Path) -> tuple[int, str]:
        def consume(response: requests.Response) -> tuple[int, str]:
            count, locator = response.headers.get("Sforce-NumberOfRecords"), response.headers.get("Sforce-Locator")
            if count is None or locator is None:
                raise BulkFailed(
                    "A page of a bulk job came without Sforce-NumberOfRecords or Sforce-Locator; a proxy between may "
                    "remove such headers. Let it pass them."
                )
            with file.open("wb") as out:
                file.chmod(0o600)
                for chunk in response.iter_content(_CHUNK_BYTES):
                    out.write(chunk)
            return int(count), locator

        return self.client.request(
            "GET",
            f"{self.client.base_path}/jobs/query{path}",
            asked="page of a bulk job",
            consume=consume,
            headers={"Accept": "text/csv"},
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

    def _discard(self, job_id: str) -> None:
        """Stop and delete the job. What hinders that is no reason to fail: Salesforce forgets jobs after a week."""
        for method, body in (("PATCH", {"state": "Aborted"}), ("DELETE", None)):
            with suppress(SalesforceError):
                self._request(method, f"/{job_id}", body=body, is_guarded=False)
        self.note.unlink(missing_ok=True)

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


def _read_note(note: Path) -> dict[str, Any] | None:
    """What an earlier run wrote, or None; half a note counts as none."""
    try:
        left = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return left if isinstance(left, dict) and isinstance(left.get("id"), str) else None
