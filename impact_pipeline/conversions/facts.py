"""What the data say of each pair of change and event, as tables that the answers are made from."""

from datetime import datetime

import duckdb

from impact_pipeline.config.load import Config, ObjectConfig
from impact_pipeline.conversions.conditions import fact_sql
from impact_pipeline.conversions.moments import passage_sql
from impact_pipeline.conversions.relations import Captured
from impact_pipeline.conversions.renames import mark_renamed, names_of_one_value
from impact_pipeline.warehouse.sql import sql_file


def find_facts(
    con: duckdb.DuckDBPyConnection,
    config: Config,
    about: ObjectConfig,
    captured: Captured,
    *,
    organization_id: str,
    first_load_until: datetime,
) -> None:
    """
    Fill temporary tables triggered and fact from tables pair and pair_change, for the events of one object; after
    list_renames.

    Args:
        first_load_until: go-live where none is configured.

    Raises:
        UnknownPath: the configuration names a field that was not captured.
    """
    sql = fact_sql(
        config,
        about,
        captured,
        organization_id=organization_id,
        first_load_until=first_load_until,
        renamed=names_of_one_value(con, about.name),
    )
    for statement in passage_sql([history for event in about.events.values() for history in event.histories]):
        con.execute(statement)
    mark_renamed(con, about.name)
    con.execute(sql.moment)
    con.execute(sql.triggered)
    reversible = [name for name, event in about.events.items() if any(rule.do == "reverse" for rule in event.rules)]
    con.execute(sql_file(__file__, "weighed.sql"), {"reversible": reversible})
    con.execute(sql.fact)
