"""What one account and its program at the local impact.com look like: declared in `impact.yaml` or built in Python."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import yaml

Choice = Literal["accept", "reject", "truncate"]


@dataclass(frozen=True, kw_only=True)
class EventType:
    """
    One event type (impact.com also says action tracker).

    Args:
        parents: codes of the event types whose actions credit this one through an equal CustomerId.
        dedup_window_days: how long a second conversion with the same OrderId counts as a repetition.
        locking_days: from the event's day to the midnight, in the account's zone, at which the action locks.
        open_ended_locking: the action locks when the brand approves it, by itself only after 730 days.
        required: further parameters without which the conversion is malformed.
        payout_percent: share of the amount; payout_fixed: sum per action, in the account's currency.
        processing_seconds: from acceptance to completion; None takes the program's.
        campaign_id: the program it belongs to; None means the declared one.
    """

    id: int
    code: str
    kind: Literal["lead", "sale"]
    name: str = ""
    parents: tuple[str, ...] = ()
    dedup_window_days: int = 30
    locking_days: int = 27
    open_ended_locking: bool = False
    required: tuple[str, ...] = ()
    payout_percent: Decimal = Decimal(0)
    payout_fixed: Decimal = Decimal(0)
    processing_seconds: int | None = None
    active: bool = True
    campaign_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Partner:
    """A media partner; its promo codes attribute a conversion to it."""

    id: int
    name: str
    promo_codes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Click:
    """A click that impact.com knows: whose it is and when it happened (None: shortly before any event)."""

    partner: int
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ClickRule:
    """Click ids that match `pattern` as a whole belong to one of `partners`, chosen by a checksum of the id."""

    pattern: str
    partners: tuple[int, ...]

    def partner_of(self, click_id: str) -> int | None:
        if re.fullmatch(self.pattern, click_id) is None:
            return None
        return self.partners[zlib.crc32(click_id.encode()) % len(self.partners)]


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """
    How many requests an hour the account has, None for no limit, and in which of the seen spellings it tells.

    Args:
        reads_per_hour: of everything but POST to Conversions, so also of PUT and DELETE on Actions.
        spelling: `brand` sends X-RateLimit-Limit/-Remaining/-Reset, `partner` the Partner API's names.
        reset: whether the reset header holds the seconds to wait or the epoch second at which the hour ends.
        retry_after: whether a 429 carries Retry-After.
    """

    reads_per_hour: int | None = 1000
    conversions_per_hour: int | None = None
    spelling: Literal["brand", "partner", "both"] = "brand"
    reset: Literal["seconds", "epoch"] = "seconds"
    retry_after: bool = False


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """
    One account, its program and the behaviours that impact.com's API description leaves open.

    Args:
        read_auth_token: a token that may only read; writing with it is a 403.
        scoped_tokens: further tokens with the endpoint names each may use (`Conversions`, `Actions`, ...).
        campaign_state: ACTIVE, or another one, in which nothing new is tracked.
        exchange_rates: the account's currency per unit of a foreign one.
        disposition_codes: the brand's own codes and what they do to an action.
        customer_statuses: the values configured for CustomerStatus.
        click_ids: known click ids; click_rules: whole families of them.
        referral_window_days: from a click to the last event it may be credited with.
        processing_seconds, in_progress_seconds: from acceptance to completion and to `In Progress`.
        late_after_days: an event reported later than that is re-dated to its submission.
        money_over_8_digits: what becomes of an order amount above 999,999.99.
        error_style: how a refusal is spelled: `readme` (Errors/Field), `conversions` (errors/field/level), `gateway`.
        unknown_parameters: whether a parameter nobody knows is ignored, answered by a warning, or refused.
        refusal_codes: ErrorReason of refused changes, where impact.com publishes none; see corrections.REFUSALS.
    """

    account_sid: str
    auth_token: str
    campaign_id: int
    currency: str
    time_zone: str
    event_types: tuple[EventType, ...]
    partners: tuple[Partner, ...]
    read_auth_token: str = ""
    scoped_tokens: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    account_id: int = 10001
    campaign_name: str = "Example"
    campaign_state: str = "ACTIVE"
    exchange_rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    disposition_codes: Mapping[str, Literal["approve", "reject", "none"]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    customer_statuses: tuple[str, ...] = ("NEW", "EXISTING")
    click_ids: Mapping[str, Click] = field(default_factory=lambda: MappingProxyType({}))
    click_rules: tuple[ClickRule, ...] = ()
    referral_window_days: int = 365
    processing_seconds: int = 600
    in_progress_seconds: int = 60
    late_after_days: int = 30
    old_after_days: int = 88
    old_after_days_by_media: int = 398
    money_over_8_digits: Choice = "reject"
    error_style: Literal["readme", "conversions", "gateway"] = "conversions"
    unknown_parameters: Literal["ignore", "warn", "reject"] = "warn"
    refusal_codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rate_limits: RateLimits = RateLimits()
    page_size: int = 1000
    actions_page_size: int = 20000
    actions_page_size_minimum: int = 2000
    actions_pages_maximum: int = 10
    submission_days: int = 90

    def __post_init__(self) -> None:
        codes = {event_type.code for event_type in self.event_types}
        for event_type in self.event_types:
            if unknown := set(event_type.parents) - codes:
                raise ValueError(
                    f"event type {event_type.code}: parents names {sorted(unknown)}, declared are {sorted(codes)}."
                )
        known = {partner.id for partner in self.partners}
        for rule in self.click_rules:
            if not rule.partners or set(rule.partners) - known:
                raise ValueError(f"click rule {rule.pattern}: partners must be among {sorted(known)}.")
        ZoneInfo(self.time_zone)

    def processing_time(self, event_type: EventType | None) -> timedelta:
        own = event_type.processing_seconds if event_type is not None else None
        return timedelta(seconds=self.processing_seconds if own is None else own)


def load_declaration(path: Path) -> Declaration:
    """
    The declaration written in `path`; its keys are the arguments of Declaration and of the classes within.

    Raises:
        ValueError: a key is unknown or missing, or a value can't be read; the message names file and key.
    """
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        declaration: Declaration = _build(Declaration, text, "")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    return declaration


def _build(kind: type[Any], value: Any, where: str) -> Any:
    """`value`, as YAML gave it, as an instance of the dataclass `kind`."""
    if not isinstance(value, dict):
        raise TypeError(f"{where or 'the file'} must be a mapping, not {value!r}.")
    hints = get_type_hints(kind)
    if unknown := set(value) - set(hints):
        known = ", ".join(item.name for item in fields(kind))
        raise ValueError(f"{where}{'/'.join(sorted(map(str, unknown)))} is not known here; known are {known}.")
    return kind(**{name: _convert(hints[name], inner, f"{where}{name}/") for name, inner in value.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where} is {value!r}; allowed are {', '.join(arguments)}.")
        return value
    if origin is tuple:
        return tuple(_convert(arguments[0], inner, where) for inner in value)
    if origin is Mapping:
        return MappingProxyType({str(key): _convert(arguments[1], inner, where) for key, inner in value.items()})
    if origin is UnionType:
        return None if value is None else _convert(arguments[0], value, where)
    if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
        return _build(hint, value, where)
    if hint is Decimal:
        try:
            return Decimal(str(value))
        except ArithmeticError as error:
            raise ValueError(f"{where} must be a number, not {value!r}.") from error
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise TypeError(f"{where} must be of type {hint.__name__}, not {value!r}.")
    return value
