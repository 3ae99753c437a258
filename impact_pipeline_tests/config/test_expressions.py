"""Expressions: what they are rendered to, and that nothing else than they say ever reaches DuckDB."""

import json
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from impact_pipeline.config.expressions import FUNCTIONS, Expression, ExpressionError, FieldPath
from impact_pipeline.warehouse.sql import quote_identifier

# One use of each function of the list; a, b are texts, n a number, t a time.
USES = {
    "abs": "abs(n)",
    "ceil": "ceil(n)",
    "coalesce": "coalesce(a, b, 'x')",
    "concat": "concat(a, b)",
    "concat_ws": "concat_ws('-', a, b)",
    "contains": "contains(a, 'x')",
    "date_part": "date_part('year', t)",
    "date_trunc": "date_trunc('month', t)",
    "ends_with": "ends_with(a, 'x')",
    "extract": "extract(dow from t)",
    "floor": "floor(n)",
    "greatest": "greatest(n, 1)",
    "if": "if(n > 1, a, b)",
    "least": "least(n, 1)",
    "left": "left(a, 2)",
    "length": "length(a)",
    "lower": "lower(a)",
    "lpad": "lpad(a, 5, '0')",
    "md5": "md5(a)",
    "nullif": "nullif(a, '')",
    "regexp_extract": "regexp_extract(a, '(x)(y)', 2)",
    "regexp_matches": "regexp_matches(a, '^x')",
    "regexp_replace": "regexp_replace(a, 'l', '_', 'g')",
    "replace": "replace(a, 'x', 'y')",
    "right": "right(a, 2)",
    "round": "round(n, 1)",
    "rpad": "rpad(a, 5, '0')",
    "sha256": "sha256(a)",
    "split_part": "split_part(a, '-', 1)",
    "starts_with": "starts_with(a, 'x')",
    "strftime": "strftime(t, '%Y-%m')",
    "substr": "substr(a, 2, 3)",
    "substring": "substring(a, 2, 3)",
    "trim": "trim(a)",
    "upper": "upper(a)",
}
OPERATORS = [
    "n + 1 - 2 * 3 / 4",
    "n // 2 % 3",
    "-n < 0 and n >= 1 or not n <= 5",
    "a = 'hello' and b <> 'x' and a != b",
    "a is distinct from b",
    "a is not distinct from null",
    "a is null or b is not null",
    "(n > 1) is true",
    "a like 'h%' and a not like 'x!%' escape '!'",
    "a ilike 'H%' and not a not ilike 'h%'",
    "a in ('hello', 'x') and n not in (1, 2)",
    "n between 1 and 50",
    "case when n > 1 then 'big' else 'small' end",
    "case a when 'hello' then 1 end",
    "a || '-' || b",
    "t + interval 2 day > timestamp '2026-01-01 00:00:00'",
    "t::date = date '2026-11-20'",
    "cast(n as varchar) || try_cast('1' as int)",
    "'it''s' || a",
    "'--' || a /* comment */ || '/*'",
]
ROW = "select 'hello-world' as a, 'x' as b, 42.5::decimal(18, 2) as n, timestamp '2026-11-20 10:11:12' as t"


def columns(path: FieldPath) -> str:
    return quote_identifier(str(path))


def test_every_function_of_the_list_has_its_use_here() -> None:
    assert sorted(USES) == sorted(FUNCTIONS)


@pytest.mark.parametrize("text", [*USES.values(), *OPERATORS])
def test_an_expression_means_in_duckdb_what_it_means_as_it_is_written(text: str) -> None:
    rendered = Expression(text).render(columns)

    assert (
        duckdb.sql(f"select {rendered} from ({ROW})").fetchall() == duckdb.sql(f"select {text} from ({ROW})").fetchall()
    )


def test_paths_are_found_in_their_order_with_their_prefixes() -> None:
    expression = Expression(
        "before.StageName <> StageName and Account.Owner.Profile.UserLicense.Name = first_lead.Name"
    )

    assert [str(path) for path in expression.paths()] == [
        "before.StageName",
        "StageName",
        "Account.Owner.Profile.UserLicense.Name",
        "first_lead.Name",
    ]
    assert expression.uses_before()


def test_a_column_is_put_in_as_one_piece() -> None:
    """Whatever the caller gives for a path, operators around it do not reach into it."""
    assert Expression("-Amount * 2").render(lambda path: "a + b") == "try(-(a + b) * 2)"


def test_a_cast_gives_null_for_what_it_cannot_convert() -> None:
    rendered = Expression("Score__c::int > 1").render(lambda path: "'many'")

    assert duckdb.sql(f"select {rendered}").fetchall() == [(None,)]


@pytest.mark.parametrize(
    "text",
    [
        'extract("year from t) or exists(select 1" from t)',
        'extract("a b" from t)',
        "date_trunc('x', t)",
        "date_trunc('day'' or true', t)",
        "t + interval '1' \"day, (select 1)\"",
        'a."b c".d = 1',
        '"a""b" = 1',
        "a.lower()",
        "'x'.upper()",
        "main.lower(a)",
    ],
)
def test_a_quoted_name_is_no_way_to_sql(text: str) -> None:
    """The parser writes some of them back without their quotes."""
    with pytest.raises(ExpressionError):
        Expression(text)


PIECES = st.sampled_from(
    [
        *(
            "a",
            "Account.Name",
            "before.x",
            '"q"',
            "'t'",
            "1",
            "null",
            "true",
            "(",
            ")",
            ",",
            "=",
            "<",
            "+",
            "||",
            "::int",
            ".",
            "[",
            "]",
        ),
        *(
            "and",
            "or",
            "not",
            "in",
            "is",
            "case",
            "when",
            "then",
            "else",
            "end",
            "between",
            "like",
            "interval",
            "day",
            "from",
            "select",
        ),
        *(
            "lower(",
            "extract(",
            "date_trunc(",
            "coalesce(",
            "read_text(",
            "getenv(",
            "exists(",
            "columns(",
            "unnest(",
            "count(",
            "cast(",
        ),
        *(
            "as",
            "date",
            "struct",
            "over",
            "distinct",
            "filter",
            "where",
            "union",
            ";",
            "--",
            "/*",
            "*/",
            "$1",
            "?",
            ":x",
            "*",
            "->",
            "{",
            "}",
        ),
        *(
            "year",
            "'day'",
            '"year from a) or (select 1"',
            "@",
            "~",
            "glob",
            "collate",
            "escape",
            "similar to",
            "at time zone",
            "E'x'",
            "$$x$$",
        ),
    ]
)
NASTY = st.text("a'\"().;-/*$ \\", max_size=8)
LEAVES = st.one_of(
    st.sampled_from(["a", "Account.Name", "before.x.y", "1", "1.5", "null", "true", "date '2026-01-01'"]),
    NASTY.map(lambda text: "'" + text.replace("'", "''") + "'"),
    NASTY.map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.sampled_from(["current_date", "(select 1)", "$1", "e'\\''", "$$x$$", "*", "a[1]", "row_number() over ()"]),
)
SHAPES = st.sampled_from(
    [
        *(
            "{} and {}",
            "{} or not {}",
            "({})",
            "{} = {}",
            "{} is distinct from {}",
            "{} in ({}, {})",
            "{} between {} and {}",
        ),
        *(
            "{} || {}",
            "-{}",
            "{} + {} * {}",
            "case when {} then {} else {} end",
            "{} like {} escape '!'",
            "{}::date",
            "{} /* {} */",
        ),
        *(
            "lower({})",
            "coalesce({}, {})",
            "extract({} from {})",
            "date_trunc({}, {})",
            "{} + interval {} day",
            "{} is {}",
        ),
        *(
            "getenv({})",
            "{} in (select {})",
            "{} collate {}",
            "{} at time zone {}",
            "{}; {}",
            "{} -- {}\n",
            "{}.{}",
            "[{}, {}]",
        ),
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(SHAPES, inner, inner, inner).map(lambda drawn: drawn[0].format(*drawn[1:])),
    max_leaves=8,
)
SQL = TREES | st.lists(PIECES, min_size=1, max_size=12).map(" ".join) | NASTY


# What DuckDB's own parser calls the operators and the functions behind them.
KNOWN = {
    *FUNCTIONS,
    *(
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "||",
        "~~",
        "!~~",
        "~~*",
        "!~~*",
        "like_escape",
        "not_like_escape",
        "ilike_escape",
        "not_ilike_escape",
    ),
    *(
        "to_days",
        "to_years",
        "to_months",
        "to_hours",
        "to_minutes",
        "to_seconds",
        "to_quarters",
        "to_weeks",
        "trunc",
        "row",
    ),
}
CLASSES = {
    *("COLUMN_REF", "CONSTANT", "FUNCTION", "CAST", "CASE", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN"),
}


@settings(max_examples=400, deadline=None)
@given(SQL)
@example('extract("year from a) or exists(select 1" from a)')
@example("a /* */ or 'x' -- y")
def test_whatever_is_accepted_holds_nothing_but_what_the_lists_allow(text: str) -> None:
    """DuckDB's own parser reads the rendered text, so a misunderstanding of ours can't hide in our parser."""
    try:
        rendered = Expression(text).render(columns)
    except ExpressionError:
        return

    tree = json.loads(duckdb.execute("select json_serialize_sql(?)", [f"select {rendered}"]).fetchall()[0][0])
    assert not tree["error"]
    (statement,) = tree["statements"]
    node = statement["node"]
    assert node["type"] == "SELECT_NODE"
    assert len(node["select_list"]) == 1
    assert node["from_table"]["type"] == "EMPTY"
    assert not node["where_clause"]
    for found in expressions_of(node["select_list"]):
        assert found["class"] in CLASSES
        if found["class"] == "FUNCTION":
            assert found["function_name"].lower() in KNOWN
            assert found["schema"] in ("", "main")


def expressions_of(tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, list):
        return [found for each in tree for found in expressions_of(each)]
    if isinstance(tree, dict):
        inner = [found for each in tree.values() for found in expressions_of(each)]
        return [tree, *inner] if "class" in tree else inner
    return []
