"""Both simulators over real HTTP, a warehouse in a temporary folder, and the jobs of the pipeline between them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import dagster as dg
import duckdb

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.definitions import build_definitions, resources_from, run_job
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import (
    ClickRule,
    Declaration,
    EventType,
    Faults,
    Partner,
    Program,
    RateLimits,
    impact_app,
)
from impact_pipeline.simulator.salesforce import Credentials, Org, OrgFeatures, SalesforceFaults, salesforce_app
from impact_pipeline.simulator.server import LoopbackServer
from impact_pipeline.warehouse.connection import SCHEMAS, Warehouse
from impact_pipeline_tests.simulator.orgs import a_line, a_price_list

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
JOBS = ("conversion_cycle", "submit_conversions", "confirm_and_reconcile")
CREDENTIALS = Credentials()
# The event types of the recommended pack.
PROGRAM = Declaration(
    account_sid="IRtestSID",
    auth_token="write-token",
    campaign_id=4711,
    currency="USD",
    time_zone="America/New_York",
    event_types=(
        EventType(id=8180, code="Lead_Qualified", kind="lead", payout_fixed=Decimal(25)),
        EventType(id=8181, code="Opportunity_Negotiation", kind="lead", parents=("Lead_Qualified",)),
        EventType(id=8182, code="Opportunity_Closed Won", kind="sale", payout_percent=Decimal(10)),
    ),
    partners=(Partner(id=20000, name="CloudPicks"),),
    click_rules=(ClickRule(pattern="[A-Za-z0-9]{38}", partners=(20000,)),),
    rate_limits=RateLimits(reads_per_hour=None),
)


class Flow:
    """`org` is Salesforce and `program` impact.com; `environment` points a run at both."""

    def __init__(self, folder: Path, clock: Clock, declaration: Declaration, features: OrgFeatures) -> None:
        self.folder, self.clock = folder, clock
        self.org = Org(clock, features=features)
        self.program = Program(clock, declaration)
        self.salesforce_faults, self.impact_faults = SalesforceFaults(), Faults()
        self.warehouse = Warehouse(path=folder / "file.duckdb", wait_seconds=5)
        self.environment = {
            env.CLIENT_ID: CREDENTIALS.client_id,
            env.CLIENT_SECRET: CREDENTIALS.client_secret,
            env.ACCOUNT_SID: declaration.account_sid,
            env.AUTH_TOKEN: declaration.auth_token,
            env.CAMPAIGN_ID: str(declaration.campaign_id),
            env.WAREHOUSE: str(self.warehouse.path),
            env.CONFIG: str(RECOMMENDED),
        }

    def point_at(self, salesforce_url: str, impact_url: str) -> None:
        self.environment |= {env.DOMAIN_URL: salesforce_url, env.BASE_URL: impact_url}

    def edit(self, op: str, sobject: str, record_id: str | None = None, **fields: Any) -> str:
        return self.org.apply({"op": op, "sobject": sobject, "id": record_id, "fields": fields})

    def a_lead(self, **fields: Any) -> str:
        given = {"LastName": "Alexander", "Company": "Hatfan", "Status": "Open - Not Contacted", **fields}
        return self.edit("create", "Lead", **given)

    def a_deal(self, **fields: Any) -> str:
        given = {"Name": "GTX Pro", "StageName": "Prospecting", "CloseDate": "2026-12-24", "Amount": "100.00", **fields}
        return self.edit("create", "Opportunity", **given)

    def a_won_deal(self, deal: str | None = None) -> str:
        """A deal with one line at 550.00 that is won now; a new one, or the given one."""
        deal = deal or self.a_deal()
        if not self.org.table("Product2").rows:
            a_price_list(self.org)
        a_line(self.org, None, OpportunityId=deal)
        self.edit("update", "Opportunity", deal, StageName="Closed Won")
        return deal

    def advance(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))

    def run(self, *jobs: str) -> None:
        """Run jobs of the pipeline in this process; all three without names. The environment must be set."""
        definitions = build_definitions(
            resources_from(self.environment, wait_seconds=5, clock=self.clock.now),
            load_config(Path(self.environment[env.CONFIG])),
        )
        with dg.DagsterInstance.ephemeral() as instance:
            for job in jobs or JOBS:
                run_job(definitions, job, instance)

    def cycle(self) -> None:
        """One cycle that sees all edits so far, and reads what impact.com made of what it sent."""
        self.advance(minutes=5)
        self.run("conversion_cycle", "submit_conversions")
        self.advance(minutes=16)
        self.run("confirm_and_reconcile")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.reading() as con:
            return con.execute(sql).fetchall()

    def fingerprints(self) -> dict[str, tuple[Any, ...]]:
        """Table → row count and a hash over all its rows."""
        with self.warehouse.reading() as con:
            return {name: _fingerprint(con, name) for name in _tables(con)}

    def reported(self) -> Counter[tuple[str, str]]:
        """How many conversions impact.com has recorded per (EventTypeCode, OrderId), repetitions included."""
        bodies = [dict(parse_qsl(one.body.decode())) for one in self.program.received if one.is_recorded]
        return Counter((body["EventTypeCode"], body["OrderId"]) for body in bodies)


@contextmanager
def flow_in(
    folder: Path,
    *,
    clock: Clock | None = None,
    declaration: Declaration = PROGRAM,
    features: OrgFeatures | None = None,
) -> Iterator[Flow]:
    """A flow whose simulators are being served."""
    flow = Flow(folder, clock or Clock(START), declaration, features or OrgFeatures())
    salesforce = salesforce_app(flow.org, CREDENTIALS, flow.salesforce_faults)
    impact = impact_app(flow.program, flow.impact_faults)
    with LoopbackServer(salesforce) as one, LoopbackServer(impact) as other:
        flow.point_at(one.url, other.url)
        yield flow


def _tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        'select format(\'"{}"."{}"\', schema_name, table_name) from duckdb_tables() '
        "where database_name = current_database() and list_contains($schemas, schema_name) order by all",
        {"schemas": list(SCHEMAS)},
    ).fetchall()
    return [name for (name,) in rows]


def _fingerprint(con: duckdb.DuckDBPyConnection, name: str) -> tuple[Any, ...]:
    row = con.execute(f"select count(*), sum(hash(t)::hugeint) from {name} as t").fetchone()
    assert row is not None
    return row
