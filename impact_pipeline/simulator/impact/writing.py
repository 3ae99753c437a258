"""The endpoints that write: they look at form only and queue a submission."""

from collections.abc import Mapping, Sequence
from typing import Any

from impact_pipeline.simulator.impact import render
from impact_pipeline.simulator.impact.exchange import Call, RejectedError
from impact_pipeline.simulator.impact.faults import KINDS
from impact_pipeline.simulator.impact.form import FieldError, check_conversion
from impact_pipeline.simulator.impact.program import NO_FATE
from impact_pipeline.simulator.impact.records import SubmissionType
from impact_pipeline.simulator.impact.render import Document


def post_conversion(call: Call) -> Document:
    declaration = call.program.declaration
    found = check_conversion(call.form, declaration.money_over_8_digits, declaration.unknown_parameters)
    if any(one.level == "ERROR" for one in found):
        raise RejectedError(400, "Validation Failed", *found)
    document = _queue(SubmissionType.CONVERSION, call)
    if found:
        document["warnings"] = lower_case(found)
    return document


def put_action(call: Call) -> Document:
    _check_change(call.form, "Reason")
    return _queue(SubmissionType.MODIFICATION, call)


def delete_action(call: Call) -> Document:
    _check_change(call.form, "DispositionCode")
    return _queue(SubmissionType.REVERSAL, call)


def lower_case(errors: Sequence[FieldError]) -> list[dict[str, Any]]:
    """The errors as the description of Conversions spells them."""
    return [{"field": one.field, "level": one.level, "message": one.message} for one in errors]


def _check_change(form: Mapping[str, str], reason_name: str) -> None:
    has_key = form.get("OrderId") and (form.get("ActionTrackerId") or form.get("EventTypeId"))
    if not form.get("ActionId") and not has_key:
        message = "ActionId, or ActionTrackerId and OrderId, are required"
        raise RejectedError(400, "Validation Failed", FieldError(field="ActionId", message=message))
    if not (form.get("Reason") or form.get("DispositionCode")):
        message = f"{reason_name} is required"
        raise RejectedError(400, "Validation Failed", FieldError(field=reason_name, message=message))


def _queue(type: SubmissionType, call: Call) -> Document:
    fault = call.faults.take("fate", call.request.method, call.endpoint, call.form.get("OrderId", ""))
    decide = KINDS[fault.kind].decide if fault is not None else None
    fate = decide(fault) if fault is not None and decide is not None else NO_FATE
    payload = None if call.request.is_json else call.request.body.decode("utf-8")
    submission = call.program.submit(type, call.form, payload, fate, at=call.now)
    uri = f"{render.account_path(call.program)}/APISubmissions/{submission.batch_id}"
    return {"Status": "QUEUED", "QueuedUri": uri}
