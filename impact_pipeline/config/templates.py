"""
The mapping language: `Opportunity_{StageName}`, `{Account.Name}`, `{CloseDate|date}`, a list for the first that is not null.

A template is parsed into a small tree and compiled from it; no text of a template ever becomes SQL.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from impact_pipeline.config.expressions import Expression, ExpressionError, FieldPath

FILTERS = ("code", "date", "map", "sha1_email", "lower", "upper", "trim")
SPECIALS = ("_event_at", "_currency", "_detected_at")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")


class TemplateError(ValueError):
    """The template can't be read; says where."""


@dataclass(frozen=True, kw_only=True)
class Literal:
    text: str


@dataclass(frozen=True, kw_only=True)
class Special:
    """A value of the event itself: its time, its currency."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Filter:
    name: str
    argument: str | None
    source: "Template"


@dataclass(frozen=True, kw_only=True)
class Concat:
    """Null as soon as a piece is null."""

    parts: tuple["Template", ...]


@dataclass(frozen=True, kw_only=True)
class FirstOf:
    options: tuple["Template", ...]


@dataclass(frozen=True, kw_only=True)
class Sql:
    expression: Expression


Template = Literal | FieldPath | Special | Filter | Concat | FirstOf | Sql


def parse(source: object) -> Template:
    """
    The tree of a template as it stands in YAML: a text, a list, a number, or a mapping {sql: ...}.

    Raises:
        TemplateError: unbalanced braces, an unknown filter or special, a name that is none.
    """
    if isinstance(source, list):
        if not source:
            raise TemplateError("an empty list has no first value.")
        return FirstOf(options=tuple(parse(option) for option in source))
    if isinstance(source, dict):
        if set(source) != {"sql"} or not isinstance(source["sql"], str):
            raise TemplateError("a mapping has the one key sql.")
        try:
            return Sql(expression=Expression(source["sql"]))
        except ExpressionError as error:
            raise TemplateError(str(error)) from error
    if isinstance(source, bool):
        return Literal(text="true" if source else "false")
    if isinstance(source, (int, float)):
        return Literal(text=str(source))
    if not isinstance(source, str) or source == "":
        raise TemplateError("a template is a text, a list of texts, or {sql: expression}.")
    if source.startswith("sql:"):
        return parse({"sql": source.removeprefix("sql:").strip()})
    parts: list[Template] = []
    for match in _PIECE.finditer(source):
        inside, plain, brace = match.groups()
        if brace:
            raise TemplateError(f"a brace stands alone at character {match.start() + 1}; write {{Field}}.")
        parts.append(Literal(text=plain) if plain is not None else _piece(inside))
    return parts[0] if len(parts) == 1 else Concat(parts=tuple(parts))


def paths(template: Template) -> Iterator[FieldPath]:
    """Every field that the template reads."""
    match template:
        case FieldPath():
            yield template
        case Filter(source=source):
            yield from paths(source)
        case Concat(parts=parts):
            for part in parts:
                yield from paths(part)
        case FirstOf(options=options):
            for option in options:
                yield from paths(option)
        case Sql(expression=expression):
            yield from expression.paths()


def _piece(inside: str) -> Template:
    name, *filters = [part.strip() for part in inside.split("|")]
    tree: Template = _field(name)
    for text in filters:
        filter_name, _, argument = text.partition(":")
        if filter_name not in FILTERS:
            raise TemplateError(f"the filter {filter_name!r} is not one of {', '.join(FILTERS)}.")
        if (filter_name == "map") != bool(argument):
            raise TemplateError("map takes the name of a value map, {Field|map:name}; no other filter takes one.")
        tree = Filter(name=filter_name, argument=argument or None, source=tree)
    return tree


def _field(name: str) -> Template:
    if name in SPECIALS:
        return Special(name=name)
    optional = name.endswith("?")
    parts = tuple(name.removesuffix("?").split("."))
    first_lead = parts[0] == "first_lead" and len(parts) > 1
    if first_lead:
        parts = parts[1:]
    for part in parts:
        if not _NAME.match(part):
            raise TemplateError(
                f"{{{name}}} is no field: use {{Field}}, {{Parent.Field}}, {{first_lead.Field}} or one of "
                f"{', '.join('{' + s + '}' for s in SPECIALS)}."
            )
    return FieldPath(parts=parts, optional=optional, first_lead=first_lead)
