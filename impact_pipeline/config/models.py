"""The shape of pipeline.yaml and of the object files. What a key means stands with it here and in the JSON Schemas."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_DURATION = re.compile(r"(\d{1,6})\s*(s|m|h|d)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number and one of s, m, h, d, such as 30m, 1h or 30d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def short_duration(value: timedelta) -> str:
    """As people write it: 30m, 2d."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda value: f"{value.total_seconds():.0f}s", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}\s*[smhd]$"}),
]
_SHARE = re.compile(r"\d{1,3}(\.\d{1,2})?%\Z")


def _share(value: object) -> object:
    if not isinstance(value, str) or _SHARE.match(value) is None or not 0 < float(value[:-1]) <= 100:
        raise ValueError("a share is more than 0% and at most 100%, such as 20%")
    return value


Share = Annotated[
    str, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}(\.\d{1,2})?%$"})
]
CurrencyCode = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Owner = Annotated[str, Field(pattern=r"^(team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[A-Za-z]{2,})$")]
Money = Annotated[Decimal, Field(gt=0), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
_PIECE: dict[str, Any] = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {
            "type": "object",
            "properties": {"sql": {"type": "string"}},
            "required": ["sql"],
            "additionalProperties": False,
        },
    ]
}
TemplateSource = Annotated[
    Any, WithJsonSchema({"anyOf": [*_PIECE["anyOf"], {"type": "array", "items": _PIECE, "minItems": 1}]})
]
# A conversion that was corrected so often goes to and fro; a person has to look.
CORRECTIONS_MAXIMUM = 5
Switch = Literal["on", "shadow", "off"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Program(_Model):
    """The program at impact.com."""

    currency: str = Field(pattern="^[A-Z]{3}$", description="The account's currency, three capital letters (ISO 4217).")
    time_zone: str = Field(
        description="Its time zone, such as America/New_York: of months and of dates without a time."
    )
    default_currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Currency of amounts in an org with a single one (ISO 4217)."
    )
    sandbox_org: str | None = Field(
        default=None,
        pattern="^00D[A-Za-z0-9]{15}$",
        description="Id (18 characters) of the one sandbox whose changes may go to this program: impact.com has live "
        "programs only. Left out: only a production org may.",
    )


class EventType(_Model):
    """An event type of the program: the code that a mapping gives, and what impact.com knows about it."""

    id: int = Field(gt=0, lt=10**10, description="ActionTrackerId, at impact.com under Event Types.")
    kind: Literal["lead", "sale"] = Field(description="lead or sale; sales report their money line by line.")
    parents: tuple[str, ...] = Field(
        default=(), description="Codes whose conversions for the same customer have to be settled before this one goes."
    )
    dedup_window: Duration | None = Field(
        default=None, description="OID deduplication window as set at impact.com, such as 30d; left out: unknown."
    )
    owner: Literal["pipeline", "tag"] = Field(
        default="pipeline", description="tag: the website's tag reports it, so the pipeline never does."
    )
    sending: Switch = Field(default="on", description="on, shadow (decide, do not send) or off.")
    open_ended_locking: bool = Field(
        default=False,
        description="true: an action locks when it is approved, as set at impact.com; `do: approve` asks for it.",
    )


class Waits(_Model):
    """How long things wait for each other."""

    correct_after: Duration = Field(
        default=timedelta(hours=1), description="How long edits of one conversion are gathered into one correction."
    )
    parent_wait: Duration = Field(default=timedelta(days=2), description="How long a child waits for its parents.")
    settle_after: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(minutes=10),
        description="How long after a request a complete list proves that it did not arrive; at least 10m.",
    )
    action_wait: Duration = Field(
        default=timedelta(hours=24), description="How long an action may take to show after processing has ended."
    )


class Guards(_Model):
    """What a cycle may tell at most; more is held (mass_change) until a person accepts it."""

    max_rows: int | None = Field(
        default=None,
        gt=0,
        description="Conversions and corrections of one cycle, of all objects; left out: any number.",
    )
    max_money: dict[CurrencyCode, Money] | None = Field(
        default=None,
        min_length=1,
        description="Money of one cycle by currency, such as {USD: 500000, EUR: 450000}. "
        "Money in another currency is held; left out: any amount.",
    )
    mass_change: Share | None = Field(
        default="20%",
        description="Share of an object's records that may change one watched field in one cycle, such as 20%, counted "
        "from 100 records on; null: any.",
    )

    @property
    def mass_share(self) -> float | None:
        """`mass_change` as a number from 0 to 1."""
        return None if self.mass_change is None else float(self.mass_change[:-1]) / 100


class Files(_Model):
    """impact.com's SFTP connection, for backlogs beyond the hourly budget of requests."""

    host: str = Field(description="The host that impact.com shows under Settings, Technical, Connections.")
    port: int = Field(default=22, gt=0, lt=65536, description="Its port.")
    user: str = Field(description="The user name that impact.com generated for the connection.")
    host_key: str = Field(
        pattern=r"^(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+$",
        description='Public key of the host, "ssh-ed25519 AAAA...". Any other host is refused.',
    )
    folder: str = Field(default=".", description="The folder there that files are put into.")
    max_conversions: int = Field(default=20_000, gt=0, le=200_000, description="Conversions in one file at most.")


class CaptureOptions(_Model):
    """How Salesforce is read."""

    lag: Duration = Field(
        default=timedelta(minutes=2),
        description="How far behind Salesforce's clock a window ends, for late commits. What is created later waits.",
    )
    overlap: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(minutes=10),
        description="How far back each window reads again; at least 10m, since commits can be that late.",
    )
    quota_share: float = Field(
        default=0.8, gt=0, le=1, description="Share of the org's API requests of a day that may be used, 0 to 1."
    )
    id_sweep: str | None = Field(
        default="0 4 * * 0",
        description="Cron schedule of comparing all Ids with Salesforce's, which finds what was deleted without a "
        "trace; null: never.",
    )
    completeness_check: str | None = Field(
        default="30 2 * * *",
        description="Cron schedule of counting the records of each day there and here, and comparing a sample; null: "
        "never.",
    )


def _kept(value: timedelta) -> timedelta:
    if value < SHORTEST_RETENTION:
        raise ValueError("it is less than 90d, and impact.com may tell the end of a conversion that late")
    return value


# impact.com keeps what was submitted for 90 days.
SHORTEST_RETENTION = timedelta(days=90)
Kept = Annotated[Duration, AfterValidator(_kept)]


class Retention(_Model):
    """How long values are kept that nothing waits for any more; null: for ever. Ids, states, times and money stay."""

    versions: Kept | None = Field(
        default=timedelta(days=400),
        description="Superseded versions of records, and the values before and after a change; at least 90d.",
    )
    payloads: Kept | None = Field(
        default=timedelta(days=400),
        description="Bodies that were sent, impact.com's answers, and mapped values of what has settled; at least 90d.",
    )
    backups: Duration | None = Field(
        default=None, description="Files in the folder backups beside the warehouse; the newest one always stays."
    )


class Owners(_Model):
    """Who is asked about what a stage makes: e-mail addresses, or team:NAME. Dagster shows them with each asset."""

    capture: tuple[Owner, ...] = Field(default=("team:data",), description="Of what is read from Salesforce.")
    changes: tuple[Owner, ...] = Field(default=("team:data",), description="Of what changed there.")
    conversions: tuple[Owner, ...] = Field(
        default=("team:partner-marketing",), description="Of what is decided and mapped, and of what is held."
    )
    outbox: tuple[Owner, ...] = Field(default=("team:data",), description="Of what is sent, and of its end.")
    reconciliation: tuple[Owner, ...] = Field(
        default=("team:finance",), description="Of totals, differences and the lock calendar."
    )
    warehouse: tuple[Owner, ...] = Field(default=("team:data",), description="Of the readers' copy.")


class Alerts(_Model):
    """What is told to the addresses of IMPACT_PIPELINE_ALERTS, each time it begins and each time it is over."""

    severity: Literal["error", "warning"] = Field(
        default="error", description="Failing asset checks of this severity or a graver one; failing runs always."
    )


class Pipeline(_Model):
    """pipeline.yaml: the program at impact.com, and the rules that hold for all objects."""

    program: Program = Field(description="The program at impact.com: currency, time_zone.")
    go_live_at: AwareDatetime | None = Field(
        default=None,
        description="A time with its zone. Events before it count as reported; left out: the time of the first load.",
    )
    sending: Switch = Field(default="on", description="on, shadow (decide, do not send) or off, for all event types.")
    event_types: dict[str, EventType] = Field(
        min_length=1, description="Every code that a mapping can give; conversions with another one are held."
    )
    waits: Waits = Field(default=Waits(), description="How long things wait for each other.")
    guards: Guards = Field(default=Guards(), description="What a cycle may tell before a person looks at it.")
    capture: CaptureOptions = Field(default=CaptureOptions(), description="How Salesforce is read.")
    files: Files | None = Field(
        default=None, description="The SFTP connection of impact-pipeline submit --file; left out: there is none."
    )
    retention: Retention = Field(default=Retention(), description="How long values are kept.")
    owners: Owners = Field(default=Owners(), description="Who is asked about what each stage makes.")
    alerts: Alerts = Field(default=Alerts(), description="What is told when it begins and when it is over.")
    max_event_age: Duration | None = Field(
        default=timedelta(days=80), description="Older events are held; impact.com drops what is older than 88 days."
    )
    hold_expires: Duration | None = Field(
        default=timedelta(days=60), description="After this a hold ends as a skip; null: never."
    )
    value_maps: dict[str, dict[str, str]] = Field(
        default={}, description="Named maps for {Field|map:name}: given value, value to send."
    )


class After(_Model):
    """What a later change of a reported record asks for."""

    changed: tuple[str, ...] = Field(
        default=(), description="It applies when one of these fields changes; items stands for the lines."
    )
    deleted: bool = Field(default=False, description="true: it applies when the record is deleted.")
    when: str | None = Field(default=None, description="It applies when this condition over the record is true.")
    do: Literal["modify", "reverse", "approve"] = Field(
        description="modify the action's amounts and CustomerStatus, reverse it, or approve it (open_ended_locking)."
    )
    code: str | None = Field(
        default=None,
        description="impact.com's reason (default ORDER_UPDATE) or disposition code (default REJECTED); case counts. "
        "Of approve: your own code with that effect.",
    )


class Items(_Model):
    """The lines of a sale: which object they are. Every other key is an item parameter with its template."""

    model_config = ConfigDict(extra="allow", frozen=True)

    object: str = Field(description="API name of the line object, such as OpportunityLineItem.")
    parent: str | None = Field(
        default=None, description="Its field that refers to the record; left out: the object's name with Id."
    )
    wait: Duration = Field(default=timedelta(minutes=30), description="How long lines may come after the event.")
    amount: TemplateSource = Field(
        default="{Amount}", description="What the lines add up to; without lines the money of the one item."
    )


class Event(_Model):
    """A trigger with its mapping."""

    created: bool = Field(default=False, description="true: a new record triggers.")
    updated: tuple[str, ...] = Field(default=(), description="A change of any of these fields triggers.")
    history: Literal["stages", "fields"] | None = Field(
        default=None,
        description="stages: OpportunityHistory tells each stage passed; fields: the field history of what is watched.",
    )
    when: str | None = Field(default=None, description="Condition over the record; before.Field is the old value.")
    once_per: tuple[str, ...] = Field(
        default=("Id",), description="Fields whose values make the business event another one; Id among them."
    )
    re_entry: Literal["never", "after_reversal", "always"] = Field(
        default="after_reversal", description="Whether entering the condition again is another event."
    )
    sending: Switch = Field(default="on", description="on, shadow (decide, do not send) or off.")
    conversion: dict[str, TemplateSource] = Field(description="impact.com's parameters, each with its template.")
    items: Items | None = Field(default=None, description="The lines of a sale.")
    refund_of: str | None = Field(
        default=None,
        description="Field that holds the Id of the record that this one refunds: with it and a negative amount it "
        "lowers or cancels what was reported of that record, and is no event of its own.",
    )
    large_amount: Literal["hold", "item"] = Field(
        default="hold",
        description="hold or item: order money above 999,999.99 is held, or told as one item, which may be larger.",
    )
    after: tuple[After, ...] = Field(default=(), description="What later changes ask for; the first that fits counts.")
    deviations: dict[str, str] = Field(
        default={},
        description="Row of impact.com's published mapping: why it is not followed to the letter, or what that costs.",
    )


class ObjectFile(_Model):
    """objects/<object>.yaml: one Salesforce object, its identity and its events."""

    object: str = Field(description="API name of the Salesforce object, such as Opportunity or Tier__c.")
    scope: str | None = Field(default=None, description="Condition over the record; other records are out of scope.")
    consent: str | None = Field(default=None, description="Condition over the record; without consent nothing leaves.")
    capture_filter: str | None = Field(
        default=None, description="SOQL condition over Id, CreatedDate and CreatedById, which never change."
    )
    full_reread: str | None = Field(
        default=None,
        description='Cron schedule of full re-reads, such as "0 3 * * *"; needed to watch a formula field.',
    )
    customer_id: tuple[TemplateSource, ...] = Field(
        default=("{Id}",), min_length=1, description="CustomerId: a list of templates, the first not null counts."
    )
    events: dict[str, Event] = Field(
        min_length=1, description="The events of the object, each under a name of its own."
    )
