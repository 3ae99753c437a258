"""REST resources that write: single records, collections, upserts by an external Id."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impact_pipeline.simulator.salesforce import rest
from impact_pipeline.simulator.salesforce.edits import EditError
from impact_pipeline.simulator.salesforce.render import record_json
from impact_pipeline.simulator.salesforce.schema import SIZED_IN_CHARACTERS, Field, ObjectType
from impact_pipeline.simulator.salesforce.values import Record, full_id
from impact_pipeline.simulator.salesforce.wire import ApiError, Call, Reply, json_reply, text_reply

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.site import Endpoint, SalesforceSite

MOST_RECORDS = 200
MOST_TYPE_RUNS = 10
# The statuses of refused single writes that are not 400.
STATUS_OF_CODE = {"ENTITY_IS_DELETED": 404, "INVALID_CROSS_REFERENCE_KEY": 404, "INSUFFICIENT_ACCESS_OR_READONLY": 403}


@dataclass(frozen=True, kw_only=True)
class Written:
    """How one record of a write ended; `error` None means it was written."""

    id: str | None
    created: bool = False
    error: EditError | None = None

    def described(self, *, with_created: bool) -> dict[str, Any]:
        if self.error is not None:
            return {"success": False, "errors": [_error(self.error)]}
        shown: dict[str, Any] = {"id": self.id, "success": True, "errors": []}
        return shown | {"created": self.created} if with_created else shown


def _error(error: EditError) -> dict[str, Any]:
    return {"statusCode": error.code, "message": str(error), "fields": list(error.fields)}


def create_record(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    kind = rest.visible(site, at.part("sobject"))
    written = _create(site, call, at, kind, _fields_of(call.json()))
    return json_reply({"id": _single(written), "success": True, "errors": []}, status=201)


def update_record(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    kind = rest.visible(site, at.part("sobject"))
    _single(_update(site, call, at, kind, at.part("id"), _fields_of(call.json())))
    return Reply(status=204, content_type=None)


def delete_record(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    kind = rest.visible(site, at.part("sobject"))
    _single(_apply(site, call, at, {"op": "delete", "sobject": kind.name, "id": at.part("id")}))
    return Reply(status=204, content_type=None)


def by_external_id(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`GET` or `PATCH …/sobjects/Lead/{field}/{value}`."""
    kind = rest.visible(site, at.part("sobject"))
    key = _key_field(kind, at.part("field"))
    matches = _matches(site, kind, key, at.part("value"))
    if len(matches) > 1:
        base = f"/services/data/v{at.version}/sobjects/{kind.name}"
        return json_reply([f"{base}/{row['Id']}" for row in matches], status=300)
    if call.method == "GET":
        if not matches:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        names = list(kind.fields)
        return text_reply(record_json(site.org, kind, matches[0], names, at.version))
    fields = {key.name: at.part("value")} | _fields_of(call.json())
    written = _upsert(site, call, at, kind, key, fields)
    shown = {"id": _single(written), "success": True, "errors": [], "created": written.created}
    return json_reply(shown, status=201 if written.created else 200)


def update_collection(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`PATCH …/composite/sobjects`: up to 200 records by Id; `POST` creates them."""
    body, entries = _collection(call)
    written = []
    for entry in entries:
        kind = _entry_kind(site, entry)
        fields = _fields_of(entry)
        if call.method == "POST":
            written.append(_create(site, call, at, kind, fields))
        else:
            record_id = fields.pop("id", None) or fields.pop("Id", None)
            written.append(_update(site, call, at, kind, str(record_id), fields))
    return _collected(body, written, with_created=False)


def upsert_collection(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`PATCH …/composite/sobjects/Lead/{field}`: up to 200 records by an external Id."""
    body, entries = _collection(call)
    kind = rest.visible(site, at.part("sobject"))
    key = _key_field(kind, at.part("field"))
    written = [_upsert(site, call, at, kind, key, _fields_of(entry)) for entry in entries]
    return _collected(body, written, with_created=True)


def _collection(call: Call) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    body = call.json()
    entries = body.get("records") if isinstance(body, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ApiError(400, "INVALID_INPUT", "records is missing or not a list of records")
    if len(entries) > MOST_RECORDS:
        raise ApiError(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MOST_RECORDS} records"
        )
    types = [entry.get("attributes", {}).get("type") for entry in entries]
    if sum(first != second for first, second in itertools.pairwise(types)) >= MOST_TYPE_RUNS:
        raise ApiError(400, "INVALID_INPUT", f"more than {MOST_TYPE_RUNS} runs of different types")
    if body.get("allOrNone"):
        raise ApiError(400, "FUNCTIONALITY_NOT_ENABLED", "this simulator writes with allOrNone false only")
    return body, entries


def _collected(body: Mapping[str, Any], written: list[Written], *, with_created: bool) -> Reply:
    return json_reply([item.described(with_created=with_created) for item in written])


def _entry_kind(site: "SalesforceSite", entry: Mapping[str, Any]) -> ObjectType:
    return rest.visible(site, str(entry.get("attributes", {}).get("type")))


def _fields_of(entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "a record is an object of fields")
    return {name: value for name, value in entry.items() if name != "attributes"}


def _key_field(kind: ObjectType, name: str) -> Field:
    item = kind.field(name)
    if item is None or not item.external_id:
        raise ApiError(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}")
    return item


def _matches(site: "SalesforceSite", kind: ObjectType, key: Field, value: object) -> list[Record]:
    wanted = str(value) if key.case_sensitive else str(value).casefold()
    return [
        row
        for row in site.org.table(kind.name)
        if not row.get("IsDeleted")
        and (held := row.get(key.name)) is not None
        and (str(held) if key.case_sensitive else str(held).casefold()) == wanted
    ]


def _upsert(
    site: "SalesforceSite", call: Call, at: "Endpoint", kind: ObjectType, key: Field, fields: dict[str, Any]
) -> Written:
    value = fields.get(key.name)
    if value in (None, ""):
        return Written(id=None, error=EditError(f"{key.name} not specified", "MISSING_ARGUMENT", (key.name,)))
    matches = _matches(site, kind, key, value)
    if len(matches) > 1:
        error = EditError(f"{key.name}: more than one record found", "DUPLICATE_EXTERNAL_ID", (key.name,))
        return Written(id=None, error=error)
    if not matches:
        return _create(site, call, at, kind, fields)
    return _update(site, call, at, kind, str(matches[0]["Id"]), fields)


def _create(site: "SalesforceSite", call: Call, at: "Endpoint", kind: ObjectType, fields: dict[str, Any]) -> Written:
    missing = [
        item.name
        for item in kind.fields.values()
        if item.createable
        and not item.nillable
        and item.type != "boolean"
        and item.name not in ("OwnerId", "CurrencyIsoCode")
        and fields.get(item.name) in (None, "")
    ]
    if missing:
        error = EditError(
            f"Required fields are missing: [{', '.join(missing)}]", "REQUIRED_FIELD_MISSING", tuple(missing)
        )
        return Written(id=None, error=error)
    refused = _refused_field(kind, fields, "createable")
    if refused is not None:
        return Written(id=None, error=refused)
    return _apply(site, call, at, {"op": "create", "sobject": kind.name, "fields": fields})


def _update(
    site: "SalesforceSite", call: Call, at: "Endpoint", kind: ObjectType, record_id: str, fields: dict[str, Any]
) -> Written:
    refused = _refused_field(kind, fields, "updateable")
    held = site.org.table(kind.name).rows.get(_full(record_id), {})
    if kind.name == "Lead" and held.get("IsConverted"):
        refused = EditError("cannot reference converted lead", "CANNOT_UPDATE_CONVERTED_LEAD")
    if refused is not None:
        return Written(id=None, error=refused)
    return _apply(site, call, at, {"op": "update", "sobject": kind.name, "id": record_id, "fields": fields})


def _refused_field(kind: ObjectType, fields: Mapping[str, Any], right: str) -> EditError | None:
    for name, value in fields.items():
        item = kind.field(name)
        if item is None:
            return EditError(f"No such column '{name}' on sobject of type {kind.name}", "INVALID_FIELD", (name,))
        if not getattr(item, right):
            text = f"Unable to create/update fields: {item.name}. Please check the security settings of this field."
            return EditError(text, "INVALID_FIELD_FOR_INSERT_UPDATE", (item.name,))
        if item.type in SIZED_IN_CHARACTERS and isinstance(value, str) and len(value) > item.length:
            text = f"{item.label or item.name}: data value too large (max length={item.length})"
            return EditError(text, "STRING_TOO_LONG", (item.name,))
    return None


def _apply(site: "SalesforceSite", call: Call, at: "Endpoint", edit: dict[str, Any]) -> Written:
    for parameters in site.faults.take("record", at.line):
        return Written(id=None, error=EditError(str(parameters["message"]), str(parameters["code"])))
    record_id = edit.get("id")
    if record_id is not None and site.org.locked_until(_full(record_id)) is not None:
        error = EditError("unable to obtain exclusive access to this record", "UNABLE_TO_LOCK_ROW")
        return Written(id=None, error=error)
    try:
        written_id = site.org.apply(edit | {"by": site.sessions.user_of(call)})
    except EditError as error:
        return Written(id=None, error=error)
    return Written(id=written_id, created=edit["op"] == "create")


def _full(record_id: str) -> str:
    try:
        return full_id(record_id)
    except ValueError:
        return record_id


def _single(written: Written) -> str:
    """The Id of a single write. Raises ApiError for a refused one."""
    if written.error is not None or written.id is None:
        error = written.error or EditError("nothing was written")
        raise ApiError(STATUS_OF_CODE.get(error.code, 400), error.code, str(error), error.fields)
    return written.id
