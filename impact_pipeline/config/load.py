"""Reads a folder with pipeline.yaml and objects/*.yaml into a Config, checked as a whole before anything else happens."""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ValidationError

from impact_pipeline.config.errors import ConfigError, Problem
from impact_pipeline.config.expressions import Expression, ExpressionError, FieldPath
from impact_pipeline.config.history import HistorySource, sources
from impact_pipeline.config.models import Event, Items, ObjectFile, Pipeline
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.config.templates import Concat, Filter, FirstOf, Literal, Template, TemplateError, parse, paths

PACKS = Path(__file__).parent / "packs"
RECOMMENDED = PACKS / "recommended"
_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
# Read where the org has them, to tell a renamed stage or status from 40,000 changes.
_VALUE_LISTS = {"Opportunity": "OpportunityStage", "Lead": "LeadStatus"}
# Their first Lead may have been converted into the account only.
_BELONG_TO_ACCOUNTS = ("Contact", "Opportunity")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class RuleConfig:
    """One line of `after`, parsed."""

    changed: tuple[str, ...]
    deleted: bool
    when: Expression | None
    do: str
    code: str | None


@dataclass(frozen=True, kw_only=True)
class ItemsConfig:
    """The lines of a sale, parsed. `parameters` maps item parameters to templates over the line."""

    object: str
    parent: str
    wait_seconds: float
    amount: Template
    parameters: dict[str, Template]


@dataclass(frozen=True, kw_only=True)
class EventConfig:
    """An event of an object, parsed. `conversion` maps order parameters to templates over the record."""

    name: str
    declared: Event
    when: Expression | None
    histories: tuple[HistorySource, ...]
    conversion: dict[str, Template]
    items: ItemsConfig | None
    rules: tuple[RuleConfig, ...]


@dataclass(frozen=True, kw_only=True)
class ObjectConfig:
    """One object file, parsed."""

    name: str
    file: str
    declared: ObjectFile
    scope: Expression | None
    consent: Expression | None
    customer_id: tuple[Template, ...]
    events: dict[str, EventConfig]


@dataclass(frozen=True, kw_only=True)
class Config:
    """
    The whole configuration.

    Args:
        hash: SHA-256 over the canonical content, hex; comments and order don't count.
        canonical: the content as JSON.
        warnings: what is allowed and yet worth knowing.
    """

    folder: Path
    pipeline: Pipeline
    objects: dict[str, ObjectConfig]
    hash: str
    canonical: str
    warnings: tuple[str, ...] = field(default=())

    def capture_set(self) -> dict[str, set[str]]:
        """Object → fields and paths (Account.Name) that a cycle has to read."""
        wanted: dict[str, set[str]] = {}
        for name, config in self.objects.items():
            mine = wanted.setdefault(name, set())
            mine |= {
                str(path).removesuffix("?") for path in _record_paths(config) if not path.first_lead and not path.before
            }
            mine |= {".".join(path.parts) for path in _record_paths(config) if path.before}
            leads = {".".join(path.parts) for path in _record_paths(config) if path.first_lead}
            if leads:
                wanted.setdefault("Lead", set()).update(leads)
                mine |= {"AccountId"} if name in _BELONG_TO_ACCOUNTS else set()
            for event in config.events.values():
                mine |= {f for f in event.declared.updated if f != "items"} | set(event.declared.once_per)
                mine |= {f for rule in event.rules for f in rule.changed if f != "items"}
                for history in event.histories:
                    wanted.setdefault(history.object, set())
                if event.items is not None:
                    lines = wanted.setdefault(event.items.object, set())
                    lines.add(event.items.parent)
                    lines |= {
                        ".".join(path.parts) for template in event.items.parameters.values() for path in paths(template)
                    }
            if name in _VALUE_LISTS:
                wanted.setdefault(_VALUE_LISTS[name], set())
        return wanted

    def optional_objects(self) -> set[str]:
        """Objects whose absence in the org is no error."""
        return set(_VALUE_LISTS.values())


def load_config(folder: Path) -> Config:
    """
    Read and check a configuration folder.

    Raises:
        ConfigError: with every problem found, each with file, key, value and remedy.
    """
    problems: list[Problem] = []
    pipeline = _read(folder / "pipeline.yaml", "pipeline.yaml", Pipeline, problems)
    files = sorted((folder / "objects").glob("*.yaml")) if (folder / "objects").is_dir() else []
    if pipeline is not None and not files:
        problems.append(
            Problem(
                file="objects/",
                key="*.yaml",
                value="",
                problem="there is no object file.",
                remedy="Add one file per Salesforce object, such as objects/opportunity.yaml.",
            )
        )
    declared = [(f"objects/{file.name}", _read(file, f"objects/{file.name}", ObjectFile, problems)) for file in files]
    objects: dict[str, ObjectConfig] = {}
    warnings: list[str] = []
    for file, model in declared:
        if model is None:
            continue
        if model.object in objects:
            problems.append(
                _problem(file, "object", model.object, "another file is about it too.", "Keep one of them.")
            )
            continue
        parsed = _Reader(file=file, problems=problems, warnings=warnings, pipeline=pipeline).object(model)
        objects[model.object] = parsed
    if pipeline is not None:
        problems += _program_problems(pipeline)
    if problems or pipeline is None:
        raise ConfigError(problems)
    content = {
        "pipeline": pipeline.model_dump(mode="json"),
        "objects": {name: config.declared.model_dump(mode="json") for name, config in sorted(objects.items())},
    }
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Config(
        folder=folder,
        pipeline=pipeline,
        objects=objects,
        hash=hashlib.sha256(canonical.encode()).hexdigest(),
        canonical=canonical,
        warnings=tuple(warnings),
    )


class _Strict(yaml.SafeLoader):
    """YAML without tags of its own, aliases or repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not used here; write the value out", problem_mark=None)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)  # type: ignore[no-untyped-call]
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands there twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _read(path: Path, shown: str, model: type[Model], problems: list[Problem]) -> Model | None:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        remedy = "Set IMPACT_PIPELINE_CONFIG to a folder that has it, or leave it out for the shipped one."
        problems.append(_problem(str(path), "(file)", "", "there is no such file.", remedy))
        return None
    except UnicodeDecodeError:
        problems.append(_problem(shown, "(file)", "", "it is not UTF-8.", "Save it as UTF-8."))
        return None
    try:
        content = yaml.load(text, Loader=_Strict)  # noqa: S506  (a SafeLoader, narrowed)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "(file)"
        problem = getattr(error, "problem", None) or "it can't be parsed"
        problems.append(_problem(shown, where, "", f"{problem}.", "Mend the YAML."))
        return None
    if not isinstance(content, dict):
        problems.append(_problem(shown, "(file)", "", "it has no keys.", "See the file of the shipped pack."))
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        for detail in error.errors():
            problems.append(_validation_problem(shown, detail, model))
        return None


def _validation_problem(file: str, detail: Any, model: type[BaseModel]) -> Problem:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = sorted(_keys(model))
        near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}."
        return _problem(file, key, "", "the key is unknown.", remedy)
    if detail["type"] == "missing":
        return _problem(file, key, "", "the key is missing.", "Add it; the shipped pack shows an example.")
    return _problem(file, key, str(detail["input"]), f"{detail['msg']}.", "Mend the value.")


def _keys(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        yield from part.get("properties", {})


def _program_problems(pipeline: Pipeline) -> Iterator[Problem]:
    try:
        ZoneInfo(pipeline.program.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield _problem(
            "pipeline.yaml",
            "program.time_zone",
            pipeline.program.time_zone,
            "it is no time zone.",
            "Use a name such as America/New_York.",
        )
    ids: dict[int, str] = {}
    for code, about in pipeline.event_types.items():
        if about.id in ids:
            problem = f"{ids[about.id]} has the same id."
            yield _problem(
                "pipeline.yaml", f"event_types.{code}.id", str(about.id), problem, "Look the id up at impact.com."
            )
        ids[about.id] = code
        for parent in about.parents:
            if parent not in pipeline.event_types:
                near = difflib.get_close_matches(parent, list(pipeline.event_types), n=1)
                remedy = f"Did you mean {near[0]}?" if near else "Name a code of event_types."
                yield _problem("pipeline.yaml", f"event_types.{code}.parents", parent, "there is no such code.", remedy)
        if _is_own_ancestor(code, pipeline):
            problem, remedy = "it is its own ancestor.", "Parents come before children; break the circle."
            yield _problem("pipeline.yaml", f"event_types.{code}.parents", ", ".join(about.parents), problem, remedy)


def _is_own_ancestor(code: str, pipeline: Pipeline) -> bool:
    seen: set[str] = set()
    waiting = list(pipeline.event_types[code].parents)
    while waiting:
        parent = waiting.pop()
        if parent == code:
            return True
        if parent in pipeline.event_types and parent not in seen:
            seen.add(parent)
            waiting += pipeline.event_types[parent].parents
    return False


@dataclass(kw_only=True)
class _Reader:
    """Parses one object file; problems are collected, so that one call shows them all."""

    file: str
    problems: list[Problem]
    warnings: list[str]
    pipeline: Pipeline | None

    def object(self, model: ObjectFile) -> ObjectConfig:
        self._api_name("object", model.object)
        events = {name: self._event(name, event, model) for name, event in model.events.items()}
        return ObjectConfig(
            name=model.object,
            file=self.file,
            declared=model,
            scope=self._expression("scope", model.scope),
            consent=self._expression("consent", model.consent),
            customer_id=tuple(
                self._template(f"customer_id[{place}]", source) for place, source in enumerate(model.customer_id)
            ),
            events=events,
        )

    def _event(self, name: str, event: Event, model: ObjectFile) -> EventConfig:
        at = f"events.{name}"
        if not event.created and not event.updated:
            self._add(
                f"{at}.updated", "", "nothing triggers it.", "Set created: true, or name watched fields in updated."
            )
        for key, names in (("updated", event.updated), ("once_per", event.once_per)):
            for field_name in names:
                self._api_name(f"{at}.{key}", field_name)
        if event.history == "stages" and (model.object != "Opportunity" or "StageName" not in event.updated):
            remedy = "Use it on Opportunity with StageName in updated; elsewhere history: fields."
            self._add(f"{at}.history", "stages", "OpportunityHistory tells the stages of opportunities.", remedy)
        conversion = self._mapping(f"{at}.conversion", event.conversion, is_item=False)
        self._check_conversion(at, event, conversion)
        return EventConfig(
            name=name,
            declared=event,
            when=self._expression(f"{at}.when", event.when),
            histories=sources(model.object, event.history, event.updated),
            conversion=conversion,
            items=None if event.items is None else self._items(at, event.items, model.object),
            rules=tuple(
                RuleConfig(
                    changed=rule.changed,
                    deleted=rule.deleted,
                    when=self._expression(f"{at}.after[{place}].when", rule.when),
                    do=rule.do,
                    code=rule.code,
                )
                for place, rule in enumerate(event.after)
            ),
        )

    def _items(self, at: str, items: Items, object_name: str) -> ItemsConfig:
        self._api_name(f"{at}.items.object", items.object)
        parameters = self._mapping(f"{at}.items", dict(items.model_extra or {}), is_item=True)
        for required in ("ItemSku", "ItemCategory", "ItemQuantity"):
            if required not in parameters:
                self._add(f"{at}.items.{required}", "", "impact.com requires it for each item.", "Map it.")
        if not {"ItemSubTotal", "ItemPrice"} & set(parameters):
            self._add(f"{at}.items", "", "no item has money.", "Map ItemSubTotal, or ItemPrice.")
        return ItemsConfig(
            object=items.object,
            parent=items.parent or f"{object_name}Id",
            wait_seconds=items.wait.total_seconds(),
            amount=self._template(f"{at}.items.amount", items.amount),
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
                self._unknown_parameter(key, given, parameter)
            elif parameter.set_by_us:
                self._add(key, "", "the pipeline fills it.", "Leave it out; event_types has its id.")
            elif name in mapping:
                self._add(key, "", f"it is {name} under another name.", "Keep one of them.")
            else:
                mapping[name] = self._template(key, source)
                if parameter.elsewhere:
                    self.warnings.append(f"{self.file}: {key}: impact.com's description of v14 does not list {name}.")
        for exclusion in known.exclusions:
            if set(exclusion.one) & set(mapping) and set(exclusion.other) & set(mapping):
                both = ", ".join((*exclusion.one, *exclusion.other))
                self._add(at, both, exclusion.why, "Keep one of them.")
        return mapping

    def _unknown_parameter(self, key: str, given: str, parameter: Parameter | None) -> None:
        if parameter is not None:
            place = "items" if parameter.is_item else "conversion"
            self._add(key, "", f"{given} belongs under {place}.", "Move it there.")
            return
        near = difflib.get_close_matches(given, [*catalogue().by_name, *catalogue().aliases], n=1)
        remedy = f"Did you mean {near[0]}?" if near else "The catalogue of parameters is in docs/parameters.md."
        self._add(key, "", f"impact.com has no parameter {given}.", remedy)

    def _check_conversion(self, at: str, event: Event, conversion: dict[str, Template]) -> None:
        for required in ("EventTypeCode", "OrderId", "EventDate"):
            if required not in conversion:
                self._add(f"{at}.conversion.{required}", "", "impact.com requires it.", "Map it.")
        order_id = conversion.get("OrderId")
        if order_id is not None and ("Id",) not in {path.parts for path in paths(order_id)}:
            problem = "without the record's Id two records would share it."
            self._add(f"{at}.conversion.OrderId", str(event.conversion["OrderId"]), problem, "Add {Id}.")
        money = [name for name in catalogue().order_money if name in conversion]
        if event.items is not None and money:
            problem = f"{money[0]} and items both carry money; impact.com wants one level."
            self._add(f"{at}.conversion.{money[0]}", "", problem, "Leave it out; the items carry it.")
        code = conversion.get("EventTypeCode")
        if self.pipeline is None or code is None:
            return
        matching = [about for name, about in self.pipeline.event_types.items() if _could_be(code, name)]
        source = str(event.conversion.get("EventTypeCode"))
        if not matching:
            near = difflib.get_close_matches(source, list(self.pipeline.event_types), n=1)
            remedy = f"Did you mean {near[0]}?" if near else "Add the event type to event_types in pipeline.yaml."
            self._add(f"{at}.conversion.EventTypeCode", source, "no code of event_types can come of it.", remedy)
        elif event.items is None and all(about.kind == "sale" for about in matching):
            problem = "its event type is a sale, and impact.com refuses a sale without items."
            self._add(f"{at}.items", "", problem, "Add items:, or declare the event type as a lead.")
        for row, reason in event.deviations.items():
            self.warnings.append(f"{self.file}: {at}: published mapping, row {row}: {reason}")

    def _template(self, key: str, source: object) -> Template:
        try:
            template = parse(source)
        except TemplateError as error:
            self._add(key, str(source), str(error), "See docs/mapping.md.")
            return Literal(text="")
        maps = self.pipeline.value_maps if self.pipeline else {}
        for name in _map_names(template):
            if name not in maps:
                self._add(key, str(source), f"there is no value map {name}.", "Add it to value_maps in pipeline.yaml.")
        return template

    def _expression(self, key: str, text: str | None) -> Expression | None:
        if text is None:
            return None
        try:
            return Expression(text)
        except ExpressionError as error:
            self._add(key, text, str(error), "See docs/mapping.md.")
            return None

    def _api_name(self, key: str, name: str) -> None:
        if not _API_NAME.match(name):
            self._add(key, name, "it is no API name.", "Use the name of Setup's Object Manager, such as Tier__c.")

    def _add(self, key: str, value: str, problem: str, remedy: str) -> None:
        self.problems.append(_problem(self.file, key, value, problem, remedy))


def _could_be(template: Template, code: str) -> bool:
    """Whether a template can give this code: its fixed pieces are in it, in order."""
    if isinstance(template, Literal):
        return template.text == code
    if isinstance(template, FirstOf):
        return any(_could_be(option, code) for option in template.options)
    if isinstance(template, Concat):
        pattern = "".join(re.escape(p.text) if isinstance(p, Literal) else ".+" for p in template.parts)
        return re.fullmatch(pattern, code) is not None
    return True


def _map_names(template: Template) -> Iterator[str]:
    if isinstance(template, Filter):
        if template.argument is not None:
            yield template.argument
        yield from _map_names(template.source)
    for part in getattr(template, "parts", ()) if isinstance(template, Concat) else getattr(template, "options", ()):
        yield from _map_names(part)


def _record_paths(config: ObjectConfig) -> Iterator[FieldPath]:
    for expression in (config.scope, config.consent):
        if expression is not None:
            yield from expression.paths()
    for template in config.customer_id:
        yield from paths(template)
    for event in config.events.values():
        for expression in (event.when, *(rule.when for rule in event.rules)):
            if expression is not None:
                yield from expression.paths()
        for template in event.conversion.values():
            yield from paths(template)
        if event.items is not None:
            yield from paths(event.items.amount)


def _problem(file: str, key: str, value: str, problem: str, remedy: str) -> Problem:
    return Problem(file=file, key=key, value=value, problem=problem, remedy=remedy)
