"""changes.* → conversions.*, as Dagster shows it: one step that answers every change and maps what is to be sent."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb

from impact_pipeline.capture.objects import expected_objects
from impact_pipeline.changes.assets import CHANGE
from impact_pipeline.changes.watched import compared_objects
from impact_pipeline.config.load import Config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.conversions import coverage
from impact_pipeline.conversions.decide import decide
from impact_pipeline.conversions.lineage import conversion_lineage, item_lineage
from impact_pipeline.conversions.relations import captured
from impact_pipeline.warehouse.assets import bars, chart, count_table, lineage, preview, table_metadata
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource

DECISION = dg.AssetKey(["conversions", "decision"])
CONVERSION = dg.AssetKey(["conversions", "conversion"])
ITEM = dg.AssetKey(["conversions", "item"])
COVERAGE = dg.AssetKey(["conversions", "coverage"])
_SHOWN = {
    DECISION: ("decision_id", "object", "Id", "event", "decision", "reason", "EventTypeCode", "amount", "decided_at"),
    CONVERSION: ("mapped_at", "object", "Id", "EventTypeCode", "OrderId", "EventDate", "amount", "item_count"),
    ITEM: ("event_id", "item_number", "ItemSku", "ItemQuantity", "amount"),
    COVERAGE: ("week", "object", "event", "CurrencyCode", "events", "with_click_id", "amount", "amount_at_stake"),
}
_DECIDED_FROM = {
    "change_id": [("changes", "change", "change_id")],
    "Id": [("changes", "change", "Id")],
    "event_at": [("changes", "change", "occurred_at")],
    "decision": [("changes", "change", "kind"), ("changes", "change", "fields")],
}
_MAPPED = ("EventTypeCode", "OrderId", "CurrencyCode", "amount")
_ABOUT = {
    DECISION: (
        "What became of each change for each event: send, correct, hold or skip, with a reason code. Append-only; "
        "conversions.current_decision shows the newest."
    ),
    CONVERSION: "One row per event to be sent: impact.com's parameters as text, exactly as they leave.",
    ITEM: "The items of each conversion, numbered from 1.",
    COVERAGE: (
        "What leads from the events to partners: the share with click id, customer id, product codes and currency, "
        "by object and week, and the money at stake."
    ),
}


def decision_assets(declared: Config) -> dg.AssetsDefinition:
    """conversions.*, made from changes.change and from what the mapping reads besides."""
    read = _read(declared)

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(key=key, deps=read[key], group_name="conversions", kinds={"duckdb"}, description=about)
            for key, about in _ABOUT.items()
        ],
        name="decide",
        required_resource_keys={"config", "warehouse", "clock"},
    )
    def decisions(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Answers what is new or open, and maps what is to be sent; nothing loops over rows."""
        program: ConfigResource = context.resources.config
        warehouse: WarehouseResource = context.resources.warehouse
        clock: ClockResource = context.resources.clock
        config = program.load()
        with warehouse.warehouse().transaction() as con:
            is_bound(con, account_sid=program.account_sid, campaign_id=program.campaign_id)
            bound, cycle_id = binding(con), newest_cycle(con)
            counts = decide(
                con,
                config,
                cycle_id=cycle_id,
                run_id=context.run.run_id,
                now=clock.now(),
                campaign_id=bound.campaign_id,
                organization_id=bound.organization_id,
                is_lasting=True,
            )
            shown = {
                key: table_metadata(con, *key.path) | {"preview": preview(con, key.path, columns)}
                for key, columns in _SHOWN.items()
            }
            mapped = conversion_lineage(config, captured(con))
            shown[CONVERSION] |= lineage(mapped)
            shown[ITEM] |= lineage(item_lineage(config, captured(con)))
            shown[DECISION] |= lineage(_DECIDED_FROM | {name: mapped[name] for name in _MAPPED if name in mapped})
            shown[COVERAGE] |= _covered(con)
            standing = con.execute(
                "select object, event, decision, reason, count(*) from conversions.current_decision "
                "where decision <> 'skip' group by all order by all"
            ).fetchall()
        written = sorted(counts.by_answer.items())
        names = ["object", "event", "decision", "reason", "count"]
        shown[DECISION] |= {
            "cycle_id": cycle_id,
            "decisions_written": counts.total,
            "written": count_table(names, [(*key, count) for key, count in written]),
            "standing": count_table(names, standing),
            "held": bars("Held, by reason", [(f"{row[1]}: {row[3]}", row[4]) for row in standing if row[2] == "hold"]),
            "chart": bars(
                "Decisions of this run",
                [(f"{event}: {decision}, {reason}", count) for (_, event, decision, reason), count in written],
            ),
        }
        for key, metadata in shown.items():
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)

    return decisions


def _read(declared: Config) -> dict[dg.AssetKey, list[dg.AssetKey]]:
    """What each asset is made from: products lead to items, names of stages to decisions, other parents to mapping."""
    wanted = declared.capture_set()
    beside = set(expected_objects(wanted)) - set(compared_objects(declared))
    names = beside & declared.optional_objects()
    of_lines = beside & set(expected_objects({line: wanted[line] for line, _ in declared.lines().values()}))
    read = {DECISION: names, ITEM: of_lines - names, CONVERSION: beside - names - of_lines}
    deps = {key: [CHANGE, *(dg.AssetKey(["raw", name]) for name in sorted(several))] for key, several in read.items()}
    return deps | {COVERAGE: [CHANGE]}


def _covered(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Shares as a picture and as rows, and the money at stake."""
    tables = {
        "by_object": coverage.by_object(con),
        "by_week": coverage.by_week(con),
        "at_stake": coverage.at_stake(con),
    }
    shown: dict[str, Any] = {
        name: count_table(list(rows[0]), [list(row.values()) for row in rows]) for name, rows in tables.items() if rows
    }
    return shown | {
        "chart": chart("Events that lead to a partner, in percent", coverage.share_bars(tables["by_object"]))
    }
