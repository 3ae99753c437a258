"""The SOQL that the simulated org understands, and how it refuses the rest."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact_pipeline.simulator.salesforce import Org, soql
from impact_pipeline.simulator.salesforce.query import run, span
from impact_pipeline.simulator.salesforce.soql import SoqlError
from impact_pipeline_tests.simulator.orgs import a_deal, an_org, create, delete, later, update


@pytest.fixture(scope="module")
def org() -> Org:
    """Five deals a minute apart, two with an account, one deleted; names differ in case and signs."""
    org = an_org(hidden_fields=frozenset({"Account.AnnualRevenue"}), hidden_objects=frozenset({"Campaign"}))
    account = create(org, "Account", Name="Hatfan", Industry="retail")
    for name, stage, amount, account_id in (
        ("Alpha", "Prospecting", 10, account),
        ("beta", "Prospecting", None, account),
        ("O'Hara \\ Sons", "Closed Won", 1_000_000, None),
        ("100%_sure", "Closed Lost", 10, None),
        ("gone", "Closed Lost", 5, None),
    ):
        a_deal(org, None, Name=name, StageName=stage, Amount=amount, AccountId=account_id)
        later(org, minutes=1)
    gone = next(item for item in org.table("Opportunity") if item["Name"] == "gone")
    delete(org, "Opportunity", str(gone["Id"]))
    return org


def ask(org, text, *, with_deleted=False):
    return run(org, soql.parse(text), with_deleted=with_deleted)


def names(org, where, **options):
    return [str(row["Name"]) for row in ask(org, f"SELECT Name FROM Opportunity {where}", **options).rows]


def groups(org, text):
    return [{name: value for name, (_, value) in group.items()} for group in ask(org, text).groups]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", ["Alpha", "beta", "O'Hara \\ Sons", "100%_sure"]),
        ("WHERE Name = 'ALPHA'", ["Alpha"]),
        ("WHERE Name = 'O\\'Hara \\\\ Sons'", ["O'Hara \\ Sons"]),
        ("WHERE Name LIKE '%A'", ["Alpha", "beta"]),
        ("WHERE Name LIKE '100%'", ["100%_sure"]),
        ("WHERE Amount = NULL", ["beta"]),
        ("WHERE Amount != 10", ["beta", "O'Hara \\ Sons"]),
        ("WHERE Amount < 1e3", ["Alpha", "100%_sure"]),
        ("WHERE Amount >= 1000000.0", ["O'Hara \\ Sons"]),
        ("WHERE isclosed = true AND (IsWon = FALSE OR Amount > 10)", ["O'Hara \\ Sons", "100%_sure"]),
        ("WHERE NOT (IsClosed = true) AND NOT Amount = null", ["Alpha"]),
        ("WHERE StageName IN ('Prospecting', 'closed won')", ["Alpha", "beta", "O'Hara \\ Sons"]),
        ("WHERE StageName NOT IN ('Prospecting')", ["O'Hara \\ Sons", "100%_sure"]),
        ("WHERE Account.Name = 'hatfan'", ["Alpha", "beta"]),
        ("WHERE Account.Name = null", ["O'Hara \\ Sons", "100%_sure"]),
        ("WHERE Account.Owner.LastName = 'Admin' AND Amount != null", ["Alpha"]),
        ("WHERE CloseDate = 2026-12-24 AND Amount > 10", ["O'Hara \\ Sons"]),
        ("WHERE CreatedDate > 2026-11-20T10:00:00Z AND CreatedDate <= 2026-11-20T10:02:00.999Z",
         ["beta", "O'Hara \\ Sons"]),
        ("WHERE CreatedDate >= 2026-11-20T11:03:00+01:00", ["100%_sure"]),
        ("WHERE DAY_ONLY(CreatedDate) = 2026-11-20 AND IsWon = true", ["O'Hara \\ Sons"]),
        ("WHERE Id = '006000000000000'", []),
        ("ORDER BY Name", ["100%_sure", "Alpha", "beta", "O'Hara \\ Sons"]),
        ("ORDER BY Amount DESC, Name", ["beta", "O'Hara \\ Sons", "100%_sure", "Alpha"]),
        ("ORDER BY Amount NULLS LAST, Name DESC", ["Alpha", "100%_sure", "O'Hara \\ Sons", "beta"]),
        ("ORDER BY Account.Name NULLS LAST, Name LIMIT 2 OFFSET 1", ["beta", "100%_sure"]),
        ("LIMIT 0", []),
    ],
)  # fmt: skip
def test_conditions_and_order(org, where, expected):
    assert names(org, where) == expected


@given(edits=st.lists(st.integers(0, 7), max_size=12))
def test_rows_in_the_order_of_an_index_come_as_a_sort_would_bring_them(edits):
    org = an_org()
    ids = [create(org, "Account", Name=str(number)) for number in range(8)]
    for which in edits:
        later(org, seconds=which % 2)
        update(org, "Account", ids[which], Site="x")
    window = "SystemModstamp >= 2026-11-20T10:00:01Z"

    order = "ORDER BY SystemModstamp, Id"

    indexed = list(ask(org, f"SELECT Id FROM Account WHERE {window} {order}").rows)
    scanned = list(ask(org, f"SELECT Id FROM Account WHERE NOT (NOT ({window})) {order}").rows)

    assert indexed == scanned == sorted(scanned, key=lambda row: (row["SystemModstamp"], row["Id"]))


def test_query_all_shows_deleted_rows_too(org):
    assert names(org, "WHERE Amount = 5") == []
    assert names(org, "WHERE Amount = 5", with_deleted=True) == ["gone"]
    assert names(org, "WHERE IsDeleted = true", with_deleted=True) == ["gone"]


def test_ids_match_with_15_and_18_characters(org):
    wanted = str(next(iter(org.table("Opportunity")))["Id"])

    assert names(org, f"WHERE Id = '{wanted[:15]}'") == ["Alpha"]
    assert names(org, f"WHERE Id IN ('{wanted}', '{wanted[:15]}')") == ["Alpha"]


def test_columns_are_spelled_as_describe_spells_them(org):
    found = ask(org, "select id, ACCOUNT.name, opportunity.stagename from opportunity")

    assert [column.name for column in found.columns] == ["Id", "Account.Name", "StageName"]


def test_aggregates(org):
    assert ask(org, "SELECT COUNT() FROM Opportunity WHERE Amount = 10").total == 2
    assert groups(org, "SELECT COUNT(Id), COUNT(Amount) n, MIN(CreatedDate), SUM(Amount) s FROM Opportunity") == [
        {"expr0": 4, "n": 3, "expr1": "2026-11-20T10:00:00.000", "s": 1_000_020}
    ]
    assert groups(
        org, "SELECT StageName, COUNT(Id) n FROM Opportunity GROUP BY StageName ORDER BY StageName DESC LIMIT 2"
    ) == [{"StageName": "Prospecting", "n": 2}, {"StageName": "Closed Won", "n": 1}]
    assert groups(org, "SELECT DAY_ONLY(CreatedDate) d, COUNT(Id) FROM Opportunity GROUP BY DAY_ONLY(CreatedDate)") == [
        {"d": "2026-11-20", "expr0": 4}
    ]


def test_groups_are_ordered_by_what_they_are_grouped_by_or_by_an_aggregate(org):
    by_day = "SELECT DAY_ONLY(CreatedDate) day, COUNT(Id) n FROM User GROUP BY DAY_ONLY(CreatedDate)"
    by_stage = "SELECT StageName, COUNT(Id) n FROM Opportunity GROUP BY StageName"

    assert groups(org, f"{by_day} ORDER BY DAY_ONLY(CreatedDate) DESC") == [{"day": "2026-11-20", "n": 1}]
    assert groups(org, f"{by_stage} ORDER BY COUNT(Id) DESC, StageName LIMIT 1") == [
        {"StageName": "Prospecting", "n": 2}
    ]


def test_aggregates_end_at_2000_groups():
    """They have no further pages: Salesforce refuses what does not fit into one."""
    org = an_org()
    for number in range(2_001):
        create(org, "Account", Name=f"A{number}")
    by_name = "SELECT Name, COUNT(Id) n FROM Account GROUP BY Name"

    assert len(groups(org, f"{by_name} LIMIT 2000")) == 2_000
    with pytest.raises(SoqlError) as refusal:
        ask(org, by_name)
    assert refusal.value.code == "EXCEEDED_ID_LIMIT"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("WHERE AccountId IN (SELECT Id FROM Account)", ["Alpha", "beta"]),
        ("WHERE AccountId IN (SELECT Id FROM Account WHERE Industry = 'food')", []),
        ("WHERE AccountId NOT IN (SELECT Id FROM Account)", ["O'Hara \\ Sons", "100%_sure"]),
        ("WHERE Amount != null AND AccountId IN (SELECT Id FROM Account WHERE Name LIKE 'hat%')", ["Alpha"]),
        ("WHERE Id IN (SELECT OpportunityId FROM OpportunityHistory WHERE StageName = 'Closed Won')",
         ["O'Hara \\ Sons"]),
        ("WHERE Id IN (SELECT OpportunityId FROM OpportunityHistory WHERE SystemModstamp >= 2026-11-20T10:01:00Z "
         "AND SystemModstamp < 2026-11-20T10:03:00Z)", ["beta", "O'Hara \\ Sons"]),
    ],
)  # fmt: skip
def test_semi_joins(org, where, expected):
    assert names(org, where) == expected


@pytest.mark.parametrize(
    ("where", "part"),
    [
        ("OwnerId IN (SELECT Id FROM User) OR Amount = 1", "only allowed at the top level"),
        ("NOT (OwnerId IN (SELECT Id FROM User))", "only allowed at the top level"),
        ("Id IN (SELECT Id FROM Opportunity)", "should not be on the same object type"),
        ("AccountId IN (SELECT Id FROM Account WHERE OwnerId IN (SELECT Id FROM User))", "Nesting of semi join"),
        ("AccountId IN (SELECT Id, Name FROM Account)", "exactly one field"),
        ("AccountId IN (SELECT Name FROM Account)", "must be an ID or a reference field"),
        ("Name IN (SELECT Id FROM Account)", "must be an ID or a reference field"),
        ("AccountId IN (SELECT Id FROM Account LIMIT 1)", "unexpected token: 'LIMIT'"),
    ],
)
def test_what_cannot_be_joined_is_refused(org, where, part):
    with pytest.raises(SoqlError) as refusal:
        ask(org, f"SELECT Id FROM Opportunity WHERE {where}")

    assert refusal.value.code == "MALFORMED_QUERY"
    assert part in refusal.value.message


@pytest.mark.parametrize("ending", ["", " AND Amount != null"])
@pytest.mark.parametrize(
    ("where", "minutes"),
    [
        ("SystemModstamp >= 2026-11-20T10:00:00Z AND SystemModstamp < 2026-11-20T10:02:00Z", 2),
        ("SystemModstamp >= 2026-11-20T10:03:00Z", 2),
        ("(CreatedDate = 2026-11-20T10:01:00Z AND Id > '006000000000000') OR CreatedDate > 2026-11-20T10:01:00Z", 4),
        ("Id IN ('006000000000000')", 0),
        ("Id IN (SELECT OpportunityId FROM OpportunityHistory WHERE CreatedDate > 2026-11-20T10:04:00Z)", 1),
        ("SystemModstamp < 2026-11-20T10:02:00Z", None),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE SystemModstamp > 2026-11-20T10:04:00Z)", None),
        ("Name = 'Alpha'", None),
    ],
)
def test_the_span_of_a_query_is_the_time_that_it_has_to_look_through(org, where, minutes, ending):
    query = soql.parse(
        f"SELECT Id FROM Opportunity WHERE ({where}){ending}"
        if " OR " in where or ending == ""
        else f"SELECT Id FROM Opportunity WHERE {where}{ending}"
    )

    assert span(org, query) == (timedelta.max if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("SELECT Foo FROM Lead", "INVALID_FIELD", "No such column 'Foo' on entity 'Lead'."),
        ("SELECT Id FROM Lead WHERE Foo = 1", "INVALID_FIELD", "ERROR at Row:1:Column:27"),
        ("SELECT Account.AnnualRevenue FROM Opportunity", "INVALID_FIELD", "No such column 'AnnualRevenue'"),
        ("SELECT CurrencyIsoCode FROM Opportunity", "INVALID_FIELD", "No such column 'CurrencyIsoCode'"),
        ("SELECT Boss.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("SELECT Campaign.Name FROM Opportunity", "INVALID_FIELD", "Didn't understand relationship 'Campaign'"),
        ("SELECT Id FROM Leed", "INVALID_TYPE", "sObject type 'Leed' is not supported."),
        ("SELECT Id FROM Campaign", "INVALID_TYPE", "sObject type 'Campaign' is not supported."),
        ("SELECT Id FROM LeadHistory", "INVALID_TYPE", "sObject type 'LeadHistory' is not supported."),
        ("SELECT Id FORM Lead", "MALFORMED_QUERY", "unexpected token: 'FORM'"),
        ("SELECT FROM Lead", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Lead WHERE Id = 'a' AND Id = 'b' OR Id = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Lead ALL ROWS", "MALFORMED_QUERY", "unexpected token: 'ALL'"),
        ("SELECT Id FROM Lead; DROP", "MALFORMED_QUERY", "unexpected token: ';'"),
        ("SELECT Id FROM Lead LIMIT 1.5", "MALFORMED_QUERY", "unexpected token: '1.5'"),
        ("SELECT convertCurrency(Amount) FROM Opportunity", "MALFORMED_QUERY", "unexpected token: '('"),
        ("SELECT Status, COUNT(Id) FROM Lead", "MALFORMED_QUERY", "must be grouped or aggregated: status"),
        (f"SELECT Id FROM Lead WHERE City = '{'x' * 4001}'", "MALFORMED_QUERY", "longer than 4000"),
        (f"SELECT Id FROM Lead{' ' * 100_000}", "MALFORMED_QUERY", "longer than 100000"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered in a query call"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "should not be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE City = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE Id = '00Q'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: 00Q"),
    ],
)  # fmt: skip
def test_a_bad_query_is_refused_in_salesforces_words(org, text, code, part):
    with pytest.raises(SoqlError) as refusal:
        ask(org, text)

    assert refusal.value.code == code
    assert part in refusal.value.message


def moment(minute):
    return f"2026-11-20T10:{minute:02d}:00Z"


MINUTES = st.integers(0, 12)


@given(
    edits=st.lists(st.tuples(st.integers(0, 5), MINUTES), max_size=20),
    low=MINUTES,
    high=MINUTES,
    bounds=st.sampled_from(list(itertools.product((">=", ">"), ("<", "<=")))),
)
def test_an_indexed_window_finds_what_a_scan_finds(edits, low, high, bounds):
    """The index is built by the first question and has to follow every later write."""
    org = an_org()
    later(org, minutes=12)
    window = f"SystemModstamp {bounds[0]} {moment(low)} AND SystemModstamp {bounds[1]} {moment(high)}"
    ids: dict[int, str] = {}
    for which, minute in edits:
        at = moment(minute)
        if which in ids:
            org.apply({"op": "update", "sobject": "Account", "id": ids[which], "at": at})
        else:
            ids[which] = org.apply({"op": "create", "sobject": "Account", "at": at, "fields": {"Name": "x"}})
        ask(org, f"SELECT Id FROM Account WHERE {window}")

    keyset = f"(SystemModstamp = {moment(low)} AND Id > '001000000000000') OR SystemModstamp > {moment(high)}"
    for condition in (window, keyset):
        indexed = ask(org, f"SELECT Id FROM Account WHERE {condition}").rows
        scanned = ask(org, f"SELECT Id FROM Account WHERE NOT (NOT ({condition}))").rows
        assert sorted(row["Id"] for row in indexed) == sorted(row["Id"] for row in scanned)


def test_an_index_over_a_lookup_follows_updates(org):
    account = str(next(iter(org.table("Account")))["Id"])
    where = f"WHERE AccountId = '{account}'"
    other = str(next(row for row in org.table("Opportunity") if row["Name"] == "100%_sure")["Id"])

    assert names(org, where) == ["Alpha", "beta"]
    update(org, "Opportunity", other, AccountId=account)
    assert names(org, where) == ["Alpha", "beta", "100%_sure"]
    update(org, "Opportunity", other, AccountId=None)
    assert names(org, where) == ["Alpha", "beta"]
