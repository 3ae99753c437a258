"""
Compiles the lines of one object's sales to SQL: a row per line, then an item per product code.

One statement for all events of the object that have items. Lines of one code are added up, in a stable order.
"""

from impact_pipeline.config.load import Config, EventConfig, ItemsConfig, ObjectConfig
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.conversions.relations import Captured, Joins
from impact_pipeline.conversions.template_sql import TemplateSql
from impact_pipeline.conversions.values import EMAIL, money
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

_ADDED_UP = ("ItemQuantity", "ItemSubTotal", "ItemTotalDiscount")


def line_sql(config: Config, about: ObjectConfig, captured: Captured) -> str | None:
    """The statement that makes temporary table line, a row per item of the pairs in table need; None without items."""
    branches = [
        _line_branch(config, event, event.items, captured) for event in about.events.values() if event.items is not None
    ]
    return "create or replace temp table line as\n" + "\nunion all by name\n".join(branches) if branches else None


def item_parameters(about: ObjectConfig) -> list[str]:
    """The item parameters that the object's events map, in the order of the catalogue."""
    used = {p for e in about.events.values() if e.items is not None for p in e.items.parameters}
    return [parameter.name for parameter in catalogue().of_items() if parameter.name in used]


def _line_branch(config: Config, event: EventConfig, items: ItemsConfig, captured: Captured) -> str:
    time_zone, maps = config.pipeline.program.time_zone, config.pipeline.value_maps
    joins = Joins(captured=captured, object_name=items.object, root="i", prefix="a")
    templates = TemplateSql(joins=joins, time_zone=time_zone, maps=maps, event="w")
    parameters = [catalogue().by_name[name] for name in items.parameters]
    plain = [f"{templates.plain(items.parameters[p.name])} as {_q('plain_' + p.name)}" for p in parameters]
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


def _lines(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
