"""
Values that an administrator renamed in Setup: the text differs on every record that has them, and nothing happened.

OpportunityStage and LeadStatus tell it: another name under the Id that the value has there. What follows from a rename
alone is held (value_renamed) until a person accepts it; then it ends as same_value, and an event that was reported
under one name of a value is not reported again under another.
"""

import duckdb

from impact_pipeline.config.compiled import VALUE_LISTS
from impact_pipeline.conversions.relations import Captured
from impact_pipeline.warehouse.sql import quote_identifier, sql_file


def list_renames(con: duckdb.DuckDBPyConnection, captured: Captured) -> None:
    """Fill the temporary table rename from the lists of values that were captured."""
    con.execute(sql_file(__file__, "renames_none.sql"))
    for object_name, (field, source) in VALUE_LISTS.items():
        if captured.has(source, "ApiName") and captured.has(source, "MasterLabel"):
            sql = sql_file(__file__, "renames_of.sql").format(versions=f"raw.{quote_identifier(source + '_version')}")
            con.execute(sql, {"object": object_name, "field": field})


def names_of_one_value(con: duckdb.DuckDBPyConnection, object_name: str) -> dict[str, list[frozenset[str]]]:
    """Field → the names that mean one value, of the object's accepted renames; after list_renames."""
    rows = con.execute(
        "select field, old_name, new_name from rename where object = ? and is_accepted order by renamed_at, new_name",
        [object_name],
    ).fetchall()
    groups: dict[str, list[frozenset[str]]] = {}
    for field, old_name, new_name in rows:
        there = groups.setdefault(field, [])
        joined = frozenset({old_name, new_name}).union(*(each for each in there if each & {old_name, new_name}))
        groups[field] = [each for each in there if not each & joined] + [joined]
    return groups


def mark_renamed(con: duckdb.DuckDBPyConnection, object_name: str) -> None:
    """Fill the temporary table renamed: changes in table pair that only follow a rename; after list_renames."""
    con.execute("create or replace temp table renamed (change_id bigint, fields varchar[], is_accepted boolean)")
    # Which changes they are about takes looking at all changes, and hardly any org renames anything.
    if not con.execute("select 1 from rename where object = ? limit 1", [object_name]).fetchone():
        return
    versions = f"raw.{quote_identifier(object_name + '_version')}"
    con.execute(sql_file(__file__, "renames_pairs.sql").format(versions=versions), {"object": object_name})
