"""
An expression means what DuckDB reads in it, in a DuckDB that may touch nothing but the row.

Two parsers read an expression: ours, which limits it, and DuckDB's. Where they differ, a condition would mean something
else than what its author tried out in the shell; what one of them refuses can't be used.
"""

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from impact_pipeline.config.expressions import Expression, ExpressionError

ROWS = """
    from (values ('a', 'b', 1.50::decimal(18, 2), 2::bigint, date '2026-11-20', true, false),
                 ('%', '%', 0.00, -3, date '2024-02-29', null, true),
                 (null, '', -2.50, null, null, false, true),
                 ('', null, null, 7, date '1999-12-31', true, null))
      as given(Name, City, Amount, Seats, CloseDate, Won, Open)
"""
S = st.SearchStrategy[str]


def numbers(texts: S, truths: S, own: S) -> S:
    return st.one_of(
        joined(own, st.sampled_from(["+", "-", "*", "//", "%"]), own),
        joined(st.sampled_from(["-", "- -"]), own),
        formed("({})", own),
        formed("abs({})", own),
        formed("length({})", texts),
        formed("cast({} as bigint)", own),
        formed("{}::decimal(10, 2)", own),
        formed("coalesce({}, {})", own, own),
        formed("case when {} then {} else {} end", truths, own, own),
    )


def words(numbers: S, own: S) -> S:
    return st.one_of(
        joined(own, st.just("||"), own),
        formed("({})", own),
        formed("lower({})", own),
        formed("concat({}, {})", own, own),
        formed("replace({}, 'a', {})", own, own),
        formed("nullif({}, 'a')", own),
        formed("split_part({}, 'b', 1)", own),
        formed("({})::varchar", numbers),
    )


def truths(numbers: S, texts: S, dates: S, own: S) -> S:
    maybe_not = st.sampled_from(["", "not"])
    return st.one_of(
        joined(own, st.sampled_from(["and", "or", "=", "<>", "is distinct from"]), own),
        joined(st.just("not"), own),
        formed("({})", own),
        joined(numbers, st.sampled_from(["=", "<>", "<", ">=", "is not distinct from"]), numbers),
        joined(texts, maybe_not, st.sampled_from(["like", "ilike"]), texts),
        joined(st.one_of(numbers, texts, own), st.just("is"), maybe_not, st.just("null")),
        joined(numbers, maybe_not, st.just("between"), numbers, st.just("and"), numbers),
        joined(texts, maybe_not, formed("in ({}, {})", texts, texts)),
        joined(own, st.just("is"), maybe_not, st.sampled_from(["true", "false"])),
        formed("if({}, {}, {})", own, own, own),
        joined(dates, st.sampled_from(["<", ">="]), dates),
    )


def joined(*pieces: S) -> S:
    return st.tuples(*pieces).map(" ".join)


def formed(pattern: str, *pieces: S) -> S:
    return st.tuples(*pieces).map(lambda given: pattern.format(*given))


def of_depth(depth: int) -> tuple[S, S, S]:
    """Strategies for numbers, texts and conditions, written without more parentheses than people use."""
    number, text, truth = (
        st.sampled_from(pieces)
        for pieces in (["Amount", "Seats", "1", "2.5"], ["Name", "City", "'a'", "'%'"], ["Won", "Open", "true"])
    )
    day: S = st.sampled_from(["CloseDate", "date '2026-01-31'", "CloseDate + interval '1' month"])
    for _ in range(depth):
        number, text, truth = numbers(text, truth, number), words(number, text), truths(number, text, day, truth)
    return number, text, truth


@pytest.fixture(scope="module")
def closed() -> Iterator[duckdb.DuckDBPyConnection]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": False,
        "lock_configuration": True,
        "threads": 1,
    }
    con = duckdb.connect(":memory:", config=config)
    yield con
    con.close()


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(*of_depth(1), *of_depth(2), *of_depth(3)))
def test_an_expression_gives_what_duckdb_gives_for_it_as_it_is_written(
    closed: duckdb.DuckDBPyConnection, text: str
) -> None:
    try:
        as_written = closed.execute(f"select {text} {ROWS}").fetchall()
    except duckdb.Error:
        return

    rendered = Expression(text).render(lambda path: f'given."{path.dotted}"')

    # Compared as written out: not-a-number is not equal to itself.
    assert repr(closed.execute(f"select {rendered} {ROWS}").fetchall()) == repr(as_written)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(*of_depth(1)), cut=st.integers(0, 30), length=st.integers(1, 8))
@example(text="coalesce(Won, Name)", cut=9, length=3)
@example(text="Name is not null", cut=0, length=4)
def test_what_duckdb_does_not_read_is_refused(
    closed: duckdb.DuckDBPyConnection, text: str, cut: int, length: int
) -> None:
    """A slip of the keyboard is never taken for something else."""
    slip = text[:cut] + text[cut + length :]
    try:
        closed.execute(f"select {slip} {ROWS}")
    except duckdb.ParserException:
        with pytest.raises(ExpressionError):
            Expression(slip)
    except duckdb.Error:
        return
