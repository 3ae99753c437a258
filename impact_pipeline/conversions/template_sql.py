"""Templates as SQL over one relation and its joins: pure, and no text of a template becomes SQL unquoted."""

from dataclasses import dataclass

from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.templates import Concat, Filter, FirstOf, Literal, Special, Sql, Template
from impact_pipeline.conversions.relations import Joins, Typed
from impact_pipeline.conversions.values import formatted, instant
from impact_pipeline.warehouse.sql import quote_literal


@dataclass(frozen=True, kw_only=True)
class TemplateSql:
    """Turns templates into SQL over one relation and its joins."""

    joins: Joins
    time_zone: str
    maps: dict[str, dict[str, str]]
    event: str = "r"
    currency: str = "null::varchar"
    first_lead: Joins | None = None

    def plain(self, template: Template) -> str:
        """SQL of the template as text."""
        return self.value(template, "string")

    def value(self, template: Template, kind: str) -> str:
        """SQL of the template as text in the form of a parameter kind; null where it has no such form."""
        match template:
            case FirstOf(options=options):
                return "coalesce(" + ", ".join(self.value(option, kind) for option in options) + ")"
            case Filter(name="date", source=FieldPath() as path):
                return f"strftime({self._column(path).sql}, '%Y-%m-%d')"
            case FieldPath():
                return f"nullif({formatted(self._column(template), kind, self.time_zone)}, '')"
            case Special(name="_event_at"):
                return instant(f"{self.event}.event_at")
            case Special(name="_detected_at"):
                return instant(f"{self.event}.detected_at")
            case _:
                return formatted(Typed(sql=self._text(template), type="VARCHAR"), kind, self.time_zone)

    def _text(self, template: Template) -> str:
        match template:
            case Literal(text=words):
                return quote_literal(words)
            case Special():
                return self.currency
            case Concat(parts=parts):
                return "(" + " || ".join(self.plain(part) for part in parts) + ")"
            case Sql(expression=expression):
                return f"({expression.render(lambda path: self._column(path).sql)})::varchar"
            case Filter(name=name, argument=argument, source=source):
                return self._filtered(name, argument, self.plain(source))
            case _:
                return self.plain(template)

    def _filtered(self, name: str, argument: str | None, value: str) -> str:
        match name:
            case "code":
                return f"regexp_replace({value}, '[^A-Za-z0-9_-]', '_', 'g')"
            case "date":
                return f"left({value}, 10)"
            case "sha1_email":
                return f"sha1(lower(trim({value})))"
            case "map":
                pairs = self.maps[argument or ""].items()
                whens = " ".join(f"when {quote_literal(given)} then {quote_literal(sent)}" for given, sent in pairs)
                return f"case {value} {whens} end" if whens else "null"
            case _:
                return f"{name}({value})"

    def _column(self, path: FieldPath) -> Typed:
        if path.first_lead:
            return (self.first_lead or self.joins).column(path.parts, optional=path.optional)
        return self.joins.column(path.parts, optional=path.optional)
