"""What the stages after capture know of the cycle that they work for, from the tables alone."""

from dataclasses import dataclass

import duckdb


class NothingCaptured(Exception):
    """A later stage was started on a warehouse that capture never filled."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """The Salesforce org and the impact.com program that the warehouse is pinned to."""

    organization_id: str
    campaign_id: str


def newest_cycle(con: duckdb.DuckDBPyConnection) -> str:
    """The id of the newest cycle: its shared upper bound, as text that sorts by time."""
    row = con.execute("select max(cycle_id) from audit.extraction where purpose = 'window'").fetchone()
    if row is None or row[0] is None:
        raise NothingCaptured("Nothing was captured yet. Run the job conversion_cycle, or impact-pipeline run.")
    return str(row[0])


def binding(con: duckdb.DuckDBPyConnection) -> Binding:
    """What the first run has pinned."""
    row = con.execute("select organization_id, CampaignId from warehouse.binding").fetchone()
    if row is None:
        raise NothingCaptured(
            "The warehouse isn't pinned to an org yet. Run the job conversion_cycle, or impact-pipeline run."
        )
    return Binding(organization_id=row[0], campaign_id=row[1])
