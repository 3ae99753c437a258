"""
Where each parameter comes from: the columns of raw.* that the mapping reads for it, as the mapping says it.

Impact.com's parameters are columns of conversions.conversion and conversions.item; Salesforce's fields are columns of
raw.*. What the pipeline fills in by itself (the program, the event type's id, a lone item) comes from no column.
"""

from collections.abc import Iterable, Iterator

from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.load import Config, EventConfig, ObjectConfig
from impact_pipeline.config.templates import Concat, Filter, FirstOf, Special, Template, paths
from impact_pipeline.conversions.relations import Captured
from impact_pipeline.warehouse.sql import Column

_OCCURRED: Column = ("changes", "change", "occurred_at")
_DETECTED: Column = ("changes", "change", "detected_at")


def conversion_lineage(config: Config, captured: Captured) -> dict[str, list[Column]]:
    """Column of conversions.conversion → the columns that it is made from, over all events of all objects."""
    found: dict[str, set[Column]] = {"Id": set(), "event_at": {_OCCURRED}}
    for about in config.objects.values():
        found["Id"].add(("raw", about.name, "Id"))
        for event in about.events.values():
            for name, template in event.conversion.items():
                found.setdefault(name, set()).update(_read(about, template, captured))
            for template in about.customer_id:
                found.setdefault("CustomerId", set()).update(_read(about, template, captured))
            if event.items is not None:
                found.setdefault("amount", set()).update(_read(about, event.items.amount, captured))
    return _sorted(found)


def item_lineage(config: Config, captured: Captured) -> dict[str, list[Column]]:
    """Column of conversions.item → the columns that it is made from: the lines' fields, or what stands for lines."""
    found: dict[str, set[Column]] = {}
    for about in config.objects.values():
        for event in about.events.values():
            for name, columns in _of_items(about, event, captured):
                found.setdefault(name, set()).update(columns)
    return _sorted(found)


def _of_items(about: ObjectConfig, event: EventConfig, captured: Captured) -> Iterator[tuple[str, set[Column]]]:
    if event.items is None:
        return
    for name, template in event.items.parameters.items():
        yield name, set(_places(event.items.object, paths(template), captured))
    yield "ItemSubTotal", set(_read(about, event.items.amount, captured))


def _read(about: ObjectConfig, template: Template, captured: Captured) -> Iterator[Column]:
    yield from _places(about.name, paths(template), captured)
    for special in _specials(template):
        match special.name:
            case "_event_at":
                yield _OCCURRED
            case "_detected_at":
                yield _DETECTED
            case "_currency" if captured.has(about.name, "CurrencyIsoCode"):
                yield ("raw", about.name, "CurrencyIsoCode")


def _places(object_name: str, several: Iterable[FieldPath], captured: Captured) -> Iterator[Column]:
    for path in several:
        place = captured.place_of(object_name, path)
        if place is not None:
            yield ("raw", *place)


def _specials(template: Template) -> Iterator[Special]:
    match template:
        case Special():
            yield template
        case Filter(source=source):
            yield from _specials(source)
        case Concat(parts=several) | FirstOf(options=several):
            for each in several:
                yield from _specials(each)


def _sorted(found: dict[str, set[Column]]) -> dict[str, list[Column]]:
    return {name: sorted(columns) for name, columns in found.items() if columns}
