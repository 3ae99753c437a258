"""The rules of pipeline.yaml that no single key can check: the funnel of event types, the time zone, what is unused."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from impact_pipeline.config.compiled import ObjectConfig
from impact_pipeline.config.errors import Problem
from impact_pipeline.config.files import suggestion
from impact_pipeline.config.models import EventType, Pipeline
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.salesforce_text import cron_problem
from impact_pipeline.config.templates import map_names, may_give

_FILE = "pipeline.yaml"


def program_problems(pipeline: Pipeline) -> Iterator[Problem]:
    """What is wrong with pipeline.yaml as a whole."""
    try:
        ZoneInfo(pipeline.program.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield _problem(
            "program.time_zone",
            pipeline.program.time_zone,
            "it is no time zone.",
            "Use a name such as America/New_York or Europe/Berlin.",
        )
    common = pipeline.program.default_currency or pipeline.program.currency
    if pipeline.guards.max_money is not None and common not in pipeline.guards.max_money:
        problem = f"it has no bound for {common}, so all money in {common} would be held."
        yield _problem("guards.max_money", ", ".join(pipeline.guards.max_money), problem, f"Add {common}.")
    for key in ("id_sweep", "completeness_check"):
        schedule = getattr(pipeline.capture, key)
        if schedule is not None and (found := cron_problem(schedule)):
            remedy = 'Write five fields, such as "0 4 * * 0": on Sundays at four.'
            yield _problem(f"capture.{key}", schedule, found, remedy)
    codes_by_id: dict[int, str] = {}
    for code, about in pipeline.event_types.items():
        at = f"event_types.{code}"
        longest = catalogue().by_name["EventTypeCode"].max_length or 0
        if not code.strip() or code != code.strip() or len(code) > longest:
            problem = f"a code has 1 to {longest} characters and no blank at its ends."
            yield _problem(at, code, problem, "Write it as it stands at impact.com under Event Types, Codes.")
        if about.id in codes_by_id:
            remedy = "Look the ids up at impact.com: each event type has its own."
            yield _problem(f"{at}.id", str(about.id), f"{codes_by_id[about.id]} has the same id.", remedy)
        codes_by_id.setdefault(about.id, code)
        for parent in about.parents:
            if parent not in pipeline.event_types:
                remedy = suggestion(parent, pipeline.event_types) or "Name a code of event_types."
                yield _problem(f"{at}.parents", parent, "event_types has no such code.", remedy)
        if _is_own_ancestor(code, pipeline.event_types):
            remedy = "Parents come before children: break the circle."
            yield _problem(f"{at}.parents", ", ".join(about.parents), "it is its own ancestor.", remedy)


def unused_warnings(pipeline: Pipeline, objects: Mapping[str, ObjectConfig]) -> Iterator[str]:
    """Event types that no event can give, and value maps that no template uses."""
    events = [event for about in objects.values() for event in about.events.values()]
    for code, about in pipeline.event_types.items():
        if about.owner == "pipeline" and not any(may_give(event.conversion["EventTypeCode"], code) for event in events):
            yield f"{_FILE}: event_types.{code}: no event of an object file can give this code."
    templates = [
        template
        for about in objects.values()
        for template in (
            *about.customer_id,
            *(t for event in about.events.values() for t in event.conversion.values()),
            *(t for event in about.events.values() if event.items for t in event.items.parameters.values()),
        )
    ]
    used = {name for template in templates for name in map_names(template)}
    for name in pipeline.value_maps:
        if name not in used:
            yield f"{_FILE}: value_maps.{name}: no template uses it."


def _is_own_ancestor(code: str, event_types: Mapping[str, EventType]) -> bool:
    seen: set[str] = set()
    waiting = list(event_types[code].parents)
    while waiting:
        parent = waiting.pop()
        if parent == code:
            return True
        if parent in event_types and parent not in seen:
            seen.add(parent)
            waiting += event_types[parent].parents
    return False


def _problem(key: str, value: str, problem: str, remedy: str) -> Problem:
    return Problem(file=_FILE, key=key, value=value, problem=problem, remedy=remedy)
