"""The simulator's own resources below /simulator: faults, clock, edits, state. A real org has none of them."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from impact_pipeline.simulator.salesforce.faults import FAULTS
from impact_pipeline.simulator.salesforce.wire import ApiError, Call, Reply, json_reply

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.site import Endpoint, SalesforceSite


def faults(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """
    `POST {"name": "server_error", "match": "^query ", "skip": 0, "count": 2, "parameters": {}}` or a list of such;
    `DELETE` all of them or `?name=` one; `GET` what is on and what there is.
    """
    if call.method == "DELETE":
        site.faults.clear(call.params.get("name"))
    if call.method == "POST":
        for entry in _entries(call.json()):
            unknown = set(entry) - {"name", "match", "skip", "count", "parameters"}
            if unknown or "name" not in entry:
                raise ApiError(400, "INVALID_INPUT", "a fault has name, match, skip, count and parameters")
            try:
                site.faults.add(
                    str(entry["name"]),
                    match=entry.get("match"),
                    skip=int(entry.get("skip", 0)),
                    count=entry.get("count"),
                    **entry.get("parameters", {}),
                )
            except ValueError as error:
                raise ApiError(400, "INVALID_INPUT", str(error)) from error
    available = {name: {"about": kind.about, "parameters": dict(kind.parameters)} for name, kind in FAULTS.items()}
    return json_reply({"active": site.faults.described(), "available": available})


def clock(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """`{"move_to": "2026-11-20T10:00:00Z"}` or `{"advance_seconds": 60}`; plays the timeline up to there, if any."""
    body = call.json()
    try:
        if "move_to" in body:
            moment = datetime.fromisoformat(body["move_to"])
        else:
            moment = site.org.clock.now() + timedelta(seconds=float(body["advance_seconds"]))
        if site.timeline is not None:
            site.timeline.play_until(moment)
        else:
            site.org.clock.move_to(moment)
    except (KeyError, TypeError, ValueError) as error:
        raise ApiError(400, "INVALID_INPUT", f"give move_to or advance_seconds: {error}") from error
    site.org.settle()
    return json_reply({"now": site.org.clock.now().isoformat()})


def edits(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """Edits of the timeline's form, one or a list; answers the Ids."""
    return json_reply({"ids": [site.org.apply(entry) for entry in _entries(call.json())]})


def state(site: "SalesforceSite", call: Call, at: "Endpoint") -> Reply:
    """Counts only; no records."""
    records = {name: len(site.org.table(name)) for name in site.org.known_names()}
    return json_reply(
        {
            "now": site.org.clock.now().isoformat(),
            "requests": dict(site.request_counts),
            "answer_seconds": dict(site.answer_seconds),
            "logins": site.sessions.login_count,
            "api_requests_of_the_day": site.requests_of_the_day(),
            "open_jobs": sorted(site.jobs),
            "records": {name: count for name, count in records.items() if count},
            "faults": site.faults.described(),
        }
    )


def _entries(body: Any) -> list[dict[str, Any]]:
    entries = body if isinstance(body, list) else [body]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ApiError(400, "INVALID_INPUT", "expected an object or a list of objects")
    return entries
