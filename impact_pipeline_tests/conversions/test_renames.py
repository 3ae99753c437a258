"""Which names mean one value, after several renames."""

import duckdb

from impact_pipeline.conversions.relations import Captured
from impact_pipeline.conversions.renames import list_renames, names_of_one_value


def accepted(*renames: tuple[str, str], also: tuple[str, str] | None = None) -> list[list[str]]:
    con = duckdb.connect()
    list_renames(con, Captured(types={}, references={}))
    rows = [(*names, True) for names in renames] + ([(*also, False)] if also else [])
    for place, (old, new, is_accepted) in enumerate(rows):
        con.execute(
            "insert into rename values ('Lead', 'Status', ?, ?, to_timestamp(?), 'subject', ?)",
            [old, new, place, is_accepted],
        )
    return sorted(sorted(group) for group in names_of_one_value(con, "Lead").get("Status", []))


def test_a_value_keeps_all_the_names_that_it_had() -> None:
    assert accepted(("Open", "New"), ("New", "Fresh"), ("Won", "Closed")) == [
        ["Closed", "Won"],
        ["Fresh", "New", "Open"],
    ]


def test_a_name_that_was_given_back_is_still_one_value() -> None:
    assert accepted(("Open", "New"), ("New", "Open")) == [["New", "Open"]]


def test_renames_that_meet_become_one_value() -> None:
    assert accepted(("A", "B"), ("C", "D"), ("B", "D")) == [["A", "B", "C", "D"]]


def test_what_nobody_accepted_means_nothing() -> None:
    assert accepted(also=("Open", "New")) == []
