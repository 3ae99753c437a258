"""What of a body may be kept in the audit: the values of ids, codes, dates and money. All others become a dot."""

import re

_SHOWN = re.compile(
    r"(CampaignId|EventTypeId|ActionTrackerId|EventTypeCode|EventDate|OrderId|ClickId|CustomerId|MediaId|MediaPartnerId"
    r"|CurrencyCode|Amount\d*|OrderSubTotalPostDiscount|OrderDiscount|OrderShipping|OrderTax|OrderMargin|Money\d+|Date\d+"
    r"|ItemSku\d+|ItemQuantity\d+|ItemPrice\d+|ItemSubTotal\d+|ItemDiscount\d+|ItemTotalDiscount\d+|ItemMoney\d+_\d+"
    r"|ItemDate\d+_\d+|ActionId|Reason|DispositionCode|Sku\d*|Quantity\d*)"
)


def masked_payload(payload: str) -> str:
    """The form-encoded body with `…` in the place of each value that could be somebody's."""
    pieces = []
    for piece in payload.split("&"):
        name, _, _ = piece.partition("=")
        pieces.append(piece if _SHOWN.fullmatch(name) else f"{name}=…")
    return "&".join(pieces)
