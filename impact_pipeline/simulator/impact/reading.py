"""The endpoints that read: each takes a call and gives the document of its answer."""

from functools import partial

from impact_pipeline.simulator.impact import render
from impact_pipeline.simulator.impact.exchange import Call, RejectedError
from impact_pipeline.simulator.impact.form import FieldError
from impact_pipeline.simulator.impact.listing import page_of, window_filter, window_of
from impact_pipeline.simulator.impact.records import Action, FileSubmission
from impact_pipeline.simulator.impact.render import Document


def list_actions(call: Call) -> Document:
    """Newest creation first; StartDate and EndDate choose by the last update, which locking is not."""
    _require_campaign(call)
    is_chosen = window_filter(call.query, call.now)
    state = call.query.get("State", "")
    rows = [
        action
        for action in reversed(call.program.actions)
        if action.is_visible
        and is_chosen(action.updated_at, action.event_date, action.locking_at)
        and state in ("", action.state_at(call.now))
    ]
    document_of = partial(_action_document, call)
    return page_of(call, "Actions", rows, document_of, is_actions=True)


def _action_document(call: Call, action: Action) -> Document:
    return render.action_document(call.program, action, call.now)


def get_action(call: Call) -> Document:
    return _action_document(call, _action(call, call.names[0]))


def list_items(call: Call) -> Document:
    action = _action(call, call.names[0])
    return page_of(call, "ActionItems", action.items, partial(render.item_document, call.program, action))


def get_item(call: Call) -> Document:
    action = _action(call, call.names[0])
    for item in action.items:
        if item.sku == call.names[1]:
            return render.item_document(call.program, action, item)
    raise not_found()


def list_updates(call: Call) -> Document:
    """The change log, newest first; StartDate and EndDate choose by the time of the change."""
    _require_campaign(call)
    is_chosen = window_filter(call.query, call.now)
    state = call.query.get("State", "")
    rows = [
        update
        for action in reversed(call.program.actions)
        if action.is_visible
        for update in reversed(action.updates)
        if is_chosen(update.at, action.event_date, action.locking_at) and state in ("", update.state)
    ]
    rows.sort(key=lambda update: update.at, reverse=True)
    return page_of(call, "ActionUpdates", rows, partial(render.update_document, call.program), is_actions=True)


def get_update(call: Call) -> Document:
    action = _action(call, call.names[0].rpartition(".")[0])
    for update in action.updates:
        if update.id == call.names[0]:
            return render.update_document(call.program, update)
    raise not_found()


def list_submissions(call: Call) -> Document:
    rows = call.program.visible_submissions(call.now)
    return page_of(call, "APISubmission", rows, lambda one: render.submission_document(call.program, one, call.now))


def get_submission(call: Call) -> Document:
    submission = call.program.find_submission(call.names[0], call.now)
    if submission is None:
        raise not_found()
    return render.submission_document(call.program, submission, call.now)


def list_files(call: Call) -> Document:
    """Newest first; a file that isn't complete has no completion date and lies in no window of it."""
    submitted = window_of(call.query, "SubmissionDateStart", "SubmissionDateEnd")
    completed = window_of(call.query, "CompletedDateStart", "CompletedDateEnd")
    rows = [
        file
        for file in call.program.kept_files(call.now)
        if (submitted is None or submitted[0] <= file.submitted_at <= submitted[1])
        and (completed is None or completed[0] <= file.completes_at <= min(completed[1], call.now))
    ]
    return page_of(call, "FTPFileSubmissions", rows, lambda one: render.file_document(call.program, one, call.now))


def get_file(call: Call) -> Document:
    return render.file_document(call.program, _file(call), call.now)


def list_file_errors(call: Call) -> Document:
    file = _file(call)
    errors = file.errors if file.status(call.now) == "Complete" else []
    return page_of(call, "ErrorDetail", errors, partial(render.file_error_document, call.program, file))


def list_campaigns(call: Call) -> Document:
    return page_of(call, "Campaigns", [call.program], render.campaign_document)


def get_campaign(call: Call) -> Document:
    _check_campaign(call, call.names[0])
    return render.campaign_document(call.program)


def list_contracts(call: Call) -> Document:
    _check_campaign(call, call.names[0])
    return page_of(call, "Contracts", render.contract_documents(call.program), dict)


def get_click(call: Call) -> Document:
    """The click behind an id, which tells why a conversion was attributed or not."""
    _check_campaign(call, call.names[0])
    click = call.program.find_click(call.names[1])
    if click is None:
        raise not_found()
    at = render.time_text(call.program, click.at)
    return {"Id": call.names[1], "MediaId": str(click.partner), "EventDate": at, "AdId": ""}


def list_partners(call: Call) -> Document:
    return page_of(call, "Partners", render.partner_documents(call.program), dict)


def get_company(call: Call) -> Document:
    return render.company_document(call.program)


def not_found() -> RejectedError:
    return RejectedError(404, "Resource not found")


def _require_campaign(call: Call) -> None:
    campaign = call.query.get("CampaignId", "")
    if not campaign.isdigit():
        message = "Not a numeric value" if campaign else "CampaignId is required"
        raise RejectedError(400, "Validation Failed", FieldError(field="CampaignId", message=message))
    _check_campaign(call, campaign)


def _check_campaign(call: Call, campaign: str) -> None:
    if campaign != str(call.program.declaration.campaign_id):
        raise not_found()


def _action(call: Call, action_id: str) -> Action:
    action = call.program.find_action(action_id)
    if action is None:
        raise not_found()
    return action


def _file(call: Call) -> FileSubmission:
    file = call.program.files.get(call.names[0])
    if file is None or file not in call.program.kept_files(call.now):
        raise not_found()
    return file
