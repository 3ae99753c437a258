"""What the types of fields tell about a configuration, before anything is read with it."""

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline.config.errors import Problem
from impact_pipeline.config.expression_types import result_type
from impact_pipeline.config.expressions import Expression, ExpressionError, FieldPath
from impact_pipeline.config.load import PACKS, Config, load_config
from impact_pipeline.config.types import FieldType, type_problems
from impact_pipeline_tests.config.test_load import LEAD, a_lead, loaded

COLUMNS = {
    "Name": "VARCHAR",
    "StageName": "VARCHAR",
    "Amount": "DECIMAL(18,2)",
    "Seats": "BIGINT",
    "CloseDate": "DATE",
    "CreatedDate": "TIMESTAMP WITH TIME ZONE",
    "IsWon": "BOOLEAN",
}
DESCRIBED = {"Email": "email", "Phone": "phone", "Secret__c": "encryptedstring"}


def type_of(object_name: str, path: FieldPath) -> FieldType | None:
    name = path.parts[-1]
    if name.startswith("Unknown"):
        return None
    return FieldType(column=COLUMNS.get(name, "VARCHAR"), described=DESCRIBED.get(name, "string"))


def given_by(text: str) -> str:
    expression = Expression(text)
    return result_type(expression, {path: COLUMNS[path.parts[-1]] for path in expression.paths()})


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("StageName = 'Closed Won' and Amount > 0", "BOOLEAN"),
        ("Amount = '5' and CloseDate > '2026-01-01' and CreatedDate < '2026-01-01T00:00:00Z'", "BOOLEAN"),
        ("StageName::bigint > 5 and Name::date > CloseDate", "BOOLEAN"),
        ("before.Amount < Amount", "BOOLEAN"),
        ("IsWon", "BOOLEAN"),
        ("CreatedDate > CloseDate", "BOOLEAN"),
        ("Amount * 2", "DECIMAL(18,2)"),
        ("Seats", "BIGINT"),
        ("Amount || '/' || Seats", "VARCHAR"),
        ("CloseDate + interval '1' day", "TIMESTAMP"),
        ("coalesce(CloseDate, CreatedDate::date)", "DATE"),
    ],
)
def test_what_an_expression_gives_is_known(text: str, gives: str) -> None:
    assert given_by(text) == gives


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("StageName = 5", ["StageName is a text", "used as INTEGER", "in quotes"]),
        ("5 < before.StageName", ["Cannot compare", "INTEGER_LITERAL and type VARCHAR"]),
        ("before.StageName = 5", ["before.StageName is a text"]),
        ("Amount = CloseDate", ["DECIMAL is no DATE"]),
        ("StageName in (1, 2)", ["StageName is a text"]),
        ("case when IsWon then StageName = 5 else true end", ["StageName is a text"]),
        ("not StageName", ["used as BOOLEAN", "StageName::boolean"]),
        ("upper(StageName) = 5", ["used as INTEGER"]),
        ("Amount > 'much'", ["'much' is no DECIMAL"]),
        ("CloseDate > 'soon'", ["'soon' is no DATE"]),
        ("IsWon = 'perhaps'", ["'perhaps' is no BOOLEAN"]),
        ("StageName > CloseDate", ["Cannot compare", "VARCHAR and type DATE"]),
        ("lower(Amount) = 'a'", ["lower(DECIMAL(18,2))"]),
        ("StageName + 1 > 2", ["VARCHAR"]),
    ],
)
def test_what_does_not_go_together_is_told(text: str, words: list[str]) -> None:
    with pytest.raises(ExpressionError) as raised:
        given_by(text)

    assert all(word in str(raised.value) for word in words), str(raised.value)


OPERANDS = st.sampled_from([*COLUMNS, "5", "2.5", "'a'", "'5'", "'2026-01-01'", "true"])


@settings(max_examples=150, deadline=None)
@given(left=OPERANDS, comparison=st.sampled_from(["=", "<", "<>", "is distinct from"]), right=OPERANDS)
def test_a_condition_that_passes_can_be_evaluated_for_whatever_values(left: str, comparison: str, right: str) -> None:
    """Nothing that was let through fails at a record: try() would give null there, which is not what was meant."""
    try:
        expression = Expression(f"{left} {comparison} {right}")
        given_by(expression.text)
    except ExpressionError:
        return
    values = {"VARCHAR": "'x'", "BOOLEAN": "true", "DATE": "date '2026-11-20'"}

    def value(path: FieldPath) -> str:
        kind = COLUMNS[path.parts[-1]]
        return values.get(kind, "now()" if kind.startswith("TIME") else f"7::{kind}")

    plain = expression.render(value).removeprefix("try(").removesuffix(")")

    assert duckdb.execute(f"select ({plain}) is not null or true").fetchone() == (True,)


def problems(tmp_path: Any, **lead: Any) -> list[Problem]:
    return type_problems(loaded(tmp_path, lead), type_of)


def test_a_problem_names_file_key_value_and_remedy(tmp_path: Any) -> None:
    (problem,) = problems(tmp_path, **a_lead(when="StageName = 5"))

    assert (problem.file, problem.key, problem.value) == ("objects/lead.yaml", "events.status.when", "StageName = 5")
    assert "text" in problem.problem
    assert problem.remedy


@pytest.mark.parametrize(
    ("key", "condition"),
    [("scope", "Amount = 'x'"), ("consent", "Name"), ("scope", "Amount"), ("consent", "IsWon = 'ja'")],
)
def test_conditions_of_the_record_are_checked(tmp_path: Any, key: str, condition: str) -> None:
    assert [problem.key for problem in problems(tmp_path, **{**LEAD, key: condition})] == [key]


def test_conditions_of_rules_are_checked(tmp_path: Any) -> None:
    lead = a_lead(after=[{"when": "Amount = ''", "do": "reverse"}])

    assert [problem.key for problem in problems(tmp_path, **lead)] == ["events.status.after.0.when"]


@pytest.mark.parametrize(
    ("parameter", "source", "words"),
    [
        ("Numeric1", "{CloseDate}", "takes a decimal"),
        ("Money1", "{IsWon}", "takes a money"),
        ("Date1", "{Amount}", "takes a datetime"),
        ("Date1", "sql: Amount * 2", "takes a datetime"),
        ("GiftPurchase", "{CreatedDate}", "takes a boolean"),
        ("Numeric1", ["{Amount}", "{CloseDate}"], "takes a decimal"),
        ("Text1", "sql: lower(Amount)", "refuses it"),
        ("Text1", "{Amount|date}", "filter date"),
        ("Text1", "{Email}", "hash"),
        ("Text1", "x{Owner.Email|lower}", "hash"),
        ("Text1", "sql: upper(Email)", "hash"),
        ("OrderId", "{Id}{Phone}", "no personal data"),
        ("Note", "{Secret__c}", "no personal data"),
    ],
)
def test_values_that_can_not_fit_or_must_not_leave_are_told(
    tmp_path: Any, parameter: str, source: Any, words: str
) -> None:
    # Under another name: a field that is called Email is refused before types are known.
    source = _renamed(source)
    lead = a_lead()
    lead["events"]["status"]["conversion"][parameter] = source
    lead["events"]["status"]["conversion"].setdefault("Text50", "x")

    found = [
        problem
        for problem in type_problems(loaded(tmp_path, lead), _type_of_renamed)
        if problem.key == f"events.status.conversion.{parameter}"
    ]

    assert len(found) == 1
    assert words in str(found[0])


def _renamed(source: Any) -> Any:
    if isinstance(source, list):
        return [_renamed(each) for each in source]
    return source.replace("Email", "Contact__c")


def _type_of_renamed(object_name: str, path: FieldPath) -> FieldType | None:
    if path.parts[-1] == "Contact__c":
        return FieldType(column="VARCHAR", described="email")
    return type_of(object_name, path)


@pytest.mark.parametrize(
    ("parameter", "source"),
    [
        ("Numeric1", "{Name}"),
        ("Numeric1", "{Seats}"),
        ("Date1", "{CloseDate}"),
        ("Date1", ["{CreatedDate}", "{Name}"]),
        ("Text1", "{Amount}"),
        ("Text1", "{Name|date}"),
        ("CustomerEmail", "{Contact__c|trim|sha1_email}"),
        ("PhoneNumber", "{Phone}"),
        ("Text1", "{UnknownField}"),
        ("Text1", "sql: Unknown1 || 'x'"),
    ],
)
def test_values_that_may_fit_pass(tmp_path: Any, parameter: str, source: Any) -> None:
    lead = a_lead()
    lead["events"]["status"]["conversion"][parameter] = source

    assert type_problems(loaded(tmp_path, lead), _type_of_renamed) == []


@pytest.mark.parametrize("pack", ["recommended", "impact_com"])
def test_the_packs_have_no_problem(pack: str) -> None:
    config: Config = load_config(PACKS / pack)

    assert type_problems(config, type_of) == []
