"""The typed catalogue of impact.com's conversion parameters, read from parameters.yaml."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FAMILY = re.compile(r"(?P<stem>.*)\{(?P<first>\d+)\.\.(?P<last>\d+)\}\Z")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """
    One parameter.

    Args:
        kind: string, integer, decimal, money, datetime, boolean, currency or hash.
        role: identifier, code, free_text, personal, money, number, time or flag; identifiers and codes are never cut.
        max_length: in characters.
        digits: digits before the point.
        position: place in the body.
        is_key: an attribution key.
        set_by_us: filled by the pipeline, not by a mapping.
        elsewhere: not in impact.com's description of v14; allowed with a warning.
    """

    name: str
    is_item: bool
    kind: str
    role: str
    position: int
    max_length: int | None = None
    digits: int | None = None
    required: bool = False
    is_key: bool = False
    set_by_us: bool = False
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
class Catalogue:
    """All parameters by name, their other names, and what excludes what."""

    by_name: dict[str, Parameter]
    aliases: dict[str, str]
    exclusions: tuple[Exclusion, ...]
    order_money: tuple[str, ...]

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
        for entry, about in raw[section].items():
            for name in _names(entry):
                by_name[name] = Parameter(
                    name=name,
                    is_item=section == "item",
                    kind=about["kind"],
                    role=about["role"],
                    position=len(by_name) + 1,
                    max_length=about.get("max"),
                    digits=about.get("digits"),
                    required=about.get("required", False),
                    is_key=about.get("key", False),
                    set_by_us=about.get("set_by_us", False),
                    elsewhere=about.get("elsewhere", False),
                )
    exclusions = tuple(
        Exclusion(one=tuple(entry["one"]), other=tuple(entry["other"]), why=entry["why"])
        for entry in raw["not_together"]
    )
    return Catalogue(
        by_name=by_name, aliases=raw["aliases"], exclusions=exclusions, order_money=tuple(raw["order_money"])
    )


def _names(entry: str) -> list[str]:
    family = _FAMILY.match(entry)
    if family is None:
        return [entry]
    return [f"{family['stem']}{n}" for n in range(int(family["first"]), int(family["last"]) + 1)]
