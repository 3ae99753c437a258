"""What the charts of the reconciliation show, for the page and for the Dagster UI: groups of bars."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from impact_pipeline.reconciliation.report import Answer
from impact_pipeline.warehouse.charts import Bar

K = TypeVar("K")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def funnel_bars(funnel: Answer) -> list[tuple[str, list[Bar]]]:
    """Per event type: expected, sent, processed, credited, matched."""
    return [
        (
            row[0],
            [
                Bar(label=step, value=Decimal(count), text=f"{count:,}", colour=number)
                for number, (step, count) in enumerate(zip(funnel.names[1:], row[1:], strict=True))
            ],
        )
        for row in funnel.rows
    ]


def money_bars(totals: Sequence[dict[str, Any]]) -> list[tuple[str, list[Bar]]]:
    """Per month and currency of what was sent: money sent, wanted after corrections, and confirmed by impact.com."""
    kinds = {"sent": "sent_amount", "wanted": "wanted_amount", "confirmed": "impact_amount"}
    groups = []
    for (month, currency), rows in grouped(totals, lambda row: (row["month"], row["CurrencyCode"])):
        sums = {kind: sum((row[name] or Decimal(0) for row in rows), Decimal(0)) for kind, name in kinds.items()}
        bars = [
            Bar(label=kind, value=amount, text=f"{amount:,.2f}", colour=number)
            for number, (kind, amount) in enumerate(sums.items())
        ]
        if any(sums.values()):
            groups.append((f"{month:%Y-%m}, {currency}", bars))
    return groups


def reason_bars(summary: Sequence[dict[str, Any]]) -> list[tuple[str, list[Bar]]]:
    """Per class: the reasons of what is open, in counts."""
    return [
        (
            name,
            [
                Bar(label=why, value=Decimal(count), text=f"{count:,}", colour=2)
                for why, several in grouped(rows, lambda row: row["why"] or "(no reason)")
                if (count := sum(row["key_count"] for row in several))
            ],
        )
        for name, rows in grouped(summary, lambda row: row["class"])
    ]


def latency_bars(latency: Sequence[dict[str, Any]]) -> list[tuple[str, list[Bar]]]:
    """Per event type: how long until impact.com had taken a conversion, and until its end was known."""
    steps = {
        "sent, half within": "taken_median",
        "sent, 95 % within": "taken_most",
        "ended, half within": "ended_median",
    }
    return [
        (
            row["EventTypeCode"],
            [
                Bar(label=step, value=Decimal(int(row[name])), text=_length(int(row[name])), colour=number)
                for number, (step, name) in enumerate(steps.items())
                if row[name] is not None
            ],
        )
        for row in latency
    ]


def _length(seconds: int) -> str:
    """As people say it: 40 s, 12 min, 3.5 h, 2.1 d."""
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < _DAY else f"{seconds / _DAY:.1f} d"


def grouped(rows: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], K]) -> list[tuple[K, list[dict[str, Any]]]]:
    """The rows by what `key` gives, in the order in which each first comes."""
    groups: dict[K, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.items())
