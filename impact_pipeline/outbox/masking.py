"""What of a body may be kept in the audit: the values of ids, codes, dates and money. All others become a dot."""

import re
from functools import cache

from impact_pipeline.config.parameters import catalogue

SHOWN_ROLES = frozenset({"identifier", "code", "key", "time", "money"})
# Corrections name an action and its items without a prefix; these are ids, codes, quantities and money.
_OF_CORRECTIONS = re.compile(r"(ActionId|Reason|DispositionCode|Sku\d*|Quantity\d*|Amount\d*)")
_ITEM = re.compile(r"(?P<stem>Item[A-Za-z]+)\d+(?P<rest>_\d+)?")


def masked_payload(payload: str) -> str:
    """The form-encoded body with `…` in the place of each value that could be somebody's."""
    pieces = []
    for piece in payload.split("&"):
        name, _, _ = piece.partition("=")
        pieces.append(piece if _is_shown(name) else f"{name}=…")
    return "&".join(pieces)


@cache
def _is_shown(name: str) -> bool:
    item = _ITEM.fullmatch(name)
    known = catalogue().by_name.get(item["stem"] + (item["rest"] or "") if item else name)
    if known is None:
        return _OF_CORRECTIONS.fullmatch(name) is not None
    return known.role in SHOWN_ROLES or known.name == "ItemQuantity"
