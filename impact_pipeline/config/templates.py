"""
The mapping language: `Opportunity_{StageName}`, `{Account.Name}`, `{CloseDate|date}`, a list for the first not null.

A template is parsed into a small tree and compiled from it; no text of a template ever becomes SQL.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from impact_pipeline.config.expressions import STARTS, Expression, ExpressionError, FieldPath

FILTERS = ("code", "date", "map", "sha1_email", "short", "lower", "upper", "trim")
# Hexadecimal digits of SHA-256 at the end of a shortened value, and the lengths that a value can be shortened to.
SHORT_HASH = 12
_SHORTEST, _LONGEST = 20, 64
SPECIALS = ("_event_at", "_currency", "_detected_at")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")


HOW = "Write {Field}, {Parent.Field}, {Field|filter}, a list of which the first not null counts, or sql: EXPRESSION."


class TemplateError(ValueError):
    """The template can't be read; says why."""


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
    The tree of a template as it stands in YAML: a text, a number, true or false, a list, or a mapping {sql: ...}.

    Raises:
        TemplateError: unbalanced braces, an unknown filter or special, a name that is none.
    """
    if isinstance(source, list):
        if not source:
            raise TemplateError("an empty list has no first value.")
        return FirstOf(options=tuple(parse(option) for option in source))
    if isinstance(source, dict):
        if set(source) != {"sql"} or not isinstance(source["sql"], str):
            raise TemplateError("a mapping has the one key sql, and an expression behind it.")
        try:
            return Sql(expression=Expression(source["sql"]))
        except ExpressionError as error:
            raise TemplateError(str(error)) from error
    if isinstance(source, bool):
        return Literal(text="true" if source else "false")
    if isinstance(source, (int, Decimal)):
        return Literal(text=f"{source:f}" if isinstance(source, Decimal) else str(source))
    if not isinstance(source, str) or source == "":
        raise TemplateError("an empty value or a mapping is no template; leave the parameter out to send nothing.")
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


def map_names(template: Template) -> Iterator[str]:
    """Names of the value maps that the template looks values up in."""
    match template:
        case Filter(name=name, argument=argument, source=source):
            if name == "map" and argument is not None:
                yield argument
            yield from map_names(source)
        case Concat(parts=several) | FirstOf(options=several):
            for each in several:
                yield from map_names(each)


def may_give(template: Template, text: str) -> bool:
    """Whether the template can give this text: its fixed pieces are in it, in order."""
    match template:
        case Literal(text=fixed):
            return fixed == text
        case FirstOf(options=options):
            return any(may_give(option, text) for option in options)
        case Concat(parts=parts):
            pattern = "".join(re.escape(part.text) if isinstance(part, Literal) else ".+" for part in parts)
            return re.fullmatch(pattern, text) is not None
    return True


def fixed_length(template: Template) -> int:
    """How many characters the template gives at least, from its fixed pieces alone."""
    match template:
        case Literal(text=fixed):
            return len(fixed)
        case FirstOf(options=options):
            return min(fixed_length(option) for option in options)
        case Concat(parts=parts):
            return sum(fixed_length(part) for part in parts)
    return 0


def identifies(template: Template) -> bool:
    """Whether two records can't share what it gives: the record's own Id is in it, whichever way it goes."""
    match template:
        case FieldPath():
            return template.parts == ("Id",) and not template.start
        case Filter(name=name, source=source):
            return name in ("code", "lower", "trim", "upper") and identifies(source)
        case Concat(parts=parts):
            return any(identifies(part) for part in parts)
        case FirstOf(options=options):
            return all(identifies(option) for option in options)
        case Sql(expression=expression):
            return any(path.parts == ("Id",) and not path.start for path in expression.paths())
    return False


def _piece(inside: str) -> Template:
    name, *filters = [part.strip() for part in inside.split("|")]
    tree: Template = _field(name)
    for text in filters:
        filter_name, _, argument = text.partition(":")
        if filter_name not in FILTERS:
            raise TemplateError(f"the filter {filter_name!r} is not one of {', '.join(FILTERS)}.")
        if filter_name == "short" and not (argument.isdecimal() and _SHORTEST <= int(argument) <= _LONGEST):
            raise TemplateError(f"short takes a length from {_SHORTEST} to {_LONGEST}: {{Field|short:30}}.")
        if (filter_name in ("map", "short")) != bool(argument):
            raise TemplateError("map takes the name of a value map, {Field|map:name}; no other filter takes one.")
        tree = Filter(name=filter_name, argument=argument or None, source=tree)
    return tree


def _field(name: str) -> Template:
    if name in SPECIALS:
        return Special(name=name)
    optional = name.endswith("?")
    parts = tuple(name.removesuffix("?").split("."))
    if parts[0].lower() == "before":
        raise TemplateError("before. belongs into when: a conversion reports what the record is now.")
    start = parts[0] if parts[0] in STARTS and len(parts) > 1 else ""
    if start:
        parts = parts[1:]
    if not all(_NAME.match(part) for part in parts):
        specials = ", ".join(f"{{{special}}}" for special in SPECIALS)
        raise TemplateError(f"{{{name}}} is no field and none of {specials}.")
    return FieldPath(parts=parts, optional=optional, start=start)
