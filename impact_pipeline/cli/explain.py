"""`impact-pipeline explain`: one record's whole story, from the tables alone."""

from typing import Any

import click
import duckdb

from impact_pipeline.cli.failures import Failure
from impact_pipeline.cli.reading import reading
from impact_pipeline.cli.show import as_json, console, table
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

_CHAPTERS = (
    *("changes", "decisions", "words", "requests", "transitions", "attempts", "submissions", "actions", "standing"),
)
# What fits a terminal; --json has all columns.
_SHOWN = {
    "versions": (
        "Versions seen",
        "_version_id LastModifiedDate SystemModstamp _captured_at _is_first_load _is_deleted",
    ),
    "changes": ("What changed in Salesforce (fields, not values)", "change_id kind fields occurred_at detected_at"),
    "decisions": ("What was decided", "change_id event decision reason detail decided_by event_at amount CurrencyCode"),
    "words": ("What persons said; the next cycle goes by it", "change_id event word reason said_by said_at"),
    "requests": (
        "Where its requests stand",
        "request_id Type EventTypeCode amount CurrencyCode state outcome reason wait due_at",
    ),
    "transitions": ("How they got there", "request_id moved_at from_state to_state outcome reason detail decided_by"),
    "attempts": ("What left for impact.com", "request_id started_at method endpoint http_status verdict"),
    "submissions": ("What impact.com's queue said", "observed_at Type Status ErrorType ErrorReason CompletionDate"),
    "actions": (
        "What impact.com credited",
        "observed_at action_id State Amount Payout Currency MediaPartnerName EventDate LockingDate",
    ),
    "standing": (
        "How both sides compare",
        "OrderId class why wanted_amount CurrencyCode impact_amount impact_payout locking_date",
    ),
}
Rows = list[dict[str, Any]]


@click.command("explain")
@click.argument("name", metavar="RECORD_ID_OR_ORDER_ID")
@click.option("--json", "wants_json", is_flag=True, help="Print the story as JSON.")
def command(name: str, wants_json: bool) -> None:
    """
    Tell the whole story of one record: versions, changes, decisions, requests, answers, action, payout.

    RECORD_ID_OR_ORDER_ID is a Salesforce Id of 15 or 18 characters, an OrderId as impact.com shows it, or an event_id.
    It reads the warehouse, or the readers' copy while another process holds the warehouse. The exit code is 1 when
    nothing is known.

    \b
      impact-pipeline explain 006Hs00001AbCdEIAV
      impact-pipeline explain "Opportunity_Closed Won_006Hs00001AbCdEIAV"
    """
    with reading() as (con, path):
        subjects = con.execute(sql_file(__file__, "explain_subject.sql"), {"name": name}).fetchall()
        stories = [
            {"object": object_name, "Id": record_id} | story(con, object_name, record_id)
            for object_name, record_id in subjects
        ]
    if not stories:
        raise Failure(
            f"Nothing is known of {name!r} in {path}: no change of such a record was seen, and nothing was decided or "
            "sent under it. Ids and OrderIds are case-sensitive; records that no object file names are not captured."
        )
    if wants_json:
        click.echo(as_json(stories))
        return
    out = console()
    for told in stories:
        out.rule(f"{told['object']} {told['Id']}")
        for chapter, (title, columns) in _SHOWN.items():
            rows: Rows = told.get(chapter, [])
            names = [name for name in columns.split() if rows and name in rows[0]]
            if rows:
                out.print(table(title, names, ([row[name] for name in names] for row in rows)))
        for row in told["attempts"]:
            out.print(f"Request {row['request_id']}, personal values masked: {row['masked_payload']}", markup=False)
        for row in told["standing"]:
            out.print(f"{row['class']}: {row['remedy']}", markup=False)
        if not any(told[chapter] for chapter in ("decisions", "requests")):
            out.print("No event of the configuration was ever triggered by it.")


def story(con: duckdb.DuckDBPyConnection, object_name: str, record_id: str) -> dict[str, Rows]:
    """The chapters of one record's story, each as rows by column name; `versions` only where raw.* is there."""
    told = {}
    versions = f"{object_name}_version"
    has_versions = con.execute(
        "select 1 from duckdb_tables() where schema_name = 'raw' and table_name = ?", [versions]
    ).fetchone()
    if has_versions:
        sql = sql_file(__file__, "explain_versions.sql").format(version_table=quote_identifier(versions))
        told["versions"] = _rows(con, sql, {"Id": record_id})
    for chapter in _CHAPTERS:
        sql = sql_file(__file__, f"explain_{chapter}.sql")
        told[chapter] = _rows(con, sql, {"object": object_name, "Id": record_id})
    return told


def _rows(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, str]) -> Rows:
    cursor = con.execute(sql, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
