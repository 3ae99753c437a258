"""The shape of pipeline.yaml and of the object files. What the keys mean stands with each of them, and in the JSON Schemas."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.match(value.strip())
        if match is None:
            raise ValueError("a duration is a number and s, m, h or d: 30m, 1h, 30d")
        return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if isinstance(value, (int, float)):
        raise ValueError("a duration has a unit: 30m, 1h, 30d")  # noqa: TRY004  (pydantic wants a ValueError)
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda value: f"{value.total_seconds():.0f}s", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*[smhd]$"}),
]
TemplateSource = Annotated[
    Any,
    WithJsonSchema(
        {
            "oneOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
                {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]},
            ]
        }
    ),
]
Sending = Literal["on", "shadow", "off"]


def _switch(value: object) -> object:
    # YAML 1.1 reads a bare on and off as booleans.
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


Switch = Annotated[Sending, BeforeValidator(_switch)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Program(_Model):
    """The program at impact.com."""

    currency: str = Field(pattern="^[A-Z]{3}$", description="The account's currency, ISO 4217.")
    time_zone: str = Field(description="Time zone of months and of dates without a time, such as America/New_York.")
    default_currency: str | None = Field(
        default=None,
        pattern="^[A-Z]{3}$",
        description="Currency of amounts in an org that has only one; records with CurrencyIsoCode carry their own.",
    )


class EventType(_Model):
    """An event type of the program, under its code."""

    id: int = Field(description="ActionTrackerId of the event type.")
    kind: Literal["lead", "sale"] = Field(description="Sale types report money at item level.")
    parents: tuple[str, ...] = Field(default=(), description="Codes whose conversions have to be settled before.")
    dedup_window: Duration | None = Field(
        default=None, description="OID deduplication window as set at impact.com; unknown when left out."
    )
    owner: Literal["pipeline", "tag"] = Field(default="pipeline", description="tag: the website's tag reports it.")
    sending: Switch = Field(default="on", description="on, shadow (decide, do not send) or off.")


class Guards(_Model):
    """Bounds that hold what looks like an accident."""

    max_rows: int = Field(default=5000, ge=1, description="Conversions and corrections of one cycle.")
    max_money: float | None = Field(default=None, description="Money of one cycle in the account's currency.")
    max_share: float = Field(default=0.2, gt=0, le=1, description="Share of an object's records that change one field.")


class Waits(_Model):
    """How long things wait for each other."""

    correct_after: Duration = Field(default=timedelta(hours=1), description="Edits gathered into one correction.")
    parent_wait: Duration = Field(default=timedelta(days=2), description="How long a child waits for its parents.")
    settle_after: Duration = Field(default=timedelta(minutes=10), description="Before a complete list proves absence.")
    action_wait: Duration = Field(default=timedelta(hours=24), description="For the action of an ended submission.")


class CaptureOptions(_Model):
    """How Salesforce is read."""

    lag: Duration = Field(default=timedelta(minutes=2), description="How far behind Salesforce's clock a window ends.")
    overlap: Duration = Field(default=timedelta(minutes=10), description="How far back each window reads again.")
    quota_share: float = Field(default=0.8, gt=0, le=1, description="Share of the day's API requests that may be used.")


class Pipeline(_Model):
    """pipeline.yaml"""

    program: Program
    go_live_at: AwareDatetime | None = Field(
        default=None, description="Events before it count as reported; left out: the time of the first load."
    )
    sending: Switch = Field(default="on", description="on, shadow (decide, do not send) or off, for all event types.")
    event_types: dict[str, EventType] = Field(min_length=1)
    guards: Guards = Guards()
    waits: Waits = Waits()
    capture: CaptureOptions = CaptureOptions()
    max_event_age: Duration | None = Field(
        default=timedelta(days=80), description="Older events are held; impact.com drops old ones."
    )
    hold_expires: Duration | None = Field(default=timedelta(days=60), description="After this a hold ends as a skip.")
    value_maps: dict[str, dict[str, str]] = Field(default={}, description="Named maps for {Field|map:name}.")


class After(_Model):
    """What a later change of a reported record asks for."""

    changed: tuple[str, ...] = Field(default=(), description="Any of these fields; items stands for the lines.")
    deleted: bool = Field(default=False, description="The record was deleted.")
    when: str | None = Field(default=None, description="Condition over the record.")
    do: Literal["modify", "reverse"]
    code: str | None = Field(default=None, description="impact.com's reason or disposition code.")


class Items(_Model):
    """The lines of a sale: which object they are, and the item parameters of each."""

    model_config = ConfigDict(extra="allow", frozen=True)

    object: str = Field(description="API name of the line object, such as OpportunityLineItem.")
    parent: str | None = Field(default=None, description="Its field that refers to the record; default: <Object>Id.")
    wait: Duration = Field(default=timedelta(minutes=30), description="How long lines may come after the event.")
    amount: TemplateSource = Field(
        default="{Amount}", description="What the lines add up to; the one item without lines."
    )


class Event(_Model):
    """A trigger with its mapping."""

    created: bool = Field(default=False, description="A new record triggers.")
    updated: tuple[str, ...] = Field(default=(), description="A change of any of these fields triggers.")
    history: Literal["stages", "fields"] | None = Field(
        default=None,
        description="stages: OpportunityHistory tells entries; fields: field history of the watched field.",
    )
    when: str | None = Field(default=None, description="Condition over the record; before.Field is the old value.")
    once_per: tuple[str, ...] = Field(default=("Id",), description="What makes the business event another one.")
    re_entry: Literal["never", "after_reversal", "always"] = "after_reversal"
    sending: Switch = "on"
    conversion: dict[str, TemplateSource] = Field(description="impact.com's parameters and their templates.")
    items: Items | None = None
    after: tuple[After, ...] = ()
    deviations: dict[str, str] = Field(
        default={}, description="Row of the published mapping → why it is not to the letter."
    )


class ObjectFile(_Model):
    """objects/<object>.yaml"""

    object: str = Field(description="API name of the Salesforce object.")
    scope: str | None = Field(default=None, description="Condition over the record; others are out of scope.")
    consent: str | None = Field(default=None, description="Condition over the record; without consent nothing leaves.")
    capture_filter: str | None = Field(default=None, description="SOQL condition over fields that never change.")
    full_reread: str | None = Field(default=None, description="Cron schedule of full re-reads, for formula fields.")
    customer_id: tuple[TemplateSource, ...] = Field(
        default=("{Id}",), min_length=1, description="First not null counts."
    )
    events: dict[str, Event] = Field(min_length=1)


GoLive = datetime | None
