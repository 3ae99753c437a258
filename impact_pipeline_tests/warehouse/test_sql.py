import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact_pipeline.warehouse.sql import add_columns, quote_identifier, quote_literal

without_nul = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)


@given(without_nul.filter(bool))
def test_any_name_is_one_identifier(name: str) -> None:
    assert duckdb.execute(f"select 1 as {quote_identifier(name)}").description[0][0] == name


@given(without_nul)
def test_any_text_is_one_constant(text: str) -> None:
    assert duckdb.execute(f"select {quote_literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("name", ["", "a\x00b"])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        quote_identifier(name)


def test_columns_are_added_once() -> None:
    with duckdb.connect() as con:
        con.execute("create table t (a integer)")

        for _ in range(2):
            add_columns(con, "t", {"A": "varchar", 'odd "name"': "varchar"})

        assert [column[0] for column in con.execute("from t").description or []] == ["a", 'odd "name"']
