"""The two texts that are passed on as they stand: nothing but a comparison of fixed fields, nothing but a schedule."""

import pytest

from impact_pipeline.config.salesforce_text import cron_problem, filter_problem


@pytest.mark.parametrize(
    "condition",
    [
        "CreatedDate >= 2024-01-01T00:00:00Z",
        "CreatedById != '005000000000001AAA' and (CreatedDate > 2024-01-01T00:00:00+01:00 or not Id in ('a', 'b'))",
        "Id like '001%'",
        r"CreatedById = 'O\'Neill'",
    ],
)
def test_a_comparison_of_fields_that_never_change_is_taken(condition: str) -> None:
    assert filter_problem(condition) is None


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "compares nothing"),
        ("null = null", "compares nothing"),
        ("Status = 'Open'", "Status can change"),
        ("Owner.Name = 'x'", "Owner.Name can change"),
        ("Id in (select LeadId from CampaignMember)", "select can change"),
        ("Id = 'x' order by Id", "order can change"),
        ("CALENDAR_YEAR(CreatedDate) = 2024", "CALENDAR_YEAR can change"),
        ("CreatedDate = TODAY", "TODAY can change"),
        ("(Id = 'x'", "parentheses"),
        ("Id = 'x') or (Id = 'y'", "parentheses"),
        ("Id = 'x", "character 6"),
        ("Id = 'x'; delete", "character 9"),
        ("Id = 'x' -- more", "character 10"),
    ],
)
def test_whatever_else_is_refused(condition: str, said: str) -> None:
    assert said in (filter_problem(condition) or "")


@pytest.mark.parametrize("schedule", ["0 3 * * *", "*/15 0-6 1,15 * 1-5", "59 23 31 12 7"])
def test_a_schedule_of_five_fields_is_taken(schedule: str) -> None:
    assert cron_problem(schedule) is None


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("", "0 fields"),
        ("daily", "1 fields"),
        ("0 3 * * * *", "6 fields"),
        ("60 3 * * *", "minute from 0 to 59"),
        ("0 24 * * *", "hour from 0 to 23"),
        ("0 3 0 * *", "day from 1 to 31"),
        ("0 6-3 * * *", "hour"),
        ("0 3 * JAN *", "month"),
        ("*/0 3 * * *", "minute"),
        ("0 3 * * 1,", "weekday"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str, said: str) -> None:
    assert said in (cron_problem(schedule) or "")
