"""One sender in a process of its own: `sender pipeline|plain`, its task on stdin, what was measured on stdout."""

import json
import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.impact.transport import HttpTransport
from impact_pipeline.outbox.queue import enqueue
from impact_pipeline.outbox.settings import EventType, OutboxSettings
from impact_pipeline.outbox.submit import submit
from impact_pipeline.warehouse.connection import Warehouse

# Deals with five parameters and two items: about what a won opportunity carries.
_CONVERSIONS = """
insert into conversions.conversion by name
select 'event-' || n as event_id, n as change_id, 'Opportunity' as object, printf('006%015d', n) as Id, 'won' as event,
       'sale' as type_kind, $at::timestamptz as event_at, 240.00 as amount, 2 as item_count, 'hash' as config_hash,
       $at as mapped_at, $campaign as CampaignId, $tracker as ActionTrackerId, $code as EventTypeCode,
       '2026-11-20T12:00:00Z' as EventDate, $prefix || n as OrderId, 'customer-' || n as CustomerId,
       'click-1' as ClickId, 'USD' as CurrencyCode
  from range($count) as t(n)
"""
_ITEMS = """
insert into conversions.item by name
select 'event-' || n as event_id, i as item_number, 120.00 as amount, 'SKU-' || i as ItemSku, 'Plan' as ItemName,
       'Software' as ItemCategory, '1' as ItemQuantity, '120.00' as ItemSubTotal
  from range($count) as t(n), range(1, 3) as u(i)
"""
_DECISIONS = """
insert into conversions.decision by name
select nextval('conversions.decision_id') as decision_id, change_id, object, Id, event, 'send' as decision,
       'stage_passed' as reason, event_id, 1 as entry, true as carries, event_at, config_hash, 'cycle' as cycle_id,
       'cycle' as run_id, event_at as decided_at
  from conversions.conversion
"""
# The first conversion of a type goes alone until one went all the way.
_PROOF = """
insert into outbox.request by name
select 'Conversion' as Type, 'proof' as event_id, 'Opportunity' as object, 'proof' as Id, 'won' as event,
       $campaign as CampaignId, $tracker as ActionTrackerId, $code as EventTypeCode, 'proof' as OrderId,
       false as has_click_id, 0 as item_count, $at as due_at,
       $at as event_at, 'settled' as state, 'not_credited' as outcome, $at as created_at,
       $at as settled_at, 'bench' as run_id, 'hash' as config_hash
"""


def filled(path: Path, task: dict[str, Any]) -> tuple[Warehouse, OutboxSettings]:
    """A warehouse whose outbox holds the conversions, ready to be sent."""
    warehouse, now = Warehouse(path=path), datetime.now(UTC)
    settings = OutboxSettings(
        campaign_id=task["campaign_id"],
        event_types=(EventType(code=task["code"], id="8182"),),
        connections=task["connections"],
        requests_per_hour=10**9,
    )
    values = {"at": now, "campaign": task["campaign_id"], "tracker": "8182", "code": task["code"]}
    with warehouse.transaction() as con:
        con.execute(_CONVERSIONS, {**values, "count": task["count"], "prefix": task["prefix"]})
        con.execute(_ITEMS, {"count": task["count"]})
        con.execute(_DECISIONS)
        con.execute(_PROOF, values)
        enqueue(con, settings, run_id="bench", now=now)
    return warehouse, settings


def pipeline(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Send them as a run of the submit lane does."""
    warehouse, settings = filled(folder / "bench.duckdb", task)
    client = ImpactClient(
        HttpTransport(task["url"], connections=task["connections"]),
        Credential(account_sid=task["account_sid"], auth_token=task["auth_token"]),
    )
    began, used = time.monotonic(), _cpu_seconds()
    report = submit(warehouse, client, settings, run_id="bench", clock=lambda: datetime.now(UTC))
    measured = {"seconds": time.monotonic() - began, "cpu_seconds": _cpu_seconds() - used}
    client.close()
    with warehouse.reading() as con:
        kept = con.execute("select count(*) from outbox.request where state = 'accepted'").fetchone()
    return measured | {
        "accepted": report.verdicts.get("accepted", 0),
        "sent": report.sent,
        "groups": report.groups,
        "kept": int(kept[0]) if kept else 0,
    }


def plain(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Send the same bodies from as many threads, with a requests session each."""
    warehouse, _ = filled(folder / "bench.duckdb", task)
    with warehouse.reading() as con:
        rows = con.execute("select payload from outbox.request where state = 'ready' order by request_id").fetchall()
    url = f"{task['url']}/Advertisers/{task['account_sid']}/Conversions"
    local = threading.local()
    headers = {
        "Accept": "application/json",
        "IR-Version": "14",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def post(body: str) -> bool:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.auth = (task["account_sid"], task["auth_token"])
            local.session.headers.update(headers)
        answer = local.session.post(url, data=body, timeout=30)
        return answer.status_code == 200 and answer.json()["Status"] == "QUEUED"

    began, used = time.monotonic(), _cpu_seconds()
    with ThreadPoolExecutor(task["connections"]) as executor:
        accepted = sum(executor.map(post, (body for (body,) in rows)))
    return {
        "seconds": time.monotonic() - began,
        "cpu_seconds": _cpu_seconds() - used,
        "accepted": accepted,
        "sent": len(rows),
    }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="impact_pipeline_bench_") as scratch:
        print(json.dumps({"pipeline": pipeline, "plain": plain}[sys.argv[1]](Path(scratch), json.load(sys.stdin))))
