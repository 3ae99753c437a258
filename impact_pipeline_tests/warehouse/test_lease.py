from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline.warehouse import lease
from impact_pipeline.warehouse.migrations import migrate

LANE, SECONDS = "submit", 60.0
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        migrate(con)
        yield con


@pytest.fixture(autouse=True)
def _free(con: duckdb.DuckDBPyConnection) -> None:
    free(con)


def free(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update outbox.lease set run_id = null, token = 0, renewed_at = null, expires_at = null")


def acquire(con: duckdb.DuckDBPyConnection, run_id: str, after_seconds: float = 0.0) -> int | None:
    return lease.acquire(con, LANE, run_id, START + timedelta(seconds=after_seconds), SECONDS)


def renew(con: duckdb.DuckDBPyConnection, run_id: str, token: int, after_seconds: float = 0.0) -> bool:
    return lease.renew(con, LANE, run_id, token, START + timedelta(seconds=after_seconds), SECONDS)


def test_one_run_holds_the_lane_until_it_gives_it_back(con: duckdb.DuckDBPyConnection) -> None:
    token = acquire(con, "first")
    assert token == 1
    assert acquire(con, "second") is None

    lease.release(con, LANE, "first", token)

    assert acquire(con, "second") == 2


def test_an_expired_lease_is_taken_over_and_its_old_holder_is_fenced_off(con: duckdb.DuckDBPyConnection) -> None:
    old = acquire(con, "first")
    assert old is not None
    assert acquire(con, "second", after_seconds=59.9) is None

    new = acquire(con, "second", after_seconds=60)

    assert new == old + 1
    assert not renew(con, "first", old, after_seconds=61)
    lease.release(con, LANE, "first", old)
    assert renew(con, "second", new, after_seconds=62)


def test_an_expired_lease_that_nobody_took_can_be_renewed(con: duckdb.DuckDBPyConnection) -> None:
    token = acquire(con, "first")
    assert token is not None

    assert renew(con, "first", token, after_seconds=3600)
    assert acquire(con, "second", after_seconds=3601) is None


def test_the_same_run_entering_again_fences_off_its_former_self(con: duckdb.DuckDBPyConnection) -> None:
    """A step that is retried in the same run may still have a twin that was only slow."""
    old = acquire(con, "first")
    assert old is not None

    new = acquire(con, "first")

    assert new == old + 1
    assert not renew(con, "first", old)


def test_lanes_do_not_know_of_each_other(con: duckdb.DuckDBPyConnection) -> None:
    assert lease.acquire(con, "submit", "first", START, SECONDS) == 1
    assert lease.acquire(con, "confirm", "second", START, SECONDS) == 1


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something a run does after the clock has moved; a run may come with any token that it ever had."""

    run_id: str
    does: str
    which: int
    seconds: int


steps = st.builds(
    Step,
    run_id=st.sampled_from(["a", "b", "c"]),
    does=st.sampled_from(["acquire", "renew", "release"]),
    which=st.integers(0, 3),
    seconds=st.integers(-10, 90),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_whatever_the_interleaving_only_the_newest_token_acts_and_tokens_only_grow(
    con: duckdb.DuckDBPyConnection, story: list[Step]
) -> None:
    free(con)
    now = START
    had: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    newest, holder, expires_at = 0, "", START

    for step in story:
        now += timedelta(seconds=step.seconds)
        tokens = had[step.run_id]
        token = tokens[step.which % len(tokens)] if tokens else 99
        is_holder = holder == step.run_id and token == newest
        match step.does:
            case "acquire":
                given_token = lease.acquire(con, LANE, step.run_id, now, SECONDS)
                assert (given_token is None) == (holder not in ("", step.run_id) and now < expires_at)
                if given_token is not None:
                    assert given_token == newest + 1
                    newest, holder, expires_at = given_token, step.run_id, now + timedelta(seconds=SECONDS)
                    tokens.append(given_token)
            case "renew":
                assert lease.renew(con, LANE, step.run_id, token, now, SECONDS) == is_holder
                expires_at = now + timedelta(seconds=SECONDS) if is_holder else expires_at
            case "release":
                lease.release(con, LANE, step.run_id, token)
                holder = "" if is_holder else holder
        row = con.execute("select coalesce(run_id, ''), token from outbox.lease where lane = ?", [LANE]).fetchone()
        assert row == (holder, newest)
