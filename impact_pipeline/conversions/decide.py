"""
changes.* → conversions.*: what becomes of each change for each event, set-based, one object after the other.

    waiting_pair → sliced → carrying → open_pair, carried, entered_before, fresh_change → pair, pair_change → moment
         → triggered → fact → need → line, mapped → standing → answer, correction → decision, conversion, item, wanted

From open_pair on, a slice of the records at a time. When all objects have been answered, the guards look at
the call as a whole.

Facts and mapping are compiled per object; the answers are the same few statements for all. Held pairs, and pairs to be
sent that nobody intended yet, are answered anew every time, so a hold ends by itself and values follow the record
until then.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from impact_pipeline.config.errors import ConfigError
from impact_pipeline.config.load import Config, ObjectConfig
from impact_pipeline.config.models import CORRECTIONS_MAXIMUM
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.types import type_problems
from impact_pipeline.conversions import guards, under_way
from impact_pipeline.conversions.facts import find_facts
from impact_pipeline.conversions.identities import mark_changed_identities
from impact_pipeline.conversions.lines import item_parameters, item_sql, make_lines
from impact_pipeline.conversions.mapping import map_pairs, order_parameters
from impact_pipeline.conversions.moments import HISTORY_ROWS
from impact_pipeline.conversions.refunds import refund_change_sql
from impact_pipeline.conversions.relations import Captured, captured
from impact_pipeline.conversions.renames import list_renames
from impact_pipeline.conversions.under_way import Begun
from impact_pipeline.conversions.words import OVERRULED
from impact_pipeline.warehouse.sql import add_columns, quote_identifier, quote_literal, sql_file

# What a slice takes and what all slices of an object need fits in the warehouse's default memory limit.
SLICE_SIZE = 100_000
# Temporary tables that nobody reads any more once a slice has been answered.
_OF_SLICE = [
    "open_pair", "carried", "entered_before", "fresh_change", "pair", "pair_change", "renamed", "moment", "triggered",
    "fact", "need", "refund", "line", "newest", "converted_lead", "mapped", "mapped_item", "standing", "answer",
    "correction", "to_send", "covering",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DecisionCounts:
    """How many decisions were written, by (object, event, decision, reason)."""

    by_answer: dict[tuple[str, str, str, str], int]

    @property
    def total(self) -> int:
        return sum(self.by_answer.values())


def decide(
    con: duckdb.DuckDBPyConnection,
    config: Config,
    *,
    cycle_id: str,
    run_id: str,
    now: datetime,
    campaign_id: str,
    organization_id: str,
    is_guarded: bool = True,
    is_lasting: bool = False,
    slice_size: int = SLICE_SIZE,
) -> DecisionCounts:
    """
    Answer what is new or open, in the caller's transaction, and what a call that was cut off had left.

    Writes conversions.decision and covered only where an answer changes; conversions.conversion and item for what is to
    be sent and was never intended; conversions.wanted for corrections; conversions.customer for the first CustomerId of
    a record.

    Args:
        is_guarded: false where nothing can follow from it: a guard would hide what was asked about.
        is_lasting: whether slices are committed where an object has more than one, as memory is given back only then;
            the end is left to the caller. See under_way.
        slice_size: about how many changes are answered at a time, a record's always together. Fewer read the records'
            tables more often, more need more memory.

    Raises:
        UnknownPath: the configuration names a field that was not captured.
        ConfigError: it compares or computes what does not go together by the types of the fields.
    """
    con.execute(
        "insert into conversions.config select $hash, $config, $now "
        "where not exists (select 1 from conversions.config where config_hash = $hash)",
        {"hash": config.hash, "config": config.canonical, "now": now},
    )
    described = captured(con)
    if problems := type_problems(config, described.type_of):
        raise ConfigError(problems)
    begun = under_way.begin(con, now=now)
    _keep_open(con, begun)
    list_renames(con, described)
    mark_changed_identities(con, config if is_guarded else None)
    con.execute(sql_file(__file__, "close.sql"))
    there = [about for about in _parents_first(config) if about.name in described.types]
    for about in there:
        step = _Step(con, config, about, described, now, begun, slice_size, is_lasting)
        step.run(cycle_id=cycle_id, run_id=run_id, campaign_id=campaign_id, organization_id=organization_id)
    if is_guarded:
        guards.hold_back(con, config, [about.name for about in there], begun)
    for about in there:
        con.execute(sql_file(__file__, "move_cursor.sql"), {"object": about.name})
    _keep_open(con, begun)
    under_way.end(con)
    rows = con.execute(
        "select object, event, decision, reason, count(*) from conversions.decision where decision_id > ? group by all",
        [begun.decision_id],
    ).fetchall()
    return DecisionCounts(by_answer={(o, e, d, r): count for o, e, d, r, count in rows})


def _keep_open(con: duckdb.DuckDBPyConnection, begun: Begun) -> None:
    """Bring the open decisions up to those of this call, and of one that was cut off."""
    for name in ("drop_open.sql", "keep_open.sql"):
        con.execute(sql_file(__file__, name), {"after": begun.decision_id})


class _Step:
    """One object of one call."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        config: Config,
        about: ObjectConfig,
        described: Captured,
        now: datetime,
        begun: Begun,
        slice_size: int,
        is_lasting: bool,
    ) -> None:
        self.con = con
        self.config = config
        self.about = about
        self.captured = described
        self.now = now
        self.begun = begun
        self._cut_off: dict[str, Any] = {"after": begun.decision_id, "until": begun.cut_off_at}
        self.slice_size = slice_size
        self.is_lasting = is_lasting

    def run(self, *, cycle_id: str, run_id: str, campaign_id: str, organization_id: str) -> None:
        for sql in refund_change_sql(self.about):
            self.con.execute(sql, {"object": self.about.name, "now": self.now})
        self._execute("open.sql", object=self.about.name, events=list(self.about.events))
        self._execute(
            "slices.sql",
            formats={"merged": self._merged_records()},
            object=self.about.name,
            slice_size=self.slice_size,
            **self._cut_off,
        )
        self._execute("carried.sql", object=self.about.name)
        decided: dict[str, Any] = {
            "config_hash": self.config.hash,
            "cycle_id": cycle_id,
            "run_id": run_id,
            "now": self.now,
        }
        slices = self.con.execute("select distinct slice from sliced order by slice").fetchall()
        for (number,) in slices:
            self._answer(number, decided, campaign_id=campaign_id, organization_id=organization_id)
            if self.is_lasting and len(slices) > 1:
                self._commit()

    def _answer(self, number: int, decided: dict[str, Any], *, campaign_id: str, organization_id: str) -> None:
        """Answer the pairs of one slice of the records."""
        events = list(self.about.events)
        correctable = [name for name, event in self.about.events.items() if event.rules or event.declared.refund_of]
        self._execute("slice_open.sql", slice=number)
        self._execute("slice_carried.sql", slice=number)
        self._execute("slice_entered.sql", slice=number)
        self._execute("fresh_changes.sql", object=self.about.name, slice=number, **self._cut_off)
        self._execute("pairs.sql", events=events, correctable=correctable)
        self._execute("pair_changes.sql")
        find_facts(
            self.con,
            self.config,
            self.about,
            self.captured,
            organization_id=organization_id,
            first_load_until=self._first_load_until(),
        )
        self._execute("plain.sql", object=self.about.name, **decided)
        self._execute("need.sql")
        make_lines(self.con, self.config, self.about, self.captured)
        map_pairs(self.con, self.config, self.about, self.captured, campaign_id=campaign_id, now=self.now)
        self.con.execute(item_sql(self.about))
        self._execute("standing.sql")
        self._execute("answers.sql", now=self.now, overruled=list(OVERRULED))
        self._execute("kept_reversals.sql")
        self._execute(
            "corrections.sql",
            now=self.now,
            account_currency=self.config.pipeline.program.currency,
            corrections_maximum=CORRECTIONS_MAXIMUM,
            modifying=self._modifying(),
        )
        self._execute("apply_corrections.sql")
        self._execute("record.sql", **decided)
        self._write()

    def _commit(self) -> None:
        """Keep what the slice has come to, and give back the memory of its tables, which DuckDB keeps until then."""
        made = self.con.execute(
            "select table_name from duckdb_tables() where database_name = 'temp' "
            "and (list_contains($tables, table_name) or starts_with(table_name, $prefix))",
            {"tables": _OF_SLICE, "prefix": HISTORY_ROWS},
        ).fetchall()
        for (table,) in made:
            self.con.execute(f"drop table temp.{_q(table)}")
        under_way.keep(self.con, self.begun)
        self.con.commit()
        self.con.begin()

    def _write(self) -> None:
        self._write_conversions()
        self._cover()
        self._execute("pins.sql", now=self.now)
        self._execute("guards_keep_wanted.sql")
        self._execute("restore.sql", now=self.now)
        self._execute("unwant.sql", now=self.now)
        self._execute("want.sql", now=self.now)

    def _cover(self) -> None:
        """Keep what conversions.coverage counts, writing only what differs: open pairs are answered every cycle."""
        with_items = [name for name, event in self.about.events.items() if event.items is not None]
        time_zone = self.config.pipeline.program.time_zone
        self._execute("covering.sql", time_zone=time_zone, with_items=with_items)
        self._execute("uncover.sql")
        self._execute("cover.sql")

    def _modifying(self) -> str:
        """The events that a rule may modify, each with the reason code of its first such rule, as JSON."""
        codes = {
            name: rule.code
            for name, event in self.about.events.items()
            for rule in reversed(event.rules)
            if rule.do == "modify"
        }
        return json.dumps([{"event": name, "code": code} for name, code in codes.items()])

    def _merged_records(self) -> str:
        """The query of the records of the object that were merged, or became others by it."""
        if not self.captured.has(self.about.name, "MasterRecordId"):
            return "select null where false"
        table = f"raw.{_q(self.about.name)}"
        return f'select unnest(["Id", "MasterRecordId"]) from {table} where "MasterRecordId" is not null'

    def _write_conversions(self) -> None:
        parameters, items = order_parameters(self.about), item_parameters(self.about)
        self._add_parameters("conversion", parameters)
        self._add_parameters("item", items)
        pieces = ["l.item_number", *(f"l.{_q(name)}" for name in items)]
        self._execute(
            "to_send.sql",
            formats={
                "parameters": _list([f"m.{_q(_column(name))}" for name in parameters if name != "OrderId"]),
                "items": f"list(({_list(pieces)}) order by l.item_number)" if items else "count(*)",
            },
        )
        self._execute("drop_conversions.sql")
        self._execute("drop_items.sql")
        columns = _list([_q(_column(name)) for name in parameters])
        self._execute("write_conversions.sql", formats={"columns": columns}, config_hash=self.config.hash, now=self.now)
        if items:
            names, values = _list([_q(name) for name in items]), _list([f"l.{_q(name)}" for name in items])
            self._execute("write_items.sql", formats={"columns": names, "values": values})

    def _add_parameters(self, table: str, names: list[str]) -> None:
        """Columns for parameters that no mapping used before; free text and values about a person stay private."""
        there = self.con.execute(
            "select column_name from duckdb_columns() where schema_name = 'conversions' and table_name = ?", [table]
        ).fetchall()
        new = [name for name in names if (_column(name),) not in there]
        add_columns(self.con, f"conversions.{table}", {_column(name): "varchar" for name in new})
        for name in new:
            parameter = catalogue().by_name[name]
            private = "private: " if parameter.role.startswith(("free_text", "personal")) else ""
            about = quote_literal(f"{private}impact.com's parameter {name}, as text exactly as it leaves.")
            self.con.execute(f"comment on column conversions.{table}.{_q(_column(name))} is {about}")

    def _execute(self, name: str, *, formats: Mapping[str, str] | None = None, **values: Any) -> None:
        sql = sql_file(__file__, name)
        self.con.execute(sql.format(**formats) if formats is not None else sql, values or None)

    def _first_load_until(self) -> datetime:
        row = self.con.execute(
            "select max(window_until) from audit.extraction where object = ? and is_first_load", [self.about.name]
        ).fetchone()
        return row[0] if row and row[0] else self.now


def _parents_first(config: Config) -> list[ObjectConfig]:
    """Objects whose records are converted into others come first: their pins hold for what they became."""
    order = {"Lead": 0, "Contact": 1, "Account": 2}
    return sorted(config.objects.values(), key=lambda about: (order.get(about.name, 3), about.name))


def _column(parameter: str) -> str:
    return catalogue().by_name[parameter].column


def _list(parts: list[str]) -> str:
    return ", ".join(parts)


_q = quote_identifier
