"""The mapping language: what a template is parsed into, and that no text of it ever becomes SQL."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.templates import (
    Concat,
    Filter,
    FirstOf,
    Literal,
    Special,
    Sql,
    Template,
    TemplateError,
    fixed_length,
    identifies,
    map_names,
    may_give,
    parse,
    paths,
)
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

STATUS, ID = FieldPath(parts=("Status",)), FieldPath(parts=("Id",))


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("{Status}", STATUS),
        ("{ Status }", STATUS),
        ("{Account.Owner.Name}", FieldPath(parts=("Account", "Owner", "Name"))),
        ("{Customer_Id__c?}", FieldPath(parts=("Customer_Id__c",), optional=True)),
        ("{Account.Tier__c?}", FieldPath(parts=("Account", "Tier__c"), optional=True)),
        ("{first_lead.Id}", FieldPath(parts=("Id",), start="first_lead")),
        ("{first_lead.Customer_Id__c?}", FieldPath(parts=("Customer_Id__c",), start="first_lead", optional=True)),
        ("{_event_at}", Special(name="_event_at")),
        ("Web", Literal(text="Web")),
        ("Lead_{Status}", Concat(parts=(Literal(text="Lead_"), STATUS))),
        (
            "{Status|lower|code}",
            Filter(name="code", argument=None, source=Filter(name="lower", argument=None, source=STATUS)),
        ),
        ("{Status|map:Regions}", Filter(name="map", argument="Regions", source=STATUS)),
        (["{Status}", "none"], FirstOf(options=(STATUS, Literal(text="none")))),
        (5, Literal(text="5")),
        (Decimal("1.10"), Literal(text="1.10")),
        (True, Literal(text="true")),
    ],
)
def test_a_template_is_parsed_into_a_tree(source: Any, tree: Template) -> None:
    assert parse(source) == tree


@pytest.mark.parametrize("source", ["sql: lower(Status)", {"sql": "lower(Status)"}])
def test_sql_is_an_expression(source: Any) -> None:
    tree = parse(source)

    assert isinstance(tree, Sql)
    assert list(paths(tree)) == [STATUS]


@pytest.mark.parametrize(
    "source",
    [
        *(
            "{",
            "}",
            "{}",
            "{Status",
            "Status}",
            "{{Status}}",
            "{Status}}",
            "",
            "{ }",
            "{|lower}",
            "{Status|}",
            "{Status||lower}",
        ),
        *("{Status|eval}", "{Status|lower:x}", "{Status|map}", "{Status|map:}", "{Status|LOWER}"),
        *(
            "{Name.__class__}",
            "{_Name}",
            "{Name[0]}",
            "{Name!r}",
            "{Name:>10}",
            "{Name()}",
            '{Na"me}',
            "{Na'me}",
            "{Na me}",
        ),
        *(
            "{.Name}",
            "{Name.}",
            "{A..B}",
            "{Name?.X}",
            "{first_lead.}",
            "{before.Name}",
            "{BEFORE.Name}",
            "{Näme}",
            "{Name;}",
        ),
        *("sql:", "sql: ", "sql: getenv('HOME')", "sql: (select 1)"),
        *([], [""], [None], None, {}, {"sql": 1}, {"sql": "1", "x": 1}, {"other": "1"}, 1.5),
    ],
)
def test_what_is_no_template_is_refused(source: Any) -> None:
    with pytest.raises(TemplateError):
        parse(source)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("{}|.?:_aA\"'; ", max_size=30))
def test_whatever_is_parsed_reads_fields_by_their_api_names_only(source: str) -> None:
    try:
        tree = parse(source)
    except TemplateError:
        return

    assert all(part.isidentifier() and part.isascii() for path in paths(tree) for part in path.parts)


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.lower() not in ("before", "first_lead")
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="{}\x00"), min_size=1, max_size=20)


@settings(deadline=None)
@given(
    st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=4, unique_by=lambda pair: pair[0].lower()),
    st.lists(TEXTS, min_size=1, max_size=4),
)
def test_neither_text_nor_value_of_a_template_can_alter_the_sql(
    fields: list[tuple[str, str]], texts: list[str]
) -> None:
    """What is quoted as a literal or an identifier comes out of DuckDB as it went in."""
    values = dict(fields)
    pieces = [piece for text, name in zip(texts * 4, values, strict=False) for piece in (text, f"{{{name}}}")]
    source = "x" + "".join(pieces)
    tree = parse(source)
    columns = ", ".join(f"? as {quote_identifier(name)}" for name in values)

    row = duckdb.execute(
        f"select {' || '.join(rendered(tree))} from (select {columns})", list(values.values())
    ).fetchone()

    expected = "x" + "".join(values[piece[1:-1]] if piece.startswith("{") else piece for piece in pieces)
    assert row == (expected,)


def rendered(tree: Template) -> Iterator[str]:
    match tree:
        case Literal(text=text):
            yield quote_literal(text)
        case FieldPath(parts=parts):
            yield quote_identifier(parts[-1])
        case Concat(parts=pieces):
            for piece in pieces:
                yield from rendered(piece)


@pytest.mark.parametrize(
    ("source", "code", "may"),
    [
        ("Lead_{Status}", "Lead_Qualified", True),
        ("Lead_{Status}", "Lead_", False),
        ("Lead_{Status}", "Opportunity_Won", False),
        ("{LeadSource}", "Web", True),
        ("Lead.{Status}", "Leadx1", False),
        (["Lead_{Status}", "Web"], "Web", True),
        ("Web", "web", False),
    ],
)
def test_a_code_is_possible_where_the_fixed_pieces_are_in_it(source: Any, code: str, may: bool) -> None:
    assert may_give(parse(source), code) is may


@pytest.mark.parametrize(
    ("source", "does"),
    [
        ("Lead_{Id}", True),
        ("{Id|code}", True),
        (["{Id}", "x{Id}"], True),
        ("sql: Status || Id", True),
        (["{Ref__c}", "{Id}"], False),
        ("{Account.Id}", False),
        ("{first_lead.Id}", False),
        ("{Id|map:x}", False),
        ("{Id|date}", False),
        ("sql: first_lead.Id", False),
        ("Lead", False),
    ],
)
def test_only_the_records_own_id_tells_records_apart(source: Any, does: bool) -> None:
    assert identifies(parse(source)) is does


def test_fixed_pieces_are_counted_and_maps_are_named() -> None:
    tree = parse(["abc{Name|map:one}", "abcdef{Name|lower|map:two}"])

    assert fixed_length(tree) == 3
    assert list(map_names(tree)) == ["one", "two"]
