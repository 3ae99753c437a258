"""What must hold of the outbox, and what somebody should look at."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from impact_pipeline.outbox.assets import REQUEST
from impact_pipeline.outbox.states import Outcome, State
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline.warehouse.sql import sql_file

OLD_DOUBT = timedelta(hours=2)
# impact.com says within a day what became of a conversion.
UNCONFIRMED = timedelta(days=2)
_SPECS = {
    "states_are_legal": ("Each request is in a known state, with an outcome exactly when it is settled.", True),
    "history_agrees": ("The newest move of each request leads to the state that it is in.", True),
    "keys_are_unique": ("One live Conversion per business event and per key.", True),
    "doubts_are_young": (f"Nothing is in doubt for more than {OLD_DOUBT.seconds // 3600} hours.", False),
    "ends_are_known": (f"Of all that was sent more than {UNCONFIRMED.days} days ago the end is known.", False),
    "nobody_is_needed": ("No request waits for a person.", False),
    "nothing_is_refused": ("impact.com refused or rejected nothing.", False),
    "codes_are_known": ("Every reason code of impact.com is one that we know.", False),
}


@dg.multi_asset_check(
    name="outbox_checks",
    specs=[
        dg.AssetCheckSpec(name, asset=REQUEST, blocking=is_error, description=about)
        for name, (about, is_error) in _SPECS.items()
    ],
    required_resource_keys={"warehouse", "clock"},
)
def outbox_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Counts what is wrong or open in the outbox."""
    warehouse: WarehouseResource = context.resources.warehouse
    clock: ClockResource = context.resources.clock
    with warehouse.warehouse().reading() as con:
        rows = con.execute(
            sql_file(__file__, "outbox_checks.sql"),
            {
                "states": list(State),
                "outcomes": list(Outcome),
                "doubt_since": clock.now() - OLD_DOUBT,
                "accepted_since": clock.now() - UNCONFIRMED,
            },
        ).fetchall()
    counts = dict(rows)
    for name, (about, is_error) in _SPECS.items():
        count = counts[name]
        yield dg.AssetCheckResult(
            asset_key=REQUEST,
            check_name=name,
            passed=count == 0,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=about if count == 0 else f"{count} do not: {about}",
            metadata={"requests": count},
        )


checks = [outbox_checks]
