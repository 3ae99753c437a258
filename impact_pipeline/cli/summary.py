"""What some runs did, read from the tables that they wrote."""

from collections.abc import Sequence
from typing import Any

import duckdb
from rich.console import Console

from impact_pipeline.cli.show import table
from impact_pipeline.warehouse.sql import sql_file

_PARTS = {
    "captured": "summary_captured.sql",
    "decided": "summary_decided.sql",
    "held": "summary_held.sql",
    "moved": "summary_moved.sql",
    "waiting": "summary_waiting.sql",
}


def summary(con: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The parts of a summary by name, each a list of rows by column name."""
    found = {}
    for part, file in _PARTS.items():
        sql = sql_file(__file__, file)
        cursor = con.execute(sql, {"run_ids": list(run_ids)} if "$run_ids" in sql else None)
        names = [column[0] for column in cursor.description or ()]
        found[part] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def print_summary(out: Console, found: dict[str, list[dict[str, Any]]]) -> None:
    """What was captured, what fired, what is held and why, what impact.com made of it."""
    out.print(_captured(found["captured"]))
    decided = [row for row in found["decided"] if row["decision"] != "skip"]
    names = ["object", "event", "decision", "reason", "count", "amount"]
    out.print(table("Fired", names, ([row[name] for name in names] for row in decided)))
    _print_skipped(out, found["decided"])
    if found["held"]:
        names = ["object", "event", "reason", "count", "amount"]
        out.print(table("Held, and why", names, ([row[name] for name in names] for row in found["held"])))
    names = ["Type", "EventTypeCode", "state", "outcome", "reason", "count", "amount", "CurrencyCode"]
    out.print(table("Told to impact.com", names, ([row[name] for name in names] for row in found["moved"])))
    if found["waiting"]:
        names = ["Type", "EventTypeCode", "state", "wait", "count", "due_at"]
        out.print(table("On the way", names, ([row[name] for name in names] for row in found["waiting"])))


def _captured(rows: list[dict[str, Any]]) -> str:
    new = [row for row in rows if row["versions"]]
    parts = [f"{row['object']} {row['versions']:,}" for row in new]
    kind = "the first load" if any(row["is_first_load"] for row in rows) else f"{len(rows)} objects read"
    return f"[bold]Captured[/] ({kind}): " + (", ".join(parts) + " new versions" if parts else "no new version")


def _print_skipped(out: Console, rows: list[dict[str, Any]]) -> None:
    counts: dict[str, int] = {}
    for row in rows:
        if row["decision"] == "skip":
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["count"]
    if counts:
        shown = ", ".join(
            f"{reason} {count:,}" for reason, count in sorted(counts.items(), key=lambda entry: -entry[1])
        )
        out.print(f"[bold]Skipped[/]: {shown}")
