"""The simulator's own addresses under /simulator: set faults, move the clock, look at the state, act as impact.com."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from impact_pipeline.simulator.impact import acts, render
from impact_pipeline.simulator.impact.api import ImpactApi
from impact_pipeline.simulator.impact.exchange import Request
from impact_pipeline.simulator.impact.faults import Answer, fault_from
from impact_pipeline.simulator.impact.records import Action

PREFIX = "/simulator/"


def control(api: ImpactApi, request: Request) -> Answer:
    """Answer a request below /simulator; a wrong one gets a 400 that says what is wrong."""
    handler = HANDLERS.get((request.method, request.path.removeprefix(PREFIX)))
    if handler is None:
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in HANDLERS)
        return _answer(404, {"error": f"no such address; there are {known}."})
    try:
        values = json.loads(request.body) if request.body else {}
        with api.program.lock:
            return _answer(200, handler(api, values))
    except (ValueError, TypeError, KeyError) as error:
        return _answer(400, {"error": f"{type(error).__name__}: {error}"})


def _list_faults(api: ImpactApi, values: Any) -> Any:
    return {"faults": api.faults.state()}


def _add_faults(api: ImpactApi, values: Any) -> Any:
    """One fault or a list of them; none is set when one of them is wrong."""
    for fault in [fault_from(one) for one in (values if isinstance(values, list) else [values])]:
        api.faults.add(fault)
    return _list_faults(api, values)


def _clear_faults(api: ImpactApi, values: Any) -> Any:
    api.faults.clear()
    return _list_faults(api, values)


def _move_clock(api: ImpactApi, values: Any) -> Any:
    """`{"to": "2026-11-20T10:00:00Z"}` or `{"advance_seconds": 600}`."""
    if "to" in values:
        moment = datetime.fromisoformat(values["to"])
        if moment.tzinfo is None:
            raise ValueError(f"to={values['to']} has no offset.")
        api.program.clock.move_to(moment)
    else:
        api.program.clock.advance(timedelta(seconds=values["advance_seconds"]))
    return {"now": api.program.catch_up().isoformat()}


def _act(api: ImpactApi, values: Any) -> Any:
    """`{"act": "lock_now", "ActionId": "..."}`: a name of ACTS with its arguments."""
    arguments = {name: value for name, value in values.items() if name != "act"}
    act = ACTS.get(values.get("act"))
    if act is None:
        raise ValueError(f"act is {values.get('act')!r}; known are {', '.join(ACTS)}.")
    action = act(api, arguments)
    return render.action_document(api.program, action, api.program.catch_up())


def _ingest(api: ImpactApi, values: Any) -> Any:
    """`{"name": "conversions.csv", "text": "CampaignId,..."}`: a file as it would come over SFTP."""
    file = api.program.ingest_file(values["name"], values["text"])
    return render.file_document(api.program, file, api.program.catch_up())


def _state(api: ImpactApi, values: Any) -> Any:
    program = api.program
    now = program.catch_up()
    statuses = [submission.status(now) for submission in program.submissions.values()]
    keys: dict[tuple[int, str], list[str]] = {}
    for action in program.actions:
        keys.setdefault((action.event_type.id, action.order_id), []).append(str(action.state_at(now)))
    return {
        "now": now.isoformat(),
        "submissions": {status: statuses.count(status) for status in ("Queued", "In Progress", "Complete")},
        "actions": render.state_counts(program.actions, now),
        "actions_by_key": [
            {"ActionTrackerId": event_type_id, "OrderId": order_id, "states": states}
            for (event_type_id, order_id), states in keys.items()
        ],
        "received_conversions": len(program.received),
        "requests": dict(api.requests),
        "versions": dict(api.versions),
    }


def _answer(status: int, document: Any) -> Answer:
    return Answer(status=status, headers=(("Content-Type", "application/json"),), body=json.dumps(document).encode())


HANDLERS: Mapping[tuple[str, str], Callable[[ImpactApi, Any], Any]] = MappingProxyType(
    {
        ("GET", "faults"): _list_faults,
        ("POST", "faults"): _add_faults,
        ("DELETE", "faults"): _clear_faults,
        ("POST", "clock"): _move_clock,
        ("POST", "acts"): _act,
        ("POST", "files"): _ingest,
        ("GET", "state"): _state,
    }
)
ACTS: Mapping[str, Callable[[ImpactApi, dict[str, Any]], Action]] = MappingProxyType(
    {
        "reverse_by_person": lambda api, given: acts.reverse_by_person(api.program, given["ActionId"]),
        "reattribute": lambda api, given: acts.reattribute(api.program, given["ActionId"], given["MediaPartnerId"]),
        "lock_now": lambda api, given: acts.lock_now(api.program, given["ActionId"]),
        "create_by_inquiry": lambda api, given: acts.create_unsubmitted(api.program, given, "INQUIRY"),
        "report_by_tag": lambda api, given: acts.create_unsubmitted(api.program, given, "CLICK_COOKIE"),
    }
)
