"""
What is wrong with a configuration once the types of its fields are known, by describe: before anything is read with it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from impact_pipeline.config.compiled import Config, EventConfig, ObjectConfig
from impact_pipeline.config.errors import Problem
from impact_pipeline.config.expression_types import result_type
from impact_pipeline.config.expressions import Expression, ExpressionError, FieldPath
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.config.templates import Concat, Filter, FirstOf, Sql, Template


@dataclass(frozen=True, kw_only=True)
class FieldType:
    """
    The type of a field.

    Args:
        column: of its column in DuckDB, such as DECIMAL(18,2).
        described: Salesforce's name for it, such as email.
    """

    column: str
    described: str


# Object and path → its type; None where the path leads nowhere, which is told elsewhere.
TypeOf = Callable[[str, FieldPath], FieldType | None]
_NUMBERS, _TIMES = ("DECIMAL", "DOUBLE", "BIGINT", "INTEGER", "HUGEINT"), ("DATE", "TIMESTAMP")
# Kind of parameter → columns that can never become one. A text can become any of them.
_NEVER: Mapping[str, tuple[str, ...]] = {
    "money": (*_TIMES, "BOOLEAN"),
    "decimal": (*_TIMES, "BOOLEAN"),
    "integer": (*_TIMES, "BOOLEAN"),
    "datetime": (*_NUMBERS, "BOOLEAN"),
    "boolean": (*_NUMBERS, *_TIMES),
    "currency": (*_NUMBERS, *_TIMES, "BOOLEAN"),
}
_PERSONAL = ("email", "phone", "encryptedstring")


def type_problems(config: Config, type_of: TypeOf) -> list[Problem]:
    """Comparisons of what can't be compared, values that can never fit, personal fields that would leave as such."""
    return [
        problem for about in config.objects.values() for problem in _Checker(about=about, type_of=type_of).problems()
    ]


@dataclass(frozen=True, kw_only=True)
class _Checker:
    about: ObjectConfig
    type_of: TypeOf

    def problems(self) -> Iterator[Problem]:
        name = self.about.name
        for key, condition in (("scope", self.about.scope), ("consent", self.about.consent)):
            yield from self._condition(key, condition)
        for place, template in enumerate(self.about.customer_id):
            yield from self._template(f"customer_id.{place}", name, template, catalogue().by_name["CustomerId"])
        for event in self.about.events.values():
            yield from self._event(f"events.{event.name}", event)

    def _event(self, at: str, event: EventConfig) -> Iterator[Problem]:
        yield from self._condition(f"{at}.when", event.when)
        for place, rule in enumerate(event.rules):
            yield from self._condition(f"{at}.after.{place}.when", rule.when)
        known = catalogue().by_name
        for name, template in event.conversion.items():
            yield from self._template(f"{at}.conversion.{name}", self.about.name, template, known[name])
        if event.items is not None:
            yield from self._template(f"{at}.items.amount", self.about.name, event.items.amount, known["ItemSubTotal"])
            for name, template in event.items.parameters.items():
                yield from self._template(f"{at}.items.{name}", event.items.object, template, known[name])

    def _condition(self, key: str, condition: Expression | None) -> Iterator[Problem]:
        if condition is None:
            return
        try:
            given = self._result_type(self.about.name, condition)
        except ExpressionError as error:
            yield self._problem(key, condition.text, str(error), "Compare values of one type.")
            return
        if given not in ("BOOLEAN", None) and condition.text.strip().lower() != "null":
            problem, remedy = f"it gives {given}, not true or false.", "Compare it with something."
            yield self._problem(key, condition.text, problem, remedy)

    def _template(self, key: str, object_name: str, template: Template, parameter: Parameter) -> Iterator[Problem]:
        match template:
            case FirstOf(options=options):
                for option in options:
                    yield from self._template(key, object_name, option, parameter)
            case Concat(parts=parts):
                for part in parts:
                    yield from self._piece(key, object_name, part, parameter)
            case _:
                yield from self._piece(key, object_name, template, parameter)
                yield from self._fit(key, object_name, template, parameter)

    def _piece(self, key: str, object_name: str, template: Template, parameter: Parameter) -> Iterator[Problem]:
        """What is wrong with the fields of a template, whatever it is for."""
        match template:
            case Sql(expression=expression):
                try:
                    self._result_type(object_name, expression)
                except ExpressionError as error:
                    yield self._problem(key, expression.text, str(error), "Mend the expression.")
                for path in expression.paths():
                    yield from self._personal(key, object_name, path, parameter)
            case Filter(name=name, source=FieldPath() as path):
                found = self.type_of(object_name, path)
                if found is not None and not found.column.startswith(_FILTERED.get(name, "")):
                    problem = f"the filter {name} does not go with a field of type {found.described}."
                    yield self._problem(key, str(path), problem, "Leave the filter out, or take another field.")
                elif name != "sha1_email":
                    yield from self._personal(key, object_name, path, parameter)
            case Filter(source=source, name=name) if name != "sha1_email":
                yield from self._piece(key, object_name, source, parameter)
            case FieldPath():
                yield from self._personal(key, object_name, template, parameter)

    def _personal(self, key: str, object_name: str, path: FieldPath, parameter: Parameter) -> Iterator[Problem]:
        found = self.type_of(object_name, path)
        if found is None or found.described not in _PERSONAL:
            return
        if found.described == "email" and parameter.kind != "hash":
            problem, remedy = "it is an e-mail address, and one leaves as a hash only.", f"Write {{{path}|sha1_email}}."
            yield self._problem(key, str(path), problem, remedy)
        elif not parameter.role.startswith("personal"):
            problem = f"it is a {found.described} at Salesforce, and {parameter.name} takes no personal data."
            yield self._problem(key, str(path), problem, "Map another field, or a parameter that is meant for it.")

    def _fit(self, key: str, object_name: str, template: Template, parameter: Parameter) -> Iterator[Problem]:
        """A field or an expression whose type can never become the parameter's."""
        match template:
            case FieldPath():
                found = self.type_of(object_name, template)
                given = found.column if found is not None else ""
            case Sql(expression=expression):
                try:
                    given = self._result_type(object_name, expression) or ""
                except ExpressionError:
                    return
            case _:
                return
        if given.startswith(_NEVER.get(parameter.kind, ())):
            problem = f"it gives {given}, and {parameter.name} takes a {parameter.kind}."
            yield self._problem(key, "", problem, "Map another field, or convert it by sql:.")

    def _result_type(self, object_name: str, expression: Expression) -> str | None:
        """Raises ExpressionError; None where a field is not known."""
        types: dict[FieldPath, str] = {}
        for path in expression.paths():
            found = self.type_of(object_name, path)
            if found is None:
                return None
            types[path] = found.column
        return result_type(expression, types)

    def _problem(self, key: str, value: str, problem: str, remedy: str) -> Problem:
        return Problem(file=self.about.file, key=key, value=value, problem=problem, remedy=remedy)


_FILTERED: Mapping[str, tuple[str, ...]] = {"date": ("VARCHAR", *_TIMES), "sha1_email": ("VARCHAR",)}
