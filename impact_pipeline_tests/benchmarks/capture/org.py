"""
The process of the simulated org: makes it, serves it on loopback, and edits it when its standard input says so.

It prints a JSON object once it serves: its address, the seconds that it took, the environment that points a client at
it, and the fields of its custom objects. Then one for each line that it reads: `edit` changes one per cent of the
opportunities with all their line items within the hour that follows. It ends with its input.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from impact_pipeline.config import environment as env
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import Credentials, Field, Org, fields_of_all_types, salesforce_app
from impact_pipeline.simulator.salesforce.schema import LONG_TEXT_LENGTH, custom_object
from impact_pipeline.simulator.server import LoopbackServer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WIDE_FIELDS = 800
SQL = Path(__file__).parent


def deals(opportunities: int, lines: int) -> Org:
    """An org of opportunities and their line items."""
    org = Org(Clock(NOW))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        binds = {"count": opportunities, "lines": lines, "now": NOW.replace(tzinfo=None)}
        _write(folder / "Opportunity.csv", (SQL / "opportunity.sql").read_text("utf-8"), **binds)
        _write(folder / "OpportunityLineItem.csv", (SQL / "line_item.sql").read_text("utf-8"), **binds)
        org.load_folder(folder)
    return org


def wide_and_long(rows: int, wide_rows: int) -> Org:
    """An org with Wide__c, of 800 fields with a text of the greatest length, and Long__c of many small records."""
    org = Org(Clock(NOW))
    fields = fields_of_all_types(WIDE_FIELDS - len(custom_object("Wide__c").fields))
    org.add_object("Wide__c", fields)
    org.add_object(
        "Long__c",
        [
            Field(name="Amount__c", type="currency", precision=18, scale=2, custom=True),
            Field(name="Day__c", type="date", custom=True),
            Field(name="Color__c", type="picklist", length=255, custom=True),
            Field(name="Flag__c", type="boolean", custom=True),
        ],
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        binds = {"now": NOW.replace(tzinfo=None)}
        _write(folder / "Wide__c.csv", _wide_sql(fields), count=wide_rows, **binds)
        _write(folder / "Long__c.csv", (SQL / "long.sql").read_text("utf-8"), count=rows, **binds)
        org.load_folder(folder)
    return org


def _wide_sql(fields: list[Field]) -> str:
    """The SELECT of the wide object's records: a short value for every field, and in one of them the longest text."""
    longest = next(item for item in fields if item.length == LONG_TEXT_LENGTH)
    values = [f'{VALUES.get(item.type, TEXT)} as "{item.name}"' for item in fields if item is not longest]
    return f"""
        select 'a0Wam2' || lpad(i::varchar, 9, '0') as "Id", 'Wide ' || i as "Name", '005am00000000z1' as "OwnerId",
               strftime($now - to_seconds(3600 + i), '%Y-%m-%dT%H:%M:%S.000Z') as "CreatedDate",
               {", ".join(values)},
               repeat(md5(i::varchar), {LONG_TEXT_LENGTH // 32}) as "{longest.name}"
          from range($count) numbers(i)
         order by i"""


TEXT = "'value ' || (i % 97)"
VALUES = {
    "boolean": "i % 2 = 0",
    "currency": "((i * 7919) % 1000000 / 100)::decimal(18, 2)",
    "date": "(date '2026-01-01' + (i % 300)::integer)::date",
    "datetime": "strftime(timestamp '2026-01-01' + to_seconds(i), '%Y-%m-%dT%H:%M:%S.000Z')",
    "double": "i % 1000",
    "email": "'a' || i || '@example.com'",
    "int": "i",
    "multipicklist": "'red;blue'",
    "percent": "i % 100",
    "reference": "'005am00000000z1'",
}


def _write(path: Path, sql: str, **binds: object) -> None:
    with duckdb.connect() as con:
        named = {name: value for name, value in binds.items() if f"${name}" in sql}
        con.execute(f"create temp table made as {sql}", named)
        con.execute(f"copy made to '{path}' (header, delimiter ',')")


def edit(org: Org) -> dict[str, int]:
    """Edit one per cent of the opportunities and all their line items, a second apart, in the hour that follows."""
    live = [str(row["Id"]) for row in org.table("Opportunity")]
    chosen = live[:: max(1, len(live) // max(1, len(live) // 100))]
    org.clock.advance(timedelta(minutes=30))
    lines = 0
    for opportunity in chosen:
        # The lines first: the roll-up that follows is part of the same change.
        for line in org.table("OpportunityLineItem").with_values("OpportunityId", [opportunity]):
            quantity = int(str(line["Quantity"]).split(".")[0]) % 5 + 1
            _update(org, "OpportunityLineItem", str(line["Id"]), Quantity=quantity)
            lines += 1
        _update(org, "Opportunity", opportunity, NextStep=f"Edited at {org.clock.now():%H:%M:%S}")
    org.clock.advance(timedelta(minutes=30))
    _make_indexes(org)
    return {"opportunities": len(chosen), "lines": lines}


def _make_indexes(org: Org) -> None:
    """The first question for a window makes the index anew, which a measured one should not wait for."""
    for name in (name for name in org.known_names() if len(org.table(name))):
        for field in ("CreatedDate", "SystemModstamp"):
            org.table(name).between(field, None, None)


def _update(org: Org, sobject: str, record_id: str, **fields: object) -> None:
    org.clock.advance(timedelta(milliseconds=100))
    org.apply({"op": "update", "sobject": sobject, "id": record_id, "fields": fields})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opportunities", type=int, default=0)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--wide-rows", type=int, default=0)
    asked = parser.parse_args()
    started = time.perf_counter()
    is_wide = bool(asked.rows or asked.wide_rows)
    # Millions of records are made and none is thrown away: nothing for the collector to find, but much to look through.
    gc.disable()
    org = wide_and_long(asked.rows, asked.wide_rows) if is_wide else deals(asked.opportunities, asked.lines)
    _make_indexes(org)
    credentials = Credentials()
    with LoopbackServer(salesforce_app(org, credentials)) as server:
        environment = {
            env.DOMAIN_URL: server.url,
            env.CLIENT_ID: credentials.client_id,
            env.CLIENT_SECRET: credentials.client_secret,
        }
        fields = {name: list(org.type_named(name).fields) for name in org.known_names() if name.endswith("__c")}
        seconds = time.perf_counter() - started
        _tell({"url": server.url, "seconds": seconds, "environment": environment, "custom_fields": fields})
        for line in sys.stdin:
            with org.lock:
                _tell(edit(org) if line.strip() == "edit" else {"error": f"{line.strip()!r} is not understood"})


def _tell(what: dict[str, object] | dict[str, int]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
