"""Many changes are answered a slice at a time, which nobody may see but in the memory that it takes."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import watched_objects
from impact_pipeline.config.load import Config
from impact_pipeline.conversions.decide import decide
from impact_pipeline.conversions.under_way import CutOffError
from impact_pipeline.outbox.queue import enqueue, queue_corrections
from impact_pipeline.outbox.settings import settings_of
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline_tests.benchmarks.conversions import world

SIZE = world.Size(new=150, records=400, lines=200)
# Most records are edited in each round, so that some are corrected and some holds end.
BUSY = world.Size(new=390, records=400, lines=200)


class Killed(Exception):
    """Stands for a process that is killed."""


class Mortal:
    """A connection whose process is killed at one of its commits."""

    def __init__(self, con: duckdb.DuckDBPyConnection, lives: int) -> None:
        self.con, self.lives = con, lives
        self.execute, self.begin = con.execute, con.begin

    def commit(self) -> None:
        if not self.lives:
            raise Killed
        self.lives -= 1
        self.con.commit()


def compute(
    con: duckdb.DuckDBPyConnection,
    number: int,
    slice_size: int,
    *,
    config: Config | None = None,
    is_lasting: bool = False,
) -> None:
    bound, cycle_id, config = binding(con), newest_cycle(con), config or world.config()
    find_changes(con, watched_objects(config), cycle_id=cycle_id, now=world.at(number))
    decide(
        con,
        config,
        cycle_id=cycle_id,
        run_id="run",
        now=world.at(number),
        campaign_id=bound.campaign_id,
        organization_id=bound.organization_id,
        is_lasting=is_lasting,
        slice_size=slice_size,
    )


def answered(
    path: Path, number: int, slice_size: int, *, config: Config | None = None, lives: int | None = None
) -> dict[str, list[Any]]:
    """What a cycle decides and maps, without the numbers of decisions; it is killed `lives` commits on, if not None."""
    if lives is not None:
        with suppress(Killed), world.bounded(path).transaction() as con:
            mortal = cast(duckdb.DuckDBPyConnection, Mortal(con, lives))
            compute(mortal, number, slice_size, config=config, is_lasting=True)
            raise AssertionError("was not killed")
        must_wait(path)
    with world.bounded(path).transaction() as con:
        compute(con, number, slice_size, config=config, is_lasting=lives is not None)
        return {
            table: con.execute(f"select * exclude ({left_out}) from conversions.{table} order by all").fetchall()
            for table, left_out in {
                "current_decision": "decision_id, previous_decision_id",
                "open_decision": "decision_id",
                "conversion": "mapped_at",
                "item": "amount",
                "wanted": "wanted_at",
                "customer": "pinned_at",
                "cursor": "object",
            }.items()
        }


def must_wait(path: Path) -> None:
    """Nothing follows from the decisions of a cycle that was cut off."""
    with world.bounded(path).rehearsal() as con:
        settings = settings_of(world.config(), "4711")
        requests = con.execute("from outbox.request order by request_id").fetchall()
        with pytest.raises(CutOffError):
            enqueue(con, settings, run_id="run", now=world.at(2))
        assert queue_corrections(con, settings, run_id="run", now=world.at(2)) == (0, 0, 0)
        assert con.execute("from outbox.request order by request_id").fetchall() == requests
        assert con.execute(
            "select count(*) > 0 from conversions.decision "
            "where decision_id > (select decision_id from conversions.under_way)"
        ).fetchall() == [(True,)]


def want_what_was_sent(path: Path) -> list[Any]:
    """As if each reported event had been corrected before, and back; what is wanted then."""
    with world.bounded(path).transaction() as con:
        con.execute(
            "insert into conversions.wanted (event_id, state, amount, change_id, wanted_at) "
            "select event_id, 'live', amount, change_id, event_at from conversions.conversion"
        )
        return con.execute("select * exclude (wanted_at) from conversions.wanted order by all").fetchall()


def bounded_to(max_rows: int | None) -> Config:
    config = world.config()
    guards = config.pipeline.guards.model_copy(update={"max_rows": max_rows, "mass_change": None})
    return replace(config, pipeline=config.pipeline.model_copy(update={"guards": guards}))


@pytest.mark.parametrize("max_rows", [None, 10])
def test_a_cycle_that_was_cut_off_between_slices_ends_as_if_it_had_not_been(
    tmp_path: Path, max_rows: int | None
) -> None:
    """Also what the guards weigh is the whole cycle, and what they take back is as before all of it."""
    path, copy = tmp_path / "whole.duckdb", tmp_path / "cut_off.duckdb"
    world.first_load(path, BUSY)
    for number in (0, 1):
        answered(path, number, 1_000_000, config=bounded_to(None))
        world.tell_sent(path, number)
        world.edit(path, BUSY, number + 1)
    wanted = want_what_was_sent(path)
    shutil.copyfile(path, copy)

    whole, cut_off = (
        answered(file, 2, 100, config=bounded_to(max_rows), lives=lives) for file, lives in ((path, None), (copy, 3))
    )

    assert cut_off == whole
    assert any("mass_change" in row for row in whole["current_decision"]) == (max_rows is not None)
    with world.bounded(copy).reading() as con:
        corrected = con.execute(
            "select count(*) from conversions.current_decision join outbox.request using (event_id) "
            "where decision = 'correct' and decided_at = ?",
            [world.at(2)],
        ).fetchone()
        assert corrected is not None
        assert (corrected[0] > 0) == (max_rows is None)
        held = con.execute(
            "select event_id from conversions.current_decision where reason = 'mass_change' and not carries"
        ).fetchall()
    assert bool(held) == (max_rows is not None)
    assert {row for row in wanted if row[:1] in held} == {row for row in cut_off["wanted"] if row[:1] in held}


def test_slices_answer_as_all_changes_at_once_do(tmp_path: Path) -> None:
    found = []
    for slice_size in (1_000_000, 150):
        path = tmp_path / f"by_{slice_size}.duckdb"
        world.first_load(path, SIZE)
        answers = [answered(path, 0, slice_size)]
        world.tell_sent(path, 0)
        world.edit(path, SIZE, 1)
        answers.append(answered(path, 1, slice_size))
        found.append(answers)

    assert found[0] == found[1]
    assert len(found[0][1]["conversion"]) > 20


class Watched:
    """A connection that tells how many rows the statements of the slices have kept in memory at most."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.kept: dict[str, int] = {}
        con.execute("pragma enable_profiling = 'no_output'")

    def execute(self, sql: str, values: object = None) -> duckdb.DuckDBPyConnection:
        result = self.con.execute(sql, values)
        made = re.search(r"create or replace temp table (\w+)", sql)
        if made and made[1] not in ("sliced", "carrying", "waiting_pair"):
            rows = max(_kept(json.loads(self.con.get_profiling_information("json"))), default=0)
            self.kept[made[1]] = max(rows, self.kept.get(made[1], 0))
        return result


def _kept(operator: dict[str, Any]) -> Iterator[int]:
    """Rows that went into hash tables, sorts and tables on the way."""
    below = operator.get("children", [])
    # What is on the right of a join is put into a hash table, and the left looks into it.
    kept = {"HASH_JOIN": below[1:], "HASH_GROUP_BY": below, "WINDOW": below, "ORDER_BY": below, "CTE": below[:1]}
    yield from (each["operator_cardinality"] for each in kept.get(operator.get("operator_name", ""), []))
    for each in below:
        yield from _kept(each)


def test_what_a_slice_keeps_in_memory_is_bounded_by_the_slice(tmp_path: Path) -> None:
    """A large org's first load would not fit otherwise; in it DuckDB's planner knows no sizes yet."""
    path = tmp_path / "first_load.duckdb"
    world.first_load(path, world.Size(new=0, records=30_000, lines=10_000))

    with world.bounded(path).transaction() as con:
        watched = Watched(con)
        compute(cast(duckdb.DuckDBPyConnection, watched), 0, 4_000)

    # Two events of each change; 12,000 leads, 18,000 deals and 18,000 history rows are there.
    assert {name: rows for name, rows in watched.kept.items() if rows > 2 * 4_001} == {}
    assert {"mapped", "moment", "answer"} <= watched.kept.keys()
