"""How impact.com spells its records: numbers as strings, empty strings for null, times with the account's offset."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from impact_pipeline.simulator.impact.records import (
    Action,
    ActionUpdate,
    FileError,
    FileSubmission,
    Item,
    State,
    Submission,
)

if TYPE_CHECKING:
    from impact_pipeline.simulator.impact.program import Program

Document = dict[str, Any]
# The element of one row inside the list of a given name.
ROW_NAMES: Mapping[str, str] = {
    "Actions": "Action",
    "ActionItems": "ActionItem",
    "ActionUpdates": "ActionUpdate",
    "APISubmission": "APISubmission",
    "FTPFileSubmissions": "FTPFileSubmission",
    "ErrorDetail": "ErrorDetail",
    "Campaigns": "Campaign",
    "Contracts": "Contract",
    "Partners": "Partner",
    "Errors": "Error",
    "errors": "error",
    "warnings": "warning",
    "EventPayouts": "EventPayout",
    "Clicks": "Click",
}


def account_path(program: "Program") -> str:
    return f"/Advertisers/{program.declaration.account_sid}"


def time_text(program: "Program", at: datetime | None) -> str:
    return "" if at is None else at.astimezone(program.zone).isoformat(timespec="seconds")


def action_document(program: "Program", action: Action, now: datetime) -> Document:
    state = action.state_at(now)
    return {
        "Id": action.id,
        "CampaignId": str(program.declaration.campaign_id),
        "CampaignName": program.declaration.campaign_name,
        "ActionTrackerId": str(action.event_type.id),
        "ActionTrackerName": action.event_type.name or action.event_type.code,
        "EventCode": "",
        "MediaPartnerId": str(action.partner_id),
        "MediaPartnerName": program.partners[action.partner_id].name,
        "State": str(state),
        "AdId": "",
        "ClientCost": f"{action.payout:.2f}",
        "Payout": f"{action.payout:.2f}",
        "DeltaPayout": f"{action.delta_payout:.2f}",
        "IntendedPayout": f"{action.intended_payout:.2f}",
        "Amount": f"{action.amount:.2f}",
        "DeltaAmount": f"{action.delta_amount:.2f}",
        "IntendedAmount": f"{action.intended_amount:.2f}",
        "Currency": program.declaration.currency,
        "ReferringDate": time_text(program, action.referring_date),
        "EventDate": time_text(program, action.event_date),
        "CreationDate": time_text(program, action.created_at),
        "LockingDate": time_text(program, action.locking_at),
        "ClearedDate": time_text(program, action.cleared_at),
        "ReferringType": action.referring_type,
        "ReferringDomain": "",
        "PromoCode": action.details.get("PromoCode", ""),
        "Oid": action.order_id,
        "CustomerId": action.customer_id,
        "CustomerStatus": action.customer_status,
        "CustomerPostCode": action.details.get("CustomerPostCode", ""),
        "CustomerArea": action.details.get("CustomerArea", ""),
        "CustomerCity": action.details.get("CustomerCity", ""),
        "CustomerRegion": action.details.get("CustomerRegion", ""),
        "CustomerCountry": action.details.get("CustomerCountry", ""),
        "IpAddress": "",
        "SharedId": action.details.get("SharedId", ""),
        "CallerId": "",
        "Note": action.details.get("Note", ""),
        "Uri": f"{account_path(program)}/Actions/{action.id}",
    }


def item_document(program: "Program", action: Action, item: Item) -> Document:
    currency = program.declaration.currency
    return {
        "Sku": item.sku,
        "ItemName": item.name,
        "Category": item.category,
        "Quantity": str(item.quantity),
        "SaleAmount": f"{item.amount:.2f}",
        "SaleAmountCurrency": currency,
        "Payout": f"{item.payout:.2f}",
        "PayoutCurrency": currency,
        "Rebate": "",
        "RebateCurrency": "",
        "AdjustmentDate": time_text(program, item.adjusted_at),
        "AdjustmentReason": item.adjustment_reason,
        "Uri": f"{account_path(program)}/Actions/{action.id}/Items/{quote(item.sku, safe='')}",
    }


def update_document(program: "Program", update: ActionUpdate) -> Document:
    action, path = update.action, account_path(program)
    return {
        "Id": update.id,
        "ActionId": action.id,
        "CampaignId": str(program.declaration.campaign_id),
        "ActionTrackerId": str(action.event_type.id),
        "EventTypeId": str(action.event_type.id),
        "EventTypeName": action.event_type.name or action.event_type.code,
        "EventCode": "",
        "MediaPartnerId": str(action.partner_id),
        "State": str(update.state),
        "StateDetail": "",
        "StateDetailDescription": "",
        "AdId": "",
        "Disposition": update.disposition,
        "DeltaPayout": f"{update.delta_payout:.2f}",
        "DeltaAmount": f"{update.delta_amount:.2f}",
        "Currency": program.declaration.currency,
        "Category": update.category,
        "Sku": update.sku,
        "Quantity": update.quantity,
        "PayoutLevel": "ORDER",
        "DefaultPayoutRate": "",
        "ContractId": "",
        "UpdateDate": time_text(program, update.at),
        "LockingDate": time_text(program, action.locking_at),
        "ClearingDate": time_text(program, action.cleared_at),
        "ActionDate": time_text(program, action.event_date),
        "Oid": action.order_id,
        "CustomerId": action.customer_id,
        "CustomerStatus": action.customer_status,
        "SharedId": action.details.get("SharedId", ""),
        "ActionUri": f"{path}/Actions/{action.id}",
        "Uri": f"{path}/ActionUpdates/{update.id}",
    }


def submission_document(program: "Program", submission: Submission, now: datetime) -> Document:
    status = submission.status(now)
    is_complete = status == "Complete"
    refusal = submission.refusal if is_complete else None
    parameters = submission.parameters
    campaign = parameters.get("CampaignId", str(program.declaration.campaign_id))
    return {
        "BatchId": submission.batch_id,
        "AccountId": program.declaration.account_id,
        "SubmissionDate": time_text(program, submission.submitted_at),
        "CampaignId": int(campaign),
        "ActionTrackerId": submission.event_type.id if submission.event_type is not None else "",
        "MediaPartnerId": submission.partner_id if is_complete and submission.partner_id else "",
        "EventCode": parameters.get("EventTypeCode", ""),
        "OrderId": parameters.get("OrderId") or parameters.get("Oid") or "",
        "Payload": submission.payload,
        "Type": str(submission.type),
        "Status": status,
        "CompletionDate": time_text(program, submission.completes_at if is_complete else None),
        "ErrorType": refusal.error_type if refusal is not None else "",
        "ErrorReason": refusal.reason if refusal is not None else "",
        "Uri": f"{account_path(program)}/APISubmissions/{submission.batch_id}",
    }


def file_document(program: "Program", file: FileSubmission, now: datetime) -> Document:
    uri = f"{account_path(program)}/FTPFileSubmissions/{file.batch_id}"
    is_complete = file.status(now) == "Complete"
    return {
        "BatchId": file.batch_id,
        "AccountId": program.declaration.account_id,
        "SubmissionDate": time_text(program, file.submitted_at),
        "FileName": file.name,
        "Type": str(file.type),
        "Status": file.status(now),
        "TotalRecords": str(file.record_count) if is_complete else "",
        "TotalErrors": str(len(file.errors)) if is_complete else "",
        "CompletionDate": time_text(program, file.completes_at if is_complete else None),
        "ErrorsUri": f"{uri}/ErrorDetails",
        "Uri": uri,
    }


def file_error_document(program: "Program", file: FileSubmission, error: FileError) -> Document:
    parameters = error.parameters
    return {
        "Line": str(error.line),
        "CampaignId": parameters.get("CampaignId", ""),
        "ActionTrackerId": parameters.get("ActionTrackerId", ""),
        "MediaPartnerId": parameters.get("MediaId", ""),
        "EventCode": parameters.get("EventTypeCode", ""),
        "OrderId": parameters.get("OrderId", ""),
        "Category": parameters.get("ItemCategory1", ""),
        "Sku": parameters.get("ItemSku1", ""),
        "Status": error.refusal.error_type,
        "Reason": error.refusal.reason,
        "Uri": f"{account_path(program)}/FTPFileSubmissions/{file.batch_id}/ErrorDetails",
    }


def campaign_document(program: "Program") -> Document:
    declaration = program.declaration
    return {
        "Id": str(declaration.campaign_id),
        "Name": declaration.campaign_name,
        "State": declaration.campaign_state,
        "Type": "Performance",
        "Uri": f"{account_path(program)}/Campaigns/{declaration.campaign_id}",
    }


def contract_documents(program: "Program") -> list[Document]:
    """One active contract per partner, with the event types it pays."""
    return [
        {
            "Id": f"S-{7777000 + number}",
            "MediaPartnerId": str(partner.id),
            "MediaPartnerName": partner.name,
            "Status": "ACTIVE",
            "TemplateTerms": {
                "EventPayouts": [
                    {
                        "EventTypeId": str(event_type.id),
                        "EventTypeName": event_type.name or event_type.code,
                        "EventCategory": event_type.kind.upper(),
                        "DefaultPayout": f"{event_type.payout_fixed:.2f}",
                        "DefaultPayoutRate": str(program.payout_percents.get(event_type.id, event_type.payout_percent)),
                        "PayoutLevel": "ITEM" if event_type.kind == "sale" else "ORDER",
                    }
                    for event_type in program.event_types.values()
                    if not program.contract_problem(partner.id, event_type.id)
                ]
            },
        }
        for number, partner in enumerate(program.partners.values(), start=1)
    ]


def partner_documents(program: "Program") -> list[Document]:
    return [
        {"Id": str(partner.id), "Name": partner.name, "State": "ACTIVE", "RelationshipState": "ACTIVE"}
        for partner in program.partners.values()
    ]


def company_document(program: "Program") -> Document:
    declaration = program.declaration
    return {
        "AccountId": str(declaration.account_id),
        "CompanyName": declaration.campaign_name,
        "Currency": declaration.currency,
        "Timezone": declaration.time_zone,
        "Uri": f"{account_path(program)}/CompanyInformation",
    }


def to_json(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def to_xml(document: Document) -> bytes:
    """The document under ImpactRadiusResponse; the paging values become attributes of the list's element."""
    attributes = "".join(
        f" {name[1:]}={quoteattr(str(value))}" for name, value in document.items() if name.startswith("@")
    )
    parts = ['<?xml version="1.0" encoding="UTF-8"?><ImpactRadiusResponse>']
    for name, value in document.items():
        if not name.startswith("@"):
            parts.append(_element(name, value, attributes if isinstance(value, list) else ""))
    return ("".join(parts) + "</ImpactRadiusResponse>").encode()


def _element(name: str, value: Any, attributes: str = "") -> str:
    if isinstance(value, list):
        inner = "".join(_element(ROW_NAMES[name], row) for row in value)
    elif isinstance(value, dict):
        inner = "".join(_element(key, one) for key, one in value.items())
    else:
        inner = escape(str(value))
    return f"<{name}{attributes}>{inner}</{name}>"


def state_counts(actions: list[Action], now: datetime) -> dict[str, int]:
    """How many actions each state has."""
    states = [action.state_at(now) for action in actions]
    return {str(state): states.count(state) for state in State}
