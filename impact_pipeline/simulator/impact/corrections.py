"""What becomes of a queued modification or reversal: the action changed, or the code of its refusal."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from impact_pipeline.simulator.impact.conversions import VALIDATION
from impact_pipeline.simulator.impact.form import parse_decimal
from impact_pipeline.simulator.impact.money import rounded, spread
from impact_pipeline.simulator.impact.records import Action, Item, Refusal, State, SubmissionType

if TYPE_CHECKING:
    from impact_pipeline.simulator.impact.program import Program

MODIFICATIONS_MAXIMUM = 1000
MODIFICATION_REASONS = frozenset(
    [
        "CONS_ERROR",
        "CONS_FRAUD",
        "ITEM_RETURNED",
        "ITEM_OUT_OF_STOCK",
        "ORDER_ERROR",
        "PUB_ACT_DISPUTE",
        "ADV_ACT_DISPUTE",
        "NOT_COMPLIANCE_TERMS",
        "CREDITED_DIFFERENT_MP",
        "TEST_ACTION",
        "OTHER",
        "ORDER_UPDATE",
        "PARTNER_NOT_ACTIVE",
        "RESET",
    ]
)
REVERSAL_CODES = frozenset(
    [
        "REJECTED",
        "CONS_INFO_INVALID",
        "CONS_ERROR",
        "CONS_FRAUD",
        "ITEM_RETURNED",
        "ITEM_OUT_OF_STOCK",
        "ORDER_ERROR",
        "PUB_ACT_DISPUTE",
        "ADV_ACT_DISPUTE",
        "NOT_COMPLIANCE_TERMS",
        "MP_RETURNED",
        "CREDITED_DIFFERENT_MP",
        "TEST_ACTION",
        "OTHER",
    ]
)
# impact.com publishes no codes for refused changes. These are ours; a declaration may replace each of them.
REFUSALS: Mapping[str, str] = {
    "not_found": "ACTION_NOT_FOUND",
    "locked": "ACTION_LOCKED",
    "reversed": "ACTION_REVERSED",
    "too_many": "MODIFICATION_LIMIT_REACHED",
    "reason": "REASON_NOT_VALID",
    "customer_status": "CUSTOMER_STATUS_NOT_VALID",
    "sku": "SKU_NOT_FOUND",
    "amount": "AMOUNT_NOT_VALID",
}


class RefusedError(Exception):
    """The change can't be made; the argument is a key of REFUSALS."""


def apply_correction(
    program: "Program", type: SubmissionType, parameters: Mapping[str, str], at: datetime
) -> Refusal | None:
    """Change the action that the parameters name, the newest of its key; the refusal where that isn't allowed."""
    try:
        action = _find(program, parameters)
        reason = parameters.get("Reason") or parameters.get("DispositionCode") or ""
        effect = program.declaration.disposition_codes.get(reason)
        if type is SubmissionType.REVERSAL:
            _require(reason in REVERSAL_CODES or effect == "reject", "reason")
            _require(not action.is_locked(at), "locked")
            _require(action.state is not State.REVERSED, "reversed")
            reverse(program, action, at, reason)
        else:
            _require(reason in MODIFICATION_REASONS or effect is not None, "reason")
            _require(not action.is_locked(at), "locked")
            _require(action.state is not State.REVERSED or reason == "RESET", "reversed")
            _require(action.modification_count < MODIFICATIONS_MAXIMUM, "too_many")
            _modify(program, action, parameters, at, reason)
    except RefusedError as refused:
        key = str(refused)
        return Refusal(error_type=VALIDATION, reason=program.declaration.refusal_codes.get(key, REFUSALS[key]))
    return None


def reverse(program: "Program", action: Action, at: datetime, disposition: str) -> None:
    """Take the whole action back: its amount and commission become 0."""
    _set_items(program, action, [replace(item, amount=Decimal(0), payout=Decimal(0)) for item in action.items])
    action.delta_payout -= action.payout
    action.payout = Decimal(0)
    action.state = State.REVERSED
    program.log_update(action, at, disposition)


def _modify(program: "Program", action: Action, parameters: Mapping[str, str], at: datetime, reason: str) -> None:
    """Carry out a PUT: absolute values, a relative one, a status, a brand's own code or the way back."""
    status = parameters.get("CustomerStatus", "")
    _require(not status or status in program.declaration.customer_statuses, "customer_status")
    effect = program.declaration.disposition_codes.get(reason)
    before = action.amount
    changed: Item | None = None
    if reason == "RESET":
        items = action.original_items
    elif parameters.get("Sku"):
        _require(reason == "ORDER_UPDATE", "reason")
        items, changed = _with_item_changes(action, parameters, at, reason)
    elif parameters.get("Amount") or parameters.get("ItemSubTotalDelta"):
        items = _with_total(action, _wanted_total(action, parameters), at, reason)
    else:
        items = action.items
    if category := parameters.get("Category"):
        items = [replace(item, category=category) for item in items]

    action.modification_count += 1
    if status:
        action.customer_status = status
    total = sum((item.amount for item in items), Decimal(0))
    if effect == "reject" or (before and not total and reason != "RESET"):
        reverse(program, action, at, reason)
        return
    action.state = State.PENDING
    # The commission is computed anew under today's terms, whatever was changed.
    _set_items(program, action, items)
    program.log_update(action, at, reason, changed)
    is_order_level = not parameters.get("Sku")
    if effect == "approve" or (action.event_type.open_ended_locking and is_order_level):
        action.locking_at = at


def _wanted_total(action: Action, parameters: Mapping[str, str]) -> Decimal:
    if parameters.get("Amount"):
        return _amount(parameters["Amount"])
    delta = parse_decimal(parameters["ItemSubTotalDelta"])
    if delta is None or action.amount + delta < 0:
        raise RefusedError("amount")
    return action.amount + delta


def _with_total(action: Action, total: Decimal, at: datetime, reason: str) -> list[Item]:
    shares = spread(total, [item.amount for item in action.items])
    if total and not action.amount:
        shares[-1] = total
    return [
        replace(item, amount=share, adjusted_at=at, adjustment_reason=reason)
        for item, share in zip(action.items, shares, strict=True)
    ]


def _with_item_changes(
    action: Action, parameters: Mapping[str, str], at: datetime, reason: str
) -> tuple[list[Item], Item | None]:
    """The items with the values of Sku/Quantity/Amount, Sku2/Quantity2/Amount2, ...; and the last one changed."""
    items = {item.sku: item for item in action.items}
    changed: Item | None = None
    number = 1
    while sku := parameters.get(f"Sku{number}") or (parameters.get("Sku") if number == 1 else None):
        suffix = "" if number == 1 and parameters.get("Sku") else str(number)
        item = items.get(sku)
        if item is None:
            raise RefusedError("sku")
        quantity = _quantity(parameters.get(f"Quantity{suffix}"), item)
        if text := parameters.get(f"Amount{suffix}"):
            amount = _amount(text)
        elif item.quantity:
            amount = rounded(item.amount * quantity / item.quantity)
        else:
            amount = item.amount
        changed = items[sku] = replace(
            item,
            quantity=quantity,
            amount=amount if quantity else Decimal(0),
            adjusted_at=at,
            adjustment_reason=reason,
        )
        number += 1
    return list(items.values()), changed


def _set_items(program: "Program", action: Action, items: list[Item]) -> None:
    """Give the action these items, with the commission of now, and note by how much its sums change."""
    items = [replace(item, payout=program.payout(action.event_type, item.amount)) for item in items]
    amount = sum((item.amount for item in items), Decimal(0))
    payout = sum((item.payout for item in items), Decimal(0)) + action.event_type.payout_fixed
    action.delta_amount, action.delta_payout = amount - action.amount, payout - action.payout
    action.items, action.amount, action.payout = items, amount, payout


def _find(program: "Program", parameters: Mapping[str, str]) -> Action:
    if action_id := parameters.get("ActionId"):
        action = program.find_action(action_id)
    else:
        event_type = program.find_event_type(parameters)
        order_id = parameters.get("OrderId") or parameters.get("Oid") or ""
        found = program.actions_of(event_type.id, order_id) if event_type is not None else ()
        action = next((action for action in reversed(found) if action.is_visible), None)
    if action is None:
        raise RefusedError("not_found")
    return action


def _amount(text: str) -> Decimal:
    amount = parse_decimal(text)
    if amount is None or amount < 0:
        raise RefusedError("amount")
    return amount


def _quantity(text: str | None, item: Item) -> int:
    if not text:
        return item.quantity
    if not text.isdigit():
        raise RefusedError("amount")
    return int(text)


def _require(is_met: bool, refusal: str) -> None:
    if not is_met:
        raise RefusedError(refusal)
