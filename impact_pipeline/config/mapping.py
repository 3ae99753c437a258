"""The rules of a mapping: which parameters it names, what excludes what, and what every conversion would fail on."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from impact_pipeline.config.errors import Problem
from impact_pipeline.config.files import suggestion
from impact_pipeline.config.models import Event, Items, Pipeline
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.config.templates import (
    Concat,
    Filter,
    FirstOf,
    Literal,
    Special,
    Template,
    fixed_length,
    identifies,
    may_give,
    paths,
)

REQUIRED = ("EventTypeCode", "OrderId", "EventDate")
REQUIRED_ITEMS = ("ItemSku", "ItemCategory", "ItemQuantity")


def unknown_parameter(file: str, key: str, given: str, parameter: Parameter | None) -> Problem:
    """The problem of a key that is no parameter, or one of the other level."""
    if parameter is not None:
        place = "items" if parameter.is_item else "conversion"
        return Problem(file=file, key=key, value="", problem=f"{given} belongs under {place}.", remedy="Move it there.")
    known = catalogue()
    names = [*known.by_name, *known.aliases]
    if ".items." in key:
        names += [name for name in Items.model_fields if name != "model_config"]
    numbered = re.fullmatch(r"(Item[A-Za-z]+?)\d+(_\d+)?", given)
    if numbered and numbered[1] + (numbered[2] or "") in known.by_name:
        remedy = f"Write {numbered[1]}{numbered[2] or ''}: the lines are numbered from 1 by themselves."
    else:
        remedy = suggestion(given, names) or "impact_pipeline/config/parameters.yaml lists all of them."
    return Problem(file=file, key=key, value="", problem=f"impact.com has no parameter {given}.", remedy=remedy)


def conversion_problems(file: str, at: str, event: Event, conversion: Mapping[str, Template]) -> Iterator[Problem]:
    """What is wrong with the parameters of an event, whatever the event types are."""

    def problem(name: str, said: str, remedy: str, value: str = "") -> Problem:
        return Problem(file=file, key=f"{at}.conversion.{name}", value=value, problem=said, remedy=remedy)

    for name in REQUIRED:
        if name not in conversion:
            yield problem(name, "impact.com requires it.", "Map it; the shipped pack shows how.")
    order_id = conversion.get("OrderId")
    if order_id is not None and not identifies(order_id):
        said = "without the record's Id two records would share it."
        yield problem("OrderId", said, "Add {Id}, in each of several templates.", _source(event, "OrderId"))
    yield from together_problems(file, f"{at}.conversion", conversion)
    money = [name for name in catalogue().order_money if name in conversion]
    if event.items is not None and money:
        said = "the items carry the money, and impact.com takes it on one level."
        yield problem(money[0], said, "Leave it out, or take out items.")
    if (money or event.items is not None) and "CurrencyCode" not in conversion:
        said = "money without a currency counts as the account's, so every conversion would be held."
        yield problem("CurrencyCode", said, 'Map it: CurrencyCode: "{_currency}".')
    for name, template in conversion.items():
        yield from value_problems(file, f"{at}.conversion.{name}", catalogue().by_name[name], template)


def item_problems(file: str, at: str, parameters: Mapping[str, Template]) -> Iterator[Problem]:
    """What is wrong with the parameters of the lines."""
    for name in REQUIRED_ITEMS:
        if name not in parameters:
            problem = "impact.com requires it for each item."
            yield Problem(file=file, key=f"{at}.{name}", value="", problem=problem, remedy="Map it.")
    if not {"ItemSubTotal", "ItemPrice"} & set(parameters):
        remedy = 'Map the line\'s total: ItemSubTotal: "{TotalPrice}".'
        yield Problem(file=file, key=f"{at}.ItemSubTotal", value="", problem="no item has money.", remedy=remedy)
    yield from together_problems(file, at, parameters)
    for name, template in parameters.items():
        yield from value_problems(file, f"{at}.{name}", catalogue().by_name[name], template)
        for start in dict.fromkeys(path.start for path in paths(template) if path.start):
            remedy = "Use it in conversion or customer_id."
            yield Problem(file=file, key=f"{at}.{name}", value="", problem=f"a line has no {start}.", remedy=remedy)
        if _uses_currency(template):
            remedy = "Map CurrencyCode in conversion: it holds for all lines."
            yield Problem(file=file, key=f"{at}.{name}", value="", problem="a line has no {_currency}.", remedy=remedy)


def together_problems(file: str, at: str, mapping: Mapping[str, Template]) -> Iterator[Problem]:
    """Parameters that exclude each other, and parameters that need another."""
    for exclusion in catalogue().exclusions:
        one = [name for name in exclusion.one if name in mapping]
        other = [name for name in exclusion.other if name in mapping]
        if one and other:
            remedy = f"Keep {one[0]} or {other[0]}."
            yield Problem(file=file, key=f"{at}.{other[0]}", value="", problem=exclusion.why, remedy=remedy)
    for companion in catalogue().companions:
        if not set(companion.need) & set(mapping):
            for name in companion.these:
                if name in mapping:
                    remedy = f"Map {companion.need[0]} too, or use a Text parameter."
                    yield Problem(file=file, key=f"{at}.{name}", value="", problem=companion.why, remedy=remedy)


def code_problems(file: str, at: str, event: Event, template: Template, pipeline: Pipeline) -> Iterator[Problem]:
    """An EventTypeCode that no event type has, and sales without items."""
    matching = [about for code, about in pipeline.event_types.items() if may_give(template, code)]
    source = _source(event, "EventTypeCode")
    if not matching:
        remedy = suggestion(source, pipeline.event_types) or "Add the event type to event_types in pipeline.yaml."
        problem = "no code of event_types can come of it."
        yield Problem(file=file, key=f"{at}.conversion.EventTypeCode", value=source, problem=problem, remedy=remedy)
    elif event.items is None and all(about.kind == "sale" for about in matching):
        problem = "its event type is a sale, and impact.com refuses a sale without items."
        remedy = "Add items, or declare the event type as kind: lead if it is one at impact.com."
        yield Problem(file=file, key=f"{at}.items", value="", problem=problem, remedy=remedy)


def value_problems(file: str, key: str, parameter: Parameter, template: Template) -> Iterator[Problem]:
    """A template that can never give what the parameter takes, or that lets an address out."""
    longest = parameter.max_length
    if longest is not None and fixed_length(template) > longest:
        problem = f"its fixed text alone is longer than the {longest} characters of {parameter.name}."
        yield Problem(file=file, key=key, value="", problem=problem, remedy="Shorten it.")
    for literal in _literals(template):
        if not _fits(literal.text, parameter.kind):
            problem = f"it is no {_KINDS[parameter.kind]}."
            yield Problem(file=file, key=key, value=literal.text, problem=problem, remedy="Map a field, or write one.")
    hashed = isinstance(template, Filter) and template.name == "sha1_email"
    if parameter.kind == "hash" and not hashed:
        remedy = f'Use the filter: {parameter.name}: "{{Email|sha1_email}}".'
        yield Problem(file=file, key=key, value="", problem="an address leaves as a hash only.", remedy=remedy)
    else:
        yield from address_problems(file, key, template)


def address_problems(file: str, key: str, template: Template) -> Iterator[Problem]:
    """A field that holds an e-mail address, read without the filter that hashes it."""
    for path in paths(_without_hashed(template)):
        if "email" in path.parts[-1].lower() and not path.parts[-1].lower().startswith("hasoptedout"):
            problem = "an e-mail address is personal and leaves as a hash only."
            remedy = f"Write {{{path}|sha1_email}}, or map another field."
            yield Problem(file=file, key=key, value=str(path), problem=problem, remedy=remedy)


_KINDS = {
    "integer": "whole number",
    "decimal": "number",
    "money": "number",
    "datetime": "time with its zone, such as 2026-11-20T10:00:00Z",
    "boolean": "true or false",
    "currency": "ISO 4217 code, such as USD",
    "hash": "hash",
    "string": "text",
}


def _fits(text: str, kind: str) -> bool:
    match kind:
        case "integer":
            return re.fullmatch(r"-?\d{1,16}", text) is not None
        case "decimal" | "money":
            try:
                return Decimal(text).is_finite()
            except InvalidOperation:
                return False
        case "datetime":
            try:
                return "T" in text and datetime.fromisoformat(text).tzinfo is not None
            except ValueError:
                return False
        case "boolean":
            return text in ("true", "false")
        case "currency":
            return re.fullmatch(r"[A-Z]{3}", text) is not None
    return True


def _literals(template: Template) -> Iterator[Literal]:
    match template:
        case Literal():
            yield template
        case FirstOf(options=options):
            for option in options:
                yield from _literals(option)


def _without_hashed(template: Template) -> Template:
    match template:
        case Filter(name="sha1_email"):
            return Literal(text="")
        case Filter(source=source):
            return _without_hashed(source)
        case Concat(parts=parts):
            return Concat(parts=tuple(_without_hashed(part) for part in parts))
        case FirstOf(options=options):
            return FirstOf(options=tuple(_without_hashed(option) for option in options))
    return template


def _uses_currency(template: Template) -> bool:
    match template:
        case Special(name=name):
            return name == "_currency"
        case Filter(source=source):
            return _uses_currency(source)
        case Concat(parts=several) | FirstOf(options=several):
            return any(_uses_currency(each) for each in several)
    return False


def _source(event: Event, name: str) -> str:
    known = catalogue()
    for given, source in event.conversion.items():
        if known.aliases.get(given, given) == name:
            return str(source)
    return ""
