"""What keeps a mapped row from being sent, by the typed catalogue: the checks of one event as SQL over `checked`."""

from datetime import datetime

from impact_pipeline.config.load import EventConfig
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.conversions.values import EMAIL
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

REQUIRED = ("EventTypeCode", "EventDate", "OrderId", "CustomerId")
NO_AMOUNT = "null::decimal(18, 2)"


def issues_of(event: EventConfig, parameters: list[Parameter], *, order_amount: str, now: datetime) -> list[str]:
    """
    Pieces of SQL, each null or {code, parameter, rule}; the first that is not null is told.

    Args:
        parameters: what the event maps, CustomerId among it.
        order_amount: SQL of the money that is told for the whole order.
        now: tells whether lines may still come.
    """
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
                _issue("personal_data", name, "looks like an e-mail address", f"regexp_matches({_q(name)}, '{EMAIL}')")
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
    has_money = "amount is not null" if event.items is not None or order_amount != NO_AMOUNT else "false"
    currency = '"CurrencyCode" is null' if "CurrencyCode" in event.conversion else "true"
    issues.append(_issue("currency_missing", "CurrencyCode", "money without a currency", f"{has_money} and {currency}"))
    moment = f"{quote_literal(now.isoformat())}::timestamptz"
    if event.items is not None:
        issues += [
            _issue(
                "awaiting_items",
                "items",
                "lines may still come",
                f"line_count = 0 and {moment} < event_at + to_seconds(wait_seconds)",
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


_q = quote_identifier
