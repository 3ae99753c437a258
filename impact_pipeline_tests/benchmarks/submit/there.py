"""The local impact.com in a process of its own: prints its address, and when stdin ends what it used and received."""

import json
import resource
import sys
from datetime import UTC, datetime, timedelta

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Click, Declaration, EventType, Partner, Program, RateLimits, impact_app
from impact_pipeline.simulator.server import LoopbackServer

ACCOUNT_SID, AUTH_TOKEN, CAMPAIGN_ID, CODE = "IRbench", "bench-token", "4711", "Opportunity_Closed Won"


def main() -> None:
    declaration = Declaration(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        campaign_id=int(CAMPAIGN_ID),
        currency="USD",
        time_zone="UTC",
        event_types=(EventType(id=8182, code=CODE, kind="sale"),),
        partners=(Partner(id=20000, name="Some Partner"),),
        click_ids={"click-1": Click(partner=20000)},
        rate_limits=RateLimits(reads_per_hour=None),
        # Nothing is processed while it is measured.
        processing_seconds=int(timedelta(days=1).total_seconds()),
    )
    program = Program(Clock(datetime.now(UTC)), declaration)
    with LoopbackServer(impact_app(program)) as server:
        print(server.url, flush=True)
        sys.stdin.read()
    used = resource.getrusage(resource.RUSAGE_SELF)
    orders = {one.parameters["OrderId"] for one in program.submissions.values()}
    print(json.dumps({
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "received": len(program.received),
        "orders": len(orders),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
