"""Templates as SQL over one relation and its joins: pure, and no text of a template becomes SQL unquoted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from impact_pipeline.config.expression_types import result_type
from impact_pipeline.config.expressions import Expression, FieldPath
from impact_pipeline.config.templates import SHORT_HASH, Concat, Filter, FirstOf, Literal, Special, Sql, Template
from impact_pipeline.conversions.relations import Joins, Typed
from impact_pipeline.conversions.values import formatted
from impact_pipeline.warehouse.sql import quote_literal


@dataclass(frozen=True, kw_only=True)
class TemplateSql:
    """
    Turns templates into SQL.

    Args:
        event: alias of the relation with the times of the event.
        currency: SQL of {_currency}.
        starts: where {first_lead.X} and {primary_contact.X} start.
    """

    joins: Joins
    time_zone: str
    maps: dict[str, dict[str, str]]
    event: str = "r"
    currency: str = "null::varchar"
    starts: Mapping[str, Joins] = field(default_factory=dict)

    def plain(self, template: Template) -> str:
        """SQL of the template as text."""
        return self.value(template, "string")

    def value(self, template: Template, kind: str) -> str:
        """SQL of the template as text in the form of a parameter kind; null where it has no such form."""
        if isinstance(template, FirstOf):
            if kind == "string":
                return f"coalesce({', '.join(self.plain(each) for each in template.options)})"
            # The first that is not null counts, also where it does not have the form.
            whens = [f"when {self.plain(each)} is not null then {self.value(each, kind)}" for each in template.options]
            return f"case {' '.join(whens)} end"
        return f"nullif({formatted(self._typed(template), kind, self.time_zone)}, '')"

    def _typed(self, template: Template) -> Typed:
        match template:
            case FieldPath():
                return self._column(template)
            case Special(name="_currency"):
                return Typed(sql=self.currency, type="VARCHAR")
            case Special(name=name):
                return Typed(sql=f"{self.event}.{name.removeprefix('_')}", type="TIMESTAMP WITH TIME ZONE")
            case Sql(expression=expression):
                return self._computed(expression)
            case Literal(text=words):
                return _text(quote_literal(words))
            case Concat(parts=parts):
                return _text("(" + " || ".join(self.plain(part) for part in parts) + ")")
            case Filter(name="date", source=source):
                return _text(self._date(source))
            case Filter(name=name, argument=argument, source=source):
                return _text(self._filtered(name, argument, self.plain(source)))
            case _:
                return _text(self.plain(template))

    def _computed(self, expression: Expression) -> Typed:
        columns = {path: self._column(path) for path in expression.paths()}
        kind = result_type(expression, {path: column.type for path, column in columns.items()})
        return Typed(sql=expression.render(lambda path: columns[path].sql), type=kind)

    def _date(self, source: Template) -> str:
        typed = self._typed(source)
        if typed.type.startswith("TIMESTAMP WITH"):
            return f"strftime({typed.sql} at time zone {quote_literal(self.time_zone)}, '%Y-%m-%d')"
        if typed.type.startswith(("DATE", "TIMESTAMP")):
            return f"strftime({typed.sql}, '%Y-%m-%d')"
        return f"left({self.plain(source)}, 10)"

    def _filtered(self, name: str, argument: str | None, value: str) -> str:
        match name:
            case "code":
                return f"regexp_replace({value}, '[^A-Za-z0-9_-]', '_', 'g')"
            case "short":
                # What has the sign in it is hashed, too, so nothing can look like the short form of something else.
                kept = int(argument or 0) - SHORT_HASH - 1
                short = f"left({value}, {kept}) || '~' || left(sha256({value}), {SHORT_HASH})"
                is_long = f"length({value}) > {argument} or contains({value}, '~')"
                return f"case when {is_long} then {short} else {value} end"
            case "sha1_email":
                address = f"lower(regexp_replace({value}, '^\\s+|\\s+$', '', 'g'))"
                return f"case when contains({value}, '@') then sha1({address}) end"
            case "map":
                pairs = self.maps[argument or ""].items()
                whens = " ".join(f"when {quote_literal(given)} then {quote_literal(sent)}" for given, sent in pairs)
                return f"case {value} {whens} end" if whens else "null"
            case _:
                return f"{name}({value})"

    def _column(self, path: FieldPath) -> Typed:
        return self.starts.get(path.start, self.joins).column(path.parts, optional=path.optional)


def _text(sql: str) -> Typed:
    return Typed(sql=sql, type="VARCHAR")
