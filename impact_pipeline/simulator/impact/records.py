"""What the local impact.com remembers: submissions, actions with their items, their change log, submitted files."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from impact_pipeline.simulator.impact.declaration import EventType


class State(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REVERSED = "REVERSED"


class SubmissionType(StrEnum):
    CONVERSION = "Conversion"
    MODIFICATION = "Modification"
    REVERSAL = "Reversal"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a submission failed: `reason` holds one or more codes, separated by a space."""

    error_type: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What a fault makes of one submission beyond the rules; the default changes nothing."""

    refusal: Refusal | None = None
    completes: bool = True
    credited: bool = True
    delay: timedelta = timedelta(0)
    submission_vanishes_after: timedelta | None = None
    action_vanishes_after: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class Submission:
    """The queue record of one write; its status is a function of time. `completes_at` None: it never completes."""

    batch_id: str
    type: SubmissionType
    parameters: dict[str, str]
    payload: str
    submitted_at: datetime
    started_at: datetime
    completes_at: datetime | None
    event_type: EventType | None
    refusal: Refusal | None = None
    partner_id: int | None = None
    action_id: str = ""
    is_visible: bool = True

    def status(self, now: datetime) -> str:
        if self.completes_at is not None and now >= self.completes_at:
            return "Complete"
        return "In Progress" if now >= self.started_at else "Queued"


@dataclass(slots=True, kw_only=True)
class Item:
    """One line of an action; amounts in the account's currency, after all discounts."""

    sku: str
    name: str
    category: str
    quantity: int
    amount: Decimal
    payout: Decimal
    adjusted_at: datetime | None = None
    adjustment_reason: str = ""


@dataclass(slots=True, kw_only=True)
class Action:
    """A conversion that was credited to a partner. `state` turns APPROVED by itself at `locking_at`: ask state_at."""

    id: str
    event_type: EventType
    partner_id: int
    order_id: str
    customer_id: str
    event_date: datetime
    referring_date: datetime
    referring_type: str
    created_at: datetime
    updated_at: datetime
    locking_at: datetime
    items: list[Item]
    original_items: list[Item]
    amount: Decimal
    payout: Decimal
    intended_amount: Decimal
    intended_payout: Decimal
    delta_amount: Decimal
    delta_payout: Decimal
    details: dict[str, str]
    customer_status: str = ""
    state: State = State.PENDING
    cleared_at: datetime | None = None
    modification_count: int = 0
    updates: list["ActionUpdate"] = field(default_factory=list)
    is_visible: bool = True

    def state_at(self, now: datetime) -> State:
        if self.state is State.PENDING and now >= self.locking_at:
            return State.APPROVED
        return self.state

    def is_locked(self, now: datetime) -> bool:
        return now >= self.locking_at


@dataclass(slots=True, kw_only=True)
class ActionUpdate:
    """One line of an action's change log."""

    id: str
    action: Action
    at: datetime
    disposition: str
    delta_amount: Decimal
    delta_payout: Decimal
    state: State
    sku: str = ""
    category: str = ""
    quantity: str = ""


@dataclass(frozen=True, kw_only=True)
class FileError:
    """One refused line of a submitted file; `line` counts from 1 and includes the header."""

    line: int
    parameters: dict[str, str]
    refusal: Refusal


@dataclass(slots=True, kw_only=True)
class FileSubmission:
    """One submitted file. `errors` and `record_count` stand when it is complete."""

    batch_id: str
    name: str
    type: SubmissionType
    submitted_at: datetime
    started_at: datetime
    completes_at: datetime
    record_count: int = 0
    errors: list[FileError] = field(default_factory=list)

    def status(self, now: datetime) -> str:
        if now >= self.completes_at:
            return "Complete"
        return "In Progress" if now >= self.started_at else "Queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedConversion:
    """The exact bytes of one POST to Conversions, and whether they were recorded or lost in a fault."""

    at: datetime
    body: bytes
    is_recorded: bool
