"""Parses one object file: templates into trees, conditions into expressions. Problems are collected, not raised."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from impact_pipeline.config.compiled import LINES, EventConfig, ItemsConfig, ObjectConfig, RuleConfig
from impact_pipeline.config.errors import Problem
from impact_pipeline.config.expressions import Expression, ExpressionError
from impact_pipeline.config.files import suggestion
from impact_pipeline.config.history import sources
from impact_pipeline.config.mapping import (
    address_problems,
    code_problems,
    conversion_problems,
    item_problems,
    unknown_parameter,
)
from impact_pipeline.config.models import After, Event, EventType, Items, ObjectFile, Pipeline
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.salesforce_text import FIXED_FIELDS, cron_problem, filter_problem
from impact_pipeline.config.templates import (
    HOW,
    Literal,
    Sql,
    Template,
    TemplateError,
    map_names,
    may_give,
    parse,
    paths,
)

_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_DEFAULT_CODES = {"modify": "ORDER_UPDATE", "reverse": "REJECTED"}


@dataclass(kw_only=True)
class Reader:
    """
    Reads object files of one configuration.

    Args:
        file: the file's name in messages.
        problems, warnings: what is found is added here.
        pipeline: None where pipeline.yaml can't be read; what depends on it is not checked then.
    """

    file: str
    problems: list[Problem]
    warnings: list[str]
    pipeline: Pipeline | None

    def read(self, model: ObjectFile) -> ObjectConfig:
        """The file, parsed. It may only be used if no problem was added."""
        self._api_name("object", model.object)
        if model.capture_filter is not None and (found := filter_problem(model.capture_filter)):
            remedy = f"Compare {', '.join(FIXED_FIELDS)} with values; use scope for all that can change."
            self._add("capture_filter", model.capture_filter, found, remedy)
        if model.full_reread is not None and (found := cron_problem(model.full_reread)):
            self._add(
                "full_reread", model.full_reread, found, 'Write five fields, such as "0 3 * * *": daily at three.'
            )
        about = ObjectConfig(
            name=model.object,
            file=self.file,
            declared=model,
            scope=self._expression("scope", model.scope),
            consent=self._expression("consent", model.consent),
            customer_id=tuple(self._customer_id(place, source) for place, source in enumerate(model.customer_id)),
            events={name: self._event(name, event, model.object) for name, event in model.events.items()},
        )
        if model.object != "Opportunity" and any(path.start == "primary_contact" for path in about.record_paths()):
            problem = "primary_contact is read, and only opportunities have one."
            self._add("object", model.object, problem, "Read a contact that the record refers to, or leave it out.")
        return about

    def _customer_id(self, place: int, source: object) -> Template:
        key = f"customer_id.{place}"
        template = self._template(key, source)
        self.problems += address_problems(self.file, key, template)
        if not list(paths(template)):
            remedy = "Name a field, such as {Customer_Id__c?} or {Id}."
            self._add(key, str(source), "it reads no field, so all records would be one customer.", remedy)
        return template

    def _event(self, name: str, event: Event, object_name: str) -> EventConfig:
        at = f"events.{name}"
        if not _API_NAME.match(name):
            self._add(at, name, "it is no name.", "Use letters, digits and underscores, such as won.")
        self._trigger(at, event, object_name)
        conversion = self._mapping(f"{at}.conversion", event.conversion, is_item=False)
        self.problems += conversion_problems(self.file, at, event, conversion)
        code = conversion.get("EventTypeCode")
        if self.pipeline is not None and code is not None:
            self.problems += code_problems(self.file, at, event, code, self.pipeline)
            self._locking(at, event, [t for name, t in self.pipeline.event_types.items() if may_give(code, name)])
        self._warn_of_shared_order_id(at, event, conversion.get("OrderId"))
        when = self._expression(f"{at}.when", event.when, may_use_before=True)
        if event.refund_of is not None:
            self._refund(f"{at}.refund_of", event.refund_of, event, when)
        for row, reason in event.deviations.items():
            self.warnings.append(f"{self.file}: {at}: published mapping, {row}: {reason}")
        return EventConfig(
            name=name,
            declared=event,
            when=when,
            histories=sources(object_name, event.history, event.updated),
            conversion=conversion,
            items=None if event.items is None else self._items(f"{at}.items", event.items, object_name),
            rules=tuple(self._rule(f"{at}.after.{place}", rule) for place, rule in enumerate(event.after)),
        )

    def _trigger(self, at: str, event: Event, object_name: str) -> None:
        if not event.created and not event.updated:
            remedy = "Set created: true, or name watched fields in updated."
            self._add(f"{at}.updated", "", "nothing triggers the event.", remedy)
        for key, names in (("updated", event.updated), ("once_per", event.once_per)):
            for field_name in names:
                if (key, field_name) != ("updated", LINES):
                    self._api_name(f"{at}.{key}", field_name)
        if "Id" not in event.once_per:
            problem = "an event belongs to its record, so its Id is always part of it."
            self._add(f"{at}.once_per", ", ".join(event.once_per), problem, "Add Id.")
        if event.history == "stages" and (object_name != "Opportunity" or "StageName" not in event.updated):
            problem = "OpportunityHistory tells the stages of opportunities."
            remedy = "Use it on Opportunity with StageName in updated; elsewhere history: fields."
            self._add(f"{at}.history", "stages", problem, remedy)
        if event.history == "fields" and not set(event.updated) - {LINES}:
            self._add(f"{at}.history", "fields", "no watched field has a history.", "Name fields in updated.")

    def _warn_of_shared_order_id(self, at: str, event: Event, order_id: Template | None) -> None:
        named = {path.parts[0] for path in paths(order_id)} if order_id is not None else set()
        for field_name in event.once_per:
            if order_id is not None and field_name not in named:
                self.warnings.append(
                    f"{self.file}: {at}.once_per: OrderId does not name {field_name}, so a second event of the same "
                    "record would have the OrderId of the first and be held."
                )

    def _refund(self, key: str, field: str, event: Event, when: Expression | None) -> None:
        self._api_name(key, field)
        money = (event.items.model_extra or {}) if event.items is not None else {}
        if "ItemSubTotal" not in money:
            problem = "what it lowers are the subtotals of items, and the event has none."
            self._add(key, field, problem, "Add items with ItemSubTotal, or leave it out.")
        if when is not None and when.uses_before():
            problem = "a refund counts while `when` is true, and before. is true for a moment only."
            self._add(key, field, problem, "Take before. out of `when`.")

    def _locking(self, at: str, event: Event, types: list[EventType]) -> None:
        for place, rule in enumerate(event.after):
            if rule.do == "approve" and not any(about.open_ended_locking for about in types):
                problem = "none of its event types has open-ended locking, so nothing can be approved."
                remedy = "Say open_ended_locking: true in event_types if it is set so at impact.com."
                self._add(f"{at}.after.{place}.do", rule.do, problem, remedy)
            if rule.do == "modify" and event.items is None and any(about.open_ended_locking for about in types):
                self.warnings.append(
                    f"{self.file}: {at}.after.{place}: with open-ended locking impact.com takes a modification of the "
                    "order's amount or status as its approval."
                )

    def _rule(self, at: str, rule: After) -> RuleConfig:
        if not rule.changed and not rule.deleted and rule.when is None:
            self._add(at, rule.do, "nothing says when it applies.", "Add changed, deleted: true or when.")
        for field_name in rule.changed:
            if field_name != LINES:
                self._api_name(f"{at}.changed", field_name)
        code = rule.code or _DEFAULT_CODES.get(rule.do, "")
        known = catalogue().codes
        if not code:
            problem = "impact.com approves by a disposition code of your own, which has that effect there."
            self._add(f"{at}.code", "", problem, "Add code, as it stands at impact.com.")
        elif rule.do == "approve":
            if any(code in codes for codes in known.values()):
                self._add(f"{at}.code", code, "it is impact.com's own code, which approves nothing.", "Use your own.")
        elif code not in known[rule.do]:
            elsewhere = [do for do in known if code in known[do]]
            near = [each for each in known[rule.do] if each == code.upper()]
            if elsewhere:
                remedy = f"Use one of {', '.join(known[rule.do])}, or a code of your own."
                self._add(f"{at}.code", code, f"impact.com takes it to {elsewhere[0]} only.", remedy)
            elif near:
                self._add(f"{at}.code", code, "case counts in codes.", f"Did you mean {near[0]}?")
            else:
                self.warnings.append(f"{self.file}: {at}.code: {code} has to be a disposition code of your account.")
        return RuleConfig(
            changed=rule.changed,
            deleted=rule.deleted,
            when=self._expression(f"{at}.when", rule.when, may_use_before=True),
            do=rule.do,
            code=code,
        )

    def _items(self, at: str, items: Items, object_name: str) -> ItemsConfig:
        self._api_name(f"{at}.object", items.object)
        if items.parent is not None:
            self._api_name(f"{at}.parent", items.parent)
        parameters = self._mapping(at, dict(items.model_extra or {}), is_item=True)
        self.problems += item_problems(self.file, at, parameters)
        return ItemsConfig(
            object=items.object,
            parent=items.parent or f"{object_name}Id",
            wait_seconds=items.wait.total_seconds(),
            amount=self._template(f"{at}.amount", items.amount),
            parameters=parameters,
        )

    def _mapping(self, at: str, declared: dict[str, Any], *, is_item: bool) -> dict[str, Template]:
        known = catalogue()
        mapping: dict[str, Template] = {}
        for given, source in declared.items():
            name = known.aliases.get(given, given)
            parameter = known.by_name.get(name)
            key = f"{at}.{given}"
            if parameter is None or parameter.is_item != is_item:
                self.problems.append(unknown_parameter(self.file, key, given, parameter))
            elif parameter.filled_by:
                self._add(key, "", "the pipeline fills it.", parameter.filled_by)
            elif name in mapping:
                self._add(key, "", f"it is {name} under another name.", "Keep one of them.")
            else:
                mapping[name] = self._template(key, source)
                if parameter.elsewhere:
                    self.warnings.append(f"{self.file}: {key}: impact.com's API description does not list {name}.")
        return mapping

    def _template(self, key: str, source: object) -> Template:
        try:
            template = parse(source)
        except TemplateError as error:
            self._add(key, "" if isinstance(source, (dict, list)) else str(source), str(error), HOW)
            return Literal(text="")
        maps = self.pipeline.value_maps if self.pipeline is not None else {}
        for name in map_names(template):
            if self.pipeline is not None and name not in maps:
                remedy = suggestion(name, maps) or "Add it to value_maps in pipeline.yaml."
                self._add(key, name, "value_maps has no such map.", remedy)
        if any(expression.uses_before() for expression in _expressions(template)):
            self._add(key, str(source), "before. belongs into when: a conversion reports what the record is now.", HOW)
        return template

    def _expression(self, key: str, text: str | None, *, may_use_before: bool = False) -> Expression | None:
        if text is None:
            return None
        try:
            expression = Expression(text)
        except ExpressionError as error:
            self._add(key, text, str(error), "Compare fields with values, such as StageName = 'Closed Won'.")
            return None
        for start in dict.fromkeys(path.start for path in expression.paths() if path.start):
            remedy = "Use it in conversion or customer_id, or compare a field of the record."
            self._add(key, text, f"{start} is not known where events are decided.", remedy)
        if expression.uses_before() and not may_use_before:
            self._add(key, text, "before. belongs into when: this holds for the record as it is.", "Use when.")
        return expression

    def _api_name(self, key: str, name: str) -> None:
        if not _API_NAME.match(name):
            remedy = (
                "Use the API name of Setup's Object Manager, such as Tier__c; a parent's field belongs to its own file."
            )
            self._add(key, name, "it is no API name.", remedy)

    def _add(self, key: str, value: str, problem: str, remedy: str) -> None:
        self.problems.append(Problem(file=self.file, key=key, value=value, problem=problem, remedy=remedy))


def _expressions(template: Template) -> Iterator[Expression]:
    match template:
        case Sql(expression=expression):
            yield expression
        case _:
            for part in getattr(template, "parts", ()) or getattr(template, "options", ()):
                if not isinstance(part, str):
                    yield from _expressions(part)
