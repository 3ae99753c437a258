"""
Compiles the mapping of one object's events to one statement: templates to parameters, and what is wrong with them.

A value is frozen where the event depends on it (watched fields, once_per, what a history row tells) and the record's
newest everywhere else.
"""

from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from impact_pipeline.config.load import Config, EventConfig, ObjectConfig
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.config.templates import FirstOf
from impact_pipeline.conversions.issues import NO_AMOUNT, issues_of
from impact_pipeline.conversions.links import (
    converted_lead_sql,
    first_lead_sql,
    lead_ways,
    linked_sql,
    primary_contact_sql,
    read_behind,
)
from impact_pipeline.conversions.moments import history_joins, moment_column
from impact_pipeline.conversions.relations import Captured, Joins
from impact_pipeline.conversions.template_sql import TemplateSql
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file


def map_pairs(
    con: duckdb.DuckDBPyConnection,
    config: Config,
    about: ObjectConfig,
    captured: Captured,
    *,
    campaign_id: str,
    now: datetime,
) -> None:
    """
    Make temporary table mapped, a row per pair in table need; after make_lines.

    What the mapping reads of the records and of the leads before them is read once for all events.
    """
    compiler = _Compiler(config=config, about=about, captured=captured, campaign_id=campaign_id, now=now)
    branches = [compiler.branch(event) for event in about.events.values()]
    con.execute(compiler.newest())
    if compiler.has_leads():
        con.execute(converted_lead_sql(about, captured, compiler.asked_of_leads))
    con.execute("create or replace temp table mapped as\n" + "\nunion all by name\n".join(branches))


def order_parameters(about: ObjectConfig) -> list[str]:
    """The order parameters that the object's events map, CustomerId among them, in the order of the catalogue."""
    used = {"CampaignId", "ActionTrackerId", "CustomerId"} | {p for e in about.events.values() for p in e.conversion}
    return [parameter.name for parameter in catalogue().of_order() if parameter.name in used]


@dataclass(frozen=True, kw_only=True)
class _Compiler:
    config: Config
    about: ObjectConfig
    captured: Captured
    campaign_id: str
    now: datetime
    asked: set[str] = field(default_factory=lambda: {"Id"})
    asked_of_leads: set[str] = field(default_factory=set)

    def has_leads(self) -> bool:
        """Whether leads are converted into records of the object, as far as they are captured."""
        return bool(lead_ways(self.about, self.captured))

    def newest(self) -> str:
        """The statement that makes temporary table newest, with what the branches compiled so far ask for."""
        return sql_file(__file__, "newest.sql").format(
            table=f"raw.{_q(self.about.name)}", columns=", ".join(_q(name) for name in sorted(self.asked))
        )

    def branch(self, event: EventConfig) -> str:
        name = self.about.name
        joins = Joins(captured=self.captured, object_name=name, root="r", prefix="a")
        leads = Joins(captured=self.captured, object_name="Lead", root="l", prefix="b")
        contacts = Joins(captured=self.captured, object_name="Contact", root="k", prefix="d")
        sql = TemplateSql(
            joins=joins,
            time_zone=self.config.pipeline.program.time_zone,
            maps=self.config.pipeline.value_maps,
            currency=self._currency(),
            starts={"first_lead": leads, "primary_contact": contacts},
        )
        mapping = {**event.conversion, "CustomerId": FirstOf(options=self.about.customer_id)}
        parameters = [catalogue().by_name[p] for p in order_parameters(self.about) if p in mapping]
        plain = [f"{sql.plain(mapping[p.name])} as {_q('plain_' + p.name)}" for p in parameters]
        values = [f"{sql.value(mapping[p.name], p.kind)} as {_q('full_' + p.name)}" for p in parameters]
        amount = sql.plain(event.items.amount) if event.items is not None else "null"
        fields = joins.fields | ({"CurrencyIsoCode", "AccountId"} & set(self.captured.types[name]))
        self.asked.update(fields, (history.field for history in event.histories))
        self.asked_of_leads.update(leads.fields)
        return sql_file(__file__, "mapped.sql").format(
            event=quote_literal(event.name),
            object=quote_literal(name),
            record=_lines([f"{self._record_column(event, f)} as {_q(f)}" for f in sorted(fields)]) or "null",
            version_table=f"raw.{_q(name + '_version')}",
            history_joins=history_joins(list(event.histories)),
            values=_lines([*plain, *values]),
            line_amount=amount,
            refunded=_REFUNDED if event.declared.refund_of else "0",
            moved_on=self._moved_on(event),
            joins="\n          ".join(joins.sql),
            first_lead=first_lead_sql(self.about, self.captured),
            lead_joins="\n          ".join(leads.sql),
            lead_table=self._leads(leads.fields),
            primary_contact=primary_contact_sql(self.about, self.captured),
            contact_joins="\n          ".join(contacts.sql),
            contact_table=self._table("Contact"),
            linked=linked_sql(self.about, self.captured),
            names=", ".join(
                [_q(p.column) for p in parameters]
                + [
                    f"null::varchar as {_q(name)}"
                    for name in ("ClickId", "CurrencyCode", "CustomerStatus")
                    if name not in mapping
                ]
            ),
            has_items="true" if event.items is not None else "false",
            may_be_single="true" if event.items is not None else self._too_large(event) or "false",
            net=self._net(event),
            record_currency='r."CurrencyIsoCode"' if self.captured.has(name, "CurrencyIsoCode") else "null::varchar",
            wait_seconds=f"{event.items.wait_seconds if event.items else 0:.0f}",
            event_types=self._event_types(event),
            campaign_id=quote_literal(self.campaign_id),
            finished=_lines([f"{self._finished(event, p)} as {_q(p.column)}" for p in parameters]),
            order_amount=self._order_amount(event),
            cut=self._cut(parameters),
            issues=_lines(self._issues(event, parameters)),
        )

    def _table(self, name: str) -> str:
        """The table of an object, or one that no record is in."""
        return f"raw.{_q(name)}" if name in self.captured.types else _NOBODY

    def _leads(self, asked: set[str]) -> str:
        """The table of the leads that records come from, or one that no lead is in."""
        if self.has_leads():
            return "converted_lead"
        return self._table("Lead") if asked else _NOBODY

    def _record_column(self, event: EventConfig, field: str) -> str:
        """Frozen where the event depends on it; what the history row held only once the record has moved on."""
        histories = list(event.histories)
        if field in {*event.declared.updated, *event.declared.once_per} - {"Id"}:
            return moment_column(self.captured, self.about.name, histories, field, f"v.{_q(field)}", "h", "value")
        then = moment_column(self.captured, self.about.name, histories, field, f"n.{_q(field)}", "h", "value")
        newest = f"n.{_q(field)}"
        return f"case when {self._moved_on(event)} then {then} else {newest} end" if histories else newest

    def _moved_on(self, event: EventConfig) -> str:
        parts = [
            f"n.{_q(history.field)} is distinct from h{number}.{_q(history.value)}"
            for number, history in enumerate(event.histories)
        ]
        return f"(c.kind = 'history' and c.role <> 'carrier' and ({' or '.join(parts)}))" if parts else "false"

    def _currency(self) -> str:
        default = self.config.pipeline.program.default_currency
        fallback = quote_literal(default) if default else "null::varchar"
        return (
            f'coalesce(r."CurrencyIsoCode", {fallback})'
            if self.captured.has(self.about.name, "CurrencyIsoCode")
            else fallback
        )

    def _event_types(self, event: EventConfig) -> str:
        order = {"off": 0, "shadow": 1, "on": 2}
        rows = []
        for code, about in self.config.pipeline.event_types.items():
            sending = min(self.config.pipeline.sending, event.declared.sending, about.sending, key=lambda s: order[s])
            rows.append(f"({quote_literal(code)}, '{about.id}', '{about.kind}', '{about.owner}', '{sending}')")
        return ", ".join(rows)

    def _finished(self, event: EventConfig, parameter: Parameter) -> str:
        column = _q("full_" + parameter.name)
        if parameter.is_key:
            # What is nothing but blanks leads to nobody.
            column = f"case when trim({column}) <> '' then {column} end"
        if parameter.name == "CustomerId":
            return f"coalesce(p.own_pin, p.linked_pin, {column})"
        if parameter.name in catalogue().order_money and (too_large := self._too_large(event)):
            return f"case when not ({too_large}) then {column} end"
        if parameter.may_be_cut and parameter.max_length and parameter.kind == "string":
            return f"left({column}, {parameter.max_length})"
        return column

    def _order_amount(self, event: EventConfig) -> str:
        money_names = [n for n in catalogue().order_money if n in event.conversion]
        return f"try_cast({_q('full_' + money_names[0])} as decimal(18, 2))" if money_names else NO_AMOUNT

    def _too_large(self, event: EventConfig) -> str:
        """SQL of whether the order's money is told as an item, because it would not fit; empty where that never is."""
        if event.items is not None or event.declared.large_amount != "item":
            return ""
        digits = next((catalogue().by_name[n].digits for n in catalogue().order_money if n in event.conversion), None)
        return f"coalesce({self._order_amount(event)} >= 1e{digits}::decimal(38, 2), false)" if digits else ""

    def _net(self, event: EventConfig) -> str:
        """The money of the conversion after the order's own discounts, as impact.com counts it."""
        net = "gross"
        for name, less in (
            ("OrderDiscount", "{net} - {number}"),
            ("OrderDiscountRate", "{net} * (1 - {number} / 100)"),
        ):
            if name in event.conversion:
                number = f"coalesce(try_cast({_q('full_' + name)} as decimal(18, 4)), 0)"
                net = f"({less.format(net=net, number=number)})"
        return f"round({net}, 2)"

    def _issues(self, event: EventConfig, parameters: list[Parameter]) -> list[str]:
        behind = read_behind(self.about, self.captured)
        return issues_of(event, parameters, order_amount=self._order_amount(event), now=self.now, behind=behind)

    def _cut(self, parameters: list[Parameter]) -> str:
        tests = [
            f"case when length({_q('full_' + p.name)}) > {p.max_length} then '{p.name}' end"
            for p in parameters
            if p.may_be_cut and p.kind == "string" and p.max_length
        ]
        return f"list_filter([{', '.join(tests)}], lambda x: x is not null)" if tests else "[]::varchar[]"


_NOBODY = '(select null::varchar as "Id")'
# What the records take back that refund this one.
_REFUNDED = "coalesce((select sum(x.amount) from refund as x where x.record_id = r.record_id and x.event = r.event), 0)"


def _lines(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
