"""REST resources that read: describe, queries and their pages, single records, getUpdated, getDeleted, limits."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from impact_pipeline.simulator.salesforce import soql
from impact_pipeline.simulator.salesforce.query import Found, run, span
from impact_pipeline.simulator.salesforce.render import json_records, record_json
from impact_pipeline.simulator.salesforce.schema import ObjectType
from impact_pipeline.simulator.salesforce.soql import SoqlError
from impact_pipeline.simulator.salesforce.values import Record, full_id, moment_text
from impact_pipeline.simulator.salesforce.wire import ApiError, Call, Reply, json_reply, text_reply

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.site import Endpoint, SalesforceSite

VERSIONS = tuple(f"{number}.0" for number in range(31, 68))
NEWEST_VERSION = 67
LOCATOR_LIFE = timedelta(days=2)
SMALLEST_PAGE, LARGEST_PAGE = 200, 2_000
LONGEST_WINDOW = {"updated": timedelta(days=30), "deleted": timedelta(days=15)}
MOST_CHANGED_IDS = 600_000
BULK_JOBS_A_DAY = 10_000


class Cursor:
    """A query whose pages are being read; the records are those of the moment it was asked."""

    def __init__(self, found: Found, page_rows: int, opened_at: datetime) -> None:
        self.found = found
        self.page_rows = page_rows
        self.opened_at = opened_at


def versions(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`GET /services/data`: every supported version, newest last."""
    seasons = ("Summer", "Spring", "Winter")
    listed = []
    for version in VERSIONS:
        age = NEWEST_VERSION - int(float(version))
        label = f"{seasons[age % 3]} '{26 - age // 3:02d}"
        listed.append({"label": label, "url": f"/services/data/v{version}", "version": version})
    return json_reply(listed)


def sobjects(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    kinds = sorted(site.org.visible_types().values(), key=lambda kind: kind.name)
    entries = [kind.summary(at.version) for kind in kinds]
    return json_reply({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries})


def describe(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    kind = visible(site, at.part("sobject"))
    changed_at = site.org.schema_changed_at.replace(microsecond=0)
    since = call.headers.get("if-modified-since")
    if since and _http_date(since) >= changed_at:
        return Reply(status=304, content_type=None)
    reply = json_reply(site.org.described(kind, at.version))
    reply.headers["Last-Modified"] = format_datetime(changed_at.astimezone(UTC), usegmt=True)
    return reply


def query(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    if "explain" in call.params:
        return _explain(site, call.params["explain"])
    text = call.params.get("q")
    if not text:
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    found = search(site, text, with_deleted=at.name == "query_all", line=at.line)
    if not found.columns and not found.groups:
        return text_reply(f'{{"totalSize":{found.total},"done":true,"records":[]}}')
    cursor = Cursor(found, _page_rows(call), site.org.clock.now())
    return _page(site, at, cursor, site.next_key("0r8"), 0)


def query_more(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    key, _, start = at.part("locator").partition("-")
    cursor = site.cursors.get(key)
    known = cursor is not None and start.isdigit() and site.org.clock.now() - cursor.opened_at <= LOCATOR_LIFE
    if cursor is None or not known:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(site, at, cursor, key, int(start))


def search(site: "SalesforceSite", text: str, *, with_deleted: bool, line: str = "") -> Found:
    """Parse and answer a query. Raises ApiError as Salesforce refuses it."""
    try:
        query = soql.parse(text)
        refuse_too_large(site, query, line)
        return run(site.org, query, with_deleted=with_deleted)
    except SoqlError as error:
        raise ApiError(400, error.code, error.message) from error


def refuse_too_large(site: "SalesforceSite", query: soql.Query, line: str) -> None:
    """Raises SoqlError where a fault makes the query too long or too wide."""

    def applies(parameters: Mapping[str, Any]) -> bool:
        if "columns" in parameters:
            return len(query.selected) > int(parameters["columns"])
        return span(site.org, query) > timedelta(seconds=float(parameters["seconds"]))

    for parameters in site.faults.take("query", line, applies):
        raise SoqlError(str(parameters["code"]), str(parameters["message"]))


def _explain(site: "SalesforceSite", text: str) -> Reply:
    found = search(site, text, with_deleted=False)
    plan = {
        "cardinality": found.total,
        "fields": [],
        "leadingOperationType": "Index" if found.total < len(site.org.table(found.kind.name)) else "TableScan",
        "relativeCost": 1.0,
        "sobjectCardinality": len(site.org.table(found.kind.name)),
        "sobjectType": found.kind.name,
    }
    return json_reply({"plans": [plan]})


def _page_rows(call: Call) -> int:
    """The page size asked for by `Sforce-Query-Options: batchSize=500`."""
    option = call.headers.get("sforce-query-options", "").replace(" ", "")
    size = option.partition("batchSize=")[2].partition(",")[0]
    return min(max(int(size), SMALLEST_PAGE), LARGEST_PAGE) if size.isdigit() else LARGEST_PAGE


def _page(site: "SalesforceSite", at: "Endpoint", cursor: Cursor, key: str, start: int) -> Reply:
    rows: Sequence[Record] = cursor.found.rows
    size, repeat, reorder, drop_link = cursor.page_rows, 0, False, False
    for parameters in site.faults.take("page", at.line):
        size = min(size, int(parameters.get("rows", size)))
        repeat = int(parameters.get("repeat", repeat))
        reorder = bool(parameters.get("reorder", reorder))
        drop_link = bool(parameters.get("drop_link", drop_link))
    end = min(start + size, len(rows))
    shown = list(rows[max(0, start - repeat) : end])
    if reorder:
        shown.reverse()
    records = json_records(site.org, cursor.found, shown, at.version)
    head = f'{{"totalSize":{cursor.found.total},"done":{"true" if end >= len(rows) else "false"},'
    if end < len(rows) and not drop_link:
        site.remember_cursor(key, cursor)
        head += f'"nextRecordsUrl":"/services/data/v{at.version}/query/{key}-{end}",'
    return text_reply(f'{head}"records":[{",".join(records)}]}}')


def record(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`GET …/sobjects/Lead/{Id}?fields=…`"""
    kind = visible(site, at.part("sobject"))
    found = site.org.table(kind.name).rows.get(_id(at.part("id")))
    if found is None or not site.org.is_visible(kind.name, found):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    if found.get("IsDeleted"):
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted")
    return text_reply(record_json(site.org, kind, found, _fields(kind, call.params.get("fields")), at.version))


def collection(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`GET` or `POST …/composite/sobjects/Lead` with ids and fields: null in the place of what is missing."""
    kind = visible(site, at.part("sobject"))
    body = call.json() if call.method == "POST" else {}
    ids = body.get("ids") or call.params.get("ids", "").split(",")
    asked = body.get("fields") or call.params.get("fields", "").split(",")
    names = _fields(kind, ",".join(asked))
    rows = site.org.table(kind.name).rows
    shown = []
    for asked_id in ids:
        found = rows.get(_id(asked_id))
        gone = found is None or found.get("IsDeleted") or not site.org.is_visible(kind.name, found)
        shown.append("null" if gone or found is None else record_json(site.org, kind, found, names, at.version))
    return text_reply(f"[{','.join(shown)}]")


def _fields(kind: ObjectType, asked: str | None) -> list[str]:
    if not asked:
        return list(kind.fields)
    names = []
    for name in asked.split(","):
        item = kind.field(name.strip())
        if item is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
        names.append(item.name)
    return names


def _id(text: str) -> str:
    try:
        return full_id(text)
    except ValueError:
        return text


def updated(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    start, end, covered = _window(site, call, "updated")
    kind = _replicated(site, at.part("sobject"))
    rows = site.org.table(kind.name).between("SystemModstamp", moment_text(start), moment_text(end))
    ids = [str(row["Id"]) for row in rows if not row.get("IsDeleted") and site.org.is_visible(kind.name, row)]
    _refuse_too_many(ids)
    return json_reply({"ids": ids, "latestDateCovered": covered})


def deleted(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    start, end, covered = _window(site, call, "deleted")
    kind = _replicated(site, at.part("sobject"))
    low, high = moment_text(start), moment_text(end)
    entries = [
        {"id": record_id, "deletedDate": f"{stamp}+0000"}
        for stamp, record_id in site.org.delete_log.get(kind.name, [])
        if low <= stamp < high
    ]
    _refuse_too_many(entries)
    earliest = site.org.delete_log_starts_at or site.org.clock.now() - LONGEST_WINDOW["deleted"]
    return json_reply(
        {
            "deletedRecords": entries,
            "earliestDateAvailable": _minute_text(earliest),
            "latestDateCovered": covered,
        }
    )


def _window(site: "SalesforceSite", call: Call, name: str) -> tuple[datetime, datetime, str]:
    """start and end cut to minutes, and latestDateCovered."""
    moments = []
    for parameter in ("start", "end"):
        try:
            moment = datetime.fromisoformat(call.params.get(parameter, ""))
        except ValueError as error:
            raise ApiError(400, "MALFORMED_QUERY", f"{parameter} is not a date with time and zone") from error
        if moment.tzinfo is None:
            raise ApiError(400, "MALFORMED_QUERY", f"{parameter} has no time zone")
        moments.append(moment.astimezone(UTC).replace(second=0, microsecond=0))
    start, end = moments
    now = site.org.clock.now()
    if start >= end:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate must be before endDate by at least one minute")
    longest = LONGEST_WINDOW[name]
    if now - start > longest + timedelta(minutes=1):
        raise ApiError(400, "INVALID_REPLICATION_DATE", f"startDate cannot be more than {longest.days} days ago")
    log_start = site.org.delete_log_starts_at
    if name == "deleted" and log_start is not None and start < log_start:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate before the earliest date available")
    covered = min(end, site.org.latest_date_covered())
    return start, end, _minute_text(covered)


def _minute_text(moment: datetime) -> str:
    return moment_text(moment.replace(second=0, microsecond=0)) + "+0000"


def _replicated(site: "SalesforceSite", sobject: str) -> ObjectType:
    kind = visible(site, sobject)
    if not kind.replicateable:
        raise ApiError(400, "INVALID_TYPE_FOR_OPERATION", f"entity type {kind.name} is not replicateable")
    return kind


def _refuse_too_many(ids: Sequence[object]) -> None:
    if len(ids) > MOST_CHANGED_IDS:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", f"more than {MOST_CHANGED_IDS} Ids in the window; split it")


def limits(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    most, used = site.org.features.daily_api_requests, site.requests_of_the_day()
    jobs = site.bulk_jobs_of_the_day()

    def left(most: int, used: int = 0) -> dict[str, int]:
        return {"Max": most, "Remaining": max(0, most - used)}

    return json_reply(
        {
            "ConcurrentAsyncGetReportInstances": left(200),
            "DailyApiRequests": left(most, used),
            "DailyBulkApiBatches": left(15_000),
            "DailyBulkV2QueryFileStorageMB": left(976_562),
            "DailyBulkV2QueryJobs": left(BULK_JOBS_A_DAY, jobs),
            "DataStorageMB": left(10_240),
        }
    )


def resources(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    base = f"/services/data/v{at.version}"
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs")
    return json_reply({name: f"{base}/{name}" for name in names})


def visible(site: "SalesforceSite", sobject: str) -> ObjectType:
    """The object as the user sees it. Raises ApiError 404 where it is none."""
    kind = site.org.visible_types().get(sobject.lower())
    if kind is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    return kind


def _http_date(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except ValueError as error:
        raise ApiError(400, "INVALID_INPUT", "If-Modified-Since is not an HTTP date") from error
