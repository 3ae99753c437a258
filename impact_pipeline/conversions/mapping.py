"""
Compiles the mapping of one object to SQL: templates to parameters, lines to items, and what is wrong there.

One statement maps all events of the object, one all their lines. A value is frozen where the event depends on it
(watched fields, once_per, what a history row tells) and the record's newest everywhere else.
"""

from dataclasses import dataclass
from datetime import datetime

from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.load import Config, EventConfig, ItemsConfig, ObjectConfig
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.config.templates import Concat, Filter, FirstOf, Literal, Special, Sql, Template, paths
from impact_pipeline.conversions.moments import history_joins, moment_column
from impact_pipeline.conversions.relations import Captured, Joins, Typed
from impact_pipeline.conversions.values import EMAIL, formatted, instant, money
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

REQUIRED = ("EventTypeCode", "EventDate", "OrderId", "CustomerId")
_ADDED_UP = ("ItemQuantity", "ItemSubTotal", "ItemTotalDiscount")


def line_sql(config: Config, about: ObjectConfig, captured: Captured) -> str | None:
    """The statement that makes temporary table line, a row per item of the pairs in table need; None without items."""
    branches = [
        _line_branch(config, event, event.items, captured) for event in about.events.values() if event.items is not None
    ]
    return "create or replace temp table line as\n" + "\nunion all by name\n".join(branches) if branches else None


def mapped_sql(config: Config, about: ObjectConfig, captured: Captured, *, campaign_id: str, now: datetime) -> str:
    """The statement that makes temporary table mapped, a row per pair in table need."""
    compiler = _Compiler(config=config, about=about, captured=captured, campaign_id=campaign_id, now=now)
    branches = [compiler.branch(event) for event in about.events.values()]
    return "create or replace temp table mapped as\n" + "\nunion all by name\n".join(branches)


def order_parameters(about: ObjectConfig) -> list[str]:
    """The order parameters that the object's events map, CustomerId among them, in the order of the catalogue."""
    used = {"CampaignId", "ActionTrackerId", "CustomerId"} | {p for e in about.events.values() for p in e.conversion}
    return [parameter.name for parameter in catalogue().of_order() if parameter.name in used]


def item_parameters(about: ObjectConfig) -> list[str]:
    """The item parameters that the object's events map, in the order of the catalogue."""
    used = {p for e in about.events.values() if e.items is not None for p in e.items.parameters}
    return [parameter.name for parameter in catalogue().of_items() if parameter.name in used]


def _line_branch(config: Config, event: EventConfig, items: ItemsConfig, captured: Captured) -> str:
    time_zone, maps = config.pipeline.program.time_zone, config.pipeline.value_maps
    joins = Joins(captured=captured, object_name=items.object, root="i", prefix="a")
    names = Names(joins=joins, time_zone=time_zone, maps=maps, event="w")
    parameters = [catalogue().by_name[name] for name in items.parameters]
    plain = [f"{names.plain(items.parameters[p.name])} as {_q('plain_' + p.name)}" for p in parameters]
    priced = "ItemSubTotal" not in items.parameters
    order = [f"i.{_q(f)} nulls last" for f in ("SortOrder", "CreatedDate", "Id") if captured.has(items.object, f)]
    grouped = [
        f"{_grouped(parameter, priced)} as {_q(parameter.name)}"
        for parameter in parameters
        if parameter.name != "ItemSku"
    ]
    amount = (
        'sum(try_cast("plain_ItemPrice" as decimal(18, 4)) * try_cast("plain_ItemQuantity" as decimal(18, 4)))'
        if priced
        else 'sum(try_cast("plain_ItemSubTotal" as decimal(18, 2)))'
    )
    return sql_file(__file__, "lines.sql").format(
        event=quote_literal(event.name),
        values=_lines(plain),
        order=", ".join(order),
        items=f"raw.{_q(items.object)}",
        parent=_q(items.parent),
        joins="\n          ".join(joins.sql),
        grouped=_lines(grouped),
        amount=amount,
        issue=_line_issue(parameters, priced),
    )


def _grouped(parameter: Parameter, priced: bool) -> str:
    column = _q("plain_" + parameter.name)
    if parameter.name == "ItemQuantity":
        # impact.com counts whole units: a unit begun counts as one, the money stays what it is.
        return f"try_cast(ceil(sum(try_cast({column} as decimal(18, 4)))) as hugeint)::varchar"
    if parameter.name in _ADDED_UP:
        return money(f"sum(try_cast({column} as decimal(18, 4)))")
    first = f"first({column} order by line_number)"
    if parameter.may_be_cut and parameter.max_length:
        return f"left({first}, {parameter.max_length})"
    return money(first) if parameter.kind == "money" else first


def _line_issue(parameters: list[Parameter], priced: bool) -> str:
    checks = ["when \"plain_ItemSku\" is null then 'ItemSku: a line has none'"]
    for parameter in parameters:
        column = _q("plain_" + parameter.name)
        if parameter.kind in ("money", "integer", "decimal"):
            number = f"try_cast({column} as decimal(38, 10))"
            checks.append(f"when bool_or({column} is null or {number} is null) then '{parameter.name}: no number'")
            checks.append(f"when bool_or({number} < 0) then '{parameter.name}: negative'")
        else:
            checks.append(f"when bool_or(regexp_matches({column}, '{EMAIL}')) then '{parameter.name}: personal data'")
            if parameter.max_length and not parameter.may_be_cut:
                checks.append(
                    f"when max(length({column})) > {parameter.max_length} "
                    f"then '{parameter.name}: longer than {parameter.max_length}'"
                )
    if priced:
        checks.append("when count(distinct \"plain_ItemPrice\") > 1 then 'ItemPrice: one SKU at two prices'")
        checks.append(
            'when bool_or(try_cast("plain_ItemQuantity" as decimal(38, 10)) % 1 <> 0) '
            "then 'ItemQuantity: a fraction can''t be priced'"
        )
    return "case " + "\n                ".join(checks) + " end"


@dataclass(frozen=True, kw_only=True)
class Names:
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


@dataclass(frozen=True, kw_only=True)
class _Compiler:
    config: Config
    about: ObjectConfig
    captured: Captured
    campaign_id: str
    now: datetime

    def branch(self, event: EventConfig) -> str:
        name = self.about.name
        joins = Joins(captured=self.captured, object_name=name, root="r", prefix="a")
        leads = Joins(captured=self.captured, object_name="Lead", root="l", prefix="b")
        names = Names(
            joins=joins,
            time_zone=self.config.pipeline.program.time_zone,
            maps=self.config.pipeline.value_maps,
            currency=self._currency(),
            first_lead=leads,
        )
        templates = {**event.conversion, "CustomerId": FirstOf(options=self.about.customer_id)}
        parameters = [catalogue().by_name[p] for p in order_parameters(self.about) if p in templates]
        plain = [f"{names.plain(templates[p.name])} as {_q('plain_' + p.name)}" for p in parameters]
        values = [f"{names.value(templates[p.name], p.kind)} as {_q('full_' + p.name)}" for p in parameters]
        amount = names.plain(event.items.amount) if event.items is not None else "null"
        return sql_file(__file__, "mapped.sql").format(
            event=quote_literal(event.name),
            object=quote_literal(name),
            record=_lines([f"{self._record_column(event, f)} as {_q(f)}" for f in self.captured.types[name]]),
            table=f"raw.{_q(name)}",
            version_table=f"raw.{_q(name + '_version')}",
            history_joins=history_joins(list(event.histories)),
            values=_lines([*plain, *values]),
            line_amount=amount,
            moved_on=self._moved_on(event),
            joins="\n          ".join(joins.sql),
            first_lead=self._first_lead(leads),
            lead_joins="\n          ".join(leads.sql),
            lead_table='raw."Lead"' if "Lead" in self.captured.types else '(select null::varchar as "Id")',
            linked=self._linked(),
            names=", ".join(
                [_q(p.name) for p in parameters]
                + ([] if "CurrencyCode" in templates else ['null::varchar as "CurrencyCode"'])
            ),
            has_items="true" if event.items is not None else "false",
            wait_seconds=f"{event.items.wait_seconds if event.items else 0:.0f}",
            event_types=self._event_types(event),
            campaign_id=quote_literal(self.campaign_id),
            finished=_lines([f"{self._finished(p)} as {_q(p.name)}" for p in parameters]),
            order_amount=self._order_amount(event),
            cut=self._cut(parameters),
            issues=_lines(self._issues(event, parameters)),
        )

    def _record_column(self, event: EventConfig, field: str) -> str:
        """Frozen where the event depends on it; what the history row held only once the record has moved on."""
        histories = list(event.histories)
        if field in {*event.declared.updated, *event.declared.once_per} - {"Id"}:
            return moment_column(self.captured, histories, field, f"v.{_q(field)}", "h", "value")
        then = moment_column(self.captured, histories, field, f"n.{_q(field)}", "h", "value")
        newest = f"n.{_q(field)}"
        return f"case when {self._moved_on(event)} then {then} else {newest} end" if histories else newest

    def _moved_on(self, event: EventConfig) -> str:
        parts = [
            f"n.{_q(history.field)} is distinct from h{number}.{_q(history.value)}"
            for number, history in enumerate(event.histories)
        ]
        return f"(f.kind = 'history' and f.role <> 'carrier' and ({' or '.join(parts)}))" if parts else "false"

    def _currency(self) -> str:
        default = self.config.pipeline.program.default_currency
        fallback = quote_literal(default) if default else "null::varchar"
        return (
            f'coalesce(r."CurrencyIsoCode", {fallback})'
            if self.captured.has(self.about.name, "CurrencyIsoCode")
            else fallback
        )

    def _first_lead(self, leads: Joins) -> str:
        uses = any(
            path.first_lead
            for template in (
                *self.about.customer_id,
                *(t for e in self.about.events.values() for t in e.conversion.values()),
            )
            for path in paths(template)
        )
        field = f"Converted{self.about.name}Id"
        if not uses or not self.captured.has("Lead", field):
            return "select null::varchar as record_id, null::varchar as lead_id where false"
        ways = [
            'select k.id as record_id, l."Id" as lead_id, 1 as distance, l."CreatedDate" as created_at '
            f'from wanted_id as k join raw."Lead" as l on l.{_q(field)} = k.id'
        ]
        if self.captured.has(self.about.name, "AccountId") and self.about.name != "Account":
            ways.append(
                'select k.id, l."Id", 2, l."CreatedDate" from wanted_id as k '
                f'join raw.{_q(self.about.name)} as o on o."Id" = k.id '
                'join raw."Lead" as l on l."ConvertedAccountId" = o."AccountId"'
            )
        return (
            "select record_id, lead_id from (" + " union all ".join(ways) + ") "
            "qualify row_number() over (partition by record_id order by distance, created_at, lead_id) = 1"
        )

    def _linked(self) -> str:
        """Pins of the records that were converted or merged into this one."""
        ways = []
        field = f"Converted{self.about.name}Id"
        if self.captured.has("Lead", field):
            ways.append(
                f"select {_q(field)} as record_id, 'Lead' as object, \"Id\" as linked_id "
                f'from raw."Lead" where {_q(field)} in (from wanted_id)'
            )
        if self.captured.has(self.about.name, "MasterRecordId"):
            ways.append(
                f'select "MasterRecordId" as record_id, {quote_literal(self.about.name)} as object, "Id" as linked_id '
                f"from raw.{_q(self.about.name)} "
                'where "MasterRecordId" in (from wanted_id)'
            )
        return (
            " union all ".join(ways)
            or "select null::varchar as record_id, null::varchar as object, null::varchar as linked_id where false"
        )

    def _event_types(self, event: EventConfig) -> str:
        order = {"off": 0, "shadow": 1, "on": 2}
        rows = []
        for code, about in self.config.pipeline.event_types.items():
            sending = min(self.config.pipeline.sending, event.declared.sending, about.sending, key=lambda s: order[s])
            rows.append(f"({quote_literal(code)}, '{about.id}', '{about.kind}', '{about.owner}', '{sending}')")
        return ", ".join(rows)

    def _finished(self, parameter: Parameter) -> str:
        column = _q("full_" + parameter.name)
        if parameter.name == "CustomerId":
            return 'coalesce(p.own_pin, p.linked_pin, "full_CustomerId")'
        if parameter.may_be_cut and parameter.max_length and parameter.kind == "string":
            return f"left({column}, {parameter.max_length})"
        return column

    def _order_amount(self, event: EventConfig) -> str:
        money_names = [n for n in catalogue().order_money if n in event.conversion]
        return f"try_cast({_q('full_' + money_names[0])} as decimal(18, 2))" if money_names else "null::decimal(18, 2)"

    def _cut(self, parameters: list[Parameter]) -> str:
        tests = [
            f"case when length({_q('full_' + p.name)}) > {p.max_length} then '{p.name}' end"
            for p in parameters
            if p.may_be_cut and p.kind == "string" and p.max_length
        ]
        return f"list_filter([{', '.join(tests)}], lambda x: x is not null)" if tests else "[]::varchar[]"

    def _issues(self, event: EventConfig, parameters: list[Parameter]) -> list[str]:
        keys = [p for p in parameters if p.is_key]
        nothing = " and ".join(f"{_q(p.name)} is null" for p in keys)
        issues = [_issue("no_attribution_key", "CustomerId", "none of the attribution keys has a value", nothing)]
        for parameter in parameters:
            name, full = parameter.name, _q("full_" + parameter.name)
            if name in REQUIRED:
                issues.append(
                    _issue("missing_required", name, "required, or a piece of it is empty", f"{_q(name)} is null")
                )
            if parameter.kind == "string" or name in REQUIRED:
                issues.append(
                    _issue(
                        "personal_data", name, "looks like an e-mail address", f"regexp_matches({_q(name)}, '{EMAIL}')"
                    )
                )
            if parameter.kind not in ("string", "hash"):
                not_one = f"{full} is null and {_q('plain_' + name)} is not null"
                issues.append(_issue("invalid_value", name, f"is no {parameter.kind}", not_one))
            if parameter.kind == "currency":
                shape = f"not regexp_matches({full}, '^[A-Z]{{3}}$')"
                issues.append(_issue("invalid_value", name, "is no ISO 4217 code", shape))
            if parameter.max_length and not parameter.may_be_cut:
                too_long = f"length({_q(name)}) > {parameter.max_length}"
                issues.append(_issue("invalid_value", name, f"longer than {parameter.max_length} characters", too_long))
            if parameter.digits:
                code = "amount_too_large" if name in catalogue().order_money else "invalid_value"
                too_large = f"abs(try_cast({full} as decimal(38, 10))) >= 1e{parameter.digits}::decimal(38, 10)"
                issues.append(_issue(code, name, f"more than {parameter.digits} digits before the point", too_large))
        issues.append(
            _issue(
                "customer_id_conflict",
                "CustomerId",
                "linked records carry different ones",
                "own_pin is null and linked_count > 1",
            )
        )
        has_money = (
            "amount is not null"
            if event.items is not None or self._order_amount(event) != "null::decimal(18, 2)"
            else "false"
        )
        currency = '"CurrencyCode" is null' if "CurrencyCode" in event.conversion else "true"
        issues.append(
            _issue("currency_missing", "CurrencyCode", "money without a currency", f"{has_money} and {currency}")
        )
        now = f"{quote_literal(self.now.isoformat())}::timestamptz"
        if event.items is not None:
            issues += [
                _issue(
                    "awaiting_items",
                    "items",
                    "lines may still come",
                    f"line_count = 0 and {now} < event_at + to_seconds(wait_seconds)",
                ),
                _issue("amount_missing", "items", "no lines and no amount", "amount is null"),
                _issue("amount_not_positive", "items", "the total is not above zero", "amount <= 0"),
                _issue("item_invalid", "items", None, "uses_lines and line_issue is not null"),
                _issue(
                    "items_mismatch",
                    "items",
                    "the lines do not add up to the amount",
                    "uses_lines and line_amount is not null and line_amount <> line_sum",
                ),
            ]
        return issues


def _issue(code: str, parameter: str, rule: str | None, test: str) -> str:
    words = "line_issue" if rule is None else quote_literal(rule)
    return f"case when {test} then {{'code': '{code}', 'parameter': '{parameter}', 'rule': {words}}} end"


def _lines(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
