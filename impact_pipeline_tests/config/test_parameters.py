"""The catalogue of impact.com's parameters."""

import pytest

from impact_pipeline.config.parameters import catalogue, family_range


def test_families_are_complete() -> None:
    names = set(catalogue().by_name)

    for stem, last in (("Text", 50), ("Numeric", 10), ("Money", 3), ("Date", 15)):
        assert {f"{stem}{number}" for number in range(1, last + 1)} <= names
        assert f"{stem}{last + 1}" not in names
    for stem, last in (("ItemText", 50), ("ItemNumeric", 10), ("ItemDate", 10), ("ItemMoney", 3)):
        assert {f"{stem}_{number}" for number in range(1, last + 1)} <= names


def test_what_identifies_is_never_cut() -> None:
    """A shortened identifier is another one, a shortened number is a wrong one."""
    for parameter in catalogue().by_name.values():
        if parameter.is_key or parameter.kind != "string" or parameter.role in ("identifier", "code"):
            assert not parameter.may_be_cut, parameter.name


def test_what_is_cut_says_where() -> None:
    assert all(parameter.max_length for parameter in catalogue().by_name.values() if parameter.may_be_cut)


@pytest.mark.parametrize(
    ("name", "length"),
    [("OrderId", 64), ("EventTypeCode", 64), ("CustomerId", 50), ("ClickId", 64), ("Text50", 64), ("ItemSku", 40)],
)
def test_the_smaller_of_two_limits_stands(name: str, length: int) -> None:
    assert catalogue().by_name[name].max_length == length


def test_order_money_stays_below_a_million_and_items_do_not() -> None:
    assert catalogue().by_name["Amount"].digits == 6
    assert catalogue().by_name["ItemSubTotal"].digits == 12


def test_positions_follow_the_file_and_identify() -> None:
    known = catalogue()
    positions = [parameter.position for parameter in known.by_name.values()]

    assert positions == sorted(set(positions))
    assert [p.name for p in known.of_order()][:5] == [
        "CampaignId",
        "ActionTrackerId",
        "EventTypeCode",
        "EventDate",
        "OrderId",
    ]
    assert [p.name for p in known.of_items()][:2] == ["ItemSku", "ItemName"]


def test_whatever_the_catalogue_refers_to_is_in_it() -> None:
    known = catalogue()
    named = {
        *known.aliases.values(),
        *known.order_money,
        *(name for exclusion in known.exclusions for name in (*exclusion.one, *exclusion.other)),
        *(name for companion in known.companions for name in (*companion.these, *companion.need)),
    }

    assert named <= set(known.by_name)
    assert not set(known.aliases) & set(known.by_name)


def test_a_single_parameter_is_no_family() -> None:
    assert family_range("Text{1..50}") == ("Text", range(1, 51))
    with pytest.raises(ValueError, match="single parameter"):
        family_range("OrderId")
