"""`impact-pipeline explain`: one record's whole story, from the tables alone."""

from typing import Any

import click
import duckdb

from impact_pipeline.cli.failures import Failure
from impact_pipeline.cli.reading import reading
from impact_pipeline.cli.show import as_json, console, table
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

_CHAPTERS = {
    "changes": "What changed in Salesforce (fields, not values)",
    "decisions": "What was decided",
    "requests": "Where its requests stand",
    "transitions": "How they got there",
    "attempts": "What left for impact.com (personal values masked)",
    "submissions": "What impact.com's queue said",
    "actions": "What impact.com credited",
    "standing": "How both sides compare",
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
        for chapter, title in {"versions": "Versions seen", **_CHAPTERS}.items():
            rows: Rows = told.get(chapter, [])
            if rows:
                out.print(table(title, list(rows[0]), (row.values() for row in rows)))
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
