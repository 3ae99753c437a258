"""What becomes of a queued conversion: an action for a partner, a refusal with its reason codes, or nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from impact_pipeline.simulator.impact.declaration import EventType
from impact_pipeline.simulator.impact.form import LARGEST_8_DIGITS, parse_decimal, parse_time
from impact_pipeline.simulator.impact.money import HUNDRED, rounded, spread
from impact_pipeline.simulator.impact.records import Action, Refusal, State

if TYPE_CHECKING:
    from impact_pipeline.simulator.impact.program import Program

VALIDATION, CONTRACT = "Validation", "Contract Error"
FUTURE_TOLERANCE = timedelta(minutes=5)
# A click that only a rule knows has no time of its own.
TIME_BETWEEN_CLICK_AND_EVENT = timedelta(days=1)
_ITEM_NAME = re.compile(r"Item[A-Za-z]+([1-9]\d*)(?:_\d+)?")
DETAILS = ("CustomerPostCode", "CustomerArea", "CustomerCity", "CustomerRegion", "CustomerCountry", "SharedId", "Note")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One item in the account's currency, after its discounts."""

    sku: str
    name: str
    category: str
    quantity: int
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Credit:
    """A conversion that a partner gets."""

    event_type: EventType
    partner_id: int
    order_id: str
    customer_id: str
    event_date: datetime
    referring_date: datetime
    referring_type: str
    lines: tuple[Line, ...]
    details: Mapping[str, str]
    customer_status: str

    @classmethod
    def of_action(cls, action: Action, partner_id: int) -> "Credit":
        """The credit that gives an existing action's conversion to another partner."""
        return cls(
            event_type=action.event_type,
            partner_id=partner_id,
            order_id=action.order_id,
            customer_id=action.customer_id,
            event_date=action.event_date,
            referring_date=action.referring_date,
            referring_type=action.referring_type,
            lines=tuple(
                Line(sku=item.sku, name=item.name, category=item.category, quantity=item.quantity, amount=item.amount)
                for item in action.items
            ),
            details=action.details,
            customer_status=action.customer_status,
        )


@dataclass(frozen=True, kw_only=True)
class Referral:
    """What a conversion is credited through."""

    partner_id: int
    type: str
    at: datetime | None


class MalformedError(ValueError):
    """A value that passed the door but makes no sense."""


def judge_conversion(
    program: "Program", parameters: Mapping[str, str], submitted_at: datetime
) -> Credit | Refusal | None:
    """
    The verdict on a conversion at the end of its processing.

    Returns:
        None where the event is too old: files older than 88 days (398 by MediaId) are "not processed", which says
        that there will be neither an action nor an error.
    """
    declaration = program.declaration
    if parameters["CampaignId"] != str(declaration.campaign_id):
        return Refusal(error_type=VALIDATION, reason="CAMPAIGN_NOT_FOUND")
    event_type = program.find_event_type(parameters)
    if event_type is None:
        return Refusal(error_type=VALIDATION, reason="ACTIONTRACKER_NOT_FOUND")
    if event_type.campaign_id not in (None, declaration.campaign_id):
        return Refusal(error_type=VALIDATION, reason="ACTIONTRACKER_CAMPAIGN_MISMATCH")
    if not event_type.active:
        return Refusal(error_type=VALIDATION, reason="ACTIONTRACKER_NOT_ACTIVE")

    text = parameters["EventDate"]
    event_date = submitted_at if text == "NOW" else parse_time(text)
    if event_date is None or event_date > submitted_at + FUTURE_TOLERANCE:
        return Refusal(error_type=VALIDATION, reason="CONV_MALFORMED")
    media_id = parameters.get("MediaId") or parameters.get("MediaPartnerId")
    oldest = declaration.old_after_days_by_media if media_id else declaration.old_after_days
    if submitted_at - event_date > timedelta(days=oldest):
        return None
    if _is_repetition(program, event_type, order_id_of(parameters), submitted_at):
        return Refusal(error_type=VALIDATION, reason="CONV_DUPLICATE")
    try:
        lines = lines_of(program, event_type, parameters)
    except MalformedError:
        return Refusal(error_type=VALIDATION, reason="CONV_MALFORMED")
    if not lines:
        return Refusal(error_type=VALIDATION, reason="NO_ITEM")

    referral = find_referral(program, event_type, parameters)
    if referral is None:
        return Refusal(error_type=VALIDATION, reason="ACTION_REF_NOT_FOUND")
    window = timedelta(days=declaration.referral_window_days)
    if referral.at is not None and not referral.at <= event_date <= referral.at + window:
        return Refusal(error_type=CONTRACT, reason="OUTSIDE_ASSOCIATION_WINDOW")
    if problem := program.contract_problem(referral.partner_id, event_type.id):
        return Refusal(error_type=CONTRACT, reason=problem)

    if submitted_at - event_date > timedelta(days=declaration.late_after_days):
        event_date = submitted_at
    return Credit(
        event_type=event_type,
        partner_id=referral.partner_id,
        order_id=order_id_of(parameters),
        customer_id=parameters.get("CustomerId", ""),
        event_date=event_date,
        referring_date=referral.at or event_date - TIME_BETWEEN_CLICK_AND_EVENT,
        referring_type=referral.type,
        lines=tuple(lines),
        details={name: parameters[name] for name in DETAILS if parameters.get(name)}
        | {"PromoCode": parameters.get("OrderPromoCode") or parameters.get("PromoCode") or ""},
        customer_status=parameters.get("CustomerStatus", ""),
    )


def order_id_of(parameters: Mapping[str, str]) -> str:
    return parameters.get("OrderId") or parameters.get("Oid") or ""


def _is_repetition(program: "Program", event_type: EventType, order_id: str, submitted_at: datetime) -> bool:
    """Whether the key's newest action is younger than the window; a reversed action still counts."""
    earlier = program.actions_of(event_type.id, order_id)
    return bool(earlier) and submitted_at - earlier[-1].created_at < timedelta(days=event_type.dedup_window_days)


def find_referral(program: "Program", event_type: EventType, parameters: Mapping[str, str]) -> Referral | None:
    """
    Through what the conversion is credited: a forced partner, the chain, the click, the promo code, in this order.

    The chain follows the customer's newest action of a parent event type that is not reversed.
    """
    if media_id := parameters.get("MediaId") or parameters.get("MediaPartnerId"):
        partner = program.partners.get(int(media_id))
        return Referral(partner_id=partner.id, type="MEDIA_ID", at=None) if partner is not None else None
    if customer_id := parameters.get("CustomerId"):
        for action in reversed(program.actions_of_customer(customer_id)):
            if action.event_type.code in event_type.parents and action.state is not State.REVERSED:
                return Referral(partner_id=action.partner_id, type="CHAINED_ACTION", at=action.referring_date)
    if click := program.find_click(parameters.get("ClickId", "")):
        return Referral(partner_id=click.partner, type="CLICK_COOKIE", at=click.at)
    code = parameters.get("OrderPromoCode") or parameters.get("PromoCode") or ""
    if partner := program.partner_of_promo_code(code):
        return Referral(partner_id=partner.id, type="PROMO_CODE", at=None)
    return None


def lines_of(program: "Program", event_type: EventType, parameters: Mapping[str, str]) -> list[Line]:
    """
    The conversion's items; a lead without any becomes one item of its order amount, a sale without any has none.

    Where items exist, the order-level amount is ignored; where an item has a subtotal, its price is.

    Raises:
        MalformedError: a negative amount, a gap in the numbering, an item without SKU, category, quantity or money, a
            SKU given twice, a missing required parameter, or an unknown currency.
    """
    if missing := [name for name in event_type.required if not parameters.get(name)]:
        raise MalformedError(f"missing {missing}")
    rate = _exchange_rate(program, parameters)
    indices = item_indices(parameters)
    if indices != list(range(1, len(indices) + 1)):
        raise MalformedError("the items are not numbered from 1 without gaps")
    if not indices:
        if event_type.kind == "sale":
            return []
        text = parameters.get("Amount") or parameters.get("OrderSubTotalPostDiscount") or "0"
        amount = _not_negative(text)
        if program.declaration.money_over_8_digits == "truncate":
            amount = min(amount, LARGEST_8_DIGITS)
        amounts = [amount]
        raw = [Line(sku=event_type.code, name=event_type.name, category="", quantity=1, amount=amount)]
    else:
        raw = [_line(parameters, index) for index in indices]
        if len({line.sku for line in raw}) < len(raw):
            raise MalformedError("a SKU is given twice")
        amounts = [line.amount for line in raw]
    discount = _not_negative(parameters.get("OrderDiscount") or "0")
    discount += sum(amounts, Decimal(0)) * _not_negative(parameters.get("OrderDiscountRate") or "0") / HUNDRED
    return [
        Line(
            sku=line.sku,
            name=line.name,
            category=line.category,
            quantity=line.quantity,
            amount=rounded((line.amount - share) * rate),
        )
        for line, share in zip(raw, spread(rounded(discount), amounts), strict=True)
    ]


def item_indices(parameters: Mapping[str, str]) -> list[int]:
    """The line numbers that occur in the names of item fields, in order."""
    return sorted({index for name, value in parameters.items() if value and (index := _item_index(name))})


@lru_cache(maxsize=4096)
def _item_index(name: str) -> int:
    """The line number in the name of an item field; 0 in every other name."""
    found = _ITEM_NAME.fullmatch(name)
    return int(found[1]) if found else 0


def _line(parameters: Mapping[str, str], index: int) -> Line:
    def value(name: str) -> str:
        return parameters.get(f"Item{name}{index}", "")

    sku, category, quantity = value("Sku"), value("Category"), value("Quantity")
    if not (sku and category and quantity):
        raise MalformedError(f"item {index} needs SKU, category and quantity")
    count = int(quantity)
    if subtotal := value("SubTotal"):
        amount = _not_negative(subtotal)
    elif price := value("Price"):
        amount = _not_negative(price) * count
    else:
        raise MalformedError(f"item {index} has neither subtotal nor price")
    amount -= _not_negative(value("TotalDiscount") or "0") + _not_negative(value("Discount") or "0") * count
    amount -= amount * _not_negative(value("DiscountRate") or "0") / HUNDRED
    if amount < 0:
        raise MalformedError(f"item {index} is discounted below zero")
    return Line(sku=sku, name=value("Name"), category=category, quantity=count, amount=amount)


def _exchange_rate(program: "Program", parameters: Mapping[str, str]) -> Decimal:
    currency = parameters.get("CurrencyCode") or parameters.get("Currency") or program.declaration.currency
    if currency == program.declaration.currency:
        return Decimal(1)
    rate = program.declaration.exchange_rates.get(currency)
    if rate is None:
        raise MalformedError(f"no rate for {currency}")
    return rate


def _not_negative(text: str) -> Decimal:
    number = parse_decimal(text)
    if number is None or number < 0:
        raise MalformedError("an amount is negative or no number")
    return number
