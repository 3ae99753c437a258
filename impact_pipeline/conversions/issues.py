"""What keeps a mapped row from being sent, by the typed catalogue: the checks of one event as SQL over `checked`."""

from collections.abc import Mapping
from datetime import datetime

from impact_pipeline.config.load import EventConfig, ItemsConfig
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.conversions.values import EMAIL, differs, has_fraction
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

REQUIRED = ("EventTypeCode", "EventDate", "OrderId", "CustomerId")
NO_AMOUNT = "null::decimal(18, 2)"


def issues_of(
    event: EventConfig,
    parameters: list[Parameter],
    *,
    order_amount: str,
    now: datetime,
    behind: Mapping[str, datetime],
) -> list[str]:
    """
    Pieces of SQL, each null or {code, parameter, rule}; the first that is not null is told.

    Args:
        parameters: what the event maps, CustomerId among it.
        order_amount: SQL of the money that is told for the whole order.
        now: tells whether lines may still come.
        behind: objects that the CustomerId may come from and that are not read far enough: until when they are.
    """
    keys = [p for p in parameters if p.is_key]
    nothing = " and ".join(f"{_q(p.column)} is null" for p in keys)
    issues = [
        _issue(
            "identity_pending",
            "CustomerId",
            f"{name} is not captured through the time of the event",
            f"own_pin is null and event_at >= {_moment(until)}",
        )
        for name, until in behind.items()
    ]
    issues += [_issue("no_attribution_key", "CustomerId", "none of the attribution keys has a value", nothing)]
    for parameter in parameters:
        issues += _issues_of_value(event, parameter)
    issues.append(
        _issue(
            "customer_id_conflict",
            "CustomerId",
            "linked records carry different ones",
            "own_pin is null and len(linked_pins) > 1",
        )
    )
    told = [_q(p.column) for p in parameters if p.kind == "money"]
    has_money = " or ".join(f"{each} is not null" for each in ["amount", *told])
    currency = '"CurrencyCode" is null' if "CurrencyCode" in event.conversion else "true"
    issues.append(
        _issue("currency_missing", "CurrencyCode", "money without a currency", f"({has_money}) and {currency}")
    )
    for companion in catalogue().companions:
        these = [_q(p.name) for p in parameters if p.name in companion.these]
        need = [_q(p.name) for p in parameters if p.name in companion.need]
        if these:
            alone = f"coalesce({', '.join(these)}) is not null and coalesce({', '.join(need)}) is null"
            issues.append(_issue("invalid_value", these[0].strip('"'), f"needs {' or '.join(companion.need)}", alone))
    if event.items is None:
        issues.append(
            _issue(
                "invalid_value",
                "EventTypeCode",
                "a sale, and told without items",
                "type_kind = 'sale' and not is_single",
            )
        )
        issues.append(_issue("amount_not_positive", "amount", "it is below zero", "amount < 0"))
        return issues
    return issues + _issues_of_items(event.items, now)


def _issues_of_value(event: EventConfig, parameter: Parameter) -> list[str]:
    name, sent, full = parameter.name, _q(parameter.column), _q("full_" + parameter.name)
    plain = _q("plain_" + name)
    issues = []
    if name in REQUIRED:
        issues.append(_issue("missing_required", name, "required, or a piece of it is empty", f"{sent} is null"))
    if parameter.kind == "string" or name in REQUIRED:
        # All of it, not only what is left when it is cut.
        address = f"regexp_matches({full}, '{EMAIL}') or regexp_matches({sent}, '{EMAIL}')"
        issues.append(_issue("personal_data", name, "looks like an e-mail address", address))
    if parameter.kind not in ("string", "hash"):
        not_one = f"{full} is null and {plain} is not null"
        issues.append(_issue("invalid_value", name, f"is no {_KINDS.get(parameter.kind, parameter.kind)}", not_one))
    if parameter.kind == "currency":
        shape = f"not regexp_full_match({full}, '[A-Z]{{3}}')"
        issues.append(_issue("invalid_value", name, "is no ISO 4217 code", shape))
    if parameter.kind in ("money", "decimal"):
        rounded = f"round(try_cast({plain} as decimal(38, 10)), 2)"
        issues.append(_issue("invalid_value", name, "more than two decimals", differs(plain, rounded)))
    if parameter.kind == "money":
        cents = f"{has_fraction(full)} and {_without_decimals()}"
        issues.append(_issue("invalid_value", name, "its currency has no decimals", cents))
    if parameter.max_length and not parameter.may_be_cut:
        too_long = f"length({sent}) > {parameter.max_length}"
        issues.append(_issue("invalid_value", name, f"longer than {parameter.max_length} characters", too_long))
    if parameter.digits:
        is_order_money = name in catalogue().order_money
        digits = parameter.digits
        if is_order_money and event.declared.large_amount == "item":
            digits = catalogue().by_name["ItemSubTotal"].digits or digits
        code = "amount_too_large" if is_order_money else "invalid_value"
        too_large = f"abs(try_cast({full} as decimal(38, 10))) >= 1e{digits}::decimal(38, 10)"
        issues.append(_issue(code, name, f"more than {digits} digits before the point", too_large))
    return issues


def _issues_of_items(items: ItemsConfig, now: datetime) -> list[str]:
    money = "ItemSubTotal" if "ItemSubTotal" in items.parameters else "ItemPrice"
    digits = catalogue().by_name[money].digits
    foreign = "len(list_filter(line_currencies, lambda code: code is distinct from record_currency)) > 0"
    return [
        _issue(
            "awaiting_items",
            "items",
            "lines may still come",
            f"line_count = 0 and {_moment(now)} < event_at + to_seconds(wait_seconds)",
        ),
        _issue("amount_not_positive", "items", "the total is not above zero", "amount <= 0"),
        _issue("item_invalid", "items", None, "uses_lines and line_issue is not null"),
        _issue("item_invalid", "items", "a line is in another currency than the record", f"uses_lines and {foreign}"),
        _issue(
            "item_invalid",
            "items",
            "the currency has no decimals",
            f"case when uses_lines then lines_have_cents else {has_fraction('gross')} end and {_without_decimals()}",
        ),
        _issue("amount_missing", "items", "no lines and no amount", "amount is null"),
        _issue(
            "amount_too_large",
            "items",
            f"more than {digits} digits before the point",
            f"is_single and gross >= 1e{digits}::decimal(38, 2)",
        ),
        _issue(
            "items_mismatch",
            "items",
            "the lines do not add up to the amount",
            "uses_lines and line_amount is not null and line_amount <> line_sum",
        ),
    ]


_KINDS = {"money": "number", "decimal": "number", "integer": "whole number", "datetime": "time with its offset"}


def _without_decimals() -> str:
    codes = ", ".join(quote_literal(code) for code in catalogue().without_decimals)
    return f'"CurrencyCode" in ({codes})'


def _moment(value: datetime) -> str:
    return f"{quote_literal(value.isoformat())}::timestamptz"


def _issue(code: str, parameter: str, rule: str | None, test: str) -> str:
    words = "line_issue" if rule is None else quote_literal(rule)
    return f"case when {test} then {{'code': '{code}', 'parameter': '{parameter}', 'rule': {words}}} end"


_q = quote_identifier
