"""Amounts of the local impact.com: two decimals, half up, and sums spread over lines without losing a cent."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
HUNDRED = Decimal(100)


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def payout_of(percent: Decimal, amount: Decimal) -> Decimal:
    return rounded(amount * percent / HUNDRED)


def spread(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """`total` in shares proportional to `weights`; the rounding's remainder falls on the last."""
    whole = sum(weights, Decimal(0))
    if not weights:
        return []
    shares = [rounded(total * weight / whole) if whole else Decimal(0) for weight in weights]
    shares[-1] += total - sum(shares, Decimal(0))
    return shares
