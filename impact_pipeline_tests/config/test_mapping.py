"""The rules of a mapping that a table of bad files has no room for, at the functions themselves."""

from typing import Any

import pytest

from impact_pipeline.config.errors import Problem
from impact_pipeline.config.mapping import address_problems, together_problems, value_problems
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.templates import parse


def together(*names: str) -> list[Problem]:
    return list(together_problems("f", "at", {name: parse("{Name}") for name in names}))


def of_value(name: str, source: Any) -> list[str]:
    return [problem.problem for problem in value_problems("f", name, catalogue().by_name[name], parse(source))]


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (("MediaId", "MediaPartnerId"), "at.MediaPartnerId"),
        (("Amount", "OrderSubTotalPostDiscount"), "at.OrderSubTotalPostDiscount"),
        (("ItemPrice", "ItemSubTotal"), "at.ItemSubTotal"),
        (("SharedId",), "at.SharedId"),
    ],
)
def test_what_does_not_go_together_is_named(names: tuple[str, ...], key: str) -> None:
    assert [problem.key for problem in together(*names)] == [key]


def test_a_sub_id_goes_with_a_forced_partner() -> None:
    assert together("SubId1", "SharedId", "MediaPartnerId") == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("Numeric1", "1.5"),
        ("GiftPurchase", True),
        ("CurrencyCode", "EUR"),
        ("Date1", "2026-11-20T10:00:00+01:00"),
        ("ItemQuantity", 1),
        ("Text1", "x" * 64),
        ("CustomerEmail", "{Email|sha1_email}"),
        ("Text1", "{HasOptedOutOfEmail}"),
        ("ItemCategory", ["{Family}", "Uncategorized"]),
    ],
)
def test_a_value_that_fits_is_taken(name: str, source: Any) -> None:
    assert of_value(name, source) == []


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("Numeric1", "1,5", "no number"),
        ("Numeric1", "NaN", "no number"),
        ("GiftPurchase", "yes", "true or false"),
        ("CurrencyCode", "eur", "ISO 4217"),
        ("Date1", "2026-11-20", "time with its zone"),
        ("Date1", "2026-11-20T10:00:00", "time with its zone"),
        ("ItemQuantity", "1.5", "whole number"),
        ("ItemQuantity", ["{Quantity}", "many"], "whole number"),
        ("OrderId", "x" * 60 + "{Id}-{Id}-xxxx", "64 characters"),
        ("CustomerEmail", "{Email}", "hash only"),
        ("CustomerEmail", "sql: md5(Email)", "hash only"),
        ("CustomerEmail", ["{Email|sha1_email}", "{Email}"], "hash only"),
        ("Text1", "sql: lower(Account.PersonEmail)", "personal"),
        ("Text1", "{Email__c|lower}", "personal"),
    ],
)
def test_a_value_that_never_fits_is_told(name: str, source: Any, said: str) -> None:
    (problem,) = of_value(name, source)

    assert said in problem


def test_an_address_behind_its_filter_is_no_address() -> None:
    assert list(address_problems("f", "k", parse("{Email|trim|sha1_email}"))) == []
