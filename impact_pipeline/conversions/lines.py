"""
Compiles the lines of one object's sales to SQL: an item per product code, with what keeps it from being sent.

One statement for all events of the object that have items. Lines of one code are added up, in a stable order: money and
quantities as sums, everything else as on the first line.
"""

import duckdb

from impact_pipeline.config.load import Config, EventConfig, ItemsConfig, ObjectConfig
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.conversions.line_issues import ADDED_UP, NUMBERS, first_issue
from impact_pipeline.conversions.refunds import refund_links, refund_sql
from impact_pipeline.conversions.relations import Captured, Joins
from impact_pipeline.conversions.template_sql import TemplateSql
from impact_pipeline.conversions.values import has_fraction, money
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

_SINGLE = ("ItemSku", "ItemName", "ItemCategory", "ItemQuantity", "ItemSubTotal")
# Of what may stand for an item's money the first that is mapped does.
_MONEY = ("ItemSubTotal", "ItemPrice")
# The lines of a record's refunds are lines of the record.
_REFUNDED = (
    "(select *, Id as line_of from need union all "
    "select q.*, r.refund_id from need as q join refund as r on r.record_id = q.Id and r.event = q.event)"
)


def make_lines(con: duckdb.DuckDBPyConnection, config: Config, about: ObjectConfig, captured: Captured) -> None:
    """Make temporary tables line and refund for the pairs in table need."""
    con.execute(refund_sql(config, about, captured))
    con.execute(line_sql(config, about, captured) or sql_file(__file__, "no_lines.sql"))
    if refund_links(about):
        con.execute(sql_file(__file__, "refund_spread.sql"))


def line_sql(config: Config, about: ObjectConfig, captured: Captured) -> str | None:
    """The statement that makes temporary table line, a row per item of the pairs in table need; None without items."""
    branches = [
        _line_branch(config, event, event.items, captured) for event in about.events.values() if event.items is not None
    ]
    return "create or replace temp table line as\n" + "\nunion all by name\n".join(branches) if branches else None


def item_sql(about: ObjectConfig) -> str:
    """The statement that makes temporary table mapped_item: the lines of each mapped pair, or one for its amount."""
    singles = []
    for event in about.events.values():
        is_priced = event.items is not None and "ItemSubTotal" not in event.items.parameters
        # A sale without lines is one unit of the record itself.
        values = {
            "ItemSku": quote_literal(about.name.upper()),
            "ItemName": quote_literal(about.name),
            "ItemCategory": quote_literal("Uncategorized"),
            "ItemQuantity": "'1'",
            "ItemPrice" if is_priced else "ItemSubTotal": "gross::varchar",
        }
        columns = ", ".join(f"{sql} as {_q(name)}" for name, sql in values.items())
        singles.append(
            f"select change_id, event, 1 as item_number, gross as amount, {columns} "
            f"from mapped where event = {quote_literal(event.name)} and is_single"
        )
    return sql_file(__file__, "items.sql").format(singles="\nunion all by name\n".join(singles))


def item_parameters(about: ObjectConfig) -> list[str]:
    """The item parameters that the object's events can give, in the order of the catalogue."""
    used: set[str] = set()
    for event in about.events.values():
        if event.items is not None:
            used |= set(event.items.parameters)
        elif event.declared.large_amount == "item":
            used |= set(_SINGLE)
    return [parameter.name for parameter in catalogue().of_items() if parameter.name in used]


def _line_branch(config: Config, event: EventConfig, items: ItemsConfig, captured: Captured) -> str:
    joins = Joins(captured=captured, object_name=items.object, root="i", prefix="a")
    templates = TemplateSql(
        joins=joins,
        time_zone=config.pipeline.program.time_zone,
        maps=config.pipeline.value_maps,
        event="w",
    )
    parameters = [catalogue().by_name[name] for name in items.parameters]
    values = [f"{templates.plain(items.parameters[p.name])} as {_q('plain_' + p.name)}" for p in parameters]
    values += [
        f"{templates.value(items.parameters[p.name], p.kind)} as {_q('full_' + p.name)}"
        for p in parameters
        if p.name != "ItemSku"
    ]
    order = [f"i.{_q(f)} nulls last" for f in ("SortOrder", "CreatedDate", "Id") if captured.has(items.object, f)]
    others = [parameter for parameter in parameters if parameter.name != "ItemSku"]
    mapped = {parameter.name for parameter in parameters}
    return sql_file(__file__, "lines.sql").format(
        event=quote_literal(event.name),
        values=_lines(values),
        order=", ".join(order),
        items=f"raw.{_q(items.object)}",
        parent=_q(items.parent),
        joins="\n          ".join(joins.sql),
        currency='i."CurrencyIsoCode"' if captured.has(items.object, "CurrencyIsoCode") else "null::varchar",
        pairs=_REFUNDED if event.declared.refund_of else "(select *, Id as line_of from need)",
        kept=f"having not (sum({_number('ItemQuantity')}) = 0 and sum({_number('ItemSubTotal')}) = 0)"
        if event.declared.refund_of
        else "",
        nothing=_nothing(mapped),
        grouped=_lines([f"{_grouped(parameter)} as {_q(parameter.name)}" for parameter in others]),
        amount=f"try_cast(sum({_net(mapped)}) as decimal(30, 4))",
        has_cents=_any([has_fraction(_q("full_" + p.name)) for p in others if p.kind == "money"]),
        cut=", ".join(_cut(parameter) for parameter in others if _cut(parameter)) or "null::varchar",
        issue=first_issue(parameters, may_be_refunded=event.declared.refund_of is not None),
    )


def _grouped(parameter: Parameter) -> str:
    column = _q("full_" + parameter.name)
    if parameter.name == "ItemQuantity":
        # impact.com counts whole units: a unit begun counts as one, the money stays what it is.
        return f"try_cast(ceil(sum({_number(parameter.name)})) as hugeint)::varchar"
    if parameter.name in ADDED_UP:
        return money(f"sum({_number(parameter.name)})")
    first = f"first({column} order by line_number) filter ({column} is not null)"
    if parameter.may_be_cut and parameter.max_length:
        return f"left({first}, {parameter.max_length})"
    return first


def _cut(parameter: Parameter) -> str:
    """The parameter's name where something of it is lost: text beyond its limit, a unit that was not whole."""
    column = _q("full_" + parameter.name)
    if parameter.name == "ItemQuantity":
        return f"case when sum({_number(parameter.name)}) % 1 <> 0 then '{parameter.name}' end"
    if parameter.may_be_cut and parameter.max_length:
        first = f"first({column} order by line_number) filter ({column} is not null)"
        return f"case when length({first}) > {parameter.max_length} then '{parameter.name}' end"
    return ""


def _net(mapped: set[str]) -> str:
    """A line's money after its discounts, as impact.com counts it."""
    number = {name: f"coalesce({_number(name)}, 0)" for name in mapped if catalogue().by_name[name].kind in NUMBERS}
    gross = (
        _number("ItemSubTotal") if "ItemSubTotal" in mapped else f"{_number('ItemPrice')} * {_number('ItemQuantity')}"
    )
    less = [number["ItemTotalDiscount"]] if "ItemTotalDiscount" in mapped else []
    less += [f"{number['ItemDiscount']} * {number['ItemQuantity']}"] if "ItemDiscount" in mapped else []
    net = f"try_cast({' - '.join([gross, *less])} as decimal(24, 6))"
    if "ItemDiscountRate" not in mapped:
        return net
    return f"{net} * try_cast(100 - {number['ItemDiscountRate']} as decimal(9, 4)) * 0.01"


def _nothing(mapped: set[str]) -> str:
    """A line without quantity and without money is none."""
    money_name = next(name for name in _MONEY if name in mapped)
    free = f" and coalesce({_number(money_name)}, 0) = 0" if money_name == "ItemSubTotal" else ""
    return f"coalesce({_number('ItemQuantity')} = 0, false){free}"


def _number(name: str) -> str:
    # What is no quantity or no money is an issue of its own; a unit that is not whole is none.
    return f"try_cast({_q('plain_' + name)} as decimal(18, 4))"


def _any(tests: list[str]) -> str:
    return f"coalesce(bool_or({' or '.join(tests)}), false)" if tests else "false"


def _lines(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
