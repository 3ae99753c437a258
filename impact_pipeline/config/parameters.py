"""The typed catalogue of impact.com's conversion parameters, read from parameters.yaml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FAMILY = re.compile(r"(?P<stem>.*)\{(?P<first>\d+)\.\.(?P<last>\d+)\}\Z")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """
    One parameter. Item parameters stand here without their number: ItemSku, ItemText_3.

    Args:
        family: what the catalogue calls it together with its like, such as Text{1..50}.
        kind: string, integer, decimal, money, datetime, boolean, currency or hash.
        role: identifier, code, free_text, personal, personal_identifier, money, number, time or flag.
        position: place in the body.
        column: its column in our tables.
        max_length: in characters.
        digits: digits before the point.
        is_key: an attribution key.
        filled_by: what fills it in the place of a mapping; empty where a mapping does.
        elsewhere: not in impact.com's description of v14; allowed with a warning.
    """

    name: str
    family: str
    is_item: bool
    kind: str
    role: str
    position: int
    column: str
    max_length: int | None = None
    digits: int | None = None
    required: bool = False
    is_key: bool = False
    filled_by: str = ""
    elsewhere: bool = False

    @property
    def may_be_cut(self) -> bool:
        return self.role in ("free_text", "personal")


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Parameters of which a conversion carries those of one side only."""

    one: tuple[str, ...]
    other: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class Companion:
    """Parameters that a conversion carries only together with one of others."""

    these: tuple[str, ...]
    need: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """
    Everything that is known of the parameters.

    Args:
        by_name: all of them, in the order of the body.
        aliases: other name → name.
        order_money: money of the whole order, which excludes items.
        without_decimals: currencies whose amounts are whole numbers.
        codes: what to do (reverse, modify) → impact.com's own codes for it.
    """

    by_name: Mapping[str, Parameter]
    aliases: Mapping[str, str]
    exclusions: tuple[Exclusion, ...]
    companions: tuple[Companion, ...]
    order_money: tuple[str, ...]
    without_decimals: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]

    def of_order(self) -> list[Parameter]:
        return [parameter for parameter in self.by_name.values() if not parameter.is_item]

    def of_items(self) -> list[Parameter]:
        return [parameter for parameter in self.by_name.values() if parameter.is_item]


@cache
def catalogue() -> Catalogue:
    """The catalogue that the package ships."""
    raw = yaml.safe_load(Path(__file__).with_name("parameters.yaml").read_text("utf-8"))
    by_name: dict[str, Parameter] = {}
    for section in ("order", "item"):
        for family, about in raw[section].items():
            for name in _names(family):
                by_name[name] = Parameter(
                    name=name,
                    family=family,
                    is_item=section == "item",
                    kind=about["kind"],
                    role=about["role"],
                    position=len(by_name) + 1,
                    column=about.get("column", name),
                    max_length=about.get("max"),
                    digits=about.get("digits"),
                    required=about.get("required", False),
                    is_key=about.get("key", False),
                    filled_by=about.get("filled_by", ""),
                    elsewhere=about.get("elsewhere", False),
                )
    return Catalogue(
        by_name=by_name,
        aliases=raw["aliases"],
        exclusions=tuple(
            Exclusion(one=tuple(entry["one"]), other=tuple(entry["other"]), why=entry["why"])
            for entry in raw["not_together"]
        ),
        companions=tuple(
            Companion(these=tuple(entry["these"]), need=tuple(entry["need"]), why=entry["why"])
            for entry in raw["only_with"]
        ),
        order_money=tuple(raw["order_money"]),
        without_decimals=tuple(raw["without_decimals"]),
        codes={do: tuple(codes) for do, codes in raw["codes"].items()},
    )


def family_range(family: str) -> tuple[str, range]:
    """Stem and numbers of a family: Text{1..50} → Text, 1 to 50. Raises ValueError for a single parameter."""
    match = _FAMILY.match(family)
    if match is None:
        raise ValueError(f"{family} is a single parameter.")
    return match["stem"], range(int(match["first"]), int(match["last"]) + 1)


def _names(family: str) -> list[str]:
    if "{" not in family:
        return [family]
    stem, numbers = family_range(family)
    return [f"{stem}{number}" for number in numbers]
