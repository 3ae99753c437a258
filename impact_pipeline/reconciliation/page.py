"""
The reconciliation as one page for finance and partner managers: a file that needs nothing beside it, to mail or print.

It holds no script and loads nothing. Every text of a record or of impact.com is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.figures import funnel_bars, grouped, latency_bars, money_bars, reason_bars
from impact_pipeline.warehouse.charts import bar_chart

# A browser takes longer over more, and a person reads none of it: the table has them all.
MOST_DIFFERENCES = 1_000
_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table of the page: its heading, and the name of what it shows."""

    heading: str
    name: str


def _columns(**named: str) -> tuple[Column, ...]:
    return tuple(Column(heading=heading.replace("_", " "), name=name) for heading, name in named.items())


_COUNTS = _columns(
    Event_type="EventTypeCode", Month="month", Currency="CurrencyCode", Expected="expected", Not_sent="not_sent",
    Sent="sent", Refused="refused", Not_credited="not_credited", Credited="credited", Reversed="reversed", Open="open",
    Live_actions="actions", Not_ours="not_ours",
)  # fmt: skip
_AMOUNTS = _columns(
    Event_type="EventTypeCode", Month="month", Currency="CurrencyCode", Salesforce="expected_amount",
    Sent="sent_amount", Credited_as_sent="credited_amount", Wanted="wanted_amount", At_impact="impact_amount",
    Difference="impact_difference", Payout="impact_payout", Not_ours="not_ours_amount",
)  # fmt: skip
_DIFFERENCES = _columns(
    Reason="why", Event_type="EventTypeCode", OrderId="OrderId", Record="Id", Ours="our_amount",
    Currency="CurrencyCode", At_impact="impact_amount", Locks="locking_date", Since="since",
)  # fmt: skip
_LOCKS = _columns(
    Locks="locking_date", Actions="action_count", Amount="impact_amount", Payout="impact_payout",
    Currency="impact_currency", Open="open_count", Open_amount="open_amount", Open_as="open_classes",
)  # fmt: skip
_DELTAS = _columns(
    Day="day", Event_type="EventTypeCode", What="what", Actions="actions", Amount="amount_delta",
    Payout="payout_delta", Currency="impact_currency",
)  # fmt: skip
_OTHERS = _columns(
    Comes_from="why", Event_type="EventTypeCode", Month="month", Keys="keys", Live_actions="live_actions",
    Amount="impact_amount", Payout="impact_payout", Currency="impact_currency",
)  # fmt: skip


def page(con: duckdb.DuckDBPyConnection, *, now: datetime) -> str:
    """
    The whole page as HTML.

    Args:
        con: the warehouse or the readers' copy; only read.
        now: when the page is made, UTC.
    """
    totals = report.totals(con).records()
    differences = report.open_differences(con).records()
    locks = report.lock_calendar(con).records()
    unbalanced = report.unbalanced(con).records()
    body = [
        _head(report.as_of(con).records()[0], unbalanced, now),
        _tiles(totals, differences, locks, now),
        _charts(totals, report.funnel(con), report.open_summary(con).records(), report.latency(con).records()),
        "<h2>Totals</h2><p class='told'>By event type, month of the event date in the program's time zone, and "
        "currency. Expected = not sent + sent; sent = refused + not credited + credited + reversed + open.</p>",
        _table("Counts", _COUNTS, totals),
        _table("Money on three sides: Salesforce, what was sent, impact.com", _AMOUNTS, totals),
        _open(differences),
        "<h2>Lock calendar</h2><p class='told'>What locks when. After that day nothing of it can be changed at "
        "impact.com: what is open then stays a difference.</p>",
        _table("", _LOCKS, locks),
        "<h2>What changed at impact.com over time</h2><p class='told'>By day on which we saw it.</p>",
        _table("", _DELTAS, report.deltas(con).records()),
        "<h2>Not sent by us</h2><p class='told'>Actions at impact.com under keys that this pipeline never sent.</p>",
        _table("", _OTHERS, report.not_ours(con).records()),
    ]
    return Template(_TEMPLATE.read_text("utf-8")).substitute(body="\n".join(body))


def _head(stand: dict[str, Any], unbalanced: Sequence[dict[str, Any]], now: datetime) -> str:
    program = stand["CampaignId"] or "not pinned yet"
    org = stand["organization_id"] or "not pinned yet"
    kind = " (a sandbox)" if stand["is_sandbox"] else ""
    verdict = (
        f"<p class='bad'>{len(unbalanced)} lines of the totals do not balance. Tell the engineer who runs the pipeline "
        "before you use these numbers.</p>"
        if unbalanced
        else "<p class='good'>Both equations hold to the cent in every line, and every difference is listed below.</p>"
    )
    return (
        f"<h1>Reconciliation</h1><p class='told'>Salesforce org {escape(org)}{kind} → impact.com program "
        f"{escape(program)}. Salesforce read up to {_text(stand['salesforce_until']) or 'nothing yet'}, impact.com at "
        f"{_text(stand['impact_until']) or 'no time yet'}; page made {_text(now)}. Times are UTC.</p>{verdict}"
    )


def _tiles(
    totals: Sequence[dict[str, Any]],
    differences: Sequence[dict[str, Any]],
    locks: Sequence[dict[str, Any]],
    now: datetime,
) -> str:
    coming = sorted(row["locking_date"] for row in locks if row["locking_date"] >= now.date() and row["open_count"])
    facts = [
        (f"{sum(row['expected'] for row in totals):,}", "conversions expected"),
        (f"{sum(row['sent'] for row in totals):,}", "sent"),
        (f"{sum(row['credited'] for row in totals):,}", "credited to partners"),
        (_by_currency(totals, "sent_amount", "CurrencyCode"), "sent"),
        (_by_currency(totals, "impact_payout", "impact_currency"), "payout at impact.com"),
        (f"{len(differences):,}", "open differences"),
        (_text(coming[0]) if coming else "none", "next lock with something open"),
    ]
    return "<ul class='tiles'>" + "".join(f"<li><b>{escape(a)}</b><span>{b}</span></li>" for a, b in facts) + "</ul>"


def _by_currency(totals: Sequence[dict[str, Any]], name: str, currency: str) -> str:
    sums: dict[str, Decimal] = {}
    for row in totals:
        if row[name] and row[currency]:
            sums[row[currency]] = sums.get(row[currency], Decimal(0)) + row[name]
    return " · ".join(f"{amount:,.2f} {code}" for code, amount in sorted(sums.items())) or "0.00"


def _charts(
    totals: Sequence[dict[str, Any]],
    funnel: report.Answer,
    summary: Sequence[dict[str, Any]],
    latency: Sequence[dict[str, Any]],
) -> str:
    shown = (
        ("How far the conversions got", funnel_bars(funnel)),
        ("Money by month: sent, wanted after corrections, confirmed", money_bars(totals)),
        ("Open differences by reason", reason_bars(summary)),
        ("How long the conversions of the last 30 days took", latency_bars(latency)),
    )
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{bar_chart(title, groups)}</figure>"
        for title, groups in shown
    )
    return f"<div class='charts'>{figures}</div>"


def _open(differences: Sequence[dict[str, Any]]) -> str:
    parts = ["<h2>Open differences</h2>"]
    if not differences:
        parts.append("<p class='good'>Nothing is open.</p>")
    for name, rows in grouped(differences[:MOST_DIFFERENCES], lambda row: row["class"]):
        parts.append(f"<h3>{escape(name)} ({len(rows):,})</h3><p class='remedy'>{escape(rows[0]['remedy'])}</p>")
        parts.append(_table("", _DIFFERENCES, rows))
    if len(differences) > MOST_DIFFERENCES:
        parts.append(
            f"<p class='bad'>{MOST_DIFFERENCES:,} of {len(differences):,} are shown, the most urgent ones; "
            "reconciliation.open_difference has all.</p>"
        )
    return "".join(parts)


def _table(caption: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return f"<p class='none'>{escape(caption) + ': ' if caption else ''}none.</p>"
    head = "".join(f"<th scope='col'{_numeric(rows, column)}>{escape(column.heading)}</th>" for column in columns)
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td data-label='{escape(column.heading, quote=True)}'{_numeric(rows, column)}>"
            f"{escape(_cell(column.name, row[column.name]))}</td>"
            for column in columns
        )
        + "</tr>"
        for row in rows
    )
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{named}<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _numeric(rows: Sequence[dict[str, Any]], column: Column) -> str:
    return " class='number'" if any(isinstance(row[column.name], (int, Decimal)) for row in rows) else ""


def _cell(name: str, value: Any) -> str:
    return f"{value:%Y-%m}" if name == "month" else _text(value)


def _text(value: Any) -> str:
    """As people read it; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(each) for each in value)
    return str(value)
