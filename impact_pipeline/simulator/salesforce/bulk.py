"""Bulk API 2.0 query jobs: create, status, results, resultPages, list, abort, delete."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from impact_pipeline.simulator.salesforce import rest, soql
from impact_pipeline.simulator.salesforce.query import run
from impact_pipeline.simulator.salesforce.render import DELIMITERS, LINE_ENDINGS, csv_header
from impact_pipeline.simulator.salesforce.soql import Query, SoqlError
from impact_pipeline.simulator.salesforce.values import COMPOUND_TYPES, moment_text
from impact_pipeline.simulator.salesforce.wire import CSV, ApiError, Call, Reply, json_reply

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.site import Endpoint, SalesforceSite

DEFAULT_PAGE, LARGEST_PAGE = 50_000, 250_000
RESULT_PAGES_SINCE = 58.0
LINKS_PER_ANSWER = 5
JOB_LIFE = timedelta(days=7)
FINAL_STATES = frozenset({"JobComplete", "Failed", "Aborted"})
UNSUPPORTED_TYPES = COMPOUND_TYPES | {"base64", "complexvalue", "json"}


@dataclass
class Job:
    """
    One query job. `lines` holds the result as of creation in CSV, below `header`; None: the query failed, `message`
    says why. A job tells `UploadComplete` when created and is done by the first look at its state, unless a fault
    keeps it at work.
    """

    id: str
    operation: str
    sobject: str
    created_by: str
    created_at: datetime
    api_version: str
    delimiter: str
    line_ending: str
    header: bytes = b""
    lines: list[bytes] | None = None
    state: str = "UploadComplete"
    message: str | None = None

    def described(self) -> dict[str, Any]:
        stamp = moment_text(self.created_at) + "+0000"
        return {
            "id": self.id,
            "operation": self.operation,
            "object": self.sobject,
            "createdById": self.created_by,
            "createdDate": stamp,
            "systemModstamp": stamp,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.api_version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }

    def status(self) -> dict[str, Any]:
        shown = self.described() | {
            "jobType": "V2Query",
            "numberRecordsProcessed": len(self.lines) if self.state == "JobComplete" and self.lines else 0,
            "retries": 0,
            "totalProcessingTime": 0,
            "isPkChunkingSupported": True,
        }
        return shown | {"errorMessage": self.message} if self.message else shown


def create(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    body = call.json()
    if not isinstance(body, dict) or body.get("operation") not in ("query", "queryAll"):
        raise ApiError(400, "INVALIDINPUT", "operation must be query or queryAll")
    delimiter, line_ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if delimiter not in DELIMITERS or line_ending not in LINE_ENDINGS or body.get("contentType", "CSV") != "CSV":
        raise ApiError(400, "INVALIDINPUT", "columnDelimiter, lineEnding or contentType is not supported")
    if site.bulk_jobs_of_the_day() >= rest.BULK_JOBS_A_DAY:
        raise ApiError(
            400, "LIMIT_EXCEEDED", f"Max bulk v2 query jobs ({rest.BULK_JOBS_A_DAY}) per 24 hrs has been reached"
        )
    query = _parsed(str(body.get("query", "")))
    kind = site.org.visible_types().get(query.sobject.lower())
    if kind is None or not kind.bulk:
        raise ApiError(400, "INVALIDENTITY", f"Entity '{query.sobject}' is not supported by the Bulk API")
    header, lines, message = b"", None, None
    try:
        rest.refuse_too_large(site, query, at.line)
        found = run(site.org, query, with_deleted=body["operation"] == "queryAll")
        if any(column.field.type in UNSUPPORTED_TYPES for column in found.columns):
            raise ApiError(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
        header = csv_header(found, DELIMITERS[delimiter])
        lines = site.csv_lines.of(site.org, found, DELIMITERS[delimiter])
    except SoqlError as error:
        message = f"{error.code}: {error.message}"
    job = Job(
        id=site.next_key("750"),
        operation=body["operation"],
        sobject=kind.name,
        created_by=site.sessions.user_of(call),
        created_at=site.org.clock.now(),
        api_version=at.version,
        delimiter=delimiter,
        line_ending=line_ending,
        header=header,
        lines=lines,
        message=message,
    )
    site.jobs[job.id] = job
    return json_reply(job.described())


def _parsed(text: str) -> Query:
    try:
        query = soql.parse(text)
    except SoqlError as error:
        raise ApiError(400, error.code, error.message) from error
    if query.is_aggregate:
        raise ApiError(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    if query.offset:
        raise ApiError(400, "API_ERROR", "OFFSET clause is not supported in Bulk Query")
    return query


def status(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    job = _job(site, at)
    if job.state not in FINAL_STATES:
        job.state = "JobComplete" if job.lines is not None else "Failed"
        for parameters in site.faults.take("job", at.line):
            job.state = str(parameters["state"])
            job.message = parameters.get("message", job.message)
    return json_reply(job.status())


def results(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    job, lines = _finished(site, at)
    start, size = _start(call.params.get("locator")), _page_rows(call)
    headerless = False
    for parameters in site.faults.take("page", at.line):
        size = min(size, int(parameters.get("rows", size)))
        headerless = bool(parameters.get("headerless", headerless))
    ending = LINE_ENDINGS[job.line_ending]
    shown = lines[start : start + size]
    page = shown if headerless and start else [job.header, *shown]
    reply = Reply(body=ending.join([*page, b""]), content_type=CSV)
    end = start + len(shown)
    reply.headers["Sforce-Locator"] = _locator(end) if end < len(lines) else "null"
    reply.headers["Sforce-NumberOfRecords"] = str(len(shown))
    return reply


def result_pages(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """Up to five links at a time, to be read in parallel."""
    if float(at.version) < RESULT_PAGES_SINCE:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    job, lines = _finished(site, at)
    start, size = _start(call.params.get("locator")), _page_rows(call)
    link, following = "resultUrl", "nextRecordsUrl"
    for parameters in site.faults.take("page", at.line, lambda parameters: "link" in parameters):
        link, following = str(parameters["link"]), str(parameters["next"])
    base = f"/services/data/v{at.version}/jobs/query/{job.id}"
    starts = list(range(start, max(len(lines), 1), size))
    shown: dict[str, Any] = {
        "resultPages": [
            {link: f"{base}/results?locator={_locator(place)}&maxRecords={size}"} for place in starts[:LINKS_PER_ANSWER]
        ],
        "done": len(starts) <= LINKS_PER_ANSWER,
    }
    if not shown["done"]:
        shown[following] = f"{base}/resultPages?locator={_locator(starts[LINKS_PER_ANSWER])}&maxRecords={size}"
    return json_reply(shown)


def listing(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    wanted = call.params.get("jobType", "V2Query")
    jobs = [job.described() | {"jobType": "V2Query"} for job in site.jobs.values() if wanted == "V2Query"]
    return json_reply({"done": True, "records": jobs, "nextRecordsUrl": None})


def abort(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    job, body = _job(site, at), call.json()
    if not isinstance(body, dict) or body.get("state") != "Aborted":
        raise ApiError(400, "INVALIDJOBSTATE", "the only state that a query job can be set to is Aborted")
    if job.state in FINAL_STATES:
        raise ApiError(400, "INVALIDJOBSTATE", f"the job is {job.state} and can't be aborted")
    job.state = "Aborted"
    return json_reply(job.described())


def delete(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    job = _job(site, at)
    if job.state not in FINAL_STATES:
        raise ApiError(400, "INVALIDJOBSTATE", f"the job is {job.state}; abort it before deleting it")
    del site.jobs[job.id]
    return Reply(status=204, content_type=None)


def _job(site: "SalesforceSite", at: "Endpoint") -> Job:
    job = site.jobs.get(at.part("job"))
    if job is None or site.org.clock.now() - job.created_at > JOB_LIFE:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    return job


def _finished(site: "SalesforceSite", at: "Endpoint") -> tuple[Job, list[bytes]]:
    job = _job(site, at)
    if job.api_version != at.version:
        raise ApiError(409, "API_VERSION_MISMATCH", f"the job was created with version {job.api_version}; use that one")
    if job.state != "JobComplete" or job.lines is None:
        raise ApiError(400, "INVALIDJOBSTATE", f"the job is {job.state}; it has no results")
    return job, job.lines


def _page_rows(call: Call) -> int:
    asked = call.params.get("maxRecords") or str(DEFAULT_PAGE)
    if not asked.isdecimal() or int(asked) == 0:
        raise ApiError(400, "INVALIDINPUT", f"maxRecords={asked} is no number of records")
    return min(int(asked), LARGEST_PAGE)


def _locator(start: int) -> str:
    return base64.urlsafe_b64encode(f"rows {start}".encode()).decode().rstrip("=")


def _start(locator: str | None) -> int:
    if not locator:
        return 0
    try:
        decoded = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode()
        word, _, start = decoded.partition(" ")
        if word == "rows":
            return int(start)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ApiError(400, "INVALID_LOCATOR", "invalid locator") from error
    raise ApiError(400, "INVALID_LOCATOR", "invalid locator")
